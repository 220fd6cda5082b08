//! Presets: the defaults of the field's well-known sweeps. A preset is a layer just above the defaults, so any file,
//! variable or flag wins over it.

use serde_json::{Value, json};

use crate::spec::SpecError;
use crate::spec::layers::Setting;
use crate::spec::origin::Origin;

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Dynamo's endpoint sweep (`benchmarks/utils/benchmark.py`).
    EndpointSweep,
    /// Dynamo's `benchmarks/llm/perf.sh`.
    LlmPerf,
}

impl Preset {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::EndpointSweep => "endpoint-sweep",
            Self::LlmPerf => "llm-perf",
        }
    }

    /// Its values. `concurrencies` is the environment's `CONCURRENCIES`, which sets the levels of the endpoint sweep.
    pub fn settings(self, concurrencies: Option<&str>) -> Result<Vec<Setting>, SpecError> {
        let mut settings: Vec<Setting> = self
            .values()
            .into_iter()
            .map(|(path, value)| Setting {
                path: path.split('.').map(str::to_owned).collect(),
                value,
                origin: Origin::Preset(self.name()),
            })
            .collect();
        if let (Self::EndpointSweep, Some(text)) = (self, concurrencies) {
            settings.push(Setting {
                path: vec!["load".to_owned(), "concurrency".to_owned()],
                value: levels(text)?,
                origin: Origin::Env(CONCURRENCIES.to_owned()),
            });
        }
        Ok(settings)
    }

    fn values(self) -> Vec<(&'static str, Value)> {
        match self {
            Self::EndpointSweep => vec![
                ("load.concurrency", json!([1, 2, 5, 10, 50, 100, 250])),
                ("workload.isl", json!(2000)),
                ("workload.isl_stddev", json!(10)),
                ("workload.osl", json!(256)),
            ],
            Self::LlmPerf => vec![
                ("load.concurrency", json!([1, 2, 4, 8, 16, 32, 64, 128, 256])),
                ("load.requests", json!("10x")),
                ("load.warmup", json!("2x")),
                ("workload.isl", json!(3000)),
                ("workload.isl_stddev", json!(0)),
                ("workload.osl", json!(150)),
                ("workload.seed", json!(100)),
            ],
        }
    }
}

/// The variable that sets the endpoint sweep's levels.
pub const CONCURRENCIES: &str = "CONCURRENCIES";

/// Reads `1,2,5`: whole numbers of at least 1, sorted. A bad one is an error, unlike in the scripts this comes from, which
/// fall back to their defaults and measure something else than was asked.
fn levels(text: &str) -> Result<Value, SpecError> {
    let mut levels = Vec::new();
    for part in text.split(',') {
        match part.trim().parse::<u32>() {
            Ok(level) if level > 0 => levels.push(level),
            _ => {
                return Err(SpecError::Value {
                    path: "load.concurrency".to_owned(),
                    origin: format!("env {CONCURRENCIES}"),
                    message: format!(
                        "`{}` is not a level of concurrency\nhint: write whole numbers of at least 1, as in {CONCURRENCIES}=1,2,5,10",
                        part.trim()
                    ),
                });
            }
        }
    }
    levels.sort_unstable();
    levels.dedup();
    Ok(json!(levels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_sorted_and_a_bad_one_is_an_error() {
        assert_eq!(levels("10, 1,2").unwrap(), json!([1, 2, 10]));
        for bad in ["", "0", "1,,2", "1,x", "-1", "1.5"] {
            let message = levels(bad).unwrap_err().to_string();
            assert!(message.contains("CONCURRENCIES"), "{bad}: {message}");
        }
    }
}
