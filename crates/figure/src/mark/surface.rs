//! A surface: a value for each cell of a grid, as a colour. A cell without a value stays empty.

use std::fmt::Write as _;

use std::collections::BTreeMap;

use super::{Draw, Drawn, Frame, Look, Reach, list, widen};
use crate::axis::Axis;
use crate::error::FigureError;
use crate::palette::RAMP_STEPS;
use crate::scene::{Fill, Ink, Node, Path, push_rect};
use crate::ticks;

/// More cells than this cannot be told apart, and would make a picture of many megabytes.
const MOST: usize = 65_536;

/// A value a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    name: String,
    unit: String,
    x: Vec<f64>,
    y: Vec<f64>,
    /// Row by row, the row of the least y first.
    values: Vec<Option<f64>>,
}

impl Surface {
    /// Cells between edges; `values` row by row, the row of the least y first. `unit` is that of the values.
    pub fn new(
        name: impl Into<String>,
        unit: impl Into<String>,
        x: impl IntoIterator<Item = f64>,
        y: impl IntoIterator<Item = f64>,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Self {
        let (x, y) = (x.into_iter().collect(), y.into_iter().collect());
        Self { name: name.into(), unit: unit.into(), x, y, values: values.into_iter().collect() }
    }

    /// Cells on two axes with names: `columns` × `rows`.
    pub fn grid(
        name: impl Into<String>,
        unit: impl Into<String>,
        columns: usize,
        rows: usize,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Self {
        let edges = |n: usize| (0..=n).map(|i| i as f64 - 0.5).collect::<Vec<f64>>();
        Self::new(name, unit, edges(columns), edges(rows), values)
    }

    fn columns(&self) -> usize {
        self.x.len().saturating_sub(1)
    }

    /// Least and greatest value, rounded outwards.
    fn range(&self) -> Option<(f64, f64)> {
        let (low, high) = self.values.iter().flatten().copied().fold(None, widen)?;
        let laid = Axis::linear("").laid(Some((low, high)), 0.0, 1.0, 4);
        Some((laid.low, laid.high))
    }
}

/// The step of the ramp for a value.
fn step(value: f64, (low, high): (f64, f64)) -> usize {
    (((value - low) / (high - low) * RAMP_STEPS as f64) as usize).min(RAMP_STEPS - 1)
}

impl Draw for Surface {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "surface"
    }

    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError> {
        let refuse = |what: String, hint| Err(FigureError::series(&self.name, what, hint));
        let cells = self.columns() * self.y.len().saturating_sub(1);
        if cells != self.values.len() {
            let what = format!("{} values for {cells} cells", self.values.len());
            return refuse(what, "give one a cell, row by row; None where there is none");
        }
        if cells > MOST {
            return refuse(format!("{cells} cells, more than {MOST}"), "join cells before they are drawn");
        }
        for (edges, axis) in [(&self.x, x), (&self.y, y)] {
            for (i, edge) in edges.iter().enumerate() {
                axis.check(&self.name, i, *edge)?;
            }
            if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
                return refuse("edges do not rise".to_owned(), "sort them, and take no edge twice");
            }
        }
        let colour = Axis::linear("the values");
        let values = self.values.iter().enumerate();
        values.into_iter().try_for_each(|(i, v)| v.map_or(Ok(()), |v| colour.check(&self.name, i, v)))
    }

    fn reach(&self) -> Reach {
        let ends = |edges: &[f64]| edges.iter().copied().fold(None, widen);
        if self.values.iter().all(Option::is_none) {
            return [None, None];
        }
        [ends(&self.x), ends(&self.y)]
    }

    fn is_area(&self) -> bool {
        true
    }

    fn colours(&self) -> Option<(f64, f64, &str)> {
        self.range().map(|(low, high)| (low, high, self.unit.as_str()))
    }

    fn draw(&self, frame: &Frame, _look: Look) -> Drawn {
        let mut drawn = Drawn::default();
        let Some(range) = self.range() else { return drawn };
        // Cells of one colour are one path, and neighbours in a row one rectangle: a tenth of the bytes.
        let mut paths = BTreeMap::<usize, Vec<_>>::new();
        let (x, y) = (|v| libm::round(frame.x.place(v)), |v| libm::round(frame.y.place(v)));
        for (row, cells) in self.values.chunks(self.columns().max(1)).enumerate() {
            // Whole pixels, so that no seam shows between two cells.
            let (bottom, top) = (y(self.y[row]), y(self.y[row + 1]));
            let mut column = 0;
            for run in cells.chunk_by(|a, b| a.map(|v| step(v, range)) == b.map(|v| step(v, range))) {
                if let Some(value) = run[0] {
                    let (left, right) = (x(self.x[column]), x(self.x[column + run.len()]));
                    let steps = paths.entry(step(value, range)).or_default();
                    push_rect(steps, left, top, right - left, bottom - top);
                }
                column += run.len();
            }
        }
        for (step, steps) in paths {
            let fill = Some(Fill { ink: Ink::Ramp(step), opacity: 1.0 });
            drawn.nodes.push(Node::Path(Path { steps, fill, stroke: None }));
        }
        let missing = self.values.iter().filter(|v| v.is_none()).count();
        let mut told = super::counted(self.values.len(), "cell");
        if missing > 0 {
            let _ = write!(told, ", {missing} of them missing (empty)");
            drawn.data.push(("missing", missing.to_string()));
        }
        if let Some((low, high)) = self.values.iter().flatten().copied().fold(None, widen) {
            let _ = write!(told, ", from {} to {} {}", ticks::alone(low), ticks::alone(high), self.unit);
        }
        drawn.told.push(told.trim_end().to_owned());
        if self.values.len() <= 1024 {
            drawn.data.push(("x-edges", list(self.x.iter().map(|v| Some(*v)))));
            drawn.data.push(("y-edges", list(self.y.iter().map(|v| Some(*v)))));
            drawn.data.push(("values", list(self.values.iter().copied())));
        }
        drawn
    }
}
