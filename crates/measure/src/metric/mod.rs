//! One file a metric: formula, unit, prerequisites, source. The list is [`crate::catalogue`].
//!
//! The live view, the summary and AIPerf's population call the same function on the same attempt.

// Every metric has one signature; some happen always to have a value.
#![allow(clippy::unnecessary_wraps)]

pub mod benchmark_duration;
pub mod cached_input_share;
pub mod completed_request_count;
pub mod credit_to_start_latency;
pub mod decode_duration;
pub mod dispatch_delay;
pub mod draft_acceptance_rate;
pub mod e2e_output_token_throughput;
pub mod error_request_count;
pub mod http_req_connecting;
pub mod http_req_data_received;
pub mod http_req_data_sent;
pub mod http_req_duration;
pub mod http_req_receiving;
pub mod http_req_sending;
pub mod http_req_total;
pub mod http_req_waiting;
pub mod input_sequence_length;
pub mod input_token_throughput;
pub mod inter_chunk_latency;
pub mod inter_token_latency;
pub mod normalized_time_per_output_token;
pub mod osl_mismatch_count;
pub mod osl_mismatch_diff_pct;
pub mod output_sequence_length;
pub mod output_token_count;
pub mod output_token_throughput;
pub mod output_token_throughput_per_gpu;
pub mod output_token_throughput_per_user;
pub mod prefill_throughput_per_user;
pub mod read_lag;
pub mod reasoning_token_count;
pub mod request_count;
pub mod request_error_rate;
pub mod request_latency;
pub mod request_throughput;
pub mod request_throughput_per_gpu;
pub mod response_latency;
pub mod response_time_to_first_token;
pub mod server_prefill_time;
pub mod server_queue_time;
pub mod server_time_to_first_token;
pub mod time_to_first_output_token;
pub mod time_to_first_token;
pub mod time_to_second_token;
pub mod tls_handshake;
pub mod total_isl;
pub mod total_osl;
pub mod total_output_tokens;
pub mod total_reasoning_tokens;
pub mod total_token_throughput;
pub mod total_token_throughput_per_gpu;

pub use crate::attempt::{Attempt, Event};
pub use crate::summary::Better;

/// A metric's definition.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// AIPerf's tag where it means the same, ours otherwise.
    pub tag: &'static str,
    /// What a person calls it, short enough for a table.
    pub label: &'static str,
    /// AIPerf's display header, if AIPerf has this metric.
    pub aiperf: Option<&'static str>,
    /// Its unit.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// The formula, in words.
    pub formula: &'static str,
    /// When it has a value.
    pub needs: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// How it is computed.
    pub kind: Kind,
}

/// How a metric is computed.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One value per successful attempt. A latency has an adjusted twin in which failures are +∞.
    Latency(fn(&Attempt<'_>) -> Option<Value>),
    /// One value per successful attempt, without a twin.
    Each(fn(&Attempt<'_>) -> Option<Value>),
    /// One value per started attempt, however it ended (client health).
    Started(fn(&Attempt<'_>) -> Option<Value>),
    /// Several values per successful attempt, pooled.
    Pooled(fn(&Attempt<'_>, &mut Pooled)),
    /// One number of a population.
    Total(fn(&Totals) -> Option<f64>),
}

/// Whether values are whole in the unit they are kept in (microseconds, tokens).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Whole numbers, never negative.
    Whole,
    /// Any number.
    Real,
}

/// Units, and how kept values become shown ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown in thousands.
    Kilobytes,
    /// Kept in whole microseconds, shown in milliseconds.
    Millis,
    /// Kept in fractions of microseconds, shown in milliseconds.
    MillisReal,
    /// Hundredths.
    Percent,
    /// Requests.
    Requests,
    /// Requests per second.
    RequestsPerSecond,
    /// Requests per second and GPU.
    RequestsPerSecondPerGpu,
    /// Seconds.
    Seconds,
    /// Tokens.
    Tokens,
    /// Tokens per second.
    TokensPerSecond,
    /// Tokens per second and GPU.
    TokensPerSecondPerGpu,
    /// Tokens per second and user.
    TokensPerSecondPerUser,
}

impl Unit {
    /// As we write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kilobytes => "kB",
            Self::Millis | Self::MillisReal => "ms",
            Self::Percent => "%",
            Self::Requests => "requests",
            Self::RequestsPerSecond => "requests/s",
            Self::RequestsPerSecondPerGpu => "requests/s/gpu",
            Self::Seconds => "s",
            Self::Tokens => "tokens",
            Self::TokensPerSecond => "tokens/s",
            Self::TokensPerSecondPerGpu => "tokens/s/gpu",
            Self::TokensPerSecondPerUser => "tokens/s/user",
        }
    }

    /// As AIPerf writes it.
    pub fn aiperf(self) -> &'static str {
        match self {
            Self::Kilobytes => "KB",
            Self::RequestsPerSecond => "requests/sec",
            Self::RequestsPerSecondPerGpu => "requests/sec/gpu",
            Self::Seconds => "sec",
            Self::TokensPerSecond => "tokens/sec",
            Self::TokensPerSecondPerGpu => "tokens/sec/gpu",
            Self::TokensPerSecondPerUser => "tokens/sec/user",
            other => other.name(),
        }
    }

    /// How many kept units make one shown unit.
    pub fn divisor(self) -> f64 {
        match self {
            Self::Kilobytes | Self::Millis | Self::MillisReal => 1e3,
            _ => 1.0,
        }
    }

    /// Whether kept values are whole.
    pub fn grain(self) -> Grain {
        match self {
            Self::Kilobytes | Self::Millis | Self::Requests | Self::Tokens => Grain::Whole,
            _ => Grain::Real,
        }
    }
}

/// A value of one attempt, in the unit it is kept in. The three are equal unless a censored event touches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// By the stamps themselves.
    pub at: f64,
    /// The pessimistic bound (the upper one of a latency): the headline.
    pub worst: f64,
    /// The optimistic bound.
    pub best: f64,
}

impl Value {
    /// Known exactly.
    pub fn exact(x: f64) -> Self {
        Self { at: x, worst: x, best: x }
    }

    /// Whether all three are the same.
    pub fn is_exact(self) -> bool {
        self.worst.to_bits() == self.best.to_bits() && self.at.to_bits() == self.best.to_bits()
    }

    /// From a moment known exactly to an event. A clock that went back by mapping noise gives 0, never less.
    pub fn since(from: i64, to: Event) -> Self {
        let d = |t: i64| (t - from).max(0) as f64;
        Self { at: d(to.at), worst: d(to.at), best: d(to.after) }
    }

    /// From one event to a later one.
    pub fn between(from: Event, to: Event) -> Self {
        let d = |a: i64, b: i64| (b - a).max(0) as f64;
        Self { at: d(from.at, to.at), worst: d(from.after, to.at), best: d(from.at, to.after) }
    }

    /// Each divided by `by`.
    #[must_use]
    pub fn per(self, by: f64) -> Self {
        self.map(|x| x / by)
    }

    /// `of / each`: a rate from a time. `None` if the time may be zero by its stamps. The worst time gives the worst rate.
    pub fn rate(self, of: f64) -> Option<Self> {
        // A best time of zero bounds nothing from above: the rate by the stamps stands in, the best we can name.
        let best = if self.best > 0.0 { self.best } else { self.at };
        (self.at > 0.0).then(|| Self { at: of / self.at, worst: of / self.worst, best: of / best })
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { at: f(self.at), worst: f(self.worst), best: f(self.best) }
    }
}

/// What a pooled metric says of one attempt: its values, in order. Nearly always all of them are exact and whole, and millions
/// of them then take no detour through fractions.
#[derive(Clone, Debug, Default)]
pub struct Pooled {
    /// Exact, whole values, never negative …
    whole: Vec<u64>,
    /// … or values of any kind: one of the two is empty.
    mixed: Vec<Value>,
}

impl Pooled {
    /// Adds exact whole values (microseconds, tokens); a negative one is 0.
    pub fn exact(&mut self, values: impl Iterator<Item = i64>) {
        let values = values.map(|n| n.max(0) as u64);
        if self.mixed.is_empty() {
            self.whole.extend(values);
        } else {
            self.mixed.extend(values.map(|n| Value::exact(n as f64)));
        }
    }

    /// Adds a value.
    pub fn add(&mut self, value: Value) {
        self.mixed.extend(self.whole.drain(..).map(|n| Value::exact(n as f64)));
        self.mixed.push(value);
    }

    /// The whole values; none if any value is of another kind.
    pub(crate) fn whole(&self) -> &[u64] {
        &self.whole
    }

    /// The values, if any is of another kind than exact and whole.
    pub(crate) fn mixed(&self) -> &[Value] {
        &self.mixed
    }

    /// The values by their stamps.
    pub(crate) fn at(&self) -> impl Iterator<Item = f64> + '_ {
        self.whole.iter().map(|n| *n as f64).chain(self.mixed.iter().map(|v| v.at))
    }

    /// Makes room for the next attempt.
    pub(crate) fn clear(&mut self) {
        self.whole.clear();
        self.mixed.clear();
    }
}

/// What a population adds up to, for metrics that are one number. The window and AIPerf's population fill the same
/// struct by their own rules (`window` cuts by event time, AIPerf takes everything).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Length of the population's time.
    pub duration_s: f64,
    /// Attempts that ended well.
    pub successes: u64,
    /// Attempts that did not.
    pub failures: u64,
    /// Successful attempts whose last content event lies in the time.
    pub ended: u64,
    /// Input tokens whose first content event lies in the time.
    pub input_flow: Option<f64>,
    /// Output tokens that arrived in the time; an attempt's OSL is spread evenly over its content events.
    pub output_flow: Option<f64>,
    /// Σ input tokens of successes.
    pub input_tokens: Option<u64>,
    /// Σ output tokens of successes, reasoning included.
    pub all_output_tokens: Option<u64>,
    /// Σ output tokens of successes, reasoning left out.
    pub output_tokens: Option<u64>,
    /// Σ reasoning tokens of successes.
    pub reasoning_tokens: Option<u64>,
    /// Successes whose output length is beyond the tolerance; `None` if none was asked for a length.
    pub mismatched: Option<u64>,
    /// Σ prompt tokens found in the cache and Σ prompt tokens, of successes that say both.
    pub cached_input: Option<[u64; 2]>,
    /// Σ draft tokens accepted and Σ draft tokens proposed, of successes that say both.
    pub drafts: Option<[u64; 2]>,
    /// GPUs behind the targets.
    pub gpus: Option<u32>,
}

/// A part of a whole in hundredths; `None` of nothing.
fn percent([part, whole]: [u64; 2]) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

impl Totals {
    /// `amount` per second of the population's time.
    pub fn per_second(&self, amount: f64) -> Option<f64> {
        (self.duration_s > 0.0).then(|| amount / self.duration_s)
    }

    /// `amount` per GPU.
    pub fn per_gpu(&self, amount: f64) -> Option<f64> {
        self.gpus.filter(|n| *n > 0).map(|n| amount / f64::from(n))
    }
}
