//! Who owns time: a room that needs the hour takes a [`Clock`]; wall clocks live in `clock.rs` of drive, watch and play.

use crate::units::Micros;

/// A monotonic time line. `now` never goes back.
pub trait Clock {
    /// The present, counted from the run's anchor.
    fn now(&self) -> Micros;
}
