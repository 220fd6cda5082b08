//! A trace whose rate and whose mix of two kinds of request go up and down like a sine.
//!
//! Rate and mix are f(t) = (min + max)/2 + (max − min)/2 · sin(2πt/period − π/2): they begin at their minimum. Time goes in
//! windows; the number of requests of a window is Poisson with mean rate · window, its requests are evenly spaced in it, each of
//! the first kind with the probability the mix has at the window's start. The input of a request is blocks drawn from a fixed
//! number of them; an id stands for a block and all before it.
//!
//! Source: Dynamo's `sin_synth.py`. Two things differ: there is a seed, and times are to the microsecond, not cut to whole
//! milliseconds.

use std::collections::HashMap;
use std::f64::consts::{FRAC_PI_2, TAU};

use tokmark_base::{Micros, Seed, Stream};

use super::intern::{Mixed, NONE};
use super::row::TraceRow;

/// What to make.
#[derive(Clone, Debug, PartialEq)]
pub struct SineSpec {
    /// Tokens a block holds.
    pub block_size: u32,
    /// Blocks that inputs are made of.
    pub total_blocks: u64,
    /// Length of the trace, seconds.
    pub time_duration: f64,
    /// Length of a window, seconds.
    pub process_interval: f64,
    /// Lowest and highest rate, requests per second, and the period, seconds.
    pub request_rate: Wave,
    /// Input and output tokens of the first kind.
    pub first: (u32, u32),
    /// Input and output tokens of the second kind.
    pub second: (u32, u32),
    /// Lowest and highest share of the first kind, and the period, seconds.
    pub ratio: Wave,
    /// Seed of everything random.
    pub seed: Seed,
}

/// Requests and windows at most: what is more is a slip of the hand, and would go on for hours.
const MOST: f64 = 1e8;
/// Tokens of an input or an output at most.
const MOST_TOKENS: u32 = 10_000_000;
/// Ids at most: different ones are numbered in 32 bits.
const MOST_IDS: f64 = 4e9;

/// What goes up and down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wave {
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
    /// Period, seconds.
    pub period: f64,
}

impl Wave {
    /// Its value at `t` seconds.
    pub fn at(self, t: f64) -> f64 {
        let (middle, swing) = (f64::midpoint(self.min, self.max), (self.max - self.min) / 2.0);
        middle + swing * libm::sin(TAU * t / self.period - FRAC_PI_2)
    }
}

/// A parameter that makes no trace.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("--{flag} {value}: {what}\nhint: {hint}")]
pub struct SineError {
    /// The flag.
    pub flag: &'static str,
    /// What was given.
    pub value: f64,
    /// What is wrong with it.
    pub what: String,
    /// What it should be.
    pub hint: &'static str,
}

impl SineSpec {
    /// The name a file of this trace gets if none is given: its parameters, as in the tool it comes from.
    pub fn name(&self) -> String {
        let Self { block_size, time_duration, request_rate: rate, first, second, ratio, .. } = self;
        format!(
            "sin_b{block_size}_t{time_duration}_rr{}-{}-{}_io{}{}-{}{}-{}-{}-{}.jsonl",
            rate.min,
            rate.max,
            rate.period,
            first.0,
            first.1,
            second.0,
            second.1,
            ratio.min,
            ratio.max,
            ratio.period
        )
    }

    fn check(&self) -> Result<(), SineError> {
        let positive = [
            ("block-size", f64::from(self.block_size)),
            ("total-blocks", self.total_blocks as f64),
            ("time-duration", self.time_duration),
            ("process-interval", self.process_interval),
            ("request-rate-max", self.request_rate.max),
            ("request-rate-period", self.request_rate.period),
            ("isl-osl-ratio-period", self.ratio.period),
            ("isl1", f64::from(self.first.0)),
            ("osl1", f64::from(self.first.1)),
            ("isl2", f64::from(self.second.0)),
            ("osl2", f64::from(self.second.1)),
        ];
        if let Some((flag, value)) = positive.into_iter().find(|(_, x)| !x.is_finite() || *x <= 0.0) {
            return Err(SineError {
                flag,
                value,
                what: "must be above 0".to_owned(),
                hint: "give a number above 0",
            });
        }
        let rate = self.request_rate;
        if !(0.0..=rate.max).contains(&rate.min) {
            return Err(SineError {
                flag: "request-rate-min",
                value: rate.min,
                what: "must lie between 0 and --request-rate-max".to_owned(),
                hint: "exchange the two",
            });
        }
        for (flag, value) in [("isl-osl-ratio-min", self.ratio.min), ("isl-osl-ratio-max", self.ratio.max)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(SineError {
                    flag,
                    value,
                    what: "is no share".to_owned(),
                    hint: "give a number from 0 to 1: the share of the first kind",
                });
            }
        }
        if self.ratio.min > self.ratio.max {
            return Err(SineError {
                flag: "isl-osl-ratio-min",
                value: self.ratio.min,
                what: "is above --isl-osl-ratio-max".to_owned(),
                hint: "exchange the two",
            });
        }
        self.check_size()
    }

    /// What would not end, or not fit.
    fn check_size(&self) -> Result<(), SineError> {
        let lengths = [
            ("isl1", self.first.0),
            ("osl1", self.first.1),
            ("isl2", self.second.0),
            ("osl2", self.second.1),
        ];
        if let Some((flag, value)) = lengths.into_iter().find(|(_, tokens)| *tokens > MOST_TOKENS) {
            return Err(SineError {
                flag,
                value: f64::from(value),
                what: "is above 10,000,000 tokens, the most a request may have".to_owned(),
                hint: "give fewer tokens",
            });
        }
        let windows = libm::ceil(self.time_duration / self.process_interval);
        if windows > MOST {
            return Err(SineError {
                flag: "process-interval",
                value: self.process_interval,
                what: format!("makes {windows} windows, and 100,000,000 are the most"),
                hint: "give a longer --process-interval, or a shorter --time-duration",
            });
        }
        let expected = self.expected(windows);
        if expected > MOST {
            return Err(SineError {
                flag: "time-duration",
                value: self.time_duration,
                what: format!("makes about {expected:.0} requests, and 100,000,000 are the most"),
                hint: "give a shorter --time-duration, or a lower --request-rate-max",
            });
        }
        let blocks = |(input, _): (u32, u32)| f64::from(input.div_ceil(self.block_size));
        let ids = expected * blocks(self.first).max(blocks(self.second));
        if ids > MOST_IDS {
            return Err(SineError {
                flag: "block-size",
                value: f64::from(self.block_size),
                what: format!("makes up to {ids:.0} hash ids, and 4,000,000,000 are the most"),
                hint: "give a larger --block-size, shorter inputs or a shorter --time-duration",
            });
        }
        Ok(())
    }

    /// Mean number of requests of the trace: the sum over its windows, or where these are many (and short) the integral.
    fn expected(&self, windows: f64) -> f64 {
        let (rate, end) = (self.request_rate, self.time_duration);
        if windows <= 1e6 {
            let starts = (0..windows as u64).map(|window| window as f64 * self.process_interval);
            return starts.map(|t| rate.at(t) * (end - t).min(self.process_interval)).sum();
        }
        let (middle, swing) = (f64::midpoint(rate.min, rate.max), (rate.max - rate.min) / 2.0);
        middle * end - swing * rate.period / TAU * libm::sin(TAU * end / rate.period)
    }
}

/// Makes the rows.
#[derive(Debug)]
pub struct Sine {
    spec: SineSpec,
    counts: Stream,
    kinds: Stream,
    blocks: Stream,
    /// Windows begun.
    window: u64,
    start: f64,
    end: f64,
    /// Requests of the window, and how many of them are made.
    n: u64,
    k: u64,
    ids: HashMap<(u32, u64), u32, Mixed>,
}

impl Sine {
    /// From its parameters.
    pub fn new(spec: SineSpec) -> Result<Self, SineError> {
        spec.check()?;
        let stream = |name| spec.seed.stream(name, 0);
        Ok(Self {
            counts: stream("sine.count"),
            kinds: stream("sine.kind"),
            blocks: stream("sine.blocks"),
            window: 0,
            start: 0.0,
            end: 0.0,
            n: 0,
            k: 0,
            ids: HashMap::default(),
            spec,
        })
    }

    /// Fills `row` with the next; `None` at the end of the trace.
    pub fn next_row(&mut self, row: &mut TraceRow) -> Option<()> {
        while self.k == self.n {
            self.start = self.window as f64 * self.spec.process_interval;
            if self.start >= self.spec.time_duration {
                return None;
            }
            self.window += 1;
            self.end = (self.window as f64 * self.spec.process_interval).min(self.spec.time_duration);
            let mean = self.spec.request_rate.at(self.start) * (self.end - self.start);
            (self.n, self.k) = (poisson(mean, &mut self.counts), 0);
        }
        row.clear();
        let at = self.start + (self.end - self.start) * (self.k as f64 / self.n as f64);
        self.k += 1;
        row.at = Some(Micros::from_secs_f64(at));
        let first = self.kinds.unit() < self.spec.ratio.at(self.start);
        let (input, output) = if first { self.spec.first } else { self.spec.second };
        (row.input, row.output) = (Some(input), Some(output));
        let mut parent = NONE;
        for _ in 0..input.div_ceil(self.spec.block_size) {
            let block = self.blocks.below(self.spec.total_blocks);
            let next = self.ids.len() as u32;
            parent = *self.ids.entry((parent, block)).or_insert(next);
            row.ids.push(u64::from(parent));
        }
        Some(())
    }
}

/// A Poisson number: arrivals of rate 1 up to `mean`. It takes as long as its value, which is also how many rows follow from it.
fn poisson(mean: f64, stream: &mut Stream) -> u64 {
    let mut n = 0;
    let mut t = stream.exponential();
    while t < mean {
        n += 1;
        t += stream.exponential();
    }
    n
}
