//! A list of levels becomes the points of a sweep.

use serde_json::Value;

use crate::spec::SpecError;
use crate::spec::layers::{Layers, Setting};
use crate::spec::origin::Origin;
use crate::spec::preset::Preset;

/// What a sweep goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// `load.concurrency`.
    Concurrency,
    /// `load.rate`.
    Rate,
    /// `workload.prefix.ratio`.
    PrefixRatio,
}

impl Axis {
    /// Its key.
    pub fn path(self) -> &'static str {
        match self {
            Self::Concurrency => "load.concurrency",
            Self::Rate => "load.rate",
            Self::PrefixRatio => "workload.prefix.ratio",
        }
    }

    /// Its word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
            Self::PrefixRatio => "prefix ratio",
        }
    }
}

/// A sweep as asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What it goes over.
    pub axis: Axis,
    /// Its levels, in the order asked.
    pub levels: Vec<f64>,
}

/// One point: its level (`None` without a sweep) and its values.
#[derive(Clone, Debug)]
pub struct PointLayers {
    /// The level.
    pub level: Option<f64>,
    /// Every value of this point.
    pub layers: Layers,
}

/// How many requests a point asks for if nobody says how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requests {
    /// This many times the concurrency,
    pub times: f64,
    /// or enough for this many seconds at the rate,
    pub seconds: f64,
    /// but at least this many.
    pub least: f64,
    /// The same in words.
    pub why: &'static str,
}

impl Requests {
    /// Ours: ten times the concurrency or half a minute at the rate, at least a hundred.
    pub const OURS: Self = Self {
        times: 10.0,
        seconds: 30.0,
        least: 100.0,
        why: "10x the concurrency or 30 s at the rate, at least 100",
    };
    /// AIPerf's: twice the concurrency, at least ten.
    pub const AIPERF: Self = Self {
        times: 2.0,
        seconds: 0.0,
        least: 10.0,
        why: "2x the concurrency, at least 10, as AIPerf does",
    };

    /// `None` where the level says nothing about how many are enough.
    fn at(self, axis: Axis, level: f64) -> Option<u64> {
        let wanted = match axis {
            Axis::Concurrency => level * self.times,
            Axis::Rate => level * self.seconds,
            Axis::PrefixRatio => return None,
        };
        Some(wanted.max(self.least).ceil() as u64)
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self::OURS
    }
}

/// Splits lists of levels into points.
pub fn points(
    layers: &Layers,
    requests: Requests,
    preset: Option<Preset>,
) -> Result<(Option<Sweep>, Vec<PointLayers>), SpecError> {
    let lists: Vec<Axis> = [Axis::Concurrency, Axis::Rate, Axis::PrefixRatio]
        .into_iter()
        .filter(|axis| matches!(layers.get(axis.path()), Some(Value::Array(_))))
        .collect();
    let axis = match lists[..] {
        [] => {
            let mut layers = layers.clone();
            if let Some(preset) = preset {
                preset.at_point(0, &mut layers);
            }
            return Ok((None, vec![PointLayers { level: None, layers }]));
        }
        [axis] => axis,
        [one, other, ..] => {
            return Err(SpecError::TwoSweeps { one: one.path().to_owned(), other: other.path().to_owned() });
        }
    };
    let Some(Value::Array(values)) = layers.get(axis.path()) else {
        return Ok((None, Vec::new()));
    };
    let levels: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
    check(axis, &levels, values, layers)?;
    let points = values
        .iter()
        .zip(&levels)
        .enumerate()
        .map(|(n, (value, level))| {
            let mut point = point(layers, axis, value, *level, requests);
            if let Some(preset) = preset {
                preset.at_point(n, &mut point.layers);
            }
            point
        })
        .collect();
    Ok((Some(Sweep { axis, levels }), points))
}

fn check(axis: Axis, levels: &[f64], values: &[Value], layers: &Layers) -> Result<(), SpecError> {
    let origin = layers.origin(axis.path()).map_or_else(String::new, ToString::to_string);
    let refuse = |message: String| {
        Err(SpecError::Value { path: axis.path().to_owned(), origin: origin.clone(), message })
    };
    if levels.is_empty() || levels.len() != values.len() {
        return refuse(
            "the list of levels is empty or has something that is not a number\nhint: as in 1,2,5,10"
                .to_owned(),
        );
    }
    for (i, level) in levels.iter().enumerate() {
        // Two points of one level would share a directory.
        if levels[..i].contains(level) {
            return refuse(format!("the level {level} is listed twice\nhint: list each level once"));
        }
    }
    Ok(())
}

fn point(layers: &Layers, axis: Axis, value: &Value, level: f64, requests: Requests) -> PointLayers {
    let mut layers = layers.clone();
    let origin = layers.origin(axis.path()).cloned().unwrap_or(Origin::Default);
    let mut put = |path: &str, value: Value, origin: Origin| {
        layers.put(&Setting { path: path.split('.').map(str::to_owned).collect(), value, origin });
    };
    put(axis.path(), value.clone(), origin);
    let asked = |path: &str| layers.get(path).is_some_and(|v| !v.is_null());
    let ends = ["load.requests", "load.duration", "load.sessions"].into_iter().any(asked);
    if let Some(enough) = requests.at(axis, level).filter(|_| !ends) {
        layers.put(&Setting {
            path: vec!["load".to_owned(), "requests".to_owned()],
            value: enough.into(),
            origin: Origin::Derived(requests.why),
        });
    }
    PointLayers { level: Some(level), layers }
}
