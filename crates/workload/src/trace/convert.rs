//! Rows of other formats as rows of a trace.

use std::collections::HashMap;

use tokmark_base::{Micros, Seed};

use super::intern::{Mixed, NONE};
use super::row::{TraceRow, TraceRows, Unfit};
use crate::source::RowError;

/// Where the ids of a row's blocks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// As far as the source has any.
    AsGiven,
    /// Drawn at random for every block out of so many; rows share what they happen to draw alike at their beginning.
    Random {
        /// Different blocks.
        out_of: u64,
        /// Seed of the draws.
        seed: Seed,
    },
}

/// How rows are converted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvertSpec {
    /// Tokens a block holds.
    pub block_size: u32,
    /// Where ids come from.
    pub blocks: Blocks,
    /// How many times as fast rows arrive.
    pub speed_ratio: f64,
    /// Rows to leave out first.
    pub skip: u64,
    /// Rows to convert at most after that.
    pub limit: Option<u64>,
}

/// Converts rows.
pub struct Converted<T> {
    source: T,
    spec: ConvertSpec,
    n: u64,
    made: u64,
    base: Option<Micros>,
    ids: Rolling,
    blocks: u64,
    sessions_dropped: u64,
}

impl<T: TraceRows> Converted<T> {
    /// Of `source`.
    pub fn new(source: T, spec: ConvertSpec) -> Self {
        Self {
            source,
            spec,
            n: 0,
            made: 0,
            base: None,
            ids: Rolling::default(),
            blocks: 0,
            sessions_dropped: 0,
        }
    }

    /// Where the rows come from.
    pub fn source(&self) -> &T {
        &self.source
    }

    /// Ids given to the rows so far.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Rows so far that had a session and lost it, as they have no ids.
    pub fn sessions_dropped(&self) -> u64 {
        self.sessions_dropped
    }

    fn convert(&mut self, number: u64, row: &mut TraceRow) -> Result<(), Unfit> {
        if let Some(at) = row.at {
            let scaled = libm::round(at.0 as f64 / self.spec.speed_ratio) as i64;
            let base = *self.base.get_or_insert(Micros(scaled));
            row.at = Some(Micros(scaled) - base);
        }
        let input = row.input_of_blocks(self.spec.block_size)?;
        if let Blocks::Random { out_of, seed } = self.spec.blocks {
            let mut draws = seed.stream("convert.blocks", number);
            let blocks = (0..input.div_ceil(self.spec.block_size)).map(|_| draws.below(out_of));
            row.ids.clear();
            self.ids.extend(blocks, &mut row.ids);
        }
        self.blocks += row.ids.len() as u64;
        // A later turn without ids would be words on top of what was said before; here a length is the whole input.
        if row.ids.is_empty() && row.session.take().is_some() {
            self.sessions_dropped += 1;
        }
        Ok(())
    }
}

impl<T: TraceRows> TraceRows for Converted<T> {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        loop {
            if self.spec.limit == Some(self.made) {
                return None;
            }
            if let Err(error) = self.source.next_row(row)? {
                return Some(Err(error));
            }
            let number = self.n;
            self.n += 1;
            if number < self.spec.skip {
                continue;
            }
            self.made += 1;
            return Some(self.convert(number, row).map_err(|unfit| unfit.at(self.source.file(), row.line)));
        }
    }

    fn file(&self) -> &str {
        self.source.file()
    }
}

/// Ids of blocks that stand for a block and all before it, numbered in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Rolling(HashMap<(u32, u64), u32, Mixed>);

impl Rolling {
    /// Adds the ids of `blocks`, from the first of a row on, to `ids`.
    pub fn extend(&mut self, blocks: impl IntoIterator<Item = u64>, ids: &mut Vec<u64>) {
        let mut parent = NONE;
        for block in blocks {
            let next = self.0.len() as u32;
            parent = *self.0.entry((parent, block)).or_insert(next);
            ids.push(u64::from(parent));
        }
    }
}
