//! `workload.sessions`: requests that follow each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Duration;

/// Sessions of synthetic prompts, and what sessions of any origin do between their turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSpec {
    /// Mean number of turns of a synthetic session; 1: requests stand for themselves.
    #[schemars(range(min = 1))]
    pub turns: u32,
    /// Standard deviation of the number of turns (normal, rounded, never below 1).
    #[schemars(range(min = 0))]
    pub turns_stddev: f64,
    /// Mean time from the end of a turn to the next one (think time). A file's own delays come first.
    pub delay: Duration,
    /// Standard deviation of that time, where the law is normal.
    pub delay_stddev: Duration,
    /// Law of that time.
    pub delay_law: DelayLaw,
    /// Own delays of a file are multiplied by this.
    #[schemars(range(min = 0))]
    pub delay_ratio: f64,
    /// What later turns say again.
    pub history: History,
    /// Request header that names the session, for routers that keep one in its place; `null`: none is sent.
    pub header: Option<String>,
}

impl Default for SessionSpec {
    fn default() -> Self {
        Self {
            turns: 1,
            turns_stddev: 0.0,
            delay: Duration::default(),
            delay_stddev: Duration::default(),
            delay_law: DelayLaw::Normal,
            delay_ratio: 1.0,
            history: History::Reply,
            header: Some("X-Session-ID".to_owned()),
        }
    }
}

impl SessionSpec {
    /// Whether synthetic prompts come in sessions of turns.
    pub fn has_turns(&self) -> bool {
        self.turns > 1 || self.turns_stddev > 0.0
    }
}

/// How think times scatter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DelayLaw {
    /// Normal with `delay_stddev`, never below 0; without a deviation every delay is the mean.
    #[default]
    Normal,
    /// Exponential.
    Exponential,
}

/// What a turn says of the turns before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// Everything said, and the replies as the service really gave them.
    #[default]
    Reply,
    /// Nothing: each turn stands for itself.
    None,
}
