//! ShareGPT's JSON of conversations, with the filters everybody applies to it.
//!
//! ```json
//! [{"id": "QWJhYvA_0", "conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}, …]}, …]
//! ```
//!
//! A conversation is a session: each message of a human that an answer follows at once is a turn, and asks for as many tokens as
//! that answer has (AIPerf 0.13.0). `gpt`, `chatgpt`, `bing` and `assistant` answer, `human` and `user` ask. What a `system` says
//! before a turn is said with it. Where turns do not say again what was said before, only the first turn is taken, as a request of
//! its own (vLLM): a later one without its beginning is no question anybody asked.
//!
//! Left out and counted, each by its reason: conversations of fewer than two messages or without a question and its answer; and
//! those with a turn whose question has fewer than 4 or more than 1,024 tokens, whose answer has fewer than 4, or which have more
//! than 2,048 together (vLLM's `is_valid_sequence`, AIPerf's the same). AIPerf leaves out what a `system` says; we do not. vLLM takes
//! a conversation's first two messages for question and answer, whoever says them; we take the first that are.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::elements::{Elements, ListAt};
use super::row::{Ignored, Row, RowError, Rows, Said};

const HINT: &str =
    "the file is one JSON list of objects with `conversations`, a list of objects with `from` and `value`";

/// Tokens a question and an answer have at least.
const LEAST: u32 = 4;
/// Tokens a question has at most.
const MOST_ASKED: u32 = 1_024;
/// Tokens both have at most.
const MOST: u32 = 2_048;

/// Counts tokens; `None` if they cannot be counted.
pub type Counter = Arc<dyn Fn(&str) -> Option<u32> + Send + Sync>;

/// See the module.
pub struct ShareGpt {
    elements: Elements<Box<dyn BufRead + Send>>,
    count: Counter,
    first_turns: bool,
    ignored: Ignored,
    left_out: BTreeMap<&'static str, u64>,
    /// Turns that were read and not handed out yet.
    turns: VecDeque<Row>,
    conversations: u64,
}

impl ShareGpt {
    /// Reads `input`; `file` is for messages. `count` counts tokens; `first_turns`: only the first turn of each conversation.
    pub fn new(file: &str, input: Box<dyn BufRead + Send>, count: Counter, first_turns: bool) -> Self {
        Self {
            elements: Elements::new(file, input, ListAt::Top, HINT),
            count,
            first_turns,
            ignored: Ignored::default(),
            left_out: BTreeMap::new(),
            turns: VecDeque::new(),
            conversations: 0,
        }
    }

    /// Reads up to a conversation that is used; `false` at the end.
    fn advance(&mut self) -> Result<bool, RowError> {
        while let Some(element) = self.elements.next_element() {
            let element = element?;
            let conversation: Conversation = serde_json::from_slice(element.bytes)
                .map_err(|error| element.spot.json(element.bytes, &error))?;
            for key in conversation.ignored.keys() {
                self.ignored.count(key);
            }
            self.conversations += 1;
            let asked = questions(conversation.conversations, self.first_turns);
            match asked.and_then(|asked| turns(asked, self.count.as_ref())) {
                Ok(turns) => {
                    let session = (!self.first_turns).then(|| self.conversations.to_string());
                    let of_session = |turn: Row| Row { session: session.clone(), ..turn };
                    self.turns = turns.into_iter().map(of_session).collect();
                    return Ok(true);
                }
                Err(why) => *self.left_out.entry(why).or_default() += 1,
            }
        }
        Ok(false)
    }
}

impl fmt::Debug for ShareGpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShareGpt")
            .field("elements", &self.elements)
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

impl Rows for ShareGpt {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        if self.turns.is_empty() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.turns.pop_front().map(Ok)
    }

    fn wrong(&self, field: Option<&str>, what: String) -> RowError {
        self.elements.last().wrong_in(field, what)
    }

    fn ignored(&self) -> &BTreeMap<String, u64> {
        self.ignored.counts()
    }

    fn left_out(&self) -> BTreeMap<&'static str, u64> {
        self.left_out.clone()
    }
}

/// An entry of the file. Its `id` is not the session's name: parts of one long conversation have ids of their own.
#[derive(Deserialize)]
struct Conversation {
    #[serde(rename = "id", default)]
    _id: Option<Value>,
    conversations: Vec<Message>,
    #[serde(flatten)]
    ignored: BTreeMap<String, Value>,
}

/// A message. More keys than these stand in some copies of the file; nobody reads them.
#[derive(Deserialize)]
struct Message {
    from: String,
    value: String,
}

/// A question, what a system said before it, and the answer.
struct Question {
    system: Option<String>,
    asked: String,
    answer: String,
}

/// The questions of a conversation, or why it is left out.
fn questions(messages: Vec<Message>, first_only: bool) -> Result<Vec<Question>, &'static str> {
    if messages.len() < 2 {
        return Err("fewer than two messages");
    }
    let mut found = Vec::new();
    let (mut system, mut asked) = (None::<String>, None::<String>);
    for Message { from, value } in messages {
        match from.as_str() {
            "system" => {
                system = match system {
                    Some(before) => Some(format!("{before}\n{value}")),
                    None => Some(value),
                };
            }
            // A question that no answer follows is none.
            "human" | "user" => asked = Some(value),
            "gpt" | "chatgpt" | "bing" | "assistant" => {
                if let Some(asked) = asked.take().filter(|asked| !asked.is_empty() && !value.is_empty()) {
                    found.push(Question { system: system.take(), asked, answer: value });
                }
            }
            // Tools and the like: what comes behind them is no answer to what stands before them.
            _ => asked = None,
        }
        if first_only && !found.is_empty() {
            break;
        }
    }
    if found.is_empty() { Err("no question with its answer") } else { Ok(found) }
}

/// The turns of a conversation, or why it is left out.
fn turns(questions: Vec<Question>, count: &dyn Fn(&str) -> Option<u32>) -> Result<Vec<Row>, &'static str> {
    let turn = |question: Question| {
        let Question { system, asked, answer } = question;
        let uncounted = "tokens could not be counted";
        let prompt = count(&asked).ok_or(uncounted)?;
        if prompt < LEAST {
            return Err("a question of fewer than 4 tokens");
        }
        if prompt > MOST_ASKED {
            return Err("a question of more than 1024 tokens");
        }
        let output = count(&answer).ok_or(uncounted)?;
        if output < LEAST {
            return Err("an answer of fewer than 4 tokens");
        }
        if prompt + output > MOST {
            return Err("a question and its answer of more than 2048 tokens");
        }
        let (said, input_length) = match system.filter(|system| !system.is_empty()) {
            None => (Said::Text(asked), Some(prompt)),
            Some(system) => {
                let messages = vec![
                    json!({"role": "system", "content": system}),
                    json!({"role": "user", "content": asked}),
                ];
                (Said::Messages(messages), None)
            }
        };
        Ok(Row { input_length, output_length: Some(output), said, ..Row::default() })
    };
    questions.into_iter().map(turn).collect()
}

#[cfg(test)]
mod tests;
