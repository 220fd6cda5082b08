//! **What must hold for any input?** A function a target: it takes bytes and panics if a promise is broken.
//!
//! In: any bytes. Out: nothing, or a panic that says which promise.
//! Invariant: the same bytes give the same result; no target looks at a clock or a file.
//! Start reading at [`TARGETS`]. One more is one file here, one line in that list, one program in `targets/`, one folder in
//! `corpus/`.

mod asked;
pub mod dataset;
pub mod rows;
mod spec;
mod stream;

pub use asked::asked;
pub use dataset::dataset;
pub use rows::detect;
pub use spec::spec;
pub use stream::stream;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its program and of its corpus.
    pub name: &'static str,
    /// What must hold.
    pub holds: &'static str,
    /// Tries one input.
    pub check: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "asked",
        holds: "a request's body is a request to the simulated server, or an error with a hint",
        check: asked,
    },
    Target {
        name: "azure",
        holds: "a file of azure gives rows or errors that point into it, however its bytes arrive",
        check: rows::azure,
    },
    Target {
        name: "burst_gpt",
        holds: "a file of burst_gpt gives rows or errors that point into it, however its bytes arrive",
        check: rows::burst_gpt,
    },
    Target {
        name: "dataset",
        holds: "the rows of a trace come out in the order of their times, sessions whole, words and outlines alike",
        check: dataset,
    },
    Target {
        name: "detect",
        holds: "a file's beginning says what it holds, or a hint is given; what it is said to hold can be read",
        check: detect,
    },
    Target {
        name: "dynamo_requests",
        holds: "a file of dynamo_requests gives rows or errors that point into it, however its bytes arrive",
        check: rows::dynamo_requests,
    },
    Target {
        name: "inputs_json",
        holds: "a file of inputs_json gives rows or errors that point into it, however its bytes arrive",
        check: rows::inputs_json,
    },
    Target {
        name: "mooncake",
        holds: "a file of mooncake gives rows or errors that point into it, however its bytes arrive",
        check: rows::mooncake,
    },
    Target {
        name: "multi_turn",
        holds: "a file of multi_turn gives rows or errors that point into it, however its bytes arrive",
        check: rows::multi_turn,
    },
    Target {
        name: "random_pool",
        holds: "a file of random_pool gives rows or errors that point into it, however its bytes arrive",
        check: rows::random_pool,
    },
    Target {
        name: "raw_payload",
        holds: "a file of raw_payload gives rows or errors that point into it, however its bytes arrive",
        check: rows::raw_payload,
    },
    Target {
        name: "share_gpt",
        holds: "a file of share_gpt gives rows or errors that point into it, however its bytes arrive",
        check: rows::share_gpt,
    },
    Target {
        name: "single_turn",
        holds: "a file of single_turn gives rows or errors that point into it, however its bytes arrive",
        check: rows::single_turn,
    },
    Target {
        name: "spec",
        holds: "a spec file resolves or is refused in words; what is resolved and written out resolves to itself",
        check: spec,
    },
    Target {
        name: "stream",
        holds: "any cut of a reply's bytes gives the same reply and the same events",
        check: stream,
    },
    Target {
        name: "vllm_timed",
        holds: "a file of vllm_timed gives rows or errors that point into it, however its bytes arrive",
        check: rows::vllm_timed,
    },
];
