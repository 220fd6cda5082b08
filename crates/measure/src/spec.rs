//! The `measure:` part of the spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to measure and how strict to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MeasureSpec {
    /// Who counts tokens.
    pub count_tokens: CountTokens,
    /// Whether an INVALID run withholds its headline and exits 4.
    pub validity: Validity,
    /// Largest share of failed, cut and unsent attempts (0–1) before the run exits 3; none unless asked.
    pub max_error_rate: Option<f64>,
}

/// Who counts tokens. There is no silent fallback: a source that is not there leaves the count missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountTokens {
    /// Content events: an undercount wherever an event carries several tokens.
    Events,
    /// The server's `usage`.
    #[default]
    Server,
    /// Our tokenizer over the text, after the attempt.
    Tokenizer,
}

/// What an INVALID verdict does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// No headline, exit code 4.
    #[default]
    Enforce,
    /// The verdict is printed beside the numbers.
    Report,
}
