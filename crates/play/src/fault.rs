//! The ways in which a server can go wrong, on purpose.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokmark_base::{Duration, Micros};

/// One departure from a good reply.
///
/// "After so many tokens" is about streams. A reply in one piece is cut (`CutAfter`, `EndAfter`) or goes silent (`StallAfter`) half
/// way through its body, is an error object with status 200 (`ErrorAfter`), or lacks its last brace (`NotJsonAfter`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answers with this status and body at once.
    Status {
        /// As in 401, 415, 429, 500, 503.
        code: u16,
        /// Sent as `application/json` if it starts with `{`, else as plain text.
        #[serde(default)]
        body: String,
        /// `Retry-After`, seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// Answers 307 with this location.
    Redirect {
        /// `Location`.
        location: String,
    },
    /// Takes the request and never answers.
    NeverAnswer,
    /// Starts on the request only after a while.
    AnswerAfter {
        /// How long; in JSON as a spec writes it, `250ms`.
        #[serde(serialize_with = "as_written", deserialize_with = "as_read")]
        delay: Micros,
    },
    /// Closes the connection without a byte of reply.
    EmptyReply,
    /// Answers with something that is not HTTP, and closes.
    BadHttp,
    /// Sends the whole reply, head included, one byte at a time.
    Drip {
        /// How many of them.
        bytes_per_sec: u32,
    },
    /// Claims a `Content-Encoding`. The bytes are not encoded.
    ContentEncoding {
        /// As in `gzip`.
        name: String,
    },
    /// Drops the connection after so many tokens.
    CutAfter {
        /// How many.
        tokens: u32,
    },
    /// Ends the stream cleanly after so many tokens, without reason, usage or `[DONE]`.
    EndAfter {
        /// How many.
        tokens: u32,
    },
    /// Goes silent after so many tokens, with the connection open.
    StallAfter {
        /// How many.
        tokens: u32,
    },
    /// Sends an error object after so many tokens, then `[DONE]`.
    ErrorAfter {
        /// How many.
        tokens: u32,
        /// The error's message.
        message: String,
    },
    /// Sends an event that is not JSON after so many tokens, and goes on.
    NotJsonAfter {
        /// How many.
        tokens: u32,
    },
    /// Never sends usage, asked or not.
    NoUsage,
    /// Sends usage with every event, asked or not.
    UsageEveryEvent,
    /// Sends the first token at once and then so many an event, as vLLM's `--stream-interval`.
    TokensPerEvent {
        /// How many.
        tokens: u32,
    },
    /// Ends streams without `[DONE]`.
    NoDone,
}

/// Which requests a fault happens to. Several rules may hit one request; where they exclude each other, the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Every n-th generation request, counted from 1 over the life of the server; 1, which JSON may leave out, is all.
    #[serde(default = "every_one")]
    pub every: u64,
    /// What happens to it.
    pub fault: Fault,
}

impl FaultRule {
    /// The fault, on every request.
    pub fn always(fault: Fault) -> Self {
        Self { every: 1, fault }
    }
}

fn every_one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn as_written<S: Serializer>(delay: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    Duration(*delay).serialize(serializer)
}

fn as_read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Micros, D::Error> {
    Duration::deserialize(deserializer).map(|delay| delay.0)
}

/// Why a rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Every zeroth request.
    #[error("a fault on every 0th request never happens\nhint: 1 is every request, 10 is every tenth")]
    EveryZero,
    /// A count that cannot be.
    #[error("{name} is 0\nhint: give {name} as 1 or more")]
    Zero {
        /// What was zero.
        name: &'static str,
    },
    /// No such final status.
    #[error("{code} is not a final HTTP status\nhint: give 200 to 599")]
    Status {
        /// What was given.
        code: u16,
    },
    /// A header that cannot be sent.
    #[error("`{value}` cannot stand in a header\nhint: use visible ASCII only")]
    Header {
        /// What was given.
        value: String,
    },
}

/// How one request is to be answered, all rules applied.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) start: Start,
    pub(crate) delay: Option<Micros>,
    pub(crate) drip: Option<u32>,
    pub(crate) encoding: Option<String>,
    pub(crate) turn: Option<Turn>,
    /// `None`: as the server is set.
    pub(crate) tokens_per_event: Option<u32>,
    /// `None`: as the client asked.
    pub(crate) usage: Option<UsagePolicy>,
    pub(crate) done: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Start {
    Answer,
    Never,
    Close,
    BadHttp,
    Refuse { code: u16, body: String, header: Option<(&'static str, String)> },
}

/// What happens in the middle of a reply.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) after: u32,
    pub(crate) what: Break,
}

#[derive(Clone, Debug)]
pub(crate) enum Break {
    Cut,
    End,
    Stall,
    Error(String),
    NotJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsagePolicy {
    Never,
    AtEnd,
    Always,
}

/// Refuses rules that cannot be carried out.
pub(crate) fn check(rules: &[FaultRule]) -> Result<(), FaultError> {
    for rule in rules {
        if rule.every == 0 {
            return Err(FaultError::EveryZero);
        }
        match &rule.fault {
            Fault::Status { code, .. } if !(200..=599).contains(code) => {
                return Err(FaultError::Status { code: *code });
            }
            Fault::Drip { bytes_per_sec: 0 } => {
                return Err(FaultError::Zero { name: "bytes_per_sec" });
            }
            Fault::TokensPerEvent { tokens: 0 } => return Err(FaultError::Zero { name: "tokens" }),
            Fault::Redirect { location: value } | Fault::ContentEncoding { name: value }
                if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                return Err(FaultError::Header { value: value.clone() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// How the `nth` request (from 1) is to be answered.
pub(crate) fn manner(rules: &[FaultRule], nth: u64) -> Manner {
    let mut manner = Manner {
        start: Start::Answer,
        delay: None,
        drip: None,
        encoding: None,
        turn: None,
        tokens_per_event: None,
        usage: None,
        done: true,
    };
    for rule in rules.iter().filter(|rule| nth.is_multiple_of(rule.every)) {
        manner.apply(&rule.fault);
    }
    manner
}

impl Manner {
    fn apply(&mut self, fault: &Fault) {
        let turn = |after: &u32, what| Some(Turn { after: *after, what });
        match fault {
            Fault::Status { code, body, retry_after } => {
                self.start = Start::Refuse {
                    code: *code,
                    body: body.clone(),
                    header: retry_after.map(|s| ("retry-after", s.to_string())),
                }
            }
            Fault::Redirect { location } => {
                self.start = Start::Refuse {
                    code: 307,
                    body: String::new(),
                    header: Some(("location", location.clone())),
                }
            }
            Fault::NeverAnswer => self.start = Start::Never,
            Fault::AnswerAfter { delay } => self.delay = Some(*delay),
            Fault::EmptyReply => self.start = Start::Close,
            Fault::BadHttp => self.start = Start::BadHttp,
            Fault::Drip { bytes_per_sec } => self.drip = Some(*bytes_per_sec),
            Fault::ContentEncoding { name } => self.encoding = Some(name.clone()),
            Fault::CutAfter { tokens } => self.turn = turn(tokens, Break::Cut),
            Fault::EndAfter { tokens } => self.turn = turn(tokens, Break::End),
            Fault::StallAfter { tokens } => self.turn = turn(tokens, Break::Stall),
            Fault::ErrorAfter { tokens, message } => {
                self.turn = turn(tokens, Break::Error(message.clone()));
            }
            Fault::NotJsonAfter { tokens } => self.turn = turn(tokens, Break::NotJson),
            Fault::NoUsage => self.usage = Some(UsagePolicy::Never),
            Fault::UsageEveryEvent => self.usage = Some(UsagePolicy::Always),
            Fault::TokensPerEvent { tokens } => self.tokens_per_event = Some(*tokens),
            Fault::NoDone => self.done = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_hit_every_nth_and_add_up() {
        let rules =
            [FaultRule::always(Fault::NoDone), FaultRule { every: 3, fault: Fault::CutAfter { tokens: 2 } }];
        for nth in 1..=6 {
            let manner = manner(&rules, nth);
            assert!(!manner.done);
            assert_eq!(manner.turn.is_some(), nth % 3 == 0, "request {nth}");
        }
    }

    #[test]
    fn impossible_rules_are_refused() {
        let refused = |every, fault| check(&[FaultRule { every, fault }]).unwrap_err().to_string();
        assert!(refused(0, Fault::NoDone).contains("every 0th"));
        assert!(refused(1, Fault::Drip { bytes_per_sec: 0 }).starts_with("bytes_per_sec is 0"));
        let location = "a\r\nb".to_owned();
        assert!(refused(1, Fault::Redirect { location }).contains("header"));
        let status = Fault::Status { code: 99, body: String::new(), retry_after: None };
        assert!(refused(1, status).starts_with("99 is not"));
    }
}
