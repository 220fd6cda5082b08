//! The same trace faster or slower, with longer or shorter inputs and outputs.
//!
//! When inputs are scaled their blocks are, too: block `j` of the scaled row stands for the source's blocks up to the one in which
//! its last token lies, and two scaled rows share it if they shared those. So rows that shared a share `f` of their beginning
//! still do. This needs ids that mean "this block and all before it".

use std::collections::HashMap;

use tokmark_base::Micros;

use super::intern::Mixed;
use super::row::{TraceRow, TraceRows, Unfit};
use crate::source::RowError;

/// By how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleSpec {
    /// How many times as fast rows arrive (delays between turns likewise).
    pub speedup_ratio: f64,
    /// How many times as long inputs are.
    pub isl_multiplier: f64,
    /// How many times as long outputs are.
    pub osl_multiplier: f64,
    /// Tokens a block holds.
    pub block_size: u32,
}

/// Scales rows.
pub struct Scaled<T> {
    source: T,
    spec: ScaleSpec,
    /// A source's id and the place of the scaled block in its row, to the scaled block's id.
    ids: HashMap<(u64, u32), u64, Mixed>,
}

impl<T: TraceRows> Scaled<T> {
    /// Of `source`.
    pub fn new(source: T, spec: ScaleSpec) -> Self {
        Self { source, spec, ids: HashMap::default() }
    }

    fn scale(&mut self, row: &mut TraceRow) -> Result<(), Unfit> {
        let spec = self.spec;
        let time = |t: Micros| Micros(libm::round(t.0 as f64 / spec.speedup_ratio) as i64);
        (row.at, row.delay) = (row.at.map(time), row.delay.map(time));
        row.output = row.output.map(|n| length(n, spec.osl_multiplier, "output_length")).transpose()?;
        // Multiplied by 1, ids stay as they are.
        if (spec.isl_multiplier - 1.0).abs() < f64::EPSILON {
            return Ok(());
        }
        let input = length(row.input_of_blocks(spec.block_size)?, spec.isl_multiplier, "input_length")?;
        row.input = Some(input);
        let Some(last) = row.ids.len().checked_sub(1) else { return Ok(()) };
        let ids = (0..input.div_ceil(spec.block_size)).map(|place| {
            let end = f64::from(place + 1) / spec.isl_multiplier;
            let covered = row.ids[(libm::ceil(end) as usize).saturating_sub(1).min(last)];
            let next = self.ids.len() as u64;
            *self.ids.entry((covered, place)).or_insert(next)
        });
        row.ids = ids.collect();
        Ok(())
    }
}

/// `n` times `factor`, rounded, at least 1.
fn length(n: u32, factor: f64, field: &'static str) -> Result<u32, Unfit> {
    let scaled = libm::round(f64::from(n) * factor);
    if scaled > f64::from(u32::MAX) {
        return Err(Unfit {
            field,
            what: format!("`{field}` {n} times {factor} is more than 4,294,967,295 tokens"),
            hint: "use a smaller multiplier".to_owned(),
        });
    }
    Ok((scaled as u32).max(n.min(1)))
}

impl<T: TraceRows> TraceRows for Scaled<T> {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        if let Err(error) = self.source.next_row(row)? {
            return Some(Err(error));
        }
        Some(self.scale(row).map_err(|unfit| unfit.at(self.source.file(), row.line)))
    }

    fn file(&self) -> &str {
        self.source.file()
    }
}
