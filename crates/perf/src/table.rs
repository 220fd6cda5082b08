//! Measured times, interpolated.
//!
//! A [`Table`] comes from one of three kinds of data, each with its rule:
//!
//! - [`Table::grid`], Dynamo's mocker NPZ. Prefill: linear between the points of (tokens, ms); decode: bilinear on the grid of
//!   (context tokens of all sequences, mean context of a sequence). Both go on along their last segment beyond the ends, prefill
//!   never below 0 and decode never below 1 ms. Means are rounded down to whole tokens first, as Dynamo hands them over.
//! - [`Table::profile`], the scattered points of Dynamo's profiler. Prefill: ms = a + b·tokens + c·tokens²; decode:
//!   ms = a + b·sequences + c·context tokens; both fitted with the least squared *relative* error and no negative coefficient.
//!   Dynamo fits straight lines for both, evaluates them on a 100 × 100 grid and interpolates that. Straight lines by plain least
//!   squares (its converter itself was not run) miss short prompts of its own H200 profile by up to 89 % (ours by 9 %) and ITLs by
//!   12.6 % in the mean (ours 6.5 %).
//! - [`Measured`], our own JSON: interpolated where the points form a grid, else fitted as above; see there.
//!
//! Prefill depends on the tokens computed alone; what their prompts have in the cache already is not in any of these tables.

mod axis;
mod error;
mod fit;
mod measured;

pub use error::TableError;
pub use measured::{DecodePoint, MEASURED_SCHEMA, Measured, Method, PrefillPoint};

use axis::{Curve, Grid};
use fit::{Plane, Quadratic};

use crate::polynomial::mean_tokens;
use crate::timing::{Step, StepTime, Timing};

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    prefill: Prefill,
    decode: Decode,
    overhead_ms: f64,
    shared_ms: f64,
}

/// Prefill milliseconds over the tokens computed.
#[derive(Clone, Debug, PartialEq)]
enum Prefill {
    /// Over tokens counted from whole means.
    OfMeans(Curve),
    Lines(Curve),
    Fit(Quadratic),
}

/// Decode milliseconds.
#[derive(Clone, Debug, PartialEq)]
enum Decode {
    /// Over (context of all, whole mean context); at least 1 ms.
    OfMeans(Grid),
    /// Over (sequences, mean context).
    Grid(Grid),
    /// Over sequences and the context of all.
    Fit(Plane),
}

/// The arrays of Dynamo's mocker NPZ, by their own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MockerGrid {
    /// Prompt tokens of a pass, ascending.
    pub prefill_isl: Vec<f64>,
    /// What such a pass takes, milliseconds.
    pub prefill_ttft_ms: Vec<f64>,
    /// Context tokens of all sequences, ascending.
    pub decode_active_kv_tokens: Vec<f64>,
    /// Mean context tokens of a sequence, ascending.
    pub decode_context_length: Vec<f64>,
    /// Milliseconds a pass, a row for each `decode_active_kv_tokens`.
    pub decode_itl: Vec<Vec<f64>>,
}

/// The points of Dynamo's profiler, by their names in its two `raw_data.npz`. Its throughputs follow from the times and are not
/// needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfilePoints {
    /// Prompt tokens.
    pub prefill_isl: Vec<f64>,
    /// Milliseconds to the first token, one request at a time.
    pub prefill_ttft: Vec<f64>,
    /// Part of the cache in use, 0 to 1.
    pub x_kv_usage: Vec<f64>,
    /// Mean context tokens of a sequence.
    pub y_context_length: Vec<f64>,
    /// Milliseconds between tokens.
    pub z_itl: Vec<f64>,
    /// Tokens the cache holds.
    pub max_kv_tokens: f64,
}

/// The least a pass that decodes takes in a [`MockerGrid`] (Dynamo 1.6.1).
const MOCKER_FLOOR_MS: f64 = 1.0;

impl Table {
    /// From a mocker NPZ.
    pub fn grid(data: &MockerGrid) -> Result<Self, TableError> {
        let prefill =
            Curve::new(("prefill_isl", &data.prefill_isl), ("prefill_ttft_ms", &data.prefill_ttft_ms))?;
        let decode = Grid::new(
            ("decode_active_kv_tokens", &data.decode_active_kv_tokens),
            ("decode_context_length", &data.decode_context_length),
            ("decode_itl", &data.decode_itl),
        )?;
        Ok(Self {
            prefill: Prefill::OfMeans(prefill),
            decode: Decode::OfMeans(decode),
            overhead_ms: 0.0,
            shared_ms: 0.0,
        })
    }

    /// From a profile.
    pub fn profile(data: &ProfilePoints) -> Result<Self, TableError> {
        error::capacity("max_kv_tokens", data.max_kv_tokens)?;
        let prefill =
            Quadratic::fit(("prefill_isl", &data.prefill_isl), ("prefill_ttft", &data.prefill_ttft))?;
        for (key, values) in [("x_kv_usage", &data.x_kv_usage), ("y_context_length", &data.y_context_length)]
        {
            error::numbers(key, values)?;
            error::same_length((key, values), ("z_itl", &data.z_itl))?;
        }
        if let Some(at) = data.y_context_length.iter().position(|tokens| *tokens <= 0.0) {
            return Err(TableError::Zero { key: "y_context_length", at });
        }
        let context: Vec<f64> = data.x_kv_usage.iter().map(|used| used * data.max_kv_tokens).collect();
        let sequences: Vec<f64> =
            context.iter().zip(&data.y_context_length).map(|(all, each)| all / each).collect();
        let decode =
            Plane::fit(("x_kv_usage", &sequences), ("y_context_length", &context), ("z_itl", &data.z_itl))?;
        Ok(Self {
            prefill: Prefill::Fit(prefill),
            decode: Decode::Fit(decode),
            overhead_ms: 0.0,
            shared_ms: 0.0,
        })
    }

    /// What prefill and decode follow, in words, for a person who asks what was made of the file.
    pub fn rule(&self) -> String {
        let prefill = match &self.prefill {
            Prefill::OfMeans(curve) | Prefill::Lines(curve) => {
                format!("linear between {} points", curve.len())
            }
            Prefill::Fit(fit) => fit.to_string(),
        };
        let decode = match &self.decode {
            Decode::OfMeans(grid) | Decode::Grid(grid) => format!("bilinear on {}", grid.size()),
            Decode::Fit(fit) => fit.to_string(),
        };
        format!("prefill {prefill}; decode {decode}")
    }

    fn prefill_ms(&self, step: &Step) -> f64 {
        if step.prefill_sequences == 0 {
            return 0.0;
        }
        let tokens = match self.prefill {
            Prefill::OfMeans(_) => mean_tokens(step),
            _ => step.prefill_tokens,
        };
        if tokens == 0 {
            return 0.0;
        }
        let ms = match &self.prefill {
            Prefill::OfMeans(curve) | Prefill::Lines(curve) => curve.at(tokens as f64),
            Prefill::Fit(fit) => fit.at(tokens as f64),
        };
        ms.max(0.0)
    }

    fn decode_ms(&self, step: &Step) -> f64 {
        if step.decode_sequences == 0 {
            return 0.0;
        }
        let sequences = f64::from(step.decode_sequences);
        let context = step.decode_context as f64;
        match &self.decode {
            Decode::OfMeans(grid) => {
                let mean = step.decode_context / u64::from(step.decode_sequences);
                grid.at(context, mean as f64).max(MOCKER_FLOOR_MS)
            }
            Decode::Grid(grid) => grid.at(sequences, context / sequences).max(0.0),
            Decode::Fit(fit) => fit.at(sequences, context).max(0.0),
        }
    }
}

impl Timing for Table {
    fn step(&self, step: &Step) -> StepTime {
        let prefill_ms = self.prefill_ms(step);
        let decode_ms = self.decode_ms(step);
        let works = step.prefill_sequences > 0 || step.decode_sequences > 0;
        StepTime {
            prefill_ms,
            decode_ms: decode_ms - self.shared_ms.min(prefill_ms).min(decode_ms),
            overhead_ms: if works { self.overhead_ms } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests;
