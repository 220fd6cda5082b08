mod analysis;
mod interning;
mod operations;
mod rows;
mod synthesis;

use std::io::Cursor;

use tokmark_base::{Micros, Seed};

use super::convert::Rolling;
use super::{MooncakeLines, TraceRow, TraceRows};
use crate::source::RowError;

/// A row of lengths and ids.
fn row(at_ms: i64, input: u32, output: u32, ids: &[u64]) -> TraceRow {
    TraceRow {
        at: Some(Micros::from_millis(at_ms)),
        input: Some(input),
        output: Some(output),
        ids: ids.to_vec(),
        ..TraceRow::default()
    }
}

/// Rows from memory.
struct Given(std::vec::IntoIter<TraceRow>);

fn given(rows: &[TraceRow]) -> Given {
    Given(Vec::from(rows).into_iter())
}

impl TraceRows for Given {
    fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), RowError>> {
        *row = self.0.next()?;
        Some(Ok(()))
    }

    fn file(&self) -> &'static str {
        "given"
    }
}

/// All rows, and what was wrong with the others.
fn all(mut rows: impl TraceRows) -> (Vec<TraceRow>, Vec<RowError>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut row = TraceRow::default();
    while let Some(read) = rows.next_row(&mut row) {
        match read {
            Ok(()) => good.push(row.clone()),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

fn lines(text: &str) -> MooncakeLines {
    MooncakeLines::new("t.jsonl", Box::new(Cursor::new(text.as_bytes().to_vec())))
}

const BLOCK: u32 = 512;

/// A trace with everything that makes sharing uneven: three system prompts of unequal favour, conversations of one to six turns
/// that say again what was said, requests that share nothing, ends within shared blocks, a rate that goes up and down, and gaps
/// more irregular than Poisson's.
fn conversations(n: usize, seed: u64) -> Vec<TraceRow> {
    let mut random = Seed(seed).stream("conversations", 0);
    let (mut ids, mut fresh, mut at) = (Rolling::default(), 1_000_u64, 0.0);
    // Blocks said so far, turns left.
    let mut open: Vec<(Vec<u64>, u64)> = Vec::new();
    let mut rows = Vec::with_capacity(n);
    while rows.len() < n {
        let rush = 1.0 + 0.8 * libm::sin(rows.len() as f64 / n as f64 * 12.0);
        at += random.gamma(0.3) * 50_000.0 / rush;
        let again = !open.is_empty() && random.unit() < 0.7;
        let place = if again { random.below(open.len() as u64) as usize } else { open.len() };
        if !again {
            let alone = random.unit() < 0.2;
            let system = if alone { 0 } else { random.below(6).min(2) + 1 };
            let said = (0..system * 4).map(|block| system * 10 + block.min(9)).collect();
            open.push((said, random.below(6)));
        }
        let (said, left) = &mut open[place];
        let more = 1 + random.below(8);
        said.extend(fresh..fresh + more);
        fresh += more;
        let mut row = TraceRow { at: Some(Micros(at as i64)), ..TraceRow::default() };
        ids.extend(said.iter().copied(), &mut row.ids);
        let blocks = row.ids.len() as u32;
        // The end of a turn that is said again is full, as it is then the beginning of more.
        let full = *left > 0 || random.unit() < 0.1;
        row.input =
            Some((blocks - 1) * BLOCK + if full { BLOCK } else { 1 + random.below(u64::from(BLOCK)) as u32 });
        row.output = Some(1 + (random.exponential() * 300.0) as u32 + blocks);
        if *left == 0 {
            open.swap_remove(place);
        } else {
            *left -= 1;
        }
        rows.push(row);
    }
    rows
}
