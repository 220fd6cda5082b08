//! A timing model whose steps a fault makes longer while it is in use. One number and no lock ([`tokmark_perf::Adjustable`] can
//! do more): it is asked at every step of every simulated worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokmark_base::Micros;
use tokmark_perf::{Step, StepTime, Timing};

/// How many times as long a worker's steps take, shared by its ranks.
#[derive(Clone, Debug)]
pub(crate) struct Drag(Arc<AtomicU64>);

impl Default for Drag {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1.0_f64.to_bits())))
    }
}

impl Drag {
    /// From the next step on.
    pub(crate) fn set(&self, factor: f64) {
        self.0.store(factor.to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// `timing`, slowed down by `drag`.
pub(crate) struct Dragged {
    pub(crate) timing: Arc<dyn Timing>,
    pub(crate) drag: Drag,
}

impl Timing for Dragged {
    fn step(&self, step: &Step) -> StepTime {
        let time = self.timing.step(step);
        let factor = self.drag.get();
        StepTime {
            prefill_ms: time.prefill_ms * factor,
            decode_ms: time.decode_ms * factor,
            overhead_ms: time.overhead_ms * factor,
        }
    }

    fn needs_lengths(&self) -> bool {
        self.timing.needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        self.timing.is_noisy()
    }

    fn duration(&self, step: &Step) -> Micros {
        // A worker of its usual speed takes exactly the time its model says.
        if self.drag.get().to_bits() == 1.0_f64.to_bits() {
            self.timing.duration(step)
        } else {
            self.step(step).rounded()
        }
    }
}
