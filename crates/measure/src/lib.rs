//! **What do the facts mean, how sure are we, is it good enough?**
//!
//! In: a [`RunHeader`](tokmark_record::RunHeader), [`Record`](tokmark_record::Record)s and
//! [`Sample`](tokmark_record::Sample)s, a [`MeasureSpec`], the driver's [`RunFacts`]. Out: an [`Analysis`]: the
//! [`Summary`] of the window with its [`Verdict`], and the [`AiperfPopulation`] by AIPerf's own rules.
//! Invariant: pure. The same records give the same bytes; nothing is estimated where it was not measured (missing is
//! `None`, failures are +∞, coalesced events are bounds).
//! Start reading at [`analysis::analyse`]; a metric is one file under [`metric`], a rule of the verdict one function under
//! [`budget`].
//! One more metric is one file and one line in [`catalogue`].

pub mod aiperf;
pub mod amount;
pub mod analysis;
pub mod attempt;
pub mod budget;
pub mod catalogue;
pub mod facts;
mod failures;
mod groups;
pub mod health;
pub mod live;
pub mod metric;
mod pool;
mod population;
pub mod spec;
mod statistics;
mod steady;
pub mod summary;
mod sums;
mod tally;
pub mod tokens;
pub mod verdict;
mod window;

pub use aiperf::AiperfPopulation;
pub use analysis::{Analysis, analyse};
pub use facts::{Calibrated, RunFacts};
pub use spec::{CountTokens, MeasureSpec, Validity};
pub use summary::Summary;
pub use verdict::Verdict;
