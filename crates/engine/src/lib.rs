//! **What would this engine, router and cluster have done, in virtual time?**
//!
//! In: commands ([`Engine::arrive`], [`Engine::cancel`], [`Engine::advance`]), each with the moment it happens. Out: lifecycle
//! [`Event`]s with exact stamps. [`simulate`] plays a plan against an engine as fast as the CPU allows and writes
//! [`tokmark_record::Record`]s; `play` plays the same events in wall time behind HTTP.
//! Invariant: sans-I/O and exact: the same commands give the same events on every machine, and nothing gets lost
//! ([`Census::check`]).
//! Start reading at [`Engine`], then [`Scheduler`] and `worker.rs`, then `scheduler/vllm.rs`, and `cluster.rs` for many workers.
//! One more engine is one file in `scheduler/` that implements [`Scheduler`] and one line in its list; one more routing policy is
//! one file in `router/policy/`.

mod census;
pub mod cluster;
pub mod disagg;
pub mod fault;
mod gauges;
mod lifecycle;
mod naming;
pub mod router;
pub mod scheduler;
pub mod spec;
mod virtual_time;
mod worker;

pub use census::{Census, Leak};
pub use cluster::{BuildError, Cluster};
pub use fault::FaultSpec;
pub use gauges::Gauges;
pub use lifecycle::{
    Arrival, Breakdown, Carried, Event, FinishReason, Length, Lifecycle, Out, Rejection, RequestId,
};
pub use naming::{prompt_segment, reply_segment};
pub use scheduler::{
    EngineError, Scheduler, Sglang, SglangParams, Slots, TrtLlm, TrtLlmParams, Vllm, VllmParams,
};
pub use spec::EngineSpec;
use tokmark_base::Micros;
use tokmark_kv::KvEvent;
use tokmark_kv::tier::TierReport;
use tokmark_record::Sample;
pub use virtual_time::{Limits, Played, SimulateError, simulate};
pub use worker::Worker;

/// An engine as a value: it knows no clock, the driver tells it what happens when.
///
/// Stamps given must not go back; one before the last is taken as the last. Every command first lets happen what is due before
/// it, so the events of a request come out in the order of their stamps whatever the driver's rhythm.
pub trait Engine: Send {
    /// A request arrives.
    fn arrive(&mut self, now: Micros, arrival: Arrival, out: &mut Out);

    /// The client of a request went away. Nothing more is emitted for it; an unknown or finished request is ignored.
    fn cancel(&mut self, now: Micros, request: RequestId, out: &mut Out);

    /// Lets everything happen that is due at `now` or before.
    fn advance(&mut self, now: Micros, out: &mut Out);

    /// When the engine wants to be advanced if no command comes first; `None` if nothing would happen.
    ///
    /// With [`Self::look_ahead`] tokens may be out before that moment; without, something happens at exactly this moment.
    fn next_due(&self) -> Option<Micros>;

    /// Allows the engine to skip ahead over passes in which nothing but one token a sequence happens, and to tell of them later,
    /// as [`Lifecycle::Stretch`]. For drivers in virtual time; the stamps are the same.
    fn look_ahead(&mut self, _allowed: bool) {}

    /// Stops between two passes: after one has ended at the moment the engine is advanced to, the next begins only when it is
    /// advanced again. What comes to mind at the end of a pass, at that very moment, then joins the next.
    fn stepwise(&mut self, _wanted: bool) {}

    /// Where every request that ever arrived is now.
    fn census(&self) -> Census;

    /// What a scrape of the engine's metrics would say now.
    fn gauges(&self) -> Gauges {
        Gauges::of(&self.census())
    }

    /// What [`Self::gauges`] and [`Self::tier_report`] say, as samples of the series: source `engine`, and of a cluster
    /// `engine0`, `engine1`, … for its workers and their ranks, pool by pool.
    fn samples(&self, at: Micros) -> Vec<Sample> {
        vec![self.gauges().sample("engine", at, self.tier_report())]
    }

    /// What is in the tiers below the device, and what they were good for. `None` if there are none, and from a cluster, which does
    /// not add up those of its workers.
    fn tier_report(&self) -> Option<TierReport> {
        None
    }

    /// Sets memory aside for a request whose KV cache is on its way here (disaggregation). [`Lifecycle::Reserved`] goes out as
    /// soon as there is room; [`Self::arrive`] with the same number and [`Carried::cached`] takes it over.
    fn reserve(&mut self, now: Micros, arrival: Arrival, out: &mut Out);

    /// What was set aside by [`Self::reserve`], or kept because of [`Arrival::keep`], is free again. An unknown request is ignored.
    fn release(&mut self, now: Micros, request: RequestId, out: &mut Out);

    /// Tokens of a prompt that would be found in the cache now; 0 if there is none.
    fn cached(&self, _arrival: &Arrival) -> u32 {
        0
    }

    /// Nothing begins and nothing ends before `until`; a pass in flight takes so much longer.
    fn stall(&mut self, now: Micros, until: Micros, out: &mut Out);

    /// The cluster behind it, if it is one: for what only a cluster can do while it runs (faults, workers one by one).
    fn cluster(&mut self) -> Option<&mut Cluster> {
        None
    }

    /// Moves what changed in the cache since the last call to the end of `into`, with stamps. Nothing unless
    /// [`Self::tell_kv`] asked for it.
    fn kv_events(&mut self, _into: &mut Vec<(Micros, KvEvent)>) {}

    /// Whether somebody wants [`Self::kv_events`].
    fn tell_kv(&mut self, _wanted: bool) {}

    /// The engine breaks down: its cache and its batch are gone. Every request that was in leaves, and is told of in `lost`, in the
    /// order of arrival, as it would have to arrive elsewhere ([`Carried::emitted`] says what is out); the census counts them as
    /// handed over. Its clock goes on.
    fn crash(&mut self, now: Micros, lost: &mut Vec<Arrival>, out: &mut Out);
}
