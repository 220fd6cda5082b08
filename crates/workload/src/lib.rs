//! **What shall be sent, and exactly when?**
//!
//! In: [`WorkloadSpec`] and [`LoadSpec`] (their part of the spec), a seed, a [`tokmark_base::Lexicon`], the lines of a trace or
//! data set. Out: a [`Plan`] (request `i` is a pure function of the spec, the seed and `i`) and a [`Pacer`] a lane (sans-I/O: what is
//! due now, and when to look again).
//! Invariant: one seed gives the same bytes and the same intended starts on every machine, for any number of lanes, and
//! measured request `i` is the same with and without a warm-up.
//!
//! Start reading at [`load`] and [`spec`] (what can be asked), then [`schedule`] (an open loop's starts) and [`pacer`] (who goes
//! now); what is said begins at [`plan`], which items follow which at [`course`]; [`trace`] works on traces themselves. One more
//! arrival is one file in `arrival/` and its line in [`arrival::Arrival`]; one more rate over time is one file in `rate/` and its
//! line in [`rate::Rate`]; one more law of lengths is one file in `shape/lengths/` and its line in [`shape::lengths::Law`]; one more
//! format of traces or data sets is one file in `source/` and its line in [`FileFormat`].

pub mod arrival;
pub mod course;
pub mod load;
pub mod pacer;
pub mod plan;
pub mod quantity;
pub mod rate;
pub mod schedule;
pub mod shape;
pub mod source;
pub mod spec;
pub mod trace;

pub use arrival::{Arrival, ArrivalKind};
pub use course::{Address, Course, Independent, Numbering};
pub use load::{Load, LoadError, LoadSpec, Phased};
pub use pacer::{Next, Pacer, Release, Unsent};
pub use plan::{Class, Inputs, Place, Plan, PlannedRequest, Prompt, Requests, Shape};
pub use quantity::{Count, Duration, Extent, QuantityError, Warmup};
pub use rate::Rate;
pub use schedule::{Realised, Schedule, Start};
pub use source::{Dataset, DatasetError, FileFormat};
pub use spec::{PrefixSpec, WorkloadError, WorkloadSpec};
