//! The second pass: every value of every metric, over the window and over AIPerf's population at once.

use std::collections::BTreeMap;

use tokmark_base::Phase;
use tokmark_record::{Count, CountSource, Cut, FailureKind, Outcome, Record};

use crate::aiperf::{CANCELLED, CANCELLED_CODE};
use crate::attempt::{Attempt, Scratch};
use crate::catalogue::METRICS;
use crate::failures::{Failures, cut_message, kind_name};
use crate::metric::{Grain, Kind, Pooled, Totals};
use crate::pool::{Pool, Side};
use crate::summary::{Censoring, FailureRow, TokenSources};
use crate::sums::{Flow, Sums};
use crate::tally::{Ranked, Tally};
use crate::window::Frame;

/// To which population an attempt's values belong; kept apart so that each is stored once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Both,
    Window,
    Aiperf,
}

/// One of the two populations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Successful measured attempts of the window.
    Window,
    /// AIPerf's: every valid attempt of the profiling phase.
    Aiperf,
}

/// How measured attempts ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// Ended well.
    pub(crate) succeeded: u64,
    /// Failed.
    pub(crate) failed: u64,
    /// Ended by us.
    pub(crate) cut: u64,
    /// Never started.
    pub(crate) not_sent: u64,
    /// Given up by their clients, as planned.
    pub(crate) cancelled: u64,
    /// Ended well but without content: AIPerf calls these failed.
    pub(crate) silent: u64,
    /// Failed because this machine ran out of something.
    pub(crate) local_limit: u64,
    /// Attempts that opened a connection of their own.
    pub(crate) opened: u64,
    /// Attempts started.
    pub(crate) started: u64,
    /// Warm-up records.
    pub(crate) warmup: u64,
    /// Cool-down records.
    pub(crate) cooldown: u64,
    /// Records of attempts that were issued, all phases.
    pub(crate) recorded: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Populations {
    frame: Frame,
    /// Attempts due before this are outside, if `--warmup auto` cut the start-up off; else every measured one is inside.
    due_from: Option<i64>,
    pools: Vec<[Pool; 3]>,
    /// Room for the pooled values of one metric of one attempt.
    pooled: Pooled,
    window: Sums,
    aiperf: Sums,
    flow: Flow,
    aiperf_extent: Option<(i64, i64)>,
    /// How measured attempts ended.
    pub(crate) ends: Ends,
    failures: Failures,
    aiperf_failures: Failures,
    /// By finish reason.
    pub(crate) finish_reasons: BTreeMap<String, u64>,
    /// Events and censored events.
    pub(crate) censoring: Censoring,
    /// Token sources.
    pub(crate) tokens: TokenSources,
    differences: Differences,
    /// Acted − released of started attempts, microseconds: the client's own lateness behind a cap.
    pub(crate) release_delay: Tally,
}

/// Sums behind the comparison of two token sources.
#[derive(Clone, Copy, Debug, Default)]
struct Differences {
    output: (f64, f64),
    input: (f64, f64),
    inputs: u64,
}

/// Tokens a chat template may add to each prompt without being a disagreement about what a token is.
pub(crate) const TEMPLATE_TOKENS: f64 = 40.0;

impl Populations {
    /// Empty, for this window; attempts due before `due_from` are outside.
    pub(crate) fn new(frame: Frame, due_from: Option<i64>) -> Self {
        Self {
            frame,
            due_from,
            pools: METRICS.iter().map(|_| <[Pool; 3]>::default()).collect(),
            pooled: Pooled::default(),
            window: Sums::default(),
            aiperf: Sums::default(),
            flow: Flow::default(),
            aiperf_extent: None,
            ends: Ends::default(),
            failures: Failures::default(),
            aiperf_failures: Failures::default(),
            finish_reasons: BTreeMap::new(),
            censoring: Censoring::default(),
            tokens: TokenSources::default(),
            differences: Differences::default(),
            release_delay: Tally::default(),
        }
    }

    /// Takes one record.
    pub(crate) fn add(&mut self, record: &Record, scratch: &mut Scratch) {
        let attempt = scratch.view(record);
        self.ends.recorded += u64::from(!matches!(record.outcome, Outcome::NotSent));
        if attempt.succeeded() {
            self.flow.add(&attempt, self.frame);
        }
        match record.phase {
            Phase::Warmup => self.ends.warmup += 1,
            Phase::Cooldown => self.ends.cooldown += 1,
            Phase::Profiling => self.measured(&attempt),
        }
    }

    fn measured(&mut self, a: &Attempt<'_>) {
        // METHOD: intended start (closed loop: release) in the window, whether it was queued since or never started.
        let inside = a.is_due_from(self.due_from);
        if inside {
            self.count_end(a);
            self.started(a);
        }
        match (a.succeeded() && inside, a.valid_for_aiperf()) {
            (true, true) => self.values(a, Cell::Both),
            (true, false) => self.values(a, Cell::Window),
            (false, true) => self.values(a, Cell::Aiperf),
            (false, false) => {}
        }
        if a.succeeded() && inside {
            self.window.add(a);
            self.facts_of_success(a);
        }
        if a.valid_for_aiperf() {
            self.aiperf.add(a);
            if let (Some(sent), Some(last)) = (a.sent(), a.last()) {
                let (from, to) = self.aiperf_extent.unwrap_or((sent, last.at));
                self.aiperf_extent = Some((from.min(sent), to.max(last.at)));
            }
        } else {
            self.aiperf_failure(a.record);
        }
    }

    fn count_end(&mut self, a: &Attempt<'_>) {
        let status = a.record.status;
        match &a.record.outcome {
            Outcome::Success => {
                self.ends.succeeded += 1;
                self.ends.silent += u64::from(a.events.is_empty());
            }
            Outcome::Failed(failure) => {
                self.ends.failed += 1;
                self.ends.local_limit += u64::from(failure.kind == FailureKind::LocalLimit);
                self.failures.add(&kind_name(failure.kind), status, &failure.message);
            }
            // What the plan wanted is no failure of anybody.
            Outcome::Cut { by: Cut::Plan } => self.ends.cancelled += 1,
            Outcome::Cut { by } => {
                self.ends.cut += 1;
                self.failures.add("cut", status, cut_message(*by));
            }
            Outcome::NotSent => {
                self.ends.not_sent += 1;
                self.failures.add("not_sent", None, "due, but the run had stopped");
            }
        }
    }

    fn aiperf_failure(&mut self, record: &Record) {
        match &record.outcome {
            Outcome::Failed(failure) => {
                self.aiperf_failures.add(&kind_name(failure.kind), record.status, &failure.message);
            }
            // AIPerf counts those among its errors (`aiperf.rs` has its words for them).
            Outcome::Cut { by: Cut::Plan } => {
                self.aiperf_failures.add(CANCELLED, Some(CANCELLED_CODE), cut_message(Cut::Plan));
            }
            // AIPerf's code for a cancelled request.
            Outcome::Cut { by } => self.aiperf_failures.add("cut", Some(CANCELLED_CODE), cut_message(*by)),
            Outcome::Success => self.aiperf_failures.add(
                &kind_name(FailureKind::NoContent),
                record.status,
                "no content response",
            ),
            // AIPerf never issued it.
            Outcome::NotSent => {}
        }
    }

    fn started(&mut self, a: &Attempt<'_>) {
        let Some(acted) = a.record.acted_us else { return };
        self.ends.started += 1;
        self.ends.opened += u64::from(a.record.connect.is_some());
        if let Some(released) = a.record.released_us {
            self.release_delay.add((acted - released).0.max(0) as u64);
        }
        for (metric, pools) in METRICS.iter().zip(&mut self.pools) {
            if let Kind::Started(value) = metric.kind
                && let Some(value) = value(a)
            {
                pools[Cell::Window as usize].add(value, metric.unit.grain());
            }
        }
    }

    fn values(&mut self, a: &Attempt<'_>, cell: Cell) {
        for (metric, pools) in METRICS.iter().zip(&mut self.pools) {
            let pool = &mut pools[cell as usize];
            let grain = metric.unit.grain();
            match metric.kind {
                Kind::Latency(value) | Kind::Each(value) => {
                    if let Some(value) = value(a) {
                        pool.add(value, grain);
                    }
                }
                Kind::Pooled(values) => {
                    self.pooled.clear();
                    values(a, &mut self.pooled);
                    pool.add_pooled(&self.pooled, grain);
                }
                Kind::Started(_) | Kind::Total(_) => {}
            }
        }
    }

    fn facts_of_success(&mut self, a: &Attempt<'_>) {
        let record = a.record;
        let reason = record.finish_reason.as_deref().unwrap_or("none");
        if let Some(n) = self.finish_reasons.get_mut(reason) {
            *n += 1;
        } else {
            self.finish_reasons.insert(reason.to_owned(), 1);
        }
        if record.streamed {
            self.censoring.events += a.events.len() as u64;
            self.censoring.censored += a.events.iter().filter(|e| e.censored()).count() as u64;
            let alone = record.reads.0.last().is_some_and(|read| read.content == 1 && read.events > 1);
            self.censoring.closing += u64::from(alone && a.events.last().is_some_and(|e| e.censored()));
        }
        let t = &mut self.tokens;
        *match record.output.map(|c| c.source) {
            Some(CountSource::Server) => &mut t.output_server,
            Some(CountSource::Tokenizer) => &mut t.output_tokenizer,
            Some(CountSource::Events) => &mut t.output_events,
            None => &mut t.output_missing,
        } += 1;
        match record.input.map(|c| c.source) {
            Some(CountSource::Server) => t.input_server += 1,
            Some(CountSource::Tokenizer) => t.input_tokenizer += 1,
            Some(CountSource::Events) => {}
            None => t.input_missing += 1,
        }
        let usage = record.usage.unwrap_or_default();
        let ours = |count: Option<Count>| count.filter(|c| c.source != CountSource::Server).map(|c| c.tokens);
        if let (Some(ours), Some(theirs)) = (ours(record.output), usage.completion) {
            self.differences.output.0 += f64::from(ours);
            self.differences.output.1 += f64::from(theirs);
        }
        // The plan knows the prompt's length under our tokenizer whoever counts.
        if let (Some(ours), Some(theirs)) = (record.asked.isl, usage.prompt) {
            self.differences.input.0 += f64::from(ours);
            self.differences.input.1 += f64::from(theirs);
            self.differences.inputs += 1;
        }
    }

    /// Shares that can only be told at the end.
    pub(crate) fn finish(&mut self) {
        let c = &mut self.censoring;
        c.share_ratio = (c.events > 0).then(|| c.censored as f64 / c.events as f64);
        let d = self.differences;
        let apart = |(ours, theirs): (f64, f64)| (theirs > 0.0).then(|| (ours - theirs) / theirs);
        self.tokens.output_difference_ratio = apart(d.output);
        self.tokens.input_difference_ratio = apart(d.input);
        self.tokens.input_difference_mean_tokens =
            (d.inputs > 0).then(|| (d.input.1 - d.input.0) / d.inputs as f64);
    }

    /// What the window adds up to.
    pub(crate) fn window_totals(&self, gpus: Option<u32>) -> Totals {
        let e = &self.ends;
        Totals {
            duration_s: self.frame.length_s(),
            ended: self.flow.ended,
            input_flow: self.flow.input,
            output_flow: self.flow.output,
            ..self.window.totals(e.failed + e.cut + e.not_sent, gpus)
        }
    }

    /// What AIPerf's population adds up to.
    pub(crate) fn aiperf_totals(&self, gpus: Option<u32>) -> Totals {
        let failures = self.aiperf_failures.total();
        let totals = self.aiperf.totals(failures, gpus);
        Totals {
            duration_s: self.aiperf_extent.map_or(0.0, |(a, b)| (b - a) as f64 / 1e6),
            ended: totals.successes,
            input_flow: totals.input_tokens.map(|n| n as f64),
            output_flow: totals.all_output_tokens.map(|n| n as f64),
            ..totals
        }
    }

    /// Content events a second in the window, whichever phase asked for them.
    pub(crate) fn events_per_s(&self) -> Option<f64> {
        let seconds = self.frame.length_s();
        (seconds > 0.0).then(|| self.flow.events as f64 / seconds)
    }

    /// First start and last content of AIPerf's population.
    pub(crate) fn aiperf_extent(&self) -> Option<(i64, i64)> {
        self.aiperf_extent
    }

    /// The error table of the window.
    pub(crate) fn failure_rows(&self) -> Vec<FailureRow> {
        self.failures.rows()
    }

    /// The error table of AIPerf's population.
    pub(crate) fn aiperf_failure_rows(&self) -> Vec<FailureRow> {
        self.aiperf_failures.rows()
    }

    /// The values of the `index`-th metric of the catalogue, ranked, in the unit they are kept in.
    pub(crate) fn ranked(&mut self, index: usize, which: Which, side: Side) -> Ranked {
        let grain: Grain = METRICS[index].unit.grain();
        let [both, window, aiperf] = &mut self.pools[index];
        let other = match which {
            Which::Window => window,
            Which::Aiperf => aiperf,
        };
        Pool::ranked([both, other], side, grain)
    }

    /// How many values of the `index`-th metric in the window are known only as bounds.
    pub(crate) fn bounded(&self, index: usize) -> u64 {
        let pools = &self.pools[index];
        pools[Cell::Both as usize].bounded() + pools[Cell::Window as usize].bounded()
    }
}
