//! This machine's calibration on disk: what `tokmark calibrate` wrote, read by every run.

use serde::{Deserialize, Serialize};
use tokmark_measure::Calibrated;

use crate::environment::Environment;

/// The file's name.
pub const FILE: &str = "calibration.json";
/// Format of the file.
pub const SCHEMA_VERSION: u32 = 1;

/// `calibration.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Format of this file.
    pub schema_version: u32,
    /// Version of tokmark that measured.
    pub tool_version: String,
    /// Processor it was measured on; another processor makes it void.
    pub cpu: String,
    /// Cores it was measured with.
    pub cores: u32,
    /// When, RFC 3339.
    pub measured_at: String,
    /// The rated capacity.
    pub rated: Option<Calibrated>,
    /// The curve behind it, one object a load.
    pub curve: Vec<serde_json::Value>,
}

/// The rated capacity of this machine, if it was measured here and the machine is still the same.
pub fn load(environment: &Environment) -> Option<Calibrated> {
    let text = std::fs::read_to_string(environment.calibration_file()?).ok()?;
    let calibration: Calibration = serde_json::from_str(&text).ok()?;
    let machine = crate::machine::this();
    if calibration.schema_version != SCHEMA_VERSION {
        return None;
    }
    (calibration.cpu == machine.cpu && calibration.cores == machine.cores).then_some(calibration.rated)?
}
