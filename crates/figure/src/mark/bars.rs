//! Bars: one for each name of the x axis. Several `Bars` on a plot stand beside each other.
//!
//! A bar that is missing leaves its place free; one that is +∞ goes to the upper edge, with a triangle and a note.

use std::fmt::Write as _;

use super::series::endless;
use super::{Draw, Drawn, Frame, Look, Reach, Sample, list, widen};
use crate::axis::{Axis, Scale};
use crate::error::FigureError;
use crate::scene::{Fill, Group, Ink, Node, Path, Step, Stroke, push_line};
use crate::ticks::alone;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its height.
    pub value: f64,
    /// Its error bar, from low to high.
    pub spread: Option<(f64, f64)>,
    /// On how many values it rests; `None`: not known.
    pub n: Option<u64>,
}

/// A bar for each name.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    name: String,
    what: String,
    all: Vec<Option<Bar>>,
}

impl Bars {
    /// `what` bar and error bar are (`p50, p25–p75`; empty for plain amounts), and a bar for each name of the axis.
    pub fn new(
        name: impl Into<String>,
        what: impl Into<String>,
        bars: impl IntoIterator<Item = Option<Bar>>,
    ) -> Self {
        Self { name: name.into(), what: what.into(), all: bars.into_iter().collect() }
    }

    /// Whether they are statistics, which have an n.
    fn is_statistic(&self) -> bool {
        !self.what.is_empty() || self.all.iter().flatten().any(|bar| bar.spread.is_some() || bar.n.is_some())
    }
}

/// The error bar of a bar around `middle`.
fn error_bar(steps: &mut Vec<Step>, frame: &Frame, (low, high): (f64, f64), middle: f64, reach: f64) {
    let low = frame.y.place(low);
    let high = if high.is_finite() { frame.y.place(high) } else { frame.top() };
    push_line(steps, [(middle, low), (middle, high)]);
    push_line(steps, [(middle - reach, low), (middle + reach, low)]);
    push_line(steps, [(middle - reach, high), (middle + reach, high)]);
}

/// What is said of a bar a pointer rests on.
fn told(name: &str, what: &str, bar: Bar) -> String {
    let value = if bar.value.is_finite() { alone(bar.value) } else { "∞".to_owned() };
    let mut told = format!("{name}: {value}");
    if let Some((low, high)) = bar.spread {
        let high = if high.is_finite() { alone(high) } else { "∞".to_owned() };
        let _ = write!(told, " ({} to {high})", alone(low));
    }
    for part in [what.to_owned(), bar.n.map(|n| format!("n = {n}")).unwrap_or_default()] {
        if !part.is_empty() {
            let _ = write!(told, ", {part}");
        }
    }
    told
}

impl Draw for Bars {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "bars"
    }

    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError> {
        let refuse = |what: String, hint| Err(FigureError::series(&self.name, what, hint));
        match x.places() {
            None => {
                return refuse("bars need names below them".to_owned(), "make the x axis with Axis::names");
            }
            Some(names) if names != self.all.len() => {
                let what = format!("{} bars for {names} names", self.all.len());
                return refuse(what, "give one bar a name; None where there is none");
            }
            Some(_) => {}
        }
        if y.scale != Scale::Linear {
            let hint = "use a linear y axis, or points in place of bars";
            return refuse("a bar has no length on an axis without zero".to_owned(), hint);
        }
        for (i, bar) in self.all.iter().enumerate() {
            let Some(bar) = bar else { continue };
            let (low, high) = bar.spread.unwrap_or((bar.value, bar.value));
            for value in [bar.value, low, high].into_iter().filter(|v| *v != f64::INFINITY) {
                y.check(&self.name, i, value)?;
            }
            if low > high {
                let what = format!("the error bar of bar {i} goes from {low} down to {high}");
                return refuse(what, "give the lower end first");
            }
        }
        Ok(())
    }

    fn reach(&self) -> Reach {
        let ends = self.all.iter().flatten().flat_map(|bar| {
            let (low, high) = bar.spread.unwrap_or((bar.value, bar.value));
            [bar.value, low, high]
        });
        [None, ends.filter(|v| v.is_finite()).fold(None, widen)]
    }

    fn is_endless(&self) -> bool {
        self.all.iter().flatten().any(|bar| bar.value == f64::INFINITY)
    }

    fn wants_zero(&self) -> bool {
        true
    }

    fn stands_beside(&self) -> bool {
        true
    }

    fn sample(&self) -> Option<Sample> {
        self.is_statistic().then(|| Sample::of(self.all.iter().flatten().map(|bar| bar.n)))
    }

    fn what(&self) -> Option<&str> {
        Some(self.what.as_str()).filter(|what| !what.is_empty())
    }

    fn draw(&self, frame: &Frame, look: Look) -> Drawn {
        let mut drawn = Drawn::default();
        let step = frame.x.place(1.0) - frame.x.place(0.0);
        let width = (step * 0.8 / look.slots.max(1) as f64).min(60.0);
        let mut xs = Vec::new();
        for (i, bar) in self.all.iter().enumerate() {
            let Some(bar) = *bar else { continue };
            let shift = (look.slot as f64 + 0.5 - look.slots as f64 / 2.0) * width;
            let middle = frame.x.place(i as f64) + shift;
            let end = if bar.value.is_finite() { frame.y.place(bar.value) } else { frame.top() };
            let (top, bottom) = (end.min(frame.base()), end.max(frame.base()));
            let fill = Fill { ink: look.ink(), opacity: 0.85 };
            let mut nodes =
                vec![Node::Path(Path::rect(middle - width * 0.46, top, width * 0.92, bottom - top, fill))];
            if let Some(spread) = bar.spread {
                let mut steps = Vec::new();
                error_bar(&mut steps, frame, spread, middle, (width * 0.2).min(5.0));
                let stroke = Some(Stroke::new(Ink::Text, 1.3));
                nodes.push(Node::Path(Path { steps, fill: None, stroke }));
            }
            if bar.value == f64::INFINITY {
                xs.push(middle);
            }
            let title = Some(told(&self.name, &self.what, bar));
            let data = vec![("at", i.to_string())];
            drawn.nodes.push(Node::Group(Group { class: "bar", data, title, nodes }));
        }
        endless(&xs, frame, look, &mut drawn);
        let missing = self.all.iter().filter(|bar| bar.is_none()).count();
        let values = self.all.iter().map(|bar| bar.map(|bar| bar.value));
        let said: Vec<String> = self
            .all
            .iter()
            .map(|bar| {
                bar.map_or("missing".to_owned(), |bar| told("", "", bar).trim_start_matches(": ").to_owned())
            })
            .collect();
        drawn.told.push(said.join("; "));
        if missing > 0 {
            drawn.data.push(("missing", missing.to_string()));
        }
        drawn.data.push(("y", list(values)));
        drawn.data.push(("low", list(self.all.iter().map(|bar| Some((*bar)?.spread?.0)))));
        drawn.data.push(("high", list(self.all.iter().map(|bar| Some((*bar)?.spread?.1)))));
        drawn
    }
}
