//! **Which metrics does which server expose, and what does each of them measure?** Data, kept once: a scraper reads by it and the
//! simulated server writes by it ([`exposition`]).
//!
//! In: nothing. Out: [`Catalogue::of`] a [`Server`], [`find`] by name, [`Catalogue::measuring`] by [`Quantity`].
//! Invariant: a name stands once in a catalogue, as the server's scrape spells it (a counter of vLLM with its `_total`), with the
//! type, labels and buckets the real thing has; [`Metric::source`] says how that is known.
//! Start reading at [`Metric`]. One more metric is one line in its server's file; one more server is one file and one line in
//! [`Server`] and [`Catalogue::of`].
//!
//! The help texts are our own words. The names were taken from real scrapes where a server could be run (vLLM, Dynamo), from the
//! collectors of the package itself where it could not (SGLang), and read in the source otherwise (TensorRT-LLM).
//!
//! Not yet: summaries (`sglang:eplb_balancedness`, vLLM's `http_*_size_bytes`), the metrics of Python's and FastAPI's own
//! instrumentation (`python_*`, `process_*`, `http_*`), Triton's `nv_*`; per server, what the head of its file names.

pub mod dynamo;
pub mod exposition;
mod histogram;
mod metric;
pub mod own;
mod server;
pub mod sglang;
pub mod trtllm;
pub mod vllm;

pub use exposition::{Dialect, Exposition, ExpositionError};
pub use histogram::{BoundsError, Histogram};
pub use metric::{Kind, Metric, Part, Quantity, Unit};
pub use server::{Server, UnknownServer};

use metric::{configured, counter, gauge, histogram, info, stated};

/// What one server exposes.
pub struct Catalogue;

impl Catalogue {
    /// Every known metric of a server, in the order it is told.
    pub const fn of(server: Server) -> &'static [Metric] {
        match server {
            Server::Vllm => vllm::METRICS,
            Server::Sglang => sglang::METRICS,
            Server::Trtllm => trtllm::METRICS,
            Server::Dynamo => dynamo::METRICS,
        }
    }

    /// What our simulated server adds to the names of the one it plays.
    pub const fn own() -> &'static [Metric] {
        own::METRICS
    }

    /// The metric of `server` and `part` that measures `quantity`.
    pub fn measuring(server: Server, part: Part, quantity: Quantity) -> Option<&'static Metric> {
        Catalogue::of(server).iter().find(|metric| metric.part == part && metric.what == Some(quantity))
    }
}

/// The metric of this name, and whose it is; `None` for our own ([`own`]) and for strangers. A name that older releases used and
/// that only changed its spelling ([`vllm::RENAMED`]) finds today's metric.
pub fn find(name: &str) -> Option<(Server, &'static Metric)> {
    let exact = |name: &str| {
        Server::ALL.into_iter().find_map(|server| {
            let metric = Catalogue::of(server).iter().find(|metric| metric.name == name)?;
            Some((server, metric))
        })
    };
    exact(name).or_else(|| {
        let (_, today) = vllm::RENAMED.iter().find(|(former, _)| *former == name)?;
        exact(today)
    })
}

#[cfg(test)]
mod tests;
