//! Sessions of synthetic prompts: how many turns, and how long between them (AIPerf's `--conversation-turn-mean`/`-stddev` and
//! `--conversation-turn-delay-mean`/`-stddev`).

use tokmark_base::{Micros, Seed};

use super::Lengths;
use super::lengths::truncated::not_negative;
use super::lengths::{Distribution, Moments};
use crate::course::MOST_TURNS;
use crate::spec::{DelayLaw, History, SessionSpec};

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    spec: SessionSpec,
    seed: Seed,
}

impl Sessions {
    /// As `spec` asks; `None` if each request stands for itself.
    pub fn new(spec: &SessionSpec, seed: Seed) -> Option<Self> {
        spec.has_turns().then(|| Self { spec: spec.clone(), seed })
    }

    fn law(&self) -> Lengths {
        Lengths { mean: self.spec.turns, stddev: self.spec.turns_stddev }
    }

    /// Turns of session `item`: normal, rounded, from 1 to [`MOST_TURNS`].
    pub fn turns(&self, item: u64) -> u32 {
        self.law().draw(&mut self.seed.stream("turns", item)).min(MOST_TURNS)
    }

    /// Moments of the number of turns, before the bound at [`MOST_TURNS`].
    pub fn turns_moments(&self) -> Moments {
        self.law().law().moments()
    }

    /// Time from the end of the turn before it to request `key`, a turn but the first. Normal times are drawn anew while they are
    /// below zero, as AIPerf draws them.
    pub fn delay(&self, key: u64) -> Micros {
        let mean = self.spec.delay.0.0 as f64;
        let mut stream = self.seed.stream("delay", key);
        let drawn = match self.spec.delay_law {
            DelayLaw::Normal => not_negative(mean, self.spec.delay_stddev.0.0 as f64, &mut stream),
            DelayLaw::Exponential => mean * stream.exponential(),
        };
        // Saturates at the ends of the type.
        Micros(drawn.round() as _)
    }

    /// Mean of that time, µs. Of the normal with mean μ and deviation σ without its part below zero: μ + σ φ(μ/σ) / Φ(μ/σ).
    pub fn delay_mean(&self) -> f64 {
        let (mean, stddev) = (self.spec.delay.0.0 as f64, self.spec.delay_stddev.0.0 as f64);
        if self.spec.delay_law == DelayLaw::Exponential || stddev == 0.0 {
            return mean;
        }
        let z = mean / stddev;
        let density = libm::exp(-z * z / 2.0) / libm::sqrt(std::f64::consts::TAU);
        mean + stddev * density / (0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2))
    }

    /// Whether a later turn says again what was said and answered before it.
    pub fn keeps_history(&self) -> bool {
        self.spec.history == History::Reply
    }

    /// Part of the plan's digest. Not: the header's name.
    pub fn canonical(&self) -> String {
        let SessionSpec { turns, turns_stddev, delay, delay_stddev, delay_law, history, .. } = &self.spec;
        let (delay, delay_stddev) = (delay.0.0, delay_stddev.0.0);
        format!(
            "turns={turns} stddev={turns_stddev:?} delay_us={delay} stddev_us={delay_stddev} law={delay_law:?} \
             history={history:?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Duration;

    const N: u64 = 50_000;

    fn sessions(spec: &SessionSpec) -> Sessions {
        Sessions::new(spec, Seed(6)).unwrap()
    }

    fn seconds(s: f64) -> Duration {
        Duration(Micros((s * 1e6) as _))
    }

    #[test]
    fn turns_and_delays_scatter_as_asked() {
        let spec = SessionSpec {
            turns: 5,
            turns_stddev: 2.0,
            delay: seconds(1.0),
            delay_stddev: seconds(1.0),
            ..SessionSpec::default()
        };
        let normal = sessions(&spec);
        let mean = |f: &dyn Fn(u64) -> f64| (0..N).map(f).sum::<f64>() / N as f64;
        let turns = mean(&|i| f64::from(normal.turns(i)));
        let want = normal.turns_moments();
        assert!((turns - want.mean).abs() < 5.0 * want.stddev / (N as f64).sqrt(), "{turns} {want:?}");
        assert!((0..N).all(|i| (1..=MOST_TURNS).contains(&normal.turns(i))));
        // μ = σ: 1 + φ(1) / Φ(1) = 1.287600 s.
        assert!((normal.delay_mean() - 1_287_600.0).abs() < 1.0, "{}", normal.delay_mean());
        let delay = mean(&|i| normal.delay(i).0 as f64);
        assert!((delay - normal.delay_mean()).abs() < 20_000.0, "{delay}");
        let law = DelayLaw::Exponential;
        let exponential = sessions(&SessionSpec { delay_law: law, delay_stddev: seconds(0.0), ..spec });
        let delay = mean(&|i| exponential.delay(i).0 as f64);
        assert!((delay - 1_000_000.0).abs() < 5.0 * 1e6 / (N as f64).sqrt(), "{delay}");
        assert!((exponential.delay_mean() - 1_000_000.0).abs() < 1e-9);
    }

    #[test]
    fn no_deviation_is_the_mean_and_one_turn_is_no_session() {
        let spec = SessionSpec { turns: 3, delay: seconds(0.25), ..SessionSpec::default() };
        let sessions = sessions(&spec);
        assert!((0..9).all(|i| (sessions.turns(i), sessions.delay(i).0) == (3, 250_000)));
        assert_eq!(Sessions::new(&SessionSpec::default(), Seed(1)), None);
    }
}
