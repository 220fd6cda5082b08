//! **How is a run told on paper?**
//!
//! In: a [`Summary`](tokmark_measure::Summary). Out: text: [`terminal::run`] (the table on the screen), [`sweep::table`]
//! (one line a point), [`errors::table`], [`markdown::run`] (the short summary file).
//! Invariant: pure functions of the summary; no number is computed here that is not in `summary.json`, and an INVALID run
//! shows none unless asked to.
//! Start reading at [`terminal`]. One more form is one file with one function.

pub mod errors;
mod groups;
mod layout;
pub mod markdown;
pub mod sweep;
pub mod terminal;

/// How the text may look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours may be used (a terminal, and `NO_COLOR` unset).
    pub colour: bool,
    /// Whether an INVALID run's numbers are printed all the same (`--validity report`).
    pub show_invalid: bool,
}
