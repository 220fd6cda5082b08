//! What holds if nobody says anything, as help and documents show it: read from the spec's own default, so that it cannot say
//! anything else.

use serde_json::Value;
use tokmark_workload::load::{DEFAULT_CONCURRENCY, DEFAULT_REQUESTS};

use crate::spec::Spec;
use crate::spec::keys::{Key, Kind};

/// Defaults that hold only as long as no other key of the load was given, so that the empty spec does not have them.
pub const LOAD: [(&str, u64); 2] =
    [("concurrency", DEFAULT_CONCURRENCY as u64), ("requests", DEFAULT_REQUESTS)];

/// The whole default.
#[derive(Clone, Debug)]
pub struct Defaults(Value);

impl Defaults {
    /// Reads it.
    pub fn of_the_spec() -> Self {
        let mut tree = serde_json::to_value(Spec::default()).unwrap_or_default();
        for (key, value) in LOAD {
            tree["load"][key] = value.into();
        }
        Self(tree)
    }

    /// The default of one key in words; `None` if it is unset, empty, or a switch, whose help says which way it stands.
    pub fn shown(&self, key: &Key) -> Option<String> {
        if matches!(key.kind, Kind::Switch(_)) {
            return None;
        }
        let value = self.0.pointer(&format!("/{}", key.path.replace('.', "/")))?;
        match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => {
                let plain = number.as_f64().filter(|x| x.fract() == 0.0).map(|x| format!("{x:.0}"));
                Some(plain.unwrap_or_else(|| number.to_string()))
            }
            _ => None,
        }
    }
}
