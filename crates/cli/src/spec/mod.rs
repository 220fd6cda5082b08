//! The spec: what the user asks, composed of the rooms' parts, laid together from its layers.
//!
//! [`layers`] lays defaults, preset, file, environment, `--set` and flags over each other; [`Sources::resolve`] judges every
//! value where it was given and turns the tree into typed [`Spec`]s, one a sweep point.

pub mod benchmark_config;
pub mod conflicts;
pub mod defaults;
pub mod error;
pub mod keys;
pub mod layers;
pub mod named;
pub mod origin;
pub mod output;
pub mod preset;
pub mod replay;
pub mod resolve;
pub mod sweep;
pub mod told;
pub mod yaml;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokmark_drive::{GateSpec, TargetSpec};
use tokmark_engine::router::RouterSpec;
use tokmark_engine::{EngineSpec, FaultSpec};
use tokmark_measure::MeasureSpec;
use tokmark_perf::{Deployment, TimingSpec};
use tokmark_workload::{LoadSpec, WorkloadSpec};

pub use error::SpecError;
pub use origin::Origin;
pub use output::OutputSpec;
pub use resolve::{Resolved, Sources};

/// A whole spec, complete once resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "tokmark spec")]
pub struct Spec {
    /// Where requests go and how they are said.
    pub target: TargetSpec,
    /// Named targets: the same load against each, one after another. A name, and what differs from the rest of the spec: a URL, or
    /// dotted keys and their values.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub targets: serde_json::Map<String, serde_json::Value>,
    /// What is said.
    pub workload: WorkloadSpec,
    /// When it is sent.
    pub load: LoadSpec,
    /// What runs behind the target, as facts.
    pub deployment: Deployment,
    /// The engine, if it is simulated.
    #[serde(skip_serializing_if = "is_default")]
    pub engine: EngineSpec,
    /// How long the simulated engine's passes take.
    #[serde(skip_serializing_if = "is_default")]
    pub timing: TimingSpec,
    /// How requests are spread over simulated workers.
    #[serde(skip_serializing_if = "is_default")]
    pub router: RouterSpec,
    /// What goes wrong in the simulated cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub faults: Vec<FaultSpec>,
    /// What must hold before the load starts.
    pub gate: GateSpec,
    /// How it is measured.
    pub measure: MeasureSpec,
    /// Where results go.
    pub output: OutputSpec,
}

/// Sections of a simulated target are left out of a spec that has none.
fn is_default<T: Default + PartialEq>(section: &T) -> bool {
    *section == T::default()
}

impl Spec {
    /// Whether anything at all is said about a simulated target.
    pub fn describes_an_engine(&self) -> bool {
        !(is_default(&self.engine)
            && is_default(&self.timing)
            && is_default(&self.router)
            && is_default(&self.faults))
    }
}

/// The JSON Schema of the spec, as checked in.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Spec).to_value();
    // One URL is the commonest case: the file takes it plain as well, and the layers make a list of it.
    if let Some(serde_json::Value::Object(url)) = schema.pointer_mut("/$defs/TargetSpec/properties/url") {
        url.remove("type");
        let list = url.remove("items").map(|items| serde_json::json!({"type": "array", "items": items}));
        url.insert("anyOf".to_owned(), serde_json::json!([{"type": "string"}, list]));
    }
    // What holds for a load of which nothing was said.
    for (key, value) in defaults::LOAD {
        let path = format!("/$defs/LoadSpec/properties/{key}/default");
        if let Some(default) = schema.pointer_mut(&path) {
            *default = value.into();
        }
    }
    schema
}
