//! Another trace of the same kind: rows drawn from a [`PrefixTree`], longer or shorter, faster or slower, as many as are asked.
//!
//! With every multiplier 1 the drawn trace keeps what the source's analysis says: mean lengths, hit rates, rate and regularity of
//! arrivals. Independent draws would not (a prefix of two rows would be drawn once, or not at all, too often), so nothing is
//! drawn twice before all of it was drawn once:
//! - a walk takes the next outcome of each step, out of the next [`NEAR`] in the order of the source; the first outcome of a step
//!   stays the first, because who comes first finds nothing in the cache and has to be as long as in the source;
//! - the row's own prompt and its output come from a row that leaves the core at the same depth;
//! - gaps between rows come in the order of the source, each out of the next [`NEAR_GAPS`], so that a trace with a rush hour
//!   keeps it. The gap after the last row is the mean of all.
//!
//! When every walk was taken, all are taken again. Prefixes of fewer than [`LASTING`] rows are then new ones: in a trace twice as
//! long there are twice as many conversations, but still one system prompt.
//!
//! Multipliers: the depth at which a step ends is scaled and rounded, so that roundings do not add up (a step keeps at least one
//! block); the own prompt is scaled in tokens and keeps a last block that is not full; times are scaled before they are rounded to
//! microseconds. Copies of the tree (`prefix_root_multiplier`) have ids of their own, the same ones every time.

use std::collections::HashMap;

use tokmark_base::{Micros, Seed, Stream};

use super::intern::Mixed;
use super::row::TraceRow;
use super::tree::{END, PrefixTree, SourceRow, Step};

/// Out of how many next outcomes of a step one is taken.
pub const NEAR: u64 = 8;
/// Out of how many next gaps one is taken.
pub const NEAR_GAPS: u64 = 64;
/// Prefixes of so many rows stay the same however often the source is gone through.
pub const LASTING: u32 = 100;

/// What to make.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthesisSpec {
    /// Rows.
    pub num_requests: u64,
    /// How many times as fast rows arrive.
    pub speedup_ratio: f64,
    /// How many times as long shared prefixes are.
    pub prefix_len_multiplier: f64,
    /// Copies of the tree that rows are spread over.
    pub prefix_root_multiplier: u32,
    /// How many times as long the rows' own prompts are.
    pub prompt_len_multiplier: f64,
    /// How many times as long outputs are.
    pub osl_multiplier: f64,
    /// Rows with a shorter input are left out.
    pub min_isl: Option<u32>,
    /// Rows with a longer input are left out.
    pub max_isl: Option<u32>,
    /// Shorter outputs become this long.
    pub min_osl: Option<u32>,
    /// Longer outputs become this long.
    pub max_osl: Option<u32>,
    /// Seed of everything random.
    pub seed: Seed,
}

impl SynthesisSpec {
    /// `num_requests` rows like the source's.
    pub fn like_the_source(num_requests: u64, seed: Seed) -> Self {
        Self {
            num_requests,
            speedup_ratio: 1.0,
            prefix_len_multiplier: 1.0,
            prefix_root_multiplier: 1,
            prompt_len_multiplier: 1.0,
            osl_multiplier: 1.0,
            min_isl: None,
            max_isl: None,
            min_osl: None,
            max_osl: None,
            seed,
        }
    }

    /// Whether it makes sense, whatever the source is.
    pub fn check(&self) -> Result<(), SynthesisError> {
        let factors = [
            ("speedup-ratio", self.speedup_ratio),
            ("prefix-len-multiplier", self.prefix_len_multiplier),
            ("prompt-len-multiplier", self.prompt_len_multiplier),
            ("osl-multiplier", self.osl_multiplier),
            ("prefix-root-multiplier", f64::from(self.prefix_root_multiplier)),
        ];
        if let Some((flag, value)) = factors.into_iter().find(|(_, x)| !x.is_finite() || *x <= 0.0) {
            return Err(SynthesisError::Factor { flag, value });
        }
        for (what, min, max) in [("isl", self.min_isl, self.max_isl), ("osl", self.min_osl, self.max_osl)] {
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                return Err(SynthesisError::Crossed { what, min, max });
            }
        }
        Ok(())
    }
}

/// Why no trace can be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SynthesisError {
    /// A multiplier that is none.
    #[error("--{flag} {value} is no factor\nhint: give a number above 0; 1 changes nothing")]
    Factor {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: f64,
    },
    /// Limits the wrong way round.
    #[error("--min-{what} {min} is above --max-{what} {max}\nhint: exchange them")]
    Crossed {
        /// `isl` or `osl`.
        what: &'static str,
        /// The lower limit.
        min: u32,
        /// The upper limit.
        max: u32,
    },
    /// A source without rows.
    #[error("the source trace has no rows\nhint: give a trace with at least one row")]
    Empty,
    /// The filter lets nothing through.
    #[error(
        "none of {tries} rows in a row had an input within the limits (min {}, max {})\nhint: widen --min-isl and --max-isl, or change the length multipliers",
        shown(*min), shown(*max)
    )]
    NothingFits {
        /// Rows drawn.
        tries: u64,
        /// The lower limit.
        min: Option<u32>,
        /// The upper limit.
        max: Option<u32>,
    },
    /// A length beyond 32 bits.
    #[error("a row became {tokens} tokens long, more than 4,294,967,295\nhint: use smaller multipliers")]
    TooLong {
        /// The length.
        tokens: u64,
    },
}

fn shown(limit: Option<u32>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
}

/// Draws rows.
#[derive(Debug)]
pub struct Synthesizer {
    spec: SynthesisSpec,
    block_size: u32,
    steps: Vec<Step>,
    /// Where steps end and how long they are, scaled, blocks.
    scaled: Vec<Scaled>,
    outcomes: Vec<u32>,
    taken: Vec<u32>,
    rows: Vec<SourceRow>,
    decks: Decks,
    gaps: Gaps,
    names: Names,
    streams: Streams,
    /// How often all walks were taken.
    round: u32,
    walks_left: u64,
    made: u64,
    /// Rows drawn and left out because of their input length.
    filtered: u64,
    path: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Scaled {
    length: u32,
    depth: u32,
}

#[derive(Debug)]
struct Streams {
    walk: Stream,
    copy: Stream,
    own: Stream,
    gap: Stream,
}

impl Synthesizer {
    /// From the tree of a source.
    pub fn new(tree: PrefixTree, spec: SynthesisSpec) -> Result<Self, SynthesisError> {
        spec.check()?;
        if tree.rows.is_empty() {
            return Err(SynthesisError::Empty);
        }
        let stream = |name| spec.seed.stream(name, 0);
        Ok(Self {
            block_size: tree.block_size,
            scaled: scaled(&tree.steps, spec.prefix_len_multiplier)?,
            decks: Decks::new(&tree.rows),
            names: Names::new(tree.steps.len()),
            taken: vec![0; tree.steps.len()],
            walks_left: tree.rows.len() as u64,
            streams: Streams {
                walk: stream("trace.walk"),
                copy: stream("trace.copy"),
                own: stream("trace.own"),
                gap: stream("trace.gap"),
            },
            gaps: Gaps::new(tree.gaps, spec.speedup_ratio),
            steps: tree.steps,
            outcomes: tree.outcomes,
            rows: tree.rows,
            spec,
            round: 0,
            made: 0,
            filtered: 0,
            path: Vec::new(),
        })
    }

    /// Rows drawn so far and left out because of their input length.
    pub fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Fills `row` with the next; `None` when all are made.
    pub fn next_row(&mut self, row: &mut TraceRow) -> Option<Result<(), SynthesisError>> {
        if self.made == self.spec.num_requests {
            return None;
        }
        row.clear();
        match self.fill(row) {
            Ok(()) => {
                self.made += 1;
                Some(Ok(()))
            }
            Err(error) => {
                self.made = self.spec.num_requests;
                Some(Err(error))
            }
        }
    }

    fn fill(&mut self, row: &mut TraceRow) -> Result<(), SynthesisError> {
        // Each walk and each own prompt comes by within one round.
        let most = 2 * self.rows.len() as u64 + 1_000;
        for _ in 0..most {
            let ended = self.walk();
            let source = self.rows[ended as usize];
            let drawn = self.rows[self.decks.draw(ended, &mut self.streams.own) as usize];
            let blocks = self.path.last().map_or(0, |step| self.scaled[*step as usize].depth);
            let own = times(drawn.own, self.spec.prompt_len_multiplier)?;
            let input = self.input(blocks, own, source.tail)?;
            let copy = self.streams.copy.below(u64::from(self.spec.prefix_root_multiplier)) as u32;
            if self.spec.min_isl.is_some_and(|min| input < min)
                || self.spec.max_isl.is_some_and(|max| input > max)
            {
                self.filtered += 1;
                continue;
            }
            self.name(copy, own, &mut row.ids);
            row.input = Some(input);
            row.output = drawn.output.map(|output| self.output(output)).transpose()?;
            row.at = self.gaps.next(&mut self.streams.gap);
            return Ok(());
        }
        Err(SynthesisError::NothingFits { tries: most, min: self.spec.min_isl, max: self.spec.max_isl })
    }

    fn input(&self, blocks: u32, own: u32, tail: u32) -> Result<u32, SynthesisError> {
        let full = if own > 0 { blocks } else { blocks.saturating_sub(1) };
        let last = if own > 0 { own } else { tail };
        let tokens = u64::from(full) * u64::from(self.block_size) + u64::from(last);
        u32::try_from(tokens).map_err(|_| SynthesisError::TooLong { tokens })
    }

    fn output(&self, output: u32) -> Result<u32, SynthesisError> {
        let scaled = times(output, self.spec.osl_multiplier)?;
        let low = scaled.max(self.spec.min_osl.unwrap_or(0));
        Ok(low.min(self.spec.max_osl.unwrap_or(u32::MAX)))
    }

    /// Leaves the steps of the next walk in `path`; the row it ended with.
    fn walk(&mut self) -> u32 {
        if self.walks_left == 0 {
            self.taken.fill(0);
            self.round += 1;
            self.walks_left = self.rows.len() as u64;
        }
        self.walks_left -= 1;
        self.path.clear();
        let mut at = 0;
        loop {
            let outcome = self.take(at);
            if outcome & END != 0 {
                return outcome & !END;
            }
            self.path.push(outcome);
            at = outcome;
        }
    }

    fn take(&mut self, at: u32) -> u32 {
        let step = &self.steps[at as usize];
        let taken = self.taken[at as usize];
        self.taken[at as usize] += 1;
        let next = step.outcomes + taken as usize;
        if taken > 0 || at == 0 {
            let ahead = u64::from(step.visits - taken).min(NEAR);
            let picked = next + self.streams.walk.below(ahead) as usize;
            self.outcomes.swap(next, picked);
        }
        self.outcomes[next]
    }

    /// The ids of the walk in `path`, and of `own` tokens that nobody shares.
    fn name(&mut self, copy: u32, own: u32, ids: &mut Vec<u64>) {
        for step in &self.path {
            let length = u64::from(self.scaled[*step as usize].length);
            let lasting = self.steps[*step as usize].visits >= LASTING;
            let first = self.names.of(*step, copy, if lasting { 0 } else { self.round }, length);
            ids.extend(first..first + length);
        }
        let blocks = u64::from(own.div_ceil(self.block_size));
        let first = self.names.fresh(blocks);
        ids.extend(first..first + blocks);
    }
}

/// `n` tokens times `factor`, rounded; what is there does not vanish.
fn times(n: u32, factor: f64) -> Result<u32, SynthesisError> {
    let scaled = libm::round(f64::from(n) * factor);
    if scaled > f64::from(u32::MAX) {
        return Err(SynthesisError::TooLong { tokens: scaled as u64 });
    }
    Ok((scaled as u32).max(n.min(1)))
}

fn scaled(steps: &[Step], factor: f64) -> Result<Vec<Scaled>, SynthesisError> {
    let mut done: Vec<Scaled> = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        if index == 0 {
            done.push(Scaled { length: 0, depth: 0 });
            continue;
        }
        let start = done[step.parent as usize].depth;
        let depth = times(step.depth, factor)?.max(start + 1);
        done.push(Scaled { length: depth - start, depth });
    }
    Ok(done)
}

/// Rows of one kind (the same depth of core, ended in it or not, first or not), dealt like cards.
#[derive(Debug)]
struct Decks {
    /// Of each row its deck.
    of: Vec<u32>,
    /// Where a deck begins and ends, and how many of it are dealt.
    piles: Vec<Deck>,
    cards: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Deck {
    start: usize,
    size: u32,
    dealt: u32,
}

impl Decks {
    fn new(rows: &[SourceRow]) -> Self {
        let kind = |row: u32| {
            let SourceRow { own, depth, first, .. } = rows[row as usize];
            u64::from(depth) << 2 | u64::from(own > 0) << 1 | u64::from(first)
        };
        let mut cards: Vec<(u64, u32)> = (0..rows.len() as u32).map(|row| (kind(row), row)).collect();
        cards.sort_unstable();
        let mut decks = Self { of: vec![0; rows.len()], piles: Vec::new(), cards: Vec::new() };
        for same in cards.chunk_by(|a, b| a.0 == b.0) {
            for (_, row) in same {
                decks.of[*row as usize] = decks.piles.len() as u32;
            }
            decks.piles.push(Deck { start: decks.cards.len(), size: same.len() as u32, dealt: 0 });
            decks.cards.extend(same.iter().map(|(_, row)| *row));
        }
        decks
    }

    /// A row of the kind of `row`.
    fn draw(&mut self, row: u32, stream: &mut Stream) -> u32 {
        let deck = &mut self.piles[self.of[row as usize] as usize];
        if deck.dealt == deck.size {
            deck.dealt = 0;
        }
        let next = deck.start + deck.dealt as usize;
        let picked = next + stream.below(u64::from(deck.size - deck.dealt)) as usize;
        deck.dealt += 1;
        self.cards.swap(next, picked);
        self.cards[next]
    }
}

/// Times of rows.
#[derive(Debug)]
struct Gaps {
    all: Vec<i64>,
    next: usize,
    speedup: f64,
    /// On the source's time line, from the first row.
    at: Option<i64>,
}

impl Gaps {
    fn new(mut gaps: Vec<i64>, speedup: f64) -> Self {
        if !gaps.is_empty() {
            let (sum, n) = (gaps.iter().sum::<i64>(), gaps.len() as i64);
            gaps.push((sum + n / 2) / n);
        }
        Self { all: gaps, next: 0, speedup, at: None }
    }

    fn next(&mut self, stream: &mut Stream) -> Option<Micros> {
        if self.all.is_empty() {
            return None;
        }
        let at = match self.at {
            None => 0,
            Some(before) => {
                if self.next == self.all.len() {
                    self.next = 0;
                }
                let ahead = (self.all.len() - self.next) as u64;
                let picked = self.next + stream.below(ahead.min(NEAR_GAPS)) as usize;
                self.all.swap(self.next, picked);
                self.next += 1;
                before + self.all[self.next - 1]
            }
        };
        self.at = Some(at);
        Some(Micros(libm::round(at as f64 / self.speedup) as i64))
    }
}

/// Ids: whole numbers in the order of their first appearance.
#[derive(Debug)]
struct Names {
    next: u64,
    /// The round and the first id of each step, in the first copy of the tree.
    first_copy: Vec<(u32, u64)>,
    copies: HashMap<(u32, u32), (u32, u64), Mixed>,
}

const UNNAMED: (u32, u64) = (u32::MAX, 0);

impl Names {
    fn new(steps: usize) -> Self {
        Self { next: 0, first_copy: vec![UNNAMED; steps], copies: HashMap::default() }
    }

    /// The first of the `length` ids of a step in a copy of the tree and a round.
    fn of(&mut self, step: u32, copy: u32, round: u32, length: u64) -> u64 {
        let slot = if copy == 0 {
            &mut self.first_copy[step as usize]
        } else {
            self.copies.entry((step, copy)).or_insert(UNNAMED)
        };
        if slot.0 != round {
            *slot = (round, self.next);
            self.next += length;
        }
        slot.1
    }

    fn fresh(&mut self, length: u64) -> u64 {
        let first = self.next;
        self.next += length;
        first
    }
}
