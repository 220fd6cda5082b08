//! Our own timing table: what a profile of an engine writes and the table model reads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::{Curve, Grid};
use super::error::{TableError, numbers};
use super::fit::{Plane, Quadratic};
use super::{Decode, Prefill, Table};

/// `schema` of the JSON file.
pub const MEASURED_SCHEMA: &str = "tokmark.timing/1";

/// A JSON file of measured passes. All times are milliseconds of one forward pass, as the scheduler sees it.
///
/// ```json
/// {"schema": "tokmark.timing/1",
///  "about": {"engine": "vllm 0.32", "model": "SmolLM2-135M", "hardware": "2 cores"},
///  "overhead_ms": 0.4,
///  "prefill": [{"tokens": 64, "ms": 21.0}, {"tokens": 512, "ms": 130.5}],
///  "decode": [{"sequences": 1, "context_tokens": 128, "ms": 9.1}, {"sequences": 8, "context_tokens": 1024, "ms": 14.0}]}
/// ```
///
/// Points measured several times count by their mean. Prefill is linear between its points. Decode is bilinear over
/// (sequences, context tokens ÷ sequences) if its points are a full grid there, which ms = a + b·sequences + c·context is exactly
/// too; scattered points are fitted by that formula. Both go on along their last segment beyond the ends, never below 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// `tokmark.timing/1`.
    pub schema: String,
    /// What was measured, with what, on what: facts for people, in any words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub about: BTreeMap<String, String>,
    /// How to get from points to times in between.
    #[serde(default)]
    pub method: Method,
    /// Added to every pass and not touched by a speed-up: what the CPU does between two passes, if the points do not have it.
    #[serde(default)]
    pub overhead_ms: f64,
    /// What a pass that prefills and decodes pays once, though both of its parts have it (the weights are read once): taken off
    /// the decode part, as far as both last that long.
    #[serde(default)]
    pub shared_ms: f64,
    /// Passes that prefilled and did nothing else.
    pub prefill: Vec<PrefillPoint>,
    /// Passes that decoded and did nothing else.
    pub decode: Vec<DecodePoint>,
}

/// How a [`Measured`] table becomes times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Interpolates prefill, and decode if its points are a grid; else fits decode.
    #[default]
    Auto,
    /// Interpolates both; decode points that are no grid are an error.
    Interpolate,
    /// Fits both: prefill by a + b·tokens + c·tokens², decode by a + b·sequences + c·context tokens, with the least squared
    /// relative error and no negative coefficient. Evens out noise.
    Fit,
}

/// A pass that prefilled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefillPoint {
    /// Prompt tokens computed, of all sequences together.
    pub tokens: f64,
    /// How long it took, milliseconds.
    pub ms: f64,
}

/// A pass that decoded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecodePoint {
    /// Sequences that got a token.
    pub sequences: f64,
    /// Tokens of context, of all sequences together.
    pub context_tokens: f64,
    /// How long it took, milliseconds.
    pub ms: f64,
}

impl Measured {
    /// The table these points make.
    pub fn table(&self) -> Result<Table, TableError> {
        if self.schema != MEASURED_SCHEMA {
            return Err(TableError::Schema { found: self.schema.clone(), known: MEASURED_SCHEMA });
        }
        numbers("overhead_ms", &[self.overhead_ms])?;
        numbers("shared_ms", &[self.shared_ms])?;
        Ok(Table {
            prefill: self.prefill()?,
            decode: self.decode()?,
            overhead_ms: self.overhead_ms,
            shared_ms: self.shared_ms,
        })
    }

    fn prefill(&self) -> Result<Prefill, TableError> {
        let tokens: Vec<f64> = self.prefill.iter().map(|point| point.tokens).collect();
        let ms: Vec<f64> = self.prefill.iter().map(|point| point.ms).collect();
        numbers("prefill.tokens", &tokens)?;
        numbers("prefill.ms", &ms)?;
        if self.method == Method::Fit {
            return Ok(Prefill::Fit(Quadratic::fit(("prefill.tokens", &tokens), ("prefill.ms", &ms))?));
        }
        let mut points: Vec<(f64, f64)> = tokens.iter().copied().zip(ms.iter().copied()).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (tokens, ms): (Vec<f64>, Vec<f64>) = points
            .chunk_by(|a, b| alike(a.0, b.0))
            .map(|same| (same[0].0, same.iter().map(|point| point.1).sum::<f64>() / same.len() as f64))
            .unzip();
        Ok(Prefill::Lines(Curve::new(("prefill.tokens", &tokens), ("prefill.ms", &ms))?))
    }

    fn decode(&self) -> Result<Decode, TableError> {
        let sequences: Vec<f64> = self.decode.iter().map(|point| point.sequences).collect();
        let context: Vec<f64> = self.decode.iter().map(|point| point.context_tokens).collect();
        let ms: Vec<f64> = self.decode.iter().map(|point| point.ms).collect();
        numbers("decode.sequences", &sequences)?;
        numbers("decode.context_tokens", &context)?;
        numbers("decode.ms", &ms)?;
        if let Some(at) = sequences.iter().position(|sequences| *sequences == 0.0) {
            return Err(TableError::Zero { key: "decode.sequences", at });
        }
        let grid = match self.method {
            Method::Fit => None,
            Method::Auto => self.grid().ok(),
            Method::Interpolate => Some(self.grid().map_err(|missing| TableError::NoGrid { missing })?),
        };
        if let Some((rows, columns, values)) = grid {
            return Ok(Decode::Grid(Grid::new(
                ("decode.sequences", &rows),
                ("decode.context_tokens ÷ decode.sequences", &columns),
                ("decode.ms", &values),
            )?));
        }
        Ok(Decode::Fit(Plane::fit(
            ("decode.sequences", &sequences),
            ("decode.context_tokens", &context),
            ("decode.ms", &ms),
        )?))
    }

    /// The grid of (sequences, mean context) that the points make; what is missing if they do not.
    fn grid(&self) -> Result<Rectangle, String> {
        let mut rows: Vec<f64> = self.decode.iter().map(|point| point.sequences).collect();
        let mut columns: Vec<f64> = self.decode.iter().map(DecodePoint::mean_context).collect();
        for axis in [&mut rows, &mut columns] {
            axis.sort_by(f64::total_cmp);
            axis.dedup_by(|a, b| alike(*a, *b));
        }
        for (axis, what) in [(&rows, "sequences"), (&columns, "mean context tokens")] {
            if axis.len() < 2 {
                return Err(format!("there is only one number of {what}"));
            }
        }
        let cell = |sequences: f64, mean: f64| {
            let here = self
                .decode
                .iter()
                .filter(|point| alike(point.sequences, sequences) && alike(point.mean_context(), mean));
            let (n, sum) = here.fold((0_u32, 0.0), |(n, sum), point| (n + 1, sum + point.ms));
            if n == 0 {
                return Err(format!("nothing for {sequences} sequences with {mean} tokens each"));
            }
            Ok(sum / f64::from(n))
        };
        let values = rows
            .iter()
            .map(|sequences| columns.iter().map(|mean| cell(*sequences, *mean)).collect())
            .collect::<Result<Vec<Vec<f64>>, String>>()?;
        Ok((rows, columns, values))
    }
}

/// Rows, columns, values.
type Rectangle = (Vec<f64>, Vec<f64>, Vec<Vec<f64>>);

impl DecodePoint {
    fn mean_context(&self) -> f64 {
        self.context_tokens / self.sequences
    }
}

/// The same but for what a division rounds away.
fn alike(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}
