//! A model that can be turned slower, faster or into another one while engines use it: what `/admin` of a live server turns.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::timing::{Step, StepTime, Timing};

/// The handle to every [`Adjustable`] made with it. What is turned holds for steps asked about from then on; a pass in flight keeps
/// the duration it began with.
#[derive(Default)]
pub struct Dial {
    factors: [Factor; 4],
    instead: RwLock<Option<Arc<dyn Timing>>>,
}

/// What a dial stands at. All 1: nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// Every part takes so many times as long.
    pub latency: f64,
    /// The prefill part takes so many times as long, on top of `latency`.
    pub prefill: f64,
    /// The decode part takes so many times as long, on top of `latency`.
    pub decode: f64,
    /// How many times slower prefill and decode are with all slots taken than with one, rising in a straight line between; llm-d's
    /// `time-factor-under-load`, on top of what the model itself does.
    pub load: f64,
}

/// A factor that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}\nhint: give {name} as {least} to 1000000; 1 changes nothing")]
pub struct DialError {
    name: &'static str,
    value: f64,
    least: f64,
}

/// An `f64` that another thread may set.
struct Factor(AtomicU64);

/// See the module.
pub struct Adjustable<T> {
    model: T,
    dial: Arc<Dial>,
}

impl Default for Factors {
    fn default() -> Self {
        Self { latency: 1.0, prefill: 1.0, decode: 1.0, load: 1.0 }
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self(AtomicU64::new(1.0_f64.to_bits()))
    }
}

impl Factor {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Dial {
    /// A dial that changes nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What it stands at.
    pub fn factors(&self) -> Factors {
        let [latency, prefill, decode, load] = self.factors.each_ref().map(Factor::get);
        Factors { latency, prefill, decode, load }
    }

    /// Turns it; nothing is turned if one of the factors cannot be.
    pub fn turn(&self, factors: Factors) -> Result<(), DialError> {
        let Factors { latency, prefill, decode, load } = factors;
        let named = [
            ("latency_factor", latency, 0.0),
            ("prefill_factor", prefill, 0.0),
            ("decode_factor", decode, 0.0),
            ("load_factor", load, 1.0),
        ];
        for (name, value, least) in named {
            if !(least..=MOST).contains(&value) {
                return Err(DialError { name, value, least });
            }
        }
        for (factor, (_, value, _)) in self.factors.iter().zip(named) {
            factor.0.store(value.to_bits(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Puts another model in the place of the one each `Adjustable` was made with; `None` puts that one back. Factors stay.
    pub fn replace(&self, model: Option<Arc<dyn Timing>>) {
        *self.instead.write().unwrap_or_else(PoisonError::into_inner) = model;
    }

    /// Whether another model is in place.
    pub fn is_replaced(&self) -> bool {
        self.instead().is_some()
    }

    fn instead(&self) -> Option<Arc<dyn Timing>> {
        self.instead.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T: Timing> Adjustable<T> {
    /// `model`, as `dial` says.
    pub fn new(model: T, dial: Arc<Dial>) -> Self {
        Self { model, dial }
    }
}

impl<T: Timing> Timing for Adjustable<T> {
    fn step(&self, step: &Step) -> StepTime {
        let time = match self.dial.instead() {
            Some(model) => model.step(step),
            None => self.model.step(step),
        };
        let factors = self.dial.factors();
        let load = under_load(factors.load, step);
        StepTime {
            prefill_ms: time.prefill_ms * (factors.latency * factors.prefill * load),
            decode_ms: time.decode_ms * (factors.latency * factors.decode * load),
            overhead_ms: time.overhead_ms * factors.latency,
        }
    }

    fn needs_lengths(&self) -> bool {
        self.dial.instead().map_or_else(|| self.model.needs_lengths(), |model| model.needs_lengths())
    }

    fn is_noisy(&self) -> bool {
        self.dial.instead().map_or_else(|| self.model.is_noisy(), |model| model.is_noisy())
    }
}

/// 1 + (factor − 1)·(running − 1)/(slots − 1), as llm-d-inference-sim computes it.
fn under_load(factor: f64, step: &Step) -> f64 {
    let others = f64::from(step.running.max(1) - 1);
    let most = f64::from(step.slots.max(2) - 1);
    1.0 + (factor - 1.0) * (others / most).min(1.0)
}

/// A bound that keeps every sum of stamps far from the end of `i64`.
const MOST: f64 = 1e6;

#[cfg(test)]
mod tests {
    use tokmark_base::Micros;

    use super::*;
    use crate::Constant;

    fn turned(factors: Factors) -> Adjustable<Constant> {
        let dial = Dial::new();
        dial.turn(factors).unwrap();
        Adjustable::new(Constant::new(Micros(10_000), Micros(1_000)).unwrap(), dial)
    }

    const PREFILL: Step = Step {
        prefill_sequences: 1,
        prefill_tokens: 8,
        prefill_context: 0,
        decode_sequences: 0,
        decode_tokens: 0,
        decode_context: 0,
        cache_tokens: 0,
        running: 3,
        slots: 5,
        noise: 0.0,
    };
    const DECODE: Step = Step { prefill_sequences: 0, prefill_tokens: 0, decode_sequences: 3, ..PREFILL };

    #[test]
    fn a_dial_that_was_not_turned_changes_no_bit() {
        let model = Constant::new(Micros(12_345), Micros(678)).unwrap();
        let same = Adjustable::new(model, Dial::new());
        for step in [PREFILL, DECODE] {
            assert_eq!(same.step(&step), model.step(&step));
        }
        assert_eq!((same.needs_lengths(), same.is_noisy()), (false, false));
    }

    #[test]
    fn each_factor_turns_its_part() {
        let durations = |factors| {
            let model = turned(factors);
            (model.duration(&PREFILL).0, model.duration(&DECODE).0)
        };
        let one = Factors::default();
        assert_eq!(durations(Factors { latency: 2.0, ..one }), (20_000, 2_000));
        assert_eq!(durations(Factors { prefill: 3.0, ..one }), (30_000, 1_000));
        assert_eq!(durations(Factors { decode: 0.5, ..one }), (10_000, 500));
        assert_eq!(durations(Factors { latency: 2.0, decode: 0.5, ..one }), (20_000, 1_000));
        // Three of five slots: half way from 1 to 2.
        assert_eq!(durations(Factors { load: 2.0, ..one }), (15_000, 1_500));
    }

    #[test]
    fn another_model_and_back() {
        let dial = Dial::new();
        let model = Adjustable::new(Constant::new(Micros(10_000), Micros(1_000)).unwrap(), Arc::clone(&dial));
        dial.turn(Factors { latency: 2.0, ..Factors::default() }).unwrap();
        dial.replace(Some(Arc::new(Constant::new(Micros(7), Micros(5)).unwrap())));
        assert!(dial.is_replaced());
        assert_eq!((model.duration(&PREFILL), model.duration(&DECODE)), (Micros(14), Micros(10)));
        dial.replace(None);
        assert_eq!((model.duration(&PREFILL), model.duration(&DECODE)), (Micros(20_000), Micros(2_000)));
    }

    #[test]
    fn impossible_factors_turn_nothing() {
        let dial = Dial::new();
        for (factors, said) in [
            (Factors { latency: -1.0, ..Factors::default() }, "latency_factor is -1"),
            (Factors { prefill: f64::NAN, ..Factors::default() }, "prefill_factor is NaN"),
            (Factors { decode: f64::INFINITY, ..Factors::default() }, "decode_factor is inf"),
            (Factors { load: 0.5, latency: 3.0, ..Factors::default() }, "load_factor is 0.5"),
        ] {
            let text = dial.turn(factors).unwrap_err().to_string();
            assert!(text.starts_with(said) && text.contains("hint:"), "{text}");
            assert_eq!(dial.factors(), Factors::default());
        }
    }
}
