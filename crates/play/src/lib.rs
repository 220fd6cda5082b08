//! **A simulated engine behind real HTTP.**
//!
//! In: a [`Config`] with any [`tokmark_engine::Engine`]. Out: an OpenAI server on a port ([`Handle`]): `/v1/chat/completions` and
//! `/v1/completions`, streaming or not, `/v1/models`, `/health`; and [`Stats`] of what it did, its own lateness included.
//! Invariant: every token leaves because the engine said so, with the engine's stamp as its due time; what the server itself
//! adds is measured ([`Lateness`]), not assumed.
//! Start reading at `floor.rs`, where engine and wall clock meet. One more way to go wrong is one variant of [`Fault`].
//!
//! Honest about tokens: a prompt is taken for as many tokens as it has words (or token ids), which is exact for tokmark's own
//! synthetic prompts, whose words are one token each, and an estimate for any other text.
//!
//! Not yet: `/metrics`, several workers, `n > 1`, stop words.

mod answer;
mod body;
mod clock;
mod fault;
mod floor;
mod lateness;
mod line;
mod reply;
mod server;

pub use fault::{Fault, FaultError, FaultRule};
pub use lateness::Lateness;
pub use server::{Config, Handle, Health, Server, StartError, Stats};
