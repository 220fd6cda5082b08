//! **How is a series, band, surface, bar or table drawn?**
//!
//! In: a [`Figure`] of [`Plot`]s and [`Table`]s, a plot with two [`Axis`] and [`mark`]s on them; names, numbers and units, nothing of
//! runs or metrics. Out: [`Figure::svg`] (one self-contained file with groups and numbers that a script can read) and
//! [`Figure::png`], both from one layout.
//! Invariant: one figure gives the same bytes of SVG everywhere; what is drawn is what was given: a missing value is a gap,
//! what has no place on an axis is refused by name, and what was thinned out or lies outside is said.
//!
//! Start reading at [`figure`] (what can be asked), then `layout/` (where everything lies). One more mark is one file in `mark/`
//! and its lines in [`mark::Mark`]. Figures that several callers need are made in files like [`router`].

pub mod axis;
pub mod error;
pub mod figure;
mod layout;
pub mod mark;
pub mod palette;
mod png;
pub mod router;
mod scene;
mod svg;
pub mod table;
mod text;
mod thin;
mod ticks;

pub use axis::Axis;
pub use error::FigureError;
pub use figure::{Annotation, Figure, Panel, Plot};
pub use mark::{Band, Bar, Bars, Cdf, Histogram, Mark, Series, Style, Surface};
pub use palette::{Palette, Theme};
pub use table::Table;

/// Width of a line of text in the pictures' font, pixels: for who sets words beside them.
pub fn text_width(text: &str, size: f64) -> f64 {
    text::Font::new().width(text, size)
}
