//! **What would this engine have done, in virtual time?**
//!
//! In: commands ([`Engine::arrive`], [`Engine::cancel`], [`Engine::advance`]), each with the moment it happens. Out: lifecycle
//! [`Event`]s with exact stamps. [`simulate`] plays a plan against an engine as fast as the CPU allows and writes
//! [`tokmark_record::Record`]s; `play` plays the same events in wall time behind HTTP.
//! Invariant: sans-I/O and exact: the same commands give the same events on every machine, and nothing gets lost
//! ([`Census::check`]).
//! Start reading at [`Engine`], then `scheduler/slots.rs`. One more engine is one file in `scheduler/` and one line in its list.
//!
//! Not yet: batching steps, prefix cache, preemption, several workers, routers; in virtual time, the run's grace period and
//! per-request time-outs (a simulated run lasts until its last attempt has ended by itself).

mod census;
mod lifecycle;
pub mod scheduler;
mod virtual_time;

pub use census::{Census, Leak};
pub use lifecycle::{Arrival, Event, FinishReason, Length, Lifecycle, Rejection, RequestId};
pub use scheduler::{EngineError, Slots};
use tokmark_base::Micros;
pub use virtual_time::{SimulateError, simulate};

/// An engine as a value: it knows no clock, the driver tells it what happens when.
///
/// Stamps given must not go back; one before the last is taken as the last. Every command first lets happen what is due before
/// it, so events come out in the order of their stamps whatever the driver's rhythm.
pub trait Engine: Send {
    /// A request arrives.
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Vec<Event>);

    /// The client of a request went away. Nothing more is emitted for it; an unknown or finished request is ignored.
    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Vec<Event>);

    /// Lets everything happen that is due at `now` or before.
    fn advance(&mut self, now: Micros, out: &mut Vec<Event>);

    /// When the next event happens if no command comes first; `None` if nothing would.
    fn next_due(&self) -> Option<Micros>;

    /// Where every request that ever arrived is now.
    fn census(&self) -> Census;
}
