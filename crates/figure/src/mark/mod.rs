//! What a plot shows. One file each; [`Mark`] is the list, and one more is a file with a type that is a [`Draw`] and its lines here.

use crate::axis::{Axis, Laid};
use crate::error::FigureError;
use crate::scene::{Cap, Ink, Node, Step, Stroke};

pub mod band;
pub mod bars;
pub mod cdf;
pub mod histogram;
pub mod series;
pub mod surface;

pub use band::Band;
pub use bars::{Bar, Bars};
pub use cdf::Cdf;
pub use histogram::Histogram;
pub use series::{Series, Style};
pub use surface::Surface;

/// One thing a plot shows. Marks of one name are one series: they have one colour and one line in the legend.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A line, points, steps or ticks.
    Series(Series),
    /// From a low to a high value along x.
    Band(Band),
    /// A bar for each name of the x axis.
    Bars(Bars),
    /// How many values lie between edges.
    Histogram(Histogram),
    /// Which share of values is at most x.
    Cdf(Cdf),
    /// A value for each cell of a grid, as a colour.
    Surface(Surface),
}

impl Mark {
    pub(crate) fn draws(&self) -> &dyn Draw {
        match self {
            Self::Series(mark) => mark,
            Self::Band(mark) => mark,
            Self::Bars(mark) => mark,
            Self::Histogram(mark) => mark,
            Self::Cdf(mark) => mark,
            Self::Surface(mark) => mark,
        }
    }
}

macro_rules! from {
    ($($kind:ident)*) => {
        $(impl From<$kind> for Mark {
            fn from(mark: $kind) -> Self {
                Self::$kind(mark)
            }
        })*
    };
}
from!(Series Band Bars Histogram Cdf Surface);

/// What a plot asks each of its marks.
pub(crate) trait Draw {
    /// Name of the series.
    fn name(&self) -> &str;
    /// The word for it in the picture's attributes.
    fn kind(&self) -> &'static str;
    /// Refuses what these axes cannot show.
    fn check(&self, x: &Axis, y: &Axis) -> Result<(), FigureError>;
    /// From where to where it reaches, gaps left out; `None` where there is nothing.
    fn reach(&self) -> Reach;
    /// Whether it has values without end, which have no place and are drawn all the same.
    fn is_endless(&self) -> bool {
        false
    }
    /// Whether the y axis must begin at zero, because lengths or areas are compared.
    fn wants_zero(&self) -> bool {
        false
    }
    /// Whether it is an area that lies behind lines.
    fn is_area(&self) -> bool {
        false
    }
    /// Whether it stands beside other marks of its kind instead of over them.
    fn stands_beside(&self) -> bool {
        false
    }
    /// On how many values it rests; `None`: it is no statistic.
    fn sample(&self) -> Option<Sample> {
        None
    }
    /// What it shows of its series, for the legend: `p25–p75`.
    fn what(&self) -> Option<&str> {
        None
    }
    /// Values and unit of its colours, if colours are values.
    fn colours(&self) -> Option<(f64, f64, &str)> {
        None
    }
    /// Puts it down.
    fn draw(&self, frame: &Frame, look: Look) -> Drawn;
}

/// From where to where along x and y.
pub(crate) type Reach = [Option<(f64, f64)>; 2];

/// Number of values behind a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// Nobody said.
    Unknown,
    /// From the point with the fewest to the one with the most.
    Of(u64, u64),
}

impl Sample {
    /// Of the parts that said one.
    pub(crate) fn of(parts: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut told = parts.into_iter();
        let Some(Some(first)) = told.next() else { return Self::Unknown };
        told.try_fold((first, first), |(low, high), n| n.map(|n| (low.min(n), high.max(n))))
            .map_or(Self::Unknown, |(low, high)| Self::Of(low, high))
    }

    /// `n = 200`.
    pub(crate) fn told(self) -> String {
        match self {
            Self::Unknown => "n unknown".to_owned(),
            Self::Of(low, high) if low == high => format!("n = {low}"),
            Self::Of(low, high) => format!("n = {low}–{high}"),
        }
    }
}

/// The plot area.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) x: Laid,
    pub(crate) y: Laid,
}

impl Frame {
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x), self.y.place(y))
    }

    pub(crate) fn top(&self) -> f64 {
        self.y.to
    }

    /// The pixel where bars begin.
    pub(crate) fn base(&self) -> f64 {
        self.y.place(0.0_f64.clamp(self.y.low, self.y.high))
    }
}

/// How a series looks, and where it stands among those beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Its place in the palette.
    pub(crate) place: usize,
    /// Its place among the marks that stand beside each other.
    pub(crate) slot: usize,
    /// How many of those there are.
    pub(crate) slots: usize,
}

/// Dashes by place: grey copies keep series apart.
const DASHES: [&[f64]; 6] =
    [&[], &[7.0, 3.0], &[2.0, 2.5], &[9.0, 3.0, 2.0, 3.0], &[14.0, 4.0], &[4.0, 2.0, 1.0, 2.0]];

impl Look {
    pub(crate) fn ink(self) -> Ink {
        Ink::Series(self.place)
    }

    /// The line of the series.
    pub(crate) fn stroke(self) -> Stroke {
        Stroke { ink: self.ink(), width: 1.8, dash: DASHES[self.place % DASHES.len()], cap: Cap::Butt }
    }

    /// Markers of the series at these points, as one path.
    pub(crate) fn markers(self, points: &[(f64, f64)], size: f64) -> crate::scene::Path {
        let mut steps = Vec::new();
        let cap = match self.place % 4 {
            0 => Cap::Round,
            1 => Cap::Square,
            shape => {
                for (x, y) in points {
                    push_corners(&mut steps, *x, *y, size * 0.62, shape == 2);
                }
                let fill = Some(crate::scene::Fill { ink: self.ink(), opacity: 1.0 });
                return crate::scene::Path { steps, fill, stroke: None };
            }
        };
        for (x, y) in points {
            steps.extend([Step::Move(*x, *y), Step::Line(*x, *y)]);
        }
        let width = if cap == Cap::Square { size * 0.85 } else { size };
        let stroke = Some(Stroke { ink: self.ink(), width, dash: &[], cap });
        crate::scene::Path { steps, fill: None, stroke }
    }
}

/// A triangle, or a square on its tip.
fn push_corners(steps: &mut Vec<Step>, x: f64, y: f64, r: f64, triangle: bool) {
    let corners: &[(f64, f64)] = if triangle {
        &[(0.0, -1.1), (1.0, 0.8), (-1.0, 0.8)]
    } else {
        &[(0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)]
    };
    crate::scene::push_line(steps, corners.iter().map(|(dx, dy)| (x + dx * r, y + dy * r)));
    steps.push(Step::Close);
}

/// A mark put down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) nodes: Vec<Node>,
    /// What a script can read from its group.
    pub(crate) data: Vec<(&'static str, String)>,
    /// What is said in the picture's description.
    pub(crate) told: Vec<String>,
    /// What must be read to understand the picture; stands below it.
    pub(crate) notes: Vec<String>,
}

/// Numbers as a script reads them: separated by spaces, a gap is `-`, infinity `inf`.
pub(crate) fn list(values: impl IntoIterator<Item = Option<f64>>) -> String {
    let told: Vec<String> =
        values.into_iter().map(|v| v.map_or_else(|| "-".to_owned(), |v| format!("{v}"))).collect();
    told.join(" ")
}

/// Widens what was seen by a value.
#[expect(clippy::unnecessary_wraps, reason = "a step of a fold that begins with nothing")]
pub(crate) fn widen(seen: Option<(f64, f64)>, v: f64) -> Option<(f64, f64)> {
    Some(seen.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
}

/// Number and noun.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
