//! **A simulated engine behind real HTTP.**
//!
//! In: a [`Config`] with any [`tokmark_engine::Engine`]. Out: an OpenAI server on a port ([`Handle`]): `/v1/chat/completions` and
//! `/v1/completions`, streaming or not, `/v1/models`, health checks, metrics and profiler routes as vLLM, SGLang, TensorRT-LLM or
//! Dynamo have them ([`Config::plays`]), `/generate` as SGLang has it, or else `/generate` and `/generate_stream` as Text Generation
//! Inference has them, `/admin` to change it while it runs; and [`Stats`] of what it did, its own lateness included.
//! Invariant: every token leaves because the engine said so, with the engine's stamp as its due time; what the server itself
//! adds is measured ([`Lateness`]), not assumed.
//! Start reading at `stage.rs`, where engine and wall clock meet, then `floor.rs` (a thread's part), `reply.rs` (bytes) and `line.rs`
//! (the socket). Routes are in `answer.rs`. One more way to go wrong is one variant of [`Fault`]; where the servers differ is
//! `habits.rs`; what a metric shows is `metrics/scrape.rs`.
//!
//! Honest about tokens: a prompt is taken for as many tokens as it has words (or token ids), which is exact for tokmark's own
//! synthetic prompts, whose words are one token each, and an estimate for any other text. Equal words are equal tokens to the
//! engine's prefix cache; a reply that a chat says again, word by word behind the prompt it answered, is found there too
//! (`replies.rs`, the last 65,536).
//!
//! Several workers are one scrape: gauges are their sums under `engine="0"`, as if they were one engine.
//!
//! Not yet: `n > 1`, stop words and several prompts in one request (refused); images, tools, `echo`, `logprobs`, `stop_token_ids`
//! and sampling (taken, without effect); a reply found in the prefix cache when it comes back in anything but a chat; metrics of a
//! Dynamo worker's system port; `/metrics` of trtllm-serve (its JSON of iterations), `/version` but vLLM's; a profile that ends by
//! itself (`num_steps`, `max_iterations`); metrics of engine steps, adapters and speculation; of `/generate`, token ids, several prompts
//! and `n`, batches of `best_of`, and the last words and the reason to stop in one event (they are two); of `nvext.extra_fields` all but
//! `timing`; reasoning.

mod admin;
mod answer;
mod body;
mod clock;
mod config;
mod fault;
mod floor;
mod generate;
mod habits;
mod lateness;
mod line;
mod load;
mod metrics;
mod profile;
mod prompt;
mod replies;
mod reply;
mod server;
mod stage;

pub use config::{Config, Health, StartError};
pub use fault::{Fault, FaultError, FaultRule};
pub use lateness::Lateness;
pub use load::{Load, MICROS_PER_TOKEN, TooFast};
pub use profile::Profiling;
pub use server::{Handle, Server, Stats};
