//! The picture of a trace: lengths, what is shared of them, and when rows arrive.

use std::fmt;
use std::path::{Path, PathBuf};

use tokmark_figure::{Axis, Cdf, Figure, FigureError, Plot, Series, Style};
use tokmark_store::publish_bytes;
use tokmark_workload::trace::{Analysis, Values};

use super::files;
use super::table::grouped;
use crate::failure::Failure;

/// Dots a pixel of a PNG.
const SHARP: f32 = 2.0;
/// Pieces of the time line.
const PIECES: usize = 200;

/// Where the picture goes.
pub(super) struct Target {
    dir: PathBuf,
    name: String,
    painted: bool,
}

impl Target {
    /// What `--plot` means.
    pub(super) fn of(plot: &Path) -> Result<Self, Failure> {
        let (dir, name) = files::place("plot", plot)?;
        match plot.extension().and_then(|end| end.to_str()) {
            Some("svg") => Ok(Self { dir, name, painted: false }),
            Some("png") => Ok(Self { dir, name, painted: true }),
            _ => Err(Failure::usage(format!(
                "--plot {}: no kind of picture\nhint: give a name that ends in .svg or .png",
                plot.display()
            ))),
        }
    }

    /// Draws it.
    pub(super) fn write(&self, figure: &Figure) -> Result<(), Failure> {
        let refused = |e: FigureError| Failure::internal(e.to_string());
        let bytes = if self.painted {
            figure.png(SHARP).map_err(refused)?
        } else {
            figure.svg().map_err(refused)?.into_bytes()
        };
        publish_bytes(&self.dir, &self.name, &bytes)?;
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dir.join(&self.name).display().fmt(f)
    }
}

/// The picture.
pub(super) fn figure(file: &str, found: &Analysis, values: &Values) -> Figure {
    let counts = |counts: &[u32]| counts.iter().copied().map(f64::from).collect::<Vec<_>>();
    let tokens = |title| Axis::linear(title).unit("tokens").from_zero();
    let share = || Axis::linear("share of rows");
    let own: Vec<u32> =
        values.input.iter().zip(&values.context).map(|(input, context)| input - context).collect();
    let mut lengths =
        Plot::new("Input", tokens("length"), share()).mark(Cdf::new("input", counts(&values.input)));
    if found.rows_without_ids < found.rows {
        lengths = lengths
            .mark(Cdf::new("context (shared)", counts(&values.context)))
            .mark(Cdf::new("unique prompt", counts(&own)));
    }
    let mut figure = Figure::new("What the trace holds")
        .subtitle(format!("{file}: {} rows", grouped(found.rows as f64, 0)))
        .panel(lengths);
    if !values.output.is_empty() {
        let output = Cdf::new("output", counts(&values.output));
        figure = figure.panel(Plot::new("Output", tokens("length"), share()).mark(output));
    }
    if !values.hit_rate.is_empty() {
        let rate = Axis::linear("hit rate of a row").covering(0.0, 1.0);
        let endless = Cdf::new("endless cache", values.hit_rate.iter().copied());
        figure = figure.panel(Plot::new("Theoretical hit rate", rate, share()).mark(endless));
    }
    match rate(values) {
        Some(rate) => {
            let time = Axis::linear("time from the first row").unit("s").from_zero();
            figure.panel(Plot::new("Arrivals", time, Axis::linear("rate").unit("1/s").from_zero()).mark(rate))
        }
        None => figure,
    }
}

/// Rows per second over the time line; `None` if it has no length.
fn rate(values: &Values) -> Option<Series> {
    let (first, last) = (*values.times.iter().min()?, *values.times.iter().max()?);
    let span = (last - first).as_secs_f64();
    if span <= 0.0 {
        return None;
    }
    // A piece with less than a few rows is noise.
    let pieces = PIECES.min(values.times.len() / 5).max(1);
    let width = span / pieces as f64;
    let mut counts = vec![0_u32; pieces];
    for at in &values.times {
        let piece = ((*at - first).as_secs_f64() / width) as usize;
        counts[piece.min(pieces - 1)] += 1;
    }
    let points = counts.iter().enumerate().map(|(piece, n)| (piece as f64 * width, f64::from(*n) / width));
    let end = counts.last().map(|n| (span, f64::from(*n) / width));
    Some(Series::new("requests", Style::Steps, points.chain(end)))
}
