//! What the cli itself owns of the spec: where results go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where results go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputSpec {
    /// Directory in which the run's own directory is made.
    pub dir: String,
    /// Name of the run: letters, digits, `_` and `-`; `plots` is reserved.
    pub name: Option<String>,
    /// Whether to write `profile_export.jsonl` too, one line a request.
    pub profile_export_jsonl: bool,
}

impl Default for OutputSpec {
    fn default() -> Self {
        Self { dir: "tokmark-runs".to_owned(), name: None, profile_export_jsonl: false }
    }
}
