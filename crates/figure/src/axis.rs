//! An axis: what it says, and how a value becomes a pixel.

use crate::error::FigureError;
use crate::text::Font;
use crate::ticks::{self, Tick};

/// How values lie along an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences at equal distances.
    Linear,
    /// Equal ratios at equal distances; takes no zero and nothing below.
    Log,
    /// One place a name: name `i` is the value `i`.
    Names(Vec<String>),
}

/// One axis of a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) scale: Scale,
    pub(crate) from_zero: bool,
    pub(crate) covers: Vec<f64>,
}

impl Axis {
    /// An axis with equal differences.
    pub fn linear(title: impl Into<String>) -> Self {
        Self::new(title, Scale::Linear)
    }

    /// A logarithmic axis.
    pub fn log(title: impl Into<String>) -> Self {
        Self::new(title, Scale::Log)
    }

    /// An axis with a place for each name.
    pub fn names<N: Into<String>>(title: impl Into<String>, names: impl IntoIterator<Item = N>) -> Self {
        Self::new(title, Scale::Names(names.into_iter().map(Into::into).collect()))
    }

    fn new(title: impl Into<String>, scale: Scale) -> Self {
        Self { title: title.into(), unit: String::new(), scale, from_zero: false, covers: Vec::new() }
    }

    /// The unit of its values, written behind the title in brackets.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Begins at zero, so that lengths can be compared (bars and histograms ask for it themselves).
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    /// Reaches at least from `low` to `high`: the same on two figures makes them comparable.
    #[must_use]
    pub fn covering(mut self, low: f64, high: f64) -> Self {
        self.covers.extend([low, high]);
        self
    }

    /// Title and unit.
    pub(crate) fn heading(&self) -> String {
        match (self.title.is_empty(), self.unit.is_empty()) {
            (_, true) => self.title.clone(),
            (true, false) => self.unit.clone(),
            (false, false) => format!("{} ({})", self.title, self.unit),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.scale {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::Names(_) => "names",
        }
    }

    /// How many names it has, if it has any.
    pub(crate) fn places(&self) -> Option<usize> {
        match &self.scale {
            Scale::Names(names) => Some(names.len()),
            Scale::Linear | Scale::Log => None,
        }
    }

    /// Refuses a value that has no place here.
    pub(crate) fn check(&self, series: &str, at: usize, value: f64) -> Result<(), FigureError> {
        let refused = |why, hint| {
            Err(FigureError::Value {
                series: series.to_owned(),
                at,
                axis: self.title.clone(),
                value,
                why,
                hint,
            })
        };
        if !value.is_finite() || value.abs() > 1e100 {
            return refused("is not a number that can be drawn", "leave it out (None): a gap is drawn");
        }
        match &self.scale {
            Scale::Log if value <= 0.0 => refused(
                "has no place on a logarithmic axis",
                "use a linear axis, or leave the value out (None): a gap is drawn",
            ),
            Scale::Names(names) if value < -0.5 || value > names.len() as f64 - 0.5 => {
                refused("is beyond the names of the axis", "name i has the value i, counted from 0")
            }
            Scale::Linear | Scale::Log | Scale::Names(_) => Ok(()),
        }
    }

    /// The axis for these data along these pixels; `None` where there are none.
    pub(crate) fn laid(&self, data: Option<(f64, f64)>, from: f64, to: f64, wanted: usize) -> Laid {
        let mut laid =
            Laid { log: self.scale == Scale::Log, low: 0.0, high: 1.0, from, to, ticks: Vec::new() };
        if let Scale::Names(names) = &self.scale {
            (laid.low, laid.high) = (-0.5, names.len().max(1) as f64 - 0.5);
            laid.ticks = names
                .iter()
                .enumerate()
                .map(|(i, name)| Tick { value: i as f64, label: name.clone() })
                .collect();
            return laid;
        }
        let covers = self.covers.iter().copied().chain(data.into_iter().flat_map(|(low, high)| [low, high]));
        let covers = covers.filter(|v| v.is_finite() && (!laid.log || *v > 0.0));
        let Some((mut low, mut high)) = covers.fold(None, |seen: Option<(f64, f64)>, v| {
            Some(seen.map_or((v, v), |(l, h)| (l.min(v), h.max(v))))
        }) else {
            return laid;
        };
        laid.ticks = if laid.log {
            ticks::logarithmic(low, high, wanted)
        } else {
            if self.from_zero {
                (low, high) = (low.min(0.0), high.max(0.0));
            }
            // Values that are nearly one get some room around them.
            let size = low.abs().max(high.abs());
            if high - low <= size * 1e-6 {
                let room = if size > 0.0 { size * 0.1 } else { 1.0 };
                (low, high) = (if size > 0.0 { low - room } else { 0.0 }, high + room);
            }
            ticks::linear(low, high, wanted)
        };
        (laid.low, laid.high) = (laid.ticks[0].value, laid.ticks[laid.ticks.len() - 1].value);
        laid
    }
}

/// An axis with its pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Laid {
    log: bool,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The pixel of the least value.
    pub(crate) from: f64,
    /// The pixel of the greatest.
    pub(crate) to: f64,
    pub(crate) ticks: Vec<Tick>,
}

impl Laid {
    /// The pixel of a value.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let part = if self.log {
            let low = libm::log10(self.low);
            (libm::log10(value) - low) / (libm::log10(self.high) - low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + (self.to - self.from) * part
    }

    /// Whether labels in one row keep `gap` pixels between them.
    pub(crate) fn labels_fit(&self, font: &Font, size: f64, gap: f64) -> bool {
        let spans: Vec<(f64, f64)> = self
            .ticks
            .iter()
            .map(|tick| (self.place(tick.value), font.width(&tick.label, size) / 2.0))
            .collect();
        spans.windows(2).all(|pair| (pair[1].0 - pair[0].0).abs() >= pair[0].1 + pair[1].1 + gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_they_should() {
        let line = Axis::linear("x").laid(Some((0.0, 10.0)), 100.0, 200.0, 5);
        assert!((line.place(2.5) - 125.0).abs() < 1e-9);
        let log = Axis::log("x").laid(Some((1.0, 1000.0)), 0.0, 300.0, 5);
        assert!((log.place(10.0) - 100.0).abs() < 1e-9);
        let names = Axis::names("x", ["a", "b"]).laid(None, 0.0, 100.0, 5);
        assert!((names.place(1.0) - 75.0).abs() < 1e-9);
        let one = Axis::linear("x").laid(Some((7.0, 7.0)), 0.0, 100.0, 5);
        assert!(one.low < 7.0 && one.high > 7.0);
        assert!(Axis::linear("x").laid(None, 0.0, 100.0, 5).ticks.is_empty());
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_by_name() {
        let told = |axis: &Axis, v| axis.check("kv", 3, v).unwrap_err().to_string();
        assert!(
            told(&Axis::log("TTFT"), 0.0).contains("kv: value 3 on TTFT is 0, which has no place on a log")
        );
        assert!(told(&Axis::linear("TTFT"), f64::NAN).contains("hint: leave it out"));
        assert!(told(&Axis::names("tier", ["low"]), 1.0).contains("beyond the names"));
    }
}
