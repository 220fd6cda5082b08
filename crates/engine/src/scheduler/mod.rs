//! What a worker computes next. One engine a file.

use tokmark_base::Micros;
use tokmark_kv::KvEvent;
use tokmark_kv::tier::TierReport;
use tokmark_perf::Step;

use crate::{Arrival, Census, Gauges, Lifecycle, Out, RequestId};

pub mod sglang;
mod slots;
pub mod trtllm;
pub mod vllm;

pub use sglang::{Sglang, SglangParams};
pub use slots::{EngineError, Slots};
pub use trtllm::{TrtLlm, TrtLlmParams};
pub use vllm::{Vllm, VllmParams};

/// The batch policy of an engine: composes forward passes and says what each brought. It knows no durations: [`crate::Worker`]
/// asks the timing model and says when a pass is over.
///
/// Passes do not overlap: the order is `begin`, `end`, `begin`, … Commands may come between the two: they take effect with the
/// next `begin`, and a request cancelled while its pass is in flight brings nothing at its `end`.
pub trait Scheduler: Send {
    /// A request arrives: `Queued` or `Rejected` goes out.
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out);

    /// A client went away: `Cancelled` goes out if the request is here.
    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out);

    /// Composes the next pass; `None` if there is nothing to compute until a command comes. Requests taken in are told of as
    /// `Admitted`, those thrown out as `Preempted`, those that can never be served as `Failed` or `Rejected`.
    fn begin(&mut self, now: Micros, out: &mut Out) -> Option<Step>;

    /// The pass composed last is over: `PrefillChunk`, `FirstToken`, `Tokens` and `Finished` go out.
    fn end(&mut self, now: Micros, out: &mut Out);

    /// How many passes, counted from the one in flight, are sure to bring exactly one token for each of its sequences and to be
    /// followed by one of the same sequences, if no command comes: nobody finishes, is admitted or thrown out. 0 is always true.
    fn steady(&self) -> u32 {
        0
    }

    /// The same as `stamps.len()` times `end` and `begin` at those stamps, which are at most [`Self::steady`]. Tokens go out as
    /// one `Stretch` for each sequence.
    fn repeat(&mut self, stamps: &[Micros], out: &mut Out) {
        for &at in stamps {
            self.end(at, out);
            self.begin(at, out);
        }
    }

    /// When something arrives that may let a pass begin although there was nothing to compute.
    fn next_due(&self) -> Option<Micros> {
        None
    }

    /// See [`crate::Engine::tier_report`].
    fn tier_report(&self) -> Option<TierReport> {
        None
    }

    /// See [`crate::Engine::reserve`]. An engine that models no memory has room at once.
    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        out.push(now, arrival.id, Lifecycle::Reserved);
    }

    /// See [`crate::Engine::release`].
    fn release(&mut self, _now: Micros, _request: RequestId, _out: &mut Out) {}

    /// See [`crate::Engine::cached`].
    fn cached(&self, _arrival: &Arrival) -> u32 {
        0
    }

    /// Where every request, token and block is.
    fn census(&self) -> Census;

    /// What the engine's metrics would say.
    fn gauges(&self) -> Gauges {
        Gauges::of(&self.census())
    }

    /// Moves what changed in the cache since the last call to the end of `into`.
    fn kv_events(&mut self, _into: &mut Vec<(Micros, KvEvent)>) {}

    /// Whether somebody wants [`Self::kv_events`].
    fn tell_kv(&mut self, _wanted: bool) {}

    /// Cache and batch are gone; see [`crate::Engine::crash`].
    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, out: &mut Out);
}

impl<S: Scheduler + ?Sized> Scheduler for Box<S> {
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        (**self).arrive(now, arrival, out);
    }

    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        (**self).cancel(now, request, out);
    }

    fn begin(&mut self, now: Micros, out: &mut Out) -> Option<Step> {
        (**self).begin(now, out)
    }

    fn end(&mut self, now: Micros, out: &mut Out) {
        (**self).end(now, out);
    }

    fn steady(&self) -> u32 {
        (**self).steady()
    }

    fn next_due(&self) -> Option<Micros> {
        (**self).next_due()
    }

    fn tier_report(&self) -> Option<TierReport> {
        (**self).tier_report()
    }

    fn repeat(&mut self, stamps: &[Micros], out: &mut Out) {
        (**self).repeat(stamps, out);
    }

    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        (**self).reserve(now, arrival, out);
    }

    fn release(&mut self, now: Micros, request: RequestId, out: &mut Out) {
        (**self).release(now, request, out);
    }

    fn cached(&self, arrival: &Arrival) -> u32 {
        (**self).cached(arrival)
    }

    fn census(&self) -> Census {
        (**self).census()
    }

    fn gauges(&self) -> Gauges {
        (**self).gauges()
    }

    fn kv_events(&mut self, into: &mut Vec<(Micros, KvEvent)>) {
        (**self).kv_events(into);
    }

    fn tell_kv(&mut self, wanted: bool) {
        (**self).tell_kv(wanted);
    }

    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, out: &mut Out) {
        (**self).crash(now, lost, out);
    }
}
