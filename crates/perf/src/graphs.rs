//! CUDA graphs: decode batches run at captured sizes only, beyond them without a graph, and never below a floor.
//!
//! Source of the rules: vLLM 0.32, `config/vllm.py` (`_set_cudagraph_sizes`): a batch of at most the largest captured size runs
//! padded to the next one, a larger one runs eagerly.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{TimingError, at_least, time};
use crate::timing::{Step, StepTime, Timing};

/// Pads decode batches, slows down those too large for a graph, and keeps passes above a floor.
///
/// Only passes that do nothing but decode are padded or slowed down: a pass with prompt tokens is bound by its arithmetic, and the
/// few tokens it is padded by do not show. With drafts to verify, sizes count tokens, as vLLM's do, and whole sequences are added
/// until the size is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Graphs<T> {
    model: T,
    /// Ascending.
    sizes: Vec<u32>,
    eager_factor: f64,
    floor_ms: f64,
}

impl<T: Timing> Graphs<T> {
    /// `model` with graphs of these `sizes` (none: every decode pass is beyond the largest), decode passes beyond the largest taking
    /// `eager_factor` times as long, and `floor_ms` the least that the accelerator spends on a pass.
    pub fn new(model: T, mut sizes: Vec<u32>, eager_factor: f64, floor_ms: f64) -> Result<Self, TimingError> {
        if sizes.contains(&0) {
            return Err(TimingError::range("cuda_graph_sizes", "0 among others", "sizes of 1 or more"));
        }
        at_least("eager_factor", eager_factor, 1.0, "1 or more; 1 is no slower without a graph")?;
        time("step_floor", floor_ms)?;
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Self { model, sizes, eager_factor, floor_ms })
    }

    /// What runs in place of `step`, and whether it runs without a graph.
    fn captured(&self, step: &Step) -> (Step, bool) {
        let only_decodes = step.prefill_sequences == 0 && step.decode_sequences > 0;
        if !only_decodes {
            return (*step, false);
        }
        let tokens = step.decode_tokens.max(step.decode_sequences);
        let Some(&size) = self.sizes.get(self.sizes.partition_point(|size| *size < tokens)) else {
            return (*step, true);
        };
        let sequences = (u64::from(step.decode_sequences) * u64::from(size)).div_ceil(u64::from(tokens));
        (Step { decode_sequences: sequences as u32, decode_tokens: size, ..*step }, false)
    }
}

impl<T: Timing> Timing for Graphs<T> {
    fn step(&self, step: &Step) -> StepTime {
        let (ran, eager) = self.captured(step);
        let mut time = self.model.step(&ran);
        if eager {
            time.decode_ms *= self.eager_factor;
        }
        let missing = self.floor_ms - (time.prefill_ms + time.decode_ms);
        if missing > 0.0 {
            if step.decode_sequences > 0 {
                time.decode_ms += missing;
            } else if step.prefill_sequences > 0 {
                time.prefill_ms += missing;
            }
        }
        time
    }

    fn needs_lengths(&self) -> bool {
        self.model.needs_lengths()
    }

    fn is_noisy(&self) -> bool {
        self.model.is_noisy()
    }
}

/// The sizes vLLM 0.32 captures unless told otherwise, on anything but data-centre Blackwell (whose ceiling is 1,024 in place of
/// 512) and without drafts: 1, 2, 4, every 8 below 256, every 16 up to the least of 2 × `max_num_seqs`, 512 and
/// `max_num_batched_tokens`; and these two numbers themselves where they are not beyond it.
pub fn vllm_capture_sizes(max_num_seqs: u32, max_num_batched_tokens: Option<u32>) -> Vec<u32> {
    const CEILING: u32 = 512;
    let ceiling = max_num_seqs.saturating_mul(2).min(CEILING);
    let budget = max_num_batched_tokens.unwrap_or(u32::MAX);
    let largest = ceiling.min(budget);
    let grid = [1, 2, 4].into_iter().chain((8..256).step_by(8)).chain((256..=CEILING).step_by(16));
    let mut sizes: Vec<u32> =
        grid.chain([budget, max_num_seqs]).filter(|size| *size > 0 && *size <= largest).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// `cuda_graph_sizes:` of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureSizes {
    /// [`vllm_capture_sizes`] of the engine.
    Auto,
    /// These; with an empty list no decode pass has a graph.
    List(Vec<u32>),
}

/// Not a list of sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a list of batch sizes\nhint: write sizes with commas between, as in 1,2,4,8, or auto")]
pub struct NotSizes(String);

impl CaptureSizes {
    /// With `auto` worked out from the engine's own limits.
    #[must_use]
    pub fn resolved(self, max_num_seqs: u32, max_num_batched_tokens: Option<u32>) -> Self {
        match self {
            Self::Auto => Self::List(vllm_capture_sizes(max_num_seqs, max_num_batched_tokens)),
            list @ Self::List(_) => list,
        }
    }
}

impl FromStr for CaptureSizes {
    type Err = NotSizes;
    fn from_str(text: &str) -> Result<Self, NotSizes> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "" => Ok(Self::List(Vec::new())),
            list => list
                .split(',')
                .map(|size| size.trim().parse())
                .collect::<Result<_, _>>()
                .map(Self::List)
                .map_err(|_| NotSizes(text.to_owned())),
        }
    }
}

impl fmt::Display for CaptureSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::List(sizes) => {
                let words: Vec<String> = sizes.iter().map(u32::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

impl Serialize for CaptureSizes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::List(sizes) => sizes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CaptureSizes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sizes)
    }
}

struct Sizes;

impl<'de> de::Visitor<'de> for Sizes {
    type Value = CaptureSizes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("auto or a list of batch sizes, as in 1,2,4,8")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CaptureSizes, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, size: u64) -> Result<CaptureSizes, E> {
        self.visit_str(&size.to_string())
    }

    fn visit_i64<E: de::Error>(self, size: i64) -> Result<CaptureSizes, E> {
        self.visit_str(&size.to_string())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<CaptureSizes, A::Error> {
        let mut sizes = Vec::new();
        while let Some(size) = seq.next_element()? {
            sizes.push(size);
        }
        Ok(CaptureSizes::List(sizes))
    }
}

impl JsonSchema for CaptureSizes {
    fn inline_schema() -> bool {
        false
    }

    fn schema_name() -> Cow<'static, str> {
        "CaptureSizes".into()
    }

    fn schema_id() -> Cow<'static, str> {
        "tokmark::CaptureSizes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Batch sizes with a captured CUDA graph: a list, or auto for vLLM's own.",
            "anyOf": [
                { "type": "string", "pattern": r"^\s*(auto|[0-9]+(\s*,\s*[0-9]+)*)?\s*$" },
                { "type": "integer", "minimum": 1 },
                { "type": "array", "items": { "type": "integer", "minimum": 1 } }
            ],
            "examples": ["auto", [1, 2, 4, 8]]
        })
    }
}

#[cfg(test)]
mod tests;
