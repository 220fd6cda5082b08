//! **How long should a step take on this hardware?**
//!
//! In: a [`Step`] (tokens to prefill, sequences to decode) and a [`TimingSpec`] with the [`Table`] it may name; or a
//! [`Deployment`] (what runs where, as a neutral value). Out: the step's [`StepTime`]; the number of GPUs behind a target.
//! Invariant: pure; the same step always takes the same time ([`Adjustable`]: until its dial is turned), and what a deployment does
//! not say is unknown, never assumed.
//! Start reading at [`Timing`], then [`TimingSpec`] (what can be asked) and [`Pace`] (what goes around a model, in which order).
//! One more timing model is one file beside `polynomial.rs` that implements [`Timing`], one word in [`TimingModel`] and one arm in
//! `spec/build.rs`; one more layer is one file like `overhead.rs` and one line in `pace.rs`.
//!
//! Not yet: a model that estimates a step from the hardware (it is one more [`Timing`]); how prompt tokens slow down with the
//! context before them (in no table read here); CUDA graphs of passes that prefill, and vLLM's own sizes on data-centre Blackwell
//! or with drafts (list them); imbalance of experts that changes with the tokens of a pass.

mod adjustable;
mod constant;
mod deployment;
mod error;
mod experts;
mod graphs;
mod overhead;
mod pace;
mod per_token;
mod polynomial;
mod scaled;
mod spec;
pub mod table;
pub mod timing;

pub use adjustable::{Adjustable, Dial, DialError, Factors};
pub use constant::{Constant, ConstantError};
pub use deployment::{Deployment, DeploymentError, Mode, Role};
pub use error::TimingError;
pub use experts::{Experts, Spread as ExpertSpread};
pub use graphs::{CaptureSizes, Graphs, vllm_capture_sizes};
pub use overhead::Overhead;
pub use pace::Pace;
pub use per_token::{PerToken, Prefill, Preset, Spread};
pub use polynomial::Polynomial;
pub use scaled::Scaled;
pub use spec::{TimingModel, TimingSpec};
pub use table::{Measured, MockerGrid, ProfilePoints, Table, TableError};
pub use timing::{Step, StepTime, Timing};
