//! `workload.cancel`: clients that go away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Duration;

/// A share of the requests is given up by its client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CancelSpec {
    /// Share of requests, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
    /// How long after the request was sent.
    pub after: Duration,
}
