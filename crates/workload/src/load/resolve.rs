//! From what was asked to a load without contradictions.

use tokmark_base::Micros;

use super::check::{counted, range};
use super::{
    DEFAULT_CONCURRENCY, DEFAULT_REQUESTS, Load, LoadError, LoadSpec, Phased, RampShape, ReplaySpec,
    SeriesSpec, StageSpec, Streams,
};
use crate::arrival::{Arrival, ArrivalKind, Burst, Closed, Constant, Gamma, Poisson, Trace, Users};
use crate::quantity::{Count, Extent, Warmup};
use crate::rate::{Exponential, OnOff, Ramp, Rate, Series, Stages, Steady, Wave, series};

impl LoadSpec {
    /// Writes out what is taken for granted, so that the spec is complete to its reader and means the same.
    pub fn fill(&mut self) {
        if self.has_rate() && self.users.is_none() && self.arrival.is_none() {
            self.arrival = Some(ArrivalKind::default());
        }
        if !self.has_rate()
            && !self.burst
            && !self.is_trace()
            && self.stages.is_empty()
            && self.concurrency.is_none()
        {
            self.concurrency = Some(DEFAULT_CONCURRENCY);
        }
        if self.wants_requests() {
            self.requests = Some(Count::Exactly(DEFAULT_REQUESTS));
        }
    }

    /// Whether nothing asked would end the run.
    fn wants_requests(&self) -> bool {
        // A burst lasts no time, so a duration alone would not end it.
        let ends_by_itself = (self.duration.is_some() && !self.burst)
            || !self.stages.is_empty()
            || self.series.is_some()
            || self.is_trace();
        self.requests.is_none() && self.sessions.is_none() && !ends_by_itself
    }

    /// The load, or the first contradiction.
    pub fn resolve(&self) -> Result<Load, LoadError> {
        self.check()?;
        let arrival = self.arrival();
        let (rate, streams) = (self.rate()?, self.streams(&arrival));
        let multiple_of = arrival.concurrency().or(self.max_concurrency).or(self.users);
        let phased = |key: &'static str, extent: Extent| match extent {
            Extent::Requests(n) => counted(key, n, multiple_of).map(Phased::Requests),
            Extent::For(duration) => Ok(Phased::For(duration.0)),
        };
        let lasting = |extent: &Phased| *extent != Phased::For(Micros::ZERO);
        let mut requests = self.requests.map(|n| counted("load.requests", n, multiple_of)).transpose()?;
        if self.wants_requests() {
            requests = Some(DEFAULT_REQUESTS);
        }
        let warmup = match self.warmup {
            Some(Warmup::Phase(extent)) => Some(phased("load.warmup", extent)?).filter(lasting),
            Some(Warmup::Auto) | None => None,
        };
        let cooldown =
            self.cooldown.map(|extent| phased("load.cooldown", extent)).transpose()?.filter(lasting);
        let end = rate.as_ref().and_then(|rate| rate.shape().end()).map(Micros::from_secs_f64);
        let duration = self.measured(end.or_else(|| streams.end()), warmup)?;
        Ok(Load {
            arrival,
            rate,
            streams,
            requests,
            sessions: self.sessions,
            duration,
            warmup,
            warmup_auto: self.warmup == Some(Warmup::Auto),
            cooldown,
            grace: self.grace.0,
            cap: self.max_concurrency,
        })
    }

    /// Length of the measured part, where the run ends at `end` at the latest; `None` if that depends on when it begins.
    fn measured(&self, end: Option<Micros>, warmup: Option<Phased>) -> Result<Option<Micros>, LoadError> {
        let asked = self.duration.map(|d| d.0);
        let Some(end) = end else { return Ok(asked) };
        let left = match warmup {
            None => end,
            Some(Phased::For(length)) if length < end => end - length,
            Some(Phased::For(length)) => {
                return Err(range(
                    "load.warmup",
                    &length,
                    "shorter than the stages or the series, with which the run ends",
                ));
            }
            Some(Phased::Requests(_)) => return Ok(asked),
        };
        Ok(Some(asked.map_or(left, |asked| asked.min(left))))
    }

    fn arrival(&self) -> Arrival {
        if self.burst {
            return Arrival::Burst(Burst);
        }
        if self.is_trace() {
            let ReplaySpec { speed, idle_cap } = &self.replay;
            return Arrival::Trace(Trace { speed: speed.unwrap_or(1.0), idle_cap: idle_cap.map(|d| d.0) });
        }
        if let Some(users) = self.users {
            return Arrival::Users(Users { users });
        }
        if !self.has_rate() {
            let most = self.stages.iter().filter_map(|stage| stage.concurrency).max();
            let concurrency = most.or(self.concurrency).unwrap_or(DEFAULT_CONCURRENCY);
            return Arrival::Closed(Closed { concurrency });
        }
        match self.arrival.unwrap_or_default() {
            ArrivalKind::Constant => Arrival::Constant(Constant),
            ArrivalKind::Gamma => Arrival::Gamma(Gamma { burstiness: self.burstiness.unwrap_or(1.0) }),
            ArrivalKind::Poisson | ArrivalKind::Trace => Arrival::Poisson(Poisson),
        }
    }

    fn rate(&self) -> Result<Option<Rate>, LoadError> {
        if let (Some(min), Some(max), Some(period)) = (self.wave.min, self.wave.max, self.wave.period) {
            return Ok(Some(Rate::Wave(Wave { min, max, period: period.0.as_secs_f64() })));
        }
        match &self.series {
            Some(SeriesSpec::File(file)) => return Err(LoadError::SeriesNotRead { file: file.clone() }),
            Some(SeriesSpec::Points(points)) => {
                let bad = |bad: series::BadPoint| {
                    let n = bad.n.min(points.len().saturating_sub(1));
                    LoadError::Point { what: series::said(n, bad.point, bad.must) }
                };
                return Ok(Some(Rate::Series(Series::new(points.clone()).map_err(bad)?)));
            }
            None => {}
        }
        if self.has_stages_of_rate() {
            let step = |stage: &StageSpec| Some((stage.rate?, stage.duration?.0));
            return Ok(Some(Rate::Stages(Stages::new(self.stages.iter().filter_map(step).collect()))));
        }
        Ok(self.rate.map(|rate| self.shaped(rate)))
    }

    /// `load.rate` with its ramp or its pauses.
    fn shaped(&self, rate: f64) -> Rate {
        if let (Some(on), Some(off)) = (self.on_off.on, self.on_off.off) {
            return Rate::OnOff(OnOff { rate, on: on.0.as_secs_f64(), off: off.0.as_secs_f64() });
        }
        let Some(length) = self.ramp.map(|ramp| ramp.0.as_secs_f64()).filter(|length| *length > 0.0) else {
            return Rate::Steady(Steady { rate });
        };
        let from = self.ramp_from.unwrap_or(0.0);
        match self.ramp_shape.unwrap_or_default() {
            RampShape::Linear => Rate::Ramp(Ramp { from, to: rate, length }),
            RampShape::Exponential => Rate::Exponential(Exponential { from, to: rate, length }),
        }
    }

    fn streams(&self, arrival: &Arrival) -> Streams {
        let mut until = Micros::ZERO;
        let stages = self
            .stages
            .iter()
            .filter_map(|stage| {
                until += stage.duration?.0;
                Some((stage.concurrency?, until))
            })
            .collect();
        Streams {
            most: arrival.concurrency().unwrap_or(0),
            ramp: self.ramp.map_or(Micros::ZERO, |d| d.0),
            stages,
        }
    }
}
