//! A cumulative distribution: which share of the values is at most x.
//!
//! Values of +∞ count in the share and are never reached: the curve ends below 1, and a note says so.

use super::{Draw, Drawn, Frame, Look, Reach, Sample};
use crate::axis::Axis;
use crate::error::FigureError;
use crate::scene::{Node, Path};
use crate::thin;

/// Shares of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Cdf {
    name: String,
    /// In order.
    values: Vec<f64>,
}

impl Cdf {
    /// Of these values, in any order.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self { name: name.into(), values }
    }

    fn finite(&self) -> &[f64] {
        &self.values[..self.values.partition_point(|v| *v < f64::INFINITY)]
    }
}

impl Draw for Cdf {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "cdf"
    }

    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError> {
        if y.kind() != "linear" {
            let hint = "use a linear y axis";
            return Err(FigureError::series(&self.name, "shares go from 0 to 1", hint));
        }
        let values = self.values.iter().enumerate().filter(|(_, v)| **v != f64::INFINITY);
        values.into_iter().try_for_each(|(i, value)| x.check(&self.name, i, *value))
    }

    fn reach(&self) -> Reach {
        let finite = self.finite();
        let (Some(first), Some(last)) = (finite.first(), finite.last()) else { return [None, None] };
        [Some((*first, *last)), Some((0.0, 1.0))]
    }

    fn wants_zero(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Sample> {
        let n = self.values.len() as u64;
        Some(Sample::Of(n, n))
    }

    fn draw(&self, frame: &Frame, look: Look) -> Drawn {
        let mut drawn = Drawn::default();
        let n = self.values.len();
        let finite = self.finite();
        let mut points = Vec::new();
        for (i, value) in finite.iter().enumerate() {
            let x = frame.x.place(*value);
            points.push((x, frame.y.place(i as f64 / n as f64)));
            points.push((x, frame.y.place((i + 1) as f64 / n as f64)));
        }
        let thinned = thin::line(&points);
        let mut told = super::counted(n, "value");
        if thinned.len() < points.len() {
            told += ", thinned out: least and greatest of each column of pixels";
            drawn.data.push(("thinned", "true".to_owned()));
        }
        drawn.told.push(told);
        if !thinned.is_empty() {
            drawn.nodes.push(Node::Path(Path::line(thinned, look.stroke())));
        }
        if finite.len() < n {
            drawn.notes.push(format!("{}: {} of {n} values are infinite", self.name, n - finite.len()));
            drawn.data.push(("infinite", (n - finite.len()).to_string()));
        }
        drawn
    }
}
