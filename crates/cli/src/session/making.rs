//! From a point's spec to its load and plan: what the file of prompts decides, and what a sweep must not say twice.

use std::sync::Arc;

use tokmark_base::{Micros, Seed};
use tokmark_drive::target::Endpoint;
use tokmark_workload::shape::lengths::Empirical;
use tokmark_workload::spec::Order;
use tokmark_workload::{
    Arrival, ArrivalKind, Count, Dataset, Extent, Inputs, Load, Numbering, Plan, Requests, Warmup,
};

use crate::failure::Failure;
use crate::session::Prepared;
use crate::session::words::Vocabulary;
use crate::spec::Origin;
use crate::spec::resolve::Point;

/// What the points of a session are made with.
pub(super) struct Making<'a> {
    /// What makes words.
    pub(super) words: &'a Vocabulary,
    /// The file of prompts.
    pub(super) file: Option<Dataset>,
    /// Pairs of lengths read from a file.
    pub(super) lengths: Option<Empirical>,
    /// Makes the next run's words its own, where a spec asks for that.
    pub(super) salt: u64,
    /// Whether there are several points a target.
    pub(super) sweeps: bool,
    /// The target of the point before.
    pub(super) target: Option<String>,
    /// Items that the points before have taken.
    pub(super) taken: u64,
}

/// Items set aside for a point of which nobody can say how many it will take.
const UNCOUNTED: u64 = 1 << 24;

/// Keys of which each says when requests go.
const PACES: [&str; 7] =
    ["load.concurrency", "load.rate", "load.burst", "load.users", "load.stages", "load.wave", "load.series"];

impl Making<'_> {
    /// Everything worked out for one point.
    pub(super) fn point(&mut self, mut point: Point) -> Result<Prepared, Failure> {
        settle_prime(&mut point);
        let workload = &point.spec.workload;
        let inputs = Inputs {
            file: self.file.clone(),
            lengths: self.lengths.clone(),
            salt: Some(self.salt),
            frame: self.words.frame(),
            ..Inputs::synthetic(Arc::clone(&self.words.lexicon))
        };
        self.salt = self.salt.wrapping_add(1);
        let mut plan =
            Plan::new(workload, Seed(workload.seed), inputs).map_err(|e| Failure::usage(e.to_string()))?;
        settle_trace(&mut point, &plan)?;
        refuse_pairs(&point)?;
        let load = point.spec.load.resolve().map_err(|e| Failure::usage(e.to_string()))?;
        self.settle_repeats(&mut point, &plan);
        if point.spec.workload.never_repeat {
            let from = point.spec.workload.offset + self.taken;
            self.taken += items(&load, &plan)?;
            plan = plan.from_item(from);
            point.spec.workload.offset = from;
            point.derive("workload.offset", "behind the items of the points before");
        }
        Ok(Prepared { point, load, plan: Arc::new(plan) })
    }

    /// A point of a sweep that said again what the one before it said would find it in the service's cache. Each target hears the
    /// same.
    fn settle_repeats(&mut self, point: &mut Point, plan: &Plan) {
        if self.target != point.target {
            self.target.clone_from(&point.target);
            self.taken = 0;
        }
        let free = point.layers.origin("workload.never_repeat").is_none();
        if free && self.sweeps && plan.distinct().is_none() && point.spec.workload.prefix.ratio.is_none() {
            point.spec.workload.never_repeat = true;
            point.derive("workload.never_repeat", "the points of a sweep say nothing twice");
        }
    }
}

/// A hit rate wants every prefix sent once before the measured part: exactly so many requests of warm-up.
fn settle_prime(point: &mut Point) {
    if let (Some(prime), None) = (point.spec.workload.prime_requests(), point.spec.load.warmup) {
        point.spec.load.warmup = Some(Warmup::Phase(Extent::Requests(Count::Exactly(prime))));
        point.derive("load.warmup", "every prefix is sent once before the measured part");
    }
}

/// What neither the workload nor the load can see alone.
fn refuse_pairs(point: &Point) -> Result<(), Failure> {
    let (workload, load) = (&point.spec.workload, &point.spec.load);
    let timed = load.arrival == Some(ArrivalKind::Trace);
    let refused = [
        (
            timed && (workload.offset > 0 || workload.never_repeat),
            "workload.offset and workload.never_repeat contradict load.arrival: trace\nhint: a trace has its times in order; cut it with --from and --to",
        ),
        (
            timed && workload.order != Order::Sequential,
            "workload.order contradicts load.arrival: trace\nhint: a trace has its times in order: leave --order out, or give a pace of your own (--rate, --concurrency)",
        ),
        (
            workload.apply_chat_template && point.spec.target.endpoint != Endpoint::Chat,
            "workload.apply_chat_template contradicts target.endpoint\nhint: only a chat has a template around its prompts: leave --apply-chat-template out, or take --endpoint chat",
        ),
        (
            load.users.is_some() && workload.sessions.delay.0 > Micros::ZERO,
            "workload.sessions.delay contradicts load.users\nhint: with users the time between two turns follows from --users and --rate: leave --turn-delay out",
        ),
    ];
    match refused.into_iter().find(|(holds, _)| *holds) {
        Some((_, message)) => Err(Failure::usage(message)),
        None => Ok(()),
    }
}

/// A trace with times is replayed at its times unless somebody asked for another pace.
fn settle_trace(point: &mut Point, plan: &Plan) -> Result<(), Failure> {
    // AIPerf's own defaults are nobody's wish.
    let asked = |point: &Point, key: &str| {
        point.layers.origin(key).is_some_and(|origin| *origin != Origin::Preset(crate::aiperf::LAYER))
    };
    if plan.is_timed() && point.spec.load.arrival.is_none() && !PACES.iter().any(|key| asked(point, key)) {
        point.spec.load.arrival = Some(ArrivalKind::Trace);
        point.derive("load.arrival", "the trace has times of its own");
    }
    if point.spec.load.arrival != Some(ArrivalKind::Trace) {
        return Ok(());
    }
    if !plan.is_timed() {
        let hint =
            "hint: give a trace with timestamps (--input), or a pace of your own (--rate, --concurrency)";
        return Err(Failure::usage(format!("load.arrival is trace, but the workload has no times\n{hint}")));
    }
    // Written out for a load of which nothing was said.
    if !asked(point, "load.concurrency") {
        point.spec.load.concurrency = None;
    }
    if !asked(point, "load.requests") {
        point.spec.load.requests = None;
    }
    Ok(())
}

/// A sentence about a file that has fewer items than are asked for: they are said again, and a cache may have them.
pub(super) fn repeats(prepared: &Prepared) -> Option<String> {
    let workload = &prepared.point.spec.workload;
    let name = workload.file.as_ref().or(workload.dataset.as_ref())?;
    let items = prepared.plan.distinct()?;
    if let Some(entries) = workload.entries.filter(|entries| *entries > items) {
        return Some(format!("{name} has {items} items, not the {entries} of workload.entries"));
    }
    if let (Arrival::Trace(_), Some(asked)) = (prepared.load.arrival, prepared.load.requests) {
        let all = super::turns(&prepared.plan)?;
        let short = format!(
            "{name} has {all} requests, not the {asked} asked for: the run ends with the last of them"
        );
        return (all < asked).then_some(short);
    }
    let asked = match Requests::numbering(&*prepared.plan) {
        Numbering::Single => prepared.load.starts(),
        Numbering::Turns => prepared.load.sessions,
    };
    let again =
        asked.filter(|asked| *asked > items && !matches!(prepared.load.arrival, Arrival::Trace(_)))?;
    Some(format!(
        "{name} has {items} items and {again} are asked for: they are said again from the first, and a cache may know them by then (--requests {items} says each once)"
    ))
}

/// Items a point takes.
fn items(load: &Load, plan: &Plan) -> Result<u64, Failure> {
    match (load.sessions.or_else(|| load.starts()), plan.distinct()) {
        (Some(n), _) => Ok(n),
        (None, None) => Ok(UNCOUNTED),
        (None, Some(_)) => Err(Failure::usage(
            "workload.never_repeat with a file needs a number of requests\nhint: give --requests (or --sessions) instead of a duration, so that the next point knows where to go on",
        )),
    }
}

/// A number no other run has.
pub(super) fn salt() -> u64 {
    tokmark_drive::WallClock::start().anchor_unix_ns() as u64
}
