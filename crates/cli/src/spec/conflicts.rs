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
    Conflict { one: "workload.file", other: "workload.isl", when: given, yields: true, hint: FILE_HINT },
    Conflict {
        one: "workload.file",
        other: "workload.isl_stddev",
        when: given_and_not_zero,
        yields: true,
        hint: FILE_HINT,
    },
    Conflict { one: "workload.file", other: "workload.lengths", when: given, yields: true, hint: FILE_HINT },
    Conflict {
        one: "workload.file",
        other: "workload.lengths_file",
        when: given,
        yields: true,
        hint: FILE_HINT,
    },
    Conflict { one: "workload.dataset", other: "workload.isl", when: given, yields: true, hint: FILE_HINT },
    Conflict {
        one: "workload.dataset",
        other: "workload.isl_stddev",
        when: given_and_not_zero,
        yields: true,
        hint: FILE_HINT,
    },
    Conflict {
        one: "workload.dataset",
        other: "workload.lengths",
        when: given,
        yields: true,
        hint: FILE_HINT,
    },
    Conflict {
        one: "workload.dataset",
        other: "workload.lengths_file",
        when: given,
        yields: true,
        hint: FILE_HINT,
    },
    Conflict {
        one: "workload.lengths",
        other: "workload.isl",
        when: given,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths",
        other: "workload.osl",
        when: beside,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths",
        other: "workload.isl_stddev",
        when: given_and_not_zero,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths",
        other: "workload.osl_stddev",
        when: given_and_not_zero,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths_file",
        other: "workload.isl",
        when: given,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths_file",
        other: "workload.osl",
        when: beside,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths_file",
        other: "workload.isl_stddev",
        when: given_and_not_zero,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.lengths_file",
        other: "workload.osl_stddev",
        when: given_and_not_zero,
        yields: true,
        hint: LENGTHS_HINT,
    },
    Conflict {
        one: "workload.prefix.hit_rate",
        other: "load.warmup",
        when: given,
        yields: false,
        hint: PRIME_HINT,
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

/// The one is there; the other says something, if only that nothing is asked.
fn beside(one: &Value, _other: &Value) -> bool {
    !one.is_null()
}

fn given(one: &Value, other: &Value) -> bool {
    !one.is_null() && !other.is_null()
}

fn given_and_not_zero(one: &Value, other: &Value) -> bool {
    given(one, other) && other.as_f64() != Some(0.0)
}

const LENGTHS_HINT: &str =
    "--lengths and --lengths-file give both lengths: leave the other length out, or them";
const PRIME_HINT: &str =
    "a hit rate has a warm-up of its own, in which every prefix is sent once: leave --warmup out";
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
