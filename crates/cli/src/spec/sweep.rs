//! A list of levels becomes the points of a sweep.

use serde_json::Value;

use crate::spec::SpecError;
use crate::spec::layers::{Layers, Setting};
use crate::spec::origin::Origin;

/// What a sweep goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// `load.concurrency`.
    Concurrency,
    /// `load.rate`.
    Rate,
}

impl Axis {
    /// Its key.
    pub fn path(self) -> &'static str {
        match self {
            Self::Concurrency => "load.concurrency",
            Self::Rate => "load.rate",
        }
    }

    /// Its word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
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

/// Requests a sweep point asks for at least, if nobody says how many.
const LEAST_REQUESTS: f64 = 100.0;
/// Requests per unit of concurrency a sweep point asks for.
const REQUESTS_PER_STREAM: f64 = 10.0;
/// Seconds a point of a rate sweep lasts at least, where that is more than the least number of requests.
const RATE_SECONDS: f64 = 30.0;

/// Splits lists of levels into points.
pub fn points(layers: &Layers) -> Result<(Option<Sweep>, Vec<PointLayers>), SpecError> {
    let lists: Vec<Axis> = [Axis::Concurrency, Axis::Rate]
        .into_iter()
        .filter(|axis| matches!(layers.get(axis.path()), Some(Value::Array(_))))
        .collect();
    let axis = match lists[..] {
        [] => {
            let layers = layers.clone();
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
    let points =
        values.iter().zip(&levels).map(|(value, level)| point(layers, axis, value, *level)).collect();
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

fn point(layers: &Layers, axis: Axis, value: &Value, level: f64) -> PointLayers {
    let mut layers = layers.clone();
    let origin = layers.origin(axis.path()).cloned().unwrap_or(Origin::Default);
    let mut put = |path: &str, value: Value, origin: Origin| {
        layers.put(&Setting { path: path.split('.').map(str::to_owned).collect(), value, origin });
    };
    put(axis.path(), value.clone(), origin);
    let asked = |path: &str| layers.get(path).is_some_and(|v| !v.is_null());
    if !asked("load.requests") && !asked("load.duration") {
        let (requests, why) = match axis {
            Axis::Concurrency => (level * REQUESTS_PER_STREAM, "10x the level, at least 100"),
            Axis::Rate => (level * RATE_SECONDS, "30 s at this rate, at least 100"),
        };
        let requests = requests.max(LEAST_REQUESTS).ceil() as u64;
        layers.put(&Setting {
            path: vec!["load".to_owned(), "requests".to_owned()],
            value: requests.into(),
            origin: Origin::Derived(why),
        });
    }
    PointLayers { level: Some(level), layers }
}
