//! `workload.classes`: kinds of requests that share the load: models, adapters (LoRA), tenants, priorities.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of request. A session keeps its class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassSpec {
    /// Its name in tables and records.
    pub name: String,
    /// Its share of items, relative to the sum of all weights. Weights that look like shares or per cent (a sum near 1 or 100)
    /// must add up.
    #[schemars(range(min = 0))]
    pub weight: Option<f64>,
    /// The model to ask for; unset: `target.model`.
    pub model: Option<String>,
    /// The model is an adapter (LoRA) of `target.model`: a simulated engine loads it into a slot.
    pub adapter: bool,
    /// `priority` of the request (vLLM's: smaller is served first).
    pub priority: Option<i32>,
    /// Further request headers.
    pub headers: BTreeMap<String, String>,
    /// Further top-level keys of the body.
    pub extra: serde_json::Map<String, serde_json::Value>,
}
