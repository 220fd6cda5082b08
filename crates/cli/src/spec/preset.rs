//! Presets: the defaults of the field's well-known sweeps. A preset is a layer just above the defaults, so any file,
//! variable or flag wins over it.

use serde_json::{Value, json};

use crate::spec::SpecError;
use crate::spec::layers::{Layers, Setting};
use crate::spec::origin::Origin;
use crate::spec::replay::{PACES, asked};

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Dynamo's endpoint sweep (`benchmarks/utils/benchmark.py`).
    EndpointSweep,
    /// Dynamo's `benchmarks/llm/perf.sh`.
    LlmPerf,
    /// Dynamo's `benchmarks/router/prefix_ratio_benchmark.py`.
    PrefixRatio,
    /// Dynamo's `benchmarks/router/real_data_benchmark.py`.
    RealTrace,
    /// Dynamo's `benchmarks/router/agent_benchmark.py`.
    MultiTurn,
    /// Dynamo's `benchmarks/router/real_data_priority_benchmark.py`.
    PriorityTiers,
}

impl Preset {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::EndpointSweep => "endpoint-sweep",
            Self::LlmPerf => "llm-perf",
            Self::PrefixRatio => "prefix-ratio",
            Self::RealTrace => "real-trace",
            Self::MultiTurn => "multi-turn",
            Self::PriorityTiers => "priority-tiers",
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
            Self::PrefixRatio => vec![
                ("load.concurrency", json!(20)),
                ("load.requests", json!(200)),
                ("workload.isl", json!(14_000)),
                ("workload.osl", json!(200)),
                ("workload.osl_stddev", json!(50)),
                ("workload.prefix.ratio", json!([0.1, 0.3, 0.5, 0.7, 0.9])),
                ("workload.prefix.pool", json!(20)),
                // Two targets may have their workers in common.
                ("workload.cache_bust", json!("run")),
                ("workload.seed", json!(0)),
            ],
            Self::RealTrace => vec![("load.arrival", json!("trace"))],
            Self::MultiTurn => vec![
                ("load.concurrency", json!(10)),
                ("load.sessions", json!(50)),
                ("workload.isl", json!(1_000)),
                ("workload.osl", json!(200)),
                ("workload.sessions.turns", json!(5)),
                ("workload.sessions.delay", json!("1s")),
                ("workload.cache_bust", json!("run")),
            ],
            Self::PriorityTiers => vec![
                ("load.rate", json!(4)),
                ("load.requests", json!(400)),
                ("workload.isl", json!(4_000)),
                ("workload.isl_stddev", json!(1_000)),
                ("workload.osl", json!(200)),
                ("workload.osl_stddev", json!(50)),
                ("workload.classes", tiers(false)),
                // Both have the same starts, lengths and classes; each says words of its own, so that no cache carries over.
                ("workload.cache_bust", json!("run")),
                ("targets.baseline", json!({})),
                ("targets.tagged", json!({"workload.classes": tiers(true)})),
            ],
        }
    }

    /// What of the preset follows from the other values at point `n` of its sweep (0 without one), where nobody above the preset said
    /// otherwise: as the scripts work it out from what they were given.
    pub fn at_point(self, n: usize, layers: &mut Layers) {
        let number = |layers: &Layers, path| layers.get(path).and_then(Value::as_f64);
        // As Python rounds.
        let quarter = |length: f64| json!((length / 4.0).round_ties_even());
        let (isl, osl) = (number(layers, "workload.isl"), number(layers, "workload.osl"));
        let own = match self {
            Self::PrefixRatio => {
                let ratio = number(layers, "workload.prefix.ratio");
                derive(layers, "workload.seed", Some(json!(n)), "each ratio has words of its own");
                // 14,000 tokens less nine tenths are 1,400, where double arithmetic alone has 1,399.
                isl.zip(ratio).map(|(isl, ratio)| (isl * (1.0 - ratio) + 1e-6).floor())
            }
            Self::PriorityTiers => isl,
            _ => return,
        };
        let why = "a quarter of the prompt's own part";
        derive(layers, "workload.isl_stddev", own.map(quarter), why);
        derive(layers, "workload.osl_stddev", osl.map(quarter), "a quarter of the output length");
    }

    /// What of the preset gives way to a file of prompts: the lengths and sessions it would have made, and, where it is a trace that the
    /// scripts replay, its pace.
    pub fn give_way(self, layers: &mut Layers) {
        let file = ["workload.file", "workload.dataset"].iter().any(|path| layers.origin(path).is_some());
        if !file || !matches!(self, Self::MultiTurn | Self::PriorityTiers) {
            return;
        }
        for path in FILES_OWN {
            // Texts of a file cannot be others in each run; the blocks of a trace can, and a priority benchmark wants that.
            if path != "workload.cache_bust" || self == Self::MultiTurn {
                take(self, layers, path);
            }
        }
        if self != Self::PriorityTiers || PACES.iter().any(|path| asked(layers, path)) {
            return;
        }
        for path in ["load.rate", "load.requests"] {
            take(self, layers, path);
        }
        derive(layers, "load.arrival", Some(json!("trace")), "the preset replays a trace at its own times");
    }
}

/// What a file of prompts has of its own.
const FILES_OWN: [&str; 7] = [
    "workload.cache_bust",
    "workload.isl",
    "workload.isl_stddev",
    "workload.osl",
    "workload.osl_stddev",
    "workload.sessions.turns",
    "workload.sessions.delay",
];

/// Takes away what the preset itself gave.
fn take(preset: Preset, layers: &mut Layers, path: &str) {
    if layers.origin(path) == Some(&Origin::Preset(preset.name())) {
        layers.take(path);
    }
}

/// Sets what follows from other values, unless somebody above the preset said otherwise. `None` takes the preset's own away.
fn derive(layers: &mut Layers, path: &str, value: Option<Value>, why: &'static str) {
    if layers.origin(path).is_some_and(|origin| origin.rank() > 1) {
        return;
    }
    match value {
        Some(value) => {
            let path = path.split('.').map(str::to_owned).collect();
            layers.put(&Setting { path, value, origin: Origin::Derived(why) });
        }
        None => layers.take(path),
    }
}

/// Half the load is of low priority, three tenths of medium, two of high. vLLM serves the smallest number first.
fn tiers(told: bool) -> Value {
    let tier = |name: &str, weight: f64, priority: i32| {
        let mut tier = json!({"name": name, "weight": weight});
        if told {
            tier["priority"] = priority.into();
        }
        tier
    };
    json!([tier("low", 0.5, 2), tier("medium", 0.3, 1), tier("high", 0.2, 0)])
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
