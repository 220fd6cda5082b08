//! A series: values along x as a line, points, steps or ticks.
//!
//! A value that is missing (`None`) is a gap. One that is +∞ (a latency of attempts of which too many failed) is a gap too, with a
//! triangle at the upper edge and a note that says what it is.

use std::fmt::Write as _;

use super::{Draw, Drawn, Frame, Look, Reach, Sample, counted, list, widen};
use crate::axis::Axis;
use crate::error::FigureError;
use crate::scene::{Cap, Node, Path, Step, Stroke, push_line};
use crate::thin;

/// Up to so many points each has a marker, and its numbers can be read by a script.
const FEW: usize = 40;
const READABLE: usize = 400;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// From value to value.
    #[default]
    Line,
    /// A marker each.
    Points,
    /// Each value holds until the next.
    Steps,
    /// A small upright line each: moments in time.
    Ticks,
}

/// Values along x.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    name: String,
    style: Style,
    points: Vec<(f64, Option<f64>)>,
    n: Option<Vec<u64>>,
    what: String,
}

impl Series {
    /// Values in the order in which they are joined.
    pub fn new<Y: Into<Option<f64>>>(
        name: impl Into<String>,
        style: Style,
        points: impl IntoIterator<Item = (f64, Y)>,
    ) -> Self {
        let points = points.into_iter().map(|(x, y)| (x, y.into())).collect();
        Self { name: name.into(), style, points, n: None, what: String::new() }
    }

    /// A line through values.
    pub fn line<Y: Into<Option<f64>>>(
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, Y)>,
    ) -> Self {
        Self::new(name, Style::Line, points)
    }

    /// The values are statistics (`what`: `p50`) of so many values each.
    #[must_use]
    pub fn statistic(mut self, what: impl Into<String>, n: impl IntoIterator<Item = u64>) -> Self {
        self.what = what.into();
        self.n = Some(n.into_iter().collect());
        self
    }

    /// Runs of points without a gap.
    fn runs(&self, frame: &Frame) -> Vec<Vec<(f64, f64)>> {
        let mut runs = vec![Vec::new()];
        for (x, y) in &self.points {
            let last = runs.last_mut().expect("there is one from the start");
            match y.filter(|y| y.is_finite()) {
                None if last.is_empty() => {}
                None => runs.push(Vec::new()),
                Some(y) => {
                    let at = frame.at(*x, y);
                    if let (Style::Steps, Some((_, before))) = (self.style, last.last().copied()) {
                        last.push((at.0, before));
                    }
                    last.push(at);
                }
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }

    fn lines(&self, frame: &Frame, look: Look, drawn: &mut Drawn) {
        let runs = self.runs(frame);
        let before: usize = runs.iter().map(Vec::len).sum();
        let thinned: Vec<_> = runs.iter().map(|run| thin::line(run)).collect();
        let after: usize = thinned.iter().map(Vec::len).sum();
        let mut steps = Vec::new();
        for run in thinned.iter().filter(|run| run.len() > 1) {
            push_line(&mut steps, run.iter().copied());
        }
        if !steps.is_empty() {
            // Dashes of a line that goes up and down in each pixel would be noise.
            let dash = if after < before { &[] } else { look.stroke().dash };
            let stroke = Some(Stroke { dash, ..look.stroke() });
            drawn.nodes.push(Node::Path(Path { steps, fill: None, stroke }));
        }
        let few = self.points.len() <= FEW && self.style == Style::Line;
        let marked: Vec<(f64, f64)> =
            thinned.iter().filter(|run| few || run.len() == 1).flatten().copied().collect();
        if !marked.is_empty() {
            drawn.nodes.push(Node::Path(look.markers(&marked, 6.0)));
        }
        self.told(drawn, before, after, "least and greatest of each column of pixels");
    }

    fn dots(&self, frame: &Frame, look: Look, drawn: &mut Drawn) {
        let all: Vec<(f64, f64)> = self.runs(frame).concat();
        let kept = thin::points(&all);
        let path = if self.style == Style::Ticks {
            let half = frame
                .y
                .ticks
                .windows(2)
                .map(|pair| frame.y.place(pair[0].value) - frame.y.place(pair[1].value));
            let half = half.fold(20.0, f64::min) * 0.36;
            let steps = kept.iter().flat_map(|(x, y)| [Step::Move(*x, y - half), Step::Line(*x, y + half)]);
            let stroke = Stroke { ink: look.ink(), width: 1.0, dash: &[], cap: Cap::Butt };
            Path { steps: steps.collect(), fill: None, stroke: Some(stroke) }
        } else {
            look.markers(&kept, if kept.len() > READABLE { 2.5 } else { 5.0 })
        };
        if !kept.is_empty() {
            drawn.nodes.push(Node::Path(path));
        }
        self.told(drawn, all.len(), kept.len(), "those that lie on one another drawn once");
    }

    fn told(&self, drawn: &mut Drawn, before: usize, after: usize, how: &str) {
        let missing = self.points.iter().filter(|(_, y)| y.is_none()).count();
        let mut told = counted(self.points.len(), "value");
        if missing > 0 {
            let _ = write!(told, ", {missing} of them missing (gaps)");
            drawn.data.push(("missing", missing.to_string()));
        }
        if after < before {
            let _ = write!(told, ", thinned out: {how}");
            drawn.data.push(("thinned", "true".to_owned()));
        }
        let seen = self.points.iter().filter_map(|(_, y)| *y).filter(|y| y.is_finite());
        if let Some((low, high)) = seen.fold(None, widen).filter(|_| self.style != Style::Ticks) {
            let _ = write!(told, ", from {} to {}", crate::ticks::alone(low), crate::ticks::alone(high));
        }
        drawn.told.push(told);
    }
}

/// Triangles at the upper edge for values without end, and what is said of them.
pub(super) fn endless(xs: &[f64], frame: &Frame, look: Look, drawn: &mut Drawn) {
    if xs.is_empty() {
        return;
    }
    let marks: Vec<(f64, f64)> = xs.iter().map(|x| (*x, frame.top() + 4.0)).collect();
    drawn
        .nodes
        .push(Node::Path(Look { place: look.place * 4 + 2, ..look }.markers(&marks, 9.0).with(look.ink())));
    drawn.notes.push("▲ at the upper edge: infinite (failures count as ∞)".to_owned());
    drawn.data.push(("infinite", xs.len().to_string()));
}

impl Path {
    /// The same in another ink.
    fn with(mut self, ink: crate::scene::Ink) -> Self {
        self.fill = self.fill.map(|fill| crate::scene::Fill { ink, ..fill });
        self
    }
}

impl Draw for Series {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        match self.style {
            Style::Line => "line",
            Style::Points => "points",
            Style::Steps => "steps",
            Style::Ticks => "ticks",
        }
    }

    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError> {
        if self.n.as_ref().is_some_and(|n| n.len() != self.points.len()) {
            return Err(FigureError::series(
                &self.name,
                "not as many n as values",
                "give one n for each value",
            ));
        }
        for (i, (at, value)) in self.points.iter().enumerate() {
            x.check(&self.name, i, *at)?;
            if let Some(value) = value.filter(|v| *v != f64::INFINITY) {
                y.check(&self.name, i, value)?;
            }
        }
        Ok(())
    }

    fn reach(&self) -> Reach {
        let x = self.points.iter().fold(None, |seen, (x, _)| widen(seen, *x));
        [x, self.points.iter().filter_map(|(_, y)| y.filter(|y| y.is_finite())).fold(None, widen)]
    }

    fn is_endless(&self) -> bool {
        self.points.iter().any(|(_, y)| *y == Some(f64::INFINITY))
    }

    fn sample(&self) -> Option<Sample> {
        let n = self.n.as_ref()?;
        let shown = self.points.iter().zip(n).filter(|((_, y), _)| y.is_some());
        Some(Sample::of(shown.map(|(_, n)| Some(*n))))
    }

    fn what(&self) -> Option<&str> {
        Some(self.what.as_str()).filter(|what| !what.is_empty())
    }

    fn draw(&self, frame: &Frame, look: Look) -> Drawn {
        let mut drawn = Drawn::default();
        match self.style {
            Style::Line | Style::Steps => self.lines(frame, look, &mut drawn),
            Style::Points | Style::Ticks => self.dots(frame, look, &mut drawn),
        }
        let endless_at = self.points.iter().filter(|(_, y)| *y == Some(f64::INFINITY));
        let xs: Vec<f64> = endless_at.map(|(x, _)| frame.x.place(*x)).collect();
        endless(&xs, frame, look, &mut drawn);
        if self.points.len() <= READABLE {
            drawn.data.push(("x", list(self.points.iter().map(|(x, _)| Some(*x)))));
            if self.style != Style::Ticks {
                drawn.data.push(("y", list(self.points.iter().map(|(_, y)| *y))));
            }
        }
        drawn
    }
}
