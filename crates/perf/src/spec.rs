//! `timing:` of a spec: which model says how long a pass takes, its parameters, and what is laid around it.

mod build;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_base::{Duration, Nanos};

use crate::graphs::CaptureSizes;
use crate::per_token::Preset;

/// `timing:` of a spec. Empty: the polynomial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimingSpec {
    /// Which model says how long a pass takes.
    pub model: TimingModel,
    /// constant, per_token: published figures of a model on a machine, for every key of these models that is not given.
    pub preset: Option<Preset>,
    /// constant: mean time to the first token; unset and without a preset: 40ms.
    pub ttft: Option<Duration>,
    /// constant, per_token: mean time between tokens; constant without it and without a preset: 8ms.
    pub itl: Option<Duration>,
    /// constant, per_token: standard deviation of the time to the first token, at most 30 % of the mean.
    pub ttft_stddev: Option<Duration>,
    /// constant, per_token: standard deviation of the time between tokens, at most 30 % of the mean.
    pub itl_stddev: Option<Duration>,
    /// per_token: what a prefill costs before its first token is counted; unset and without a preset: nothing.
    pub prefill_overhead: Option<Duration>,
    /// per_token: what each prompt token that is not in the cache costs, to the nanosecond.
    pub prefill_time_per_token: Option<Nanos>,
    /// constant, per_token: how many times slower everything is with all slots taken than with one; 1 is no slower.
    #[schemars(range(min = 1))]
    pub load_factor: Option<f64>,
    /// table: the file or folder with the measured times: an NPZ of Dynamo's mocker, a folder of its profiler, or our own JSON.
    pub table: Option<PathBuf>,
    /// Divides what the accelerator does; 0 makes it take no time at all.
    #[schemars(range(min = 0))]
    pub speedup_ratio: f64,
    /// Divides decoding further; 0 makes it take no time at all.
    #[schemars(range(min = 0))]
    pub decode_speedup_ratio: f64,
    /// Added to every pass: scheduling and sampling on the CPU.
    pub step_overhead: Nanos,
    /// Added to every pass for each of its sequences.
    pub overhead_per_sequence: Nanos,
    /// Batch sizes with a captured CUDA graph, as a list, or `auto` for vLLM's own; decode batches are padded up to the next.
    pub cuda_graph_sizes: Option<CaptureSizes>,
    /// With cuda_graph_sizes: how many times longer a decode pass beyond the largest size takes, for it runs without a graph.
    #[schemars(range(min = 1))]
    pub eager_factor: f64,
    /// The accelerator spends at least this on a pass.
    pub step_floor: Nanos,
    /// Experts of a mixture-of-experts layer; makes the busiest rank set the pace.
    #[schemars(range(min = 1))]
    pub experts: Option<u32>,
    /// With experts: exponent of the bounded power law that their tokens follow; unset: 1.01, 0: all the same.
    #[schemars(range(min = 0))]
    pub expert_alpha: Option<f64>,
    /// With experts: how many times more tokens than the least an expert may get; unset: 6553.6 (0.8 × 8,192 tokens).
    #[schemars(range(min = 1))]
    pub expert_bound: Option<f64>,
    /// With experts: ranks they are spread over.
    #[schemars(range(min = 1))]
    pub expert_parallel: Option<u32>,
    /// With experts: redundant slots for copies of busy experts, placed by load; unset: no balancing, experts stay in their order.
    pub eplb_slots: Option<u32>,
    /// With experts: which part of a balanced pass the experts take, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub moe_share: Option<f64>,
}

/// Models there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimingModel {
    /// The same times for every request; with a deviation and a load factor if asked.
    Constant,
    /// A prefill that grows with the prompt, a fixed time between tokens.
    PerToken,
    /// Dynamo's built-in curves of an unnamed GPU.
    #[default]
    Polynomial,
    /// Measured times, interpolated.
    Table,
}

impl Default for TimingSpec {
    fn default() -> Self {
        Self {
            model: TimingModel::default(),
            preset: None,
            ttft: None,
            itl: None,
            ttft_stddev: None,
            itl_stddev: None,
            prefill_overhead: None,
            prefill_time_per_token: None,
            load_factor: None,
            table: None,
            speedup_ratio: 1.0,
            decode_speedup_ratio: 1.0,
            step_overhead: Nanos(0),
            overhead_per_sequence: Nanos(0),
            cuda_graph_sizes: None,
            eager_factor: 1.0,
            step_floor: Nanos(0),
            experts: None,
            expert_alpha: None,
            expert_bound: None,
            expert_parallel: None,
            eplb_slots: None,
            moe_share: None,
        }
    }
}

impl TimingModel {
    /// As a spec writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::PerToken => "per_token",
            Self::Polynomial => "polynomial",
            Self::Table => "table",
        }
    }
}

#[cfg(test)]
mod tests;
