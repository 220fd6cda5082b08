//! A histogram: how many values lie from one edge to the next. A bin holds its lower edge; the last one holds both.

use super::{Draw, Drawn, Frame, Look, Reach, Sample, list};
use crate::axis::{Axis, Scale};
use crate::error::FigureError;
use crate::scene::{Fill, Node, Path, Step, Stroke, push_line};
use crate::ticks;

/// Counts between edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    name: String,
    edges: Vec<f64>,
    counts: Vec<u64>,
    outside: u64,
}

impl Histogram {
    /// Counts that are known already; one edge more than counts.
    pub fn new(
        name: impl Into<String>,
        edges: impl IntoIterator<Item = f64>,
        counts: impl IntoIterator<Item = u64>,
    ) -> Self {
        let (edges, counts) = (edges.into_iter().collect(), counts.into_iter().collect());
        Self { name: name.into(), edges, counts, outside: 0 }
    }

    /// Counts values between edges. What lies outside (and NaN, and ±∞) is counted apart and told below the picture.
    pub fn of(name: impl Into<String>, values: &[f64], edges: impl IntoIterator<Item = f64>) -> Self {
        let edges: Vec<f64> = edges.into_iter().collect();
        let mut counts = vec![0; edges.len().saturating_sub(1)];
        let mut outside = 0;
        for value in values {
            let above = edges.partition_point(|edge| edge <= value);
            let bin = if edges.last() == Some(value) { counts.len() } else { above };
            match bin.checked_sub(1).and_then(|bin| counts.get_mut(bin)) {
                Some(count) if !value.is_nan() => *count += 1,
                _ => outside += 1,
            }
        }
        Self { name: name.into(), edges, counts, outside }
    }

    /// About `bins` bins of one round width that cover what is finite.
    pub fn round(name: impl Into<String>, values: &[f64], bins: usize) -> Self {
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let Some((low, high)) = finite.fold(None, super::widen) else {
            return Self { outside: values.len() as u64, ..Self::new(name, [], []) };
        };
        let high = if high > low { high } else { low + low.abs().max(1.0) * 0.1 };
        Self::of(name, values, ticks::linear(low, high, bins).into_iter().map(|tick| tick.value))
    }

    fn n(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.outside
    }
}

impl Draw for Histogram {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "histogram"
    }

    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError> {
        let refuse = |what: &str, hint| Err(FigureError::series(&self.name, what, hint));
        if self.edges.len() != self.counts.len() + 1 && !(self.edges.is_empty() && self.counts.is_empty()) {
            return refuse("edges and counts do not go together", "give one edge more than counts");
        }
        if y.scale != Scale::Linear {
            return refuse("a bar has no length on an axis without zero", "use a linear y axis");
        }
        for (i, edge) in self.edges.iter().enumerate() {
            x.check(&self.name, i, *edge)?;
        }
        if self.edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            return refuse("edges do not rise", "sort them, and take no edge twice");
        }
        Ok(())
    }

    fn reach(&self) -> Reach {
        let (Some(first), Some(last)) = (self.edges.first(), self.edges.last()) else { return [None, None] };
        let most = self.counts.iter().max().map_or(0.0, |most| *most as f64);
        [Some((*first, *last)), (self.n() > self.outside).then_some((0.0, most))]
    }

    fn wants_zero(&self) -> bool {
        true
    }

    fn is_area(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Sample> {
        Some(Sample::Of(self.n(), self.n()))
    }

    fn draw(&self, frame: &Frame, look: Look) -> Drawn {
        let mut drawn = Drawn::default();
        let base = frame.base();
        let mut outline = Vec::new();
        for (pair, count) in self.edges.windows(2).zip(&self.counts) {
            let top = frame.y.place(*count as f64);
            outline.extend([(frame.x.place(pair[0]), top), (frame.x.place(pair[1]), top)]);
        }
        if let (Some((left, _)), Some((right, _))) = (outline.first().copied(), outline.last().copied()) {
            outline.insert(0, (left, base));
            outline.push((right, base));
            outline.dedup();
            let mut steps = Vec::new();
            push_line(&mut steps, outline);
            steps.push(Step::Close);
            let stroke = Some(Stroke { width: 1.0, dash: &[], ..look.stroke() });
            drawn.nodes.push(Node::Path(Path {
                steps,
                fill: Some(Fill { ink: look.ink(), opacity: 0.35 }),
                stroke,
            }));
        }
        let seen = self.counts.len();
        drawn.told.push(format!("{} values in {}", self.n(), super::counted(seen, "bin")));
        if self.outside > 0 {
            drawn.notes.push(format!("{}: {} of {} values lie outside", self.name, self.outside, self.n()));
            drawn.data.push(("outside", self.outside.to_string()));
        }
        if self.edges.len() <= 400 {
            drawn.data.push(("edges", list(self.edges.iter().map(|edge| Some(*edge)))));
            drawn.data.push(("counts", list(self.counts.iter().map(|count| Some(*count as f64)))));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_holds_its_lower_edge_and_the_last_one_both() {
        let h =
            Histogram::of("a", &[0.0, 0.5, 1.0, 2.0, 2.1, -1.0, f64::NAN, f64::INFINITY], [0.0, 1.0, 2.0]);
        assert_eq!((h.counts.clone(), h.outside, h.n()), (vec![2, 2], 4, 8));
        let round = Histogram::round("a", &[3.0, 97.0, 50.0], 10);
        assert_eq!((round.edges.len(), round.edges[0], round.edges[10]), (11, 0.0, 100.0));
        assert_eq!(Histogram::round("a", &[7.0, 7.0], 10).counts.iter().sum::<u64>(), 2);
        assert_eq!(Histogram::round("a", &[], 10).n(), 0);
    }
}
