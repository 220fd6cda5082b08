//! A run's meaning from its files alone: what `tokmark bench` does at its end, and `tokmark report` after a kill.

use std::cell::RefCell;

use tokmark_base::Micros;
use tokmark_measure::summary::LoadKind;
use tokmark_measure::{Analysis, MeasureSpec, RunFacts, analyse};
use tokmark_record::RunHeader;
use tokmark_workload::{Arrival, Load, LoadSpec, Rate, WorkloadSpec};

use crate::{Run, StoreError};

impl Run {
    /// Analyses what is on disk. `facts` are the driver's own, or [`facts`] of the header for a run that was killed.
    pub fn analyse(&self, options: &MeasureSpec, facts: &RunFacts) -> Result<Analysis, StoreError> {
        // The analysis takes plain values; the first line that cannot be read ends its input and the whole of it.
        let unread = RefCell::new(None);
        let keep = |e: StoreError| {
            unread.borrow_mut().get_or_insert(e);
        };
        let records = || {
            let lines = self.records().map_err(keep).ok();
            lines.into_iter().flatten().map_while(|line| line.map_err(keep).ok())
        };
        let samples = self.samples()?.map_while(|line| line.map_err(keep).ok());
        let analysis = analyse(self.header(), records, samples, options, facts);
        unread.into_inner().map_or(Ok(analysis), Err)
    }
}

/// What the header's spec tells of a run whose driver left no word of its own. `complete` is false.
pub fn facts(header: &RunHeader) -> RunFacts {
    let section = |name: &str| header.spec.get(name).cloned();
    let load: Option<LoadSpec> = section("load").and_then(|load| serde_json::from_value(load).ok());
    let workload: Option<WorkloadSpec> =
        section("workload").and_then(|workload| serde_json::from_value(workload).ok());
    // What a file holds is not known here: it may be sessions.
    let sessions = workload.is_some_and(|w| w.wants_file() || w.sessions.has_turns());
    load.and_then(|spec| spec.resolve().ok()).map(|load| facts_of(&load, sessions)).unwrap_or_default()
}

/// What a load alone tells, of finished runs and killed ones alike. Where its items are `sessions`, a rate is of sessions and a
/// concurrency holds those that think, too: neither says what requests are to come to.
pub fn facts_of(load: &Load, sessions: bool) -> RunFacts {
    let users = matches!(load.arrival, Arrival::Users(_));
    let steady = load.streams.stages.is_empty() && !sessions;
    RunFacts {
        load: match load.arrival {
            Arrival::Closed(_) => LoadKind::Closed,
            Arrival::Burst(_) => LoadKind::Burst,
            Arrival::Constant(_)
            | Arrival::Gamma(_)
            | Arrival::Poisson(_)
            | Arrival::Trace(_)
            | Arrival::Users(_) => LoadKind::Open,
        },
        planned: load.requests.filter(|_| load.duration.is_none()),
        asked_rate_per_s: load.mean_rate().filter(|_| !sessions || users),
        asked_concurrency: load.arrival.concurrency().filter(|_| steady).or(load.cap).map(u64::from),
        ramp_us: Some(ramp(load)).filter(|ramp| ramp.0 > 0),
        warmup_auto: load.warmup_auto,
        ..RunFacts::default()
    }
}

/// How long the load takes to reach its level; zero without a ramp.
fn ramp(load: &Load) -> Micros {
    match &load.rate {
        Some(Rate::Ramp(ramp)) => Micros::from_secs_f64(ramp.length),
        Some(Rate::Exponential(ramp)) => Micros::from_secs_f64(ramp.length),
        _ => load.streams.ramp,
    }
}

/// The wall clock at t = 0, nanoseconds since the Unix epoch, as the health series has it (to within a quarter of a
/// microsecond, as a float can). The header of a run that was killed has a time somewhat earlier: it is written before the
/// load starts. `None` if the run was killed before its first sample reached the disk.
pub fn exact_anchor(run: &Run) -> Result<Option<i64>, StoreError> {
    let mut samples = run.samples()?.map_while(Result::ok);
    Ok(samples.find_map(|s| s.values.get(ANCHOR).copied()).map(|ns| ns as i64))
}

/// In every health sample.
const ANCHOR: &str = "anchor_unix_ns";
