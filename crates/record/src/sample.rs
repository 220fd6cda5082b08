//! Samples of a series: client health, and later what servers and hosts say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokmark_base::Micros;

/// One line of `series.jsonl.zst`: what one source said at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When, on the run's time line.
    pub at_us: Micros,
    /// Who: `client` for this process.
    pub source: String,
    /// Values by name; the unit is the last word of the name. What could not be read is absent.
    pub values: BTreeMap<String, f64>,
}
