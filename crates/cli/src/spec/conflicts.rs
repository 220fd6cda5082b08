//! Keys of one spec that contradict each other only for certain values, whichever layers gave them.

use serde_json::{Value, json};

use crate::spec::SpecError;
use crate::spec::layers::{Layers, named};
use crate::spec::origin::Origin;

/// Two keys that say different things about the same.
struct Conflict {
    one: &'static str,
    other: &'static str,
    /// Whether these values of the two contradict.
    when: fn(&Value, &Value) -> bool,
    /// Whether a weaker layer's `other` simply gives way, as a preset's lengths do to a file of prompts.
    yields: bool,
    hint: &'static str,
}

const CONFLICTS: &[Conflict] = &[
    Conflict {
        one: "workload.file",
        other: "workload.isl",
        when: |file, _| file.is_string(),
        yields: true,
        hint: FILE_HINT,
    },
    Conflict {
        one: "workload.file",
        other: "workload.isl_stddev",
        when: |file, deviation| file.is_string() && deviation.as_f64() != Some(0.0),
        yields: true,
        hint: FILE_HINT,
    },
    Conflict {
        one: "target.streaming",
        other: "measure.count_tokens",
        when: |streaming, count| *streaming == json!(false) && *count == json!("events"),
        yields: false,
        hint: "a reply that is not streamed is one event, whatever its length: leave --no-stream out, or count with \
               --count-tokens server or tokenizer",
    },
];

const FILE_HINT: &str =
    "the prompts of a file have the lengths they have: leave out the length, or the file (--input)";

/// Refuses what contradicts; takes away what gives way.
pub fn settle(layers: &mut Layers) -> Result<(), SpecError> {
    for conflict in CONFLICTS {
        let (Some(one), Some(other)) = (layers.get(conflict.one), layers.get(conflict.other)) else {
            continue;
        };
        if !(conflict.when)(one, other) {
            continue;
        }
        let origin = |path: &str| layers.origin(path).cloned().unwrap_or(Origin::Default);
        let (by, beside) = (origin(conflict.one), origin(conflict.other));
        if conflict.yields && beside.rank() < by.rank() {
            layers.take(conflict.other);
            continue;
        }
        return Err(SpecError::Contradiction {
            one: named(conflict.one, &by),
            other: named(conflict.other, &beside),
            hint: conflict.hint,
        });
    }
    Ok(())
}
