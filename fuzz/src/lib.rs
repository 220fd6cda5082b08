//! **What must hold for any input?** A function a target: it takes bytes and panics if a promise is broken.
//!
//! In: any bytes. Out: nothing, or a panic that says which promise.
//! Invariant: the same bytes give the same result; no target looks at a clock or a file.
//! Start reading at [`TARGETS`]. One more is one file here, one line in that list, one program in `targets/`, one folder in
//! `corpus/`.

mod jsonl;
mod spec;
mod stream;

pub use jsonl::jsonl;
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
        name: "jsonl",
        holds: "a prompt file gives prompts or an error that points into it, however its bytes arrive",
        check: jsonl,
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
];
