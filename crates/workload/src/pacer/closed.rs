//! A lane of a closed loop: slots that each hold one request at a time, or one session from its first turn to its last, opened all
//! at once or one after another by the ramp.

use std::sync::Arc;

use tokmark_base::{Micros, Phase};

use super::forecast::{Forecast, PHASES};
use super::share::Share;
use super::turns::Turns;
use super::{Issued, Next, Release};
use crate::arrival::trace::Clockwork;
use crate::course::{Course, Numbering};
use crate::load::{Load, Phased, Streams};

/// See the module.
#[derive(Debug)]
pub(super) struct ClosedLane {
    share: Share,
    forecast: Forecast,
    turns: Turns,
    /// How many slots are open at which time.
    streams: Streams,
    in_flight: u64,
    issued: Arc<Issued>,
    /// Index into [`PHASES`]; past the end: finished.
    current: usize,
    /// When the current phase began, from when its length counts: the first one with the run, on lanes whose slots open later
    /// too, the others with their first release.
    began: Option<Micros>,
    /// When the last measured request was let go.
    last_measured: Micros,
    lengths: [Option<Micros>; 3],
}

impl ClosedLane {
    pub(super) fn new(load: &Load, share: Share, issued: Arc<Issued>, course: Arc<dyn Course>) -> Self {
        let numbering = course.numbering();
        let (warmup, warmup_length) = split(load.warmup, numbering);
        let (cooldown, cooldown_length) = split(load.cooldown, numbering);
        let measured = match numbering {
            Numbering::Single => [load.requests, load.sessions].into_iter().flatten().min(),
            Numbering::Turns => load.sessions,
        };
        let planned = [warmup, measured, cooldown].map(|n| n.map(|n| share.of_first(n)));
        Self {
            share,
            forecast: Forecast::new(share, numbering, planned),
            turns: Turns::new(load, share, course, Clockwork::default()),
            streams: load.streams.clone(),
            in_flight: 0,
            issued,
            current: 0,
            began: Some(Micros::ZERO),
            last_measured: Micros::ZERO,
            lengths: [warmup_length, load.duration, cooldown_length],
        }
    }

    pub(super) fn slots(&self) -> u64 {
        self.share.slots()
    }

    pub(super) fn forecast(&self) -> &Forecast {
        &self.forecast
    }

    pub(super) fn poll(&mut self, now: Micros) -> Next {
        loop {
            let Some(phase) = PHASES.get(self.current).copied() else {
                return Next::Finished;
            };
            if self.over(phase, now) {
                self.end(phase);
                continue;
            }
            let open = self.share.of_first(u64::from(self.streams.at(now)));
            let request = match self.turns.take(now) {
                Some((_, request)) => request,
                None if self.in_flight + self.turns.waiting() >= open || self.forecast.exhausted(phase) => {
                    return Next::Wait { until: self.next_event(now, open) };
                }
                None => {
                    let Some(request) = self.forecast.release(phase) else {
                        // A lane without slots.
                        self.end(phase);
                        continue;
                    };
                    request
                }
            };
            self.turns.released(request, now);
            self.began = self.began.or(Some(now));
            self.in_flight += 1;
            if phase == Phase::Profiling {
                self.last_measured = now;
            }
            return Next::Release(Release { request, phase, intended: None });
        }
    }

    pub(super) fn completed(&mut self, request: u64, now: Micros, well: bool) -> bool {
        debug_assert!(self.in_flight > 0, "request {request} ended and none was in flight");
        self.in_flight = self.in_flight.saturating_sub(1);
        // What would be due after its phase's end is dropped there.
        self.turns.completed(request, now, well, None)
    }

    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// When the current phase's length is over, if that is known already.
    fn end_of_length(&self) -> Option<Micros> {
        let length = self.lengths.get(self.current).copied().flatten()?;
        // A cool-down counts from where the measured part ended on the last lane: before that, the load stays on.
        let from = if PHASES[self.current] == Phase::Cooldown { self.issued.end()? } else { self.began? };
        Some(from + length)
    }

    fn over(&self, phase: Phase, now: Micros) -> bool {
        // With the last stage all phases are over.
        let ends = self.end_of_length().into_iter().chain(self.streams.end()).min();
        self.through(phase) || self.slots() == 0 || ends.is_some_and(|end| now >= end)
    }

    /// Whether all the phase's requests are released.
    fn through(&self, phase: Phase) -> bool {
        self.turns.used_up(phase) || (self.forecast.exhausted(phase) && !self.turns.has_more(phase))
    }

    fn end(&mut self, phase: Phase) {
        let by_count = self.through(phase);
        self.turns.end(phase);
        if phase == Phase::Profiling {
            let ends = self.end_of_length().into_iter().chain(self.streams.end()).min();
            self.issued.lane_is_through(ends.filter(|_| !by_count).unwrap_or(self.last_measured));
        }
        // A phase that was not asked leaves the run's beginning to the next one.
        if self.forecast.issued(phase) > 0 || !self.forecast.exhausted(phase) {
            self.began = None;
        }
        self.forecast.end(phase);
        self.current += 1;
    }

    /// What happens next without any completion: a slot opens, of which `open` are, or a stage or the phase's length is over.
    fn next_event(&self, now: Micros, open: u64) -> Option<Micros> {
        let stage = self.streams.changes_after(now);
        let slot =
            (stage.is_none() && open < self.slots()).then(|| self.streams.opens(self.share.slot(open)));
        let turn = self.turns.next().map(|(due, _)| due);
        slot.into_iter().chain(stage).chain(self.end_of_length()).chain(turn).min()
    }
}

/// Items and length of a phase; a phase that is not asked has no items. How many sessions so many requests are, only the run can
/// tell.
fn split(extent: Option<Phased>, numbering: Numbering) -> (Option<u64>, Option<Micros>) {
    match extent {
        None => (Some(0), None),
        Some(Phased::Requests(n)) => ((numbering == Numbering::Single).then_some(n), None),
        Some(Phased::For(length)) => (None, Some(length)),
    }
}
