//! A chat template under a tokenizer: what a server counts of a chat.

use tokmark_base::Frame;
use tokmark_base::digest::Digest;

use crate::template::{ChatTemplate, Message};
use crate::{Tokenizer, TokensError};

/// Counts chats as the server of a model does.
pub struct ChatFrame {
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

impl ChatFrame {
    /// Of a model's tokenizer and template.
    pub fn new(tokenizer: Tokenizer, template: ChatTemplate) -> Self {
        Self { tokenizer, template }
    }

    /// Tokens of `messages` with the template around them, special tokens counted as such.
    pub fn count_chat(&self, messages: &[Message<'_>]) -> Result<u32, TokensError> {
        self.tokenizer.count(&self.template.render(messages)?)
    }
}

impl Frame for ChatFrame {
    fn id(&self) -> String {
        format!("chat template {}", &Digest::new().part(self.template.source()).hex()[..16])
    }

    fn count(&self, system: Option<&str>, user: &str) -> Option<u32> {
        let system = system.map(|content| Message { role: "system", content });
        let user = Message { role: "user", content: user };
        let messages: Vec<Message<'_>> = system.into_iter().chain([user]).collect();
        self.count_chat(&messages).ok()
    }
}
