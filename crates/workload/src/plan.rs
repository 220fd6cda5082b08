//! The plan: every request, as a pure function of its index.

/// One planned request.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRequest {
    /// Its index in the plan.
    pub index: u64,
    /// Input tokens under the chosen tokenizer, if known exactly.
    pub isl: Option<u32>,
    /// Output tokens to ask for, if a number is asked.
    pub osl: Option<u32>,
    /// What is said.
    pub prompt: Prompt,
}

/// The words of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Text: the prompt of a completion, the one user message of a chat.
    Text(String),
    /// Ready-made chat messages, as given in a file.
    Messages(Vec<serde_json::Value>),
}

/// Anything that can say what request `index` is. `Plan` is the one of real runs.
pub trait Requests: Send + Sync {
    /// Request `index`. The same index gives the same request, in any order, from any thread.
    fn request(&self, index: u64) -> PlannedRequest;
}
