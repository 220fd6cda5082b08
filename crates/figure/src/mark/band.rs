//! A band: from a low to a high value along x, an interval or two percentiles.
//!
//! A missing pair is a gap; a high of +∞ goes to the upper edge, and a note says so.

use std::fmt::Write as _;

use super::{Draw, Drawn, Frame, Look, Reach, Sample, counted, list, widen};
use crate::axis::Axis;
use crate::error::FigureError;
use crate::scene::{Fill, Node, Path, Step, push_line};
use crate::thin;

/// From low to high along x.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    name: String,
    what: String,
    points: Vec<(f64, Option<(f64, f64)>)>,
    n: Option<u64>,
}

impl Band {
    /// `what` the band is (`p25–p75`), and its low and high value along x.
    pub fn new<Y: Into<Option<(f64, f64)>>>(
        name: impl Into<String>,
        what: impl Into<String>,
        points: impl IntoIterator<Item = (f64, Y)>,
    ) -> Self {
        let points = points.into_iter().map(|(x, y)| (x, y.into())).collect();
        Self { name: name.into(), what: what.into(), points, n: None }
    }

    /// On how many values each pair rests. Where a line of the same name says it for each point, this is not needed.
    #[must_use]
    pub fn n(mut self, n: u64) -> Self {
        self.n = Some(n);
        self
    }
}

impl Draw for Band {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "band"
    }

    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError> {
        for (i, (at, pair)) in self.points.iter().enumerate() {
            x.check(&self.name, i, *at)?;
            let Some((low, high)) = pair else { continue };
            y.check(&self.name, i, *low)?;
            if *high != f64::INFINITY {
                y.check(&self.name, i, *high)?;
            }
            if low > high {
                let what = format!("pair {i} goes from {low} down to {high}");
                return Err(FigureError::series(&self.name, what, "give the lower one first"));
            }
        }
        Ok(())
    }

    fn reach(&self) -> Reach {
        let x = self.points.iter().fold(None, |seen, (x, _)| widen(seen, *x));
        let ends = self.points.iter().filter_map(|(_, pair)| *pair).flat_map(|(low, high)| [low, high]);
        [x, ends.filter(|v| v.is_finite()).fold(None, widen)]
    }

    fn is_area(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Sample> {
        Some(Sample::of([self.n]))
    }

    fn what(&self) -> Option<&str> {
        Some(self.what.as_str()).filter(|what| !what.is_empty())
    }

    fn draw(&self, frame: &Frame, look: Look) -> Drawn {
        let mut drawn = Drawn::default();
        let placed: Vec<Option<(f64, f64, f64)>> = self
            .points
            .iter()
            .map(|(x, pair)| {
                let (low, high) = (*pair)?;
                let high = if high.is_finite() { frame.y.place(high) } else { frame.top() };
                Some((frame.x.place(*x), frame.y.place(low), high))
            })
            .collect();
        let mut steps = Vec::new();
        for run in placed.split(Option::is_none).filter(|run| !run.is_empty()) {
            let all: Vec<(f64, f64, f64)> = run.iter().flatten().copied().collect();
            let mut run = thin::band(&all);
            if run.len() < all.len() && !drawn.data.iter().any(|(key, _)| *key == "thinned") {
                drawn.data.push(("thinned", "true".to_owned()));
            }
            if let [(x, low, high)] = run[..] {
                // One pair alone has no width; it gets two pixels.
                run = vec![(x - 1.0, low, high), (x + 1.0, low, high)];
            }
            let edge = run.iter().map(|(x, low, _)| (*x, *low));
            push_line(&mut steps, edge.chain(run.iter().rev().map(|(x, _, high)| (*x, *high))));
            steps.push(Step::Close);
        }
        if !steps.is_empty() {
            let fill = Some(Fill { ink: look.ink(), opacity: 0.2 });
            drawn.nodes.push(Node::Path(Path { steps, fill, stroke: None }));
        }
        let mut told = format!("{}: {}", self.what, counted(self.points.len(), "pair"));
        let missing = self.points.iter().filter(|(_, pair)| pair.is_none()).count();
        if missing > 0 {
            let _ = write!(told, ", {missing} of them missing (gaps)");
        }
        if drawn.data.iter().any(|(key, _)| *key == "thinned") {
            told += ", thinned out: the widest of each column of pixels";
        }
        drawn.told.push(told);
        if self.points.iter().any(|(_, pair)| pair.is_some_and(|(_, high)| high == f64::INFINITY)) {
            drawn
                .notes
                .push("a band up to the upper edge is infinite there (failures count as ∞)".to_owned());
        }
        if self.points.len() <= 400 {
            drawn.data.push(("x", list(self.points.iter().map(|(x, _)| Some(*x)))));
            drawn.data.push(("low", list(self.points.iter().map(|(_, pair)| pair.map(|p| p.0)))));
            drawn.data.push(("high", list(self.points.iter().map(|(_, pair)| pair.map(|p| p.1)))));
        }
        drawn
    }
}
