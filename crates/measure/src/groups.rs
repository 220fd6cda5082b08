//! The same metrics over parts of the measured attempts: by class, and by turn of the session. A group's values are those of the
//! catalogue's own functions on its records, in the window of the whole run.

use tokmark_base::Phase;
use tokmark_record::{Cut, Outcome, Record};

use crate::attempt::{Attempt, Scratch};
use crate::catalogue;
use crate::metric::{Kind, Metric, Pooled, Totals};
use crate::pool::{Pool, Side};
use crate::statistics::{self, Faces};
use crate::summary::{GroupSummary, MetricSummary};
use crate::sums::{Flow, Sums};
use crate::window::Frame;

/// What is told of a group, in this order.
const SHOWN: [&str; 6] = [
    "time_to_first_token",
    "request_latency",
    "inter_token_latency",
    "input_sequence_length",
    "request_throughput",
    "output_token_throughput",
];

/// Turns from this one on are one group.
const LAST_TURN: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Groups {
    frame: Frame,
    due_from: Option<i64>,
    names: Vec<String>,
    classes: Vec<Group>,
    turns: Vec<Group>,
    pooled: Pooled,
}

/// Part of the attempts.
#[derive(Debug, Default)]
struct Group {
    pools: [Pool; SHOWN.len()],
    sums: Sums,
    flow: Flow,
    failed: u64,
    cancelled: u64,
}

impl Groups {
    /// Nothing yet of the classes of these names.
    pub(crate) fn new(names: &[String], frame: Frame, due_from: Option<i64>) -> Self {
        let classes = names.iter().map(|_| Group::default()).collect();
        Self { frame, due_from, names: names.to_vec(), classes, turns: Vec::new(), pooled: Pooled::default() }
    }

    /// Takes a record; most runs have neither classes nor turns.
    pub(crate) fn add(&mut self, record: &Record, scratch: &mut Scratch) {
        let class = record.class.map(usize::from).filter(|class| *class < self.classes.len());
        let turn = record.session.filter(|session| session.of > 1 || session.turn > 0);
        if class.is_none() && turn.is_none() {
            return;
        }
        let attempt = scratch.view(record);
        let inside = record.phase == Phase::Profiling && attempt.is_due_from(self.due_from);
        let mut take = |group: &mut Group| group.add(&attempt, inside, self.frame, &mut self.pooled);
        if let Some(class) = class {
            take(&mut self.classes[class]);
        }
        if let Some(session) = turn {
            let turn = session.turn.min(LAST_TURN) as usize;
            if self.turns.len() <= turn {
                self.turns.resize_with(turn + 1, Group::default);
            }
            take(&mut self.turns[turn]);
        }
    }

    /// The classes, then the turns.
    pub(crate) fn finish(self, gpus: Option<u32>) -> [Vec<GroupSummary>; 2] {
        let Self { frame, names, classes, turns, .. } = self;
        let turn_names = (0..=LAST_TURN)
            .map(|turn| if turn == LAST_TURN { format!("{turn} and later") } else { turn.to_string() });
        let told = |groups: Vec<Group>, names: &mut dyn Iterator<Item = String>| {
            groups.into_iter().zip(names).map(|(group, name)| group.finish(name, frame, gpus)).collect()
        };
        [told(classes, &mut names.into_iter()), told(turns, &mut turn_names.into_iter())]
    }
}

impl Group {
    fn add(&mut self, a: &Attempt<'_>, inside: bool, frame: Frame, pooled: &mut Pooled) {
        if a.succeeded() {
            self.flow.add(a, frame);
        }
        if !inside {
            return;
        }
        match &a.record.outcome {
            Outcome::Success => {}
            Outcome::Cut { by: Cut::Plan } => self.cancelled += 1,
            Outcome::Failed(_) | Outcome::Cut { .. } | Outcome::NotSent => self.failed += 1,
        }
        if !a.succeeded() {
            return;
        }
        self.sums.add(a);
        for (metric, pool) in shown().zip(&mut self.pools) {
            let grain = metric.unit.grain();
            match metric.kind {
                Kind::Latency(value) | Kind::Each(value) => {
                    if let Some(value) = value(a) {
                        pool.add(value, grain);
                    }
                }
                Kind::Pooled(values) => {
                    pooled.clear();
                    values(a, pooled);
                    pool.add_pooled(pooled, grain);
                }
                Kind::Started(_) | Kind::Total(_) => {}
            }
        }
    }

    fn finish(mut self, name: String, frame: Frame, gpus: Option<u32>) -> GroupSummary {
        let totals = Totals {
            duration_s: frame.length_s(),
            ended: self.flow.ended,
            input_flow: self.flow.input,
            output_flow: self.flow.output,
            ..self.sums.totals(self.failed, gpus)
        };
        GroupSummary {
            name,
            succeeded: totals.successes,
            failed: self.failed,
            cancelled: self.cancelled,
            cached_input_ratio: totals
                .cached_input
                .filter(|[_, prompt]| *prompt > 0)
                .map(|[cached, prompt]| cached as f64 / prompt as f64),
            metrics: shown()
                .zip(&mut self.pools)
                .filter_map(|(metric, pool)| one(metric, pool, &totals))
                .collect(),
        }
    }
}

fn shown() -> impl Iterator<Item = &'static Metric> {
    SHOWN.iter().filter_map(|tag| catalogue::metric(tag))
}

fn one(metric: &Metric, pool: &mut Pool, totals: &Totals) -> Option<MetricSummary> {
    if let Kind::Total(total) = metric.kind {
        let value = Some(total(totals)?);
        return Some(MetricSummary { value, ..statistics::heading(metric) });
    }
    let bounded = pool.bounded();
    let mut ranked = |side| Pool::ranked([&mut *pool], side, metric.unit.grain());
    let faces = Faces {
        at: ranked(Side::At),
        bounds: (bounded > 0).then(|| (ranked(Side::Worst), ranked(Side::Best))),
        bounded,
    };
    statistics::of_attempts(metric, &faces, totals.failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_in_the_catalogue() {
        assert_eq!(shown().count(), SHOWN.len());
    }
}
