//! A model's chat template: the text a server makes of chat messages before it counts them.
//!
//! Templates are Jinja as Hugging Face's libraries run it: blocks trimmed, loops that can break, Python's methods on strings.
//! Rendered text is counted with its special tokens read as such, which is what a server does with it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value, context};

use crate::TokensError;

/// A chat template, compiled.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos: String,
    eos: String,
}

/// One message as a template sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `system`, `user`, `assistant`.
    pub role: &'a str,
    /// The words.
    pub content: &'a str,
}

const NAME: &str = "chat_template";

impl ChatTemplate {
    /// From the text of a `tokenizer_config.json`, which holds a template or names special tokens, and of a `chat_template.jinja`,
    /// which comes first. `None` if neither has a template.
    pub fn from_files(
        name: &str,
        config: Option<&str>,
        jinja: Option<&str>,
    ) -> Result<Option<Self>, TokensError> {
        let refuse = |message: String| TokensError::Template { name: name.to_owned(), message };
        let config: serde_json::Value = match config {
            Some(text) => {
                serde_json::from_str(text).map_err(|e| refuse(format!("tokenizer_config.json: {e}")))?
            }
            None => serde_json::Value::Null,
        };
        let Some(source) = jinja.map(str::to_owned).or_else(|| listed(&config["chat_template"])) else {
            return Ok(None);
        };
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| refuse(e.to_string()))?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise);
        environment.add_filter("tojson", to_json);
        environment.add_template_owned(NAME, source.clone()).map_err(|e| refuse(e.to_string()))?;
        let special = |key: &str| word(&config[key]).unwrap_or_default();
        Ok(Some(Self { environment, source, bos: special("bos_token"), eos: special("eos_token") }))
    }

    /// The template's own text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of `messages`, with the beginning of the reply behind it as a server adds it.
    pub fn render(&self, messages: &[Message<'_>]) -> Result<String, TokensError> {
        let refuse = |e: Error| TokensError::Template { name: NAME.to_owned(), message: e.to_string() };
        let messages: Vec<Value> =
            messages.iter().map(|m| context! { role => m.role, content => m.content }).collect();
        let template = self.environment.get_template(NAME).map_err(refuse)?;
        let values = context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => &self.bos,
            eos_token => &self.eos,
        };
        template.render(values).map_err(refuse)
    }
}

/// A template alone, or the one called `default` of a list of named ones.
fn listed(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Array(named) => {
            let default = named.iter().find(|one| one["name"] == "default").or_else(|| named.first())?;
            default["template"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// A special token: its text, or an object that has it as `content`.
fn word(value: &serde_json::Value) -> Option<String> {
    value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
}

fn raise(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Python's `json.dumps` as templates use it: a space behind colons and commas unless an indent is asked.
#[allow(clippy::needless_pass_by_value)] // as a filter takes them
fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let _ = options.get::<Option<bool>>("ensure_ascii")?;
    options.assert_all_used()?;
    let json =
        serde_json::to_value(value).map_err(|e| Error::new(ErrorKind::InvalidOperation, e.to_string()))?;
    Ok(match indent {
        None => spaced(&json),
        Some(_) => serde_json::to_string_pretty(&json)
            .map_err(|e| Error::new(ErrorKind::InvalidOperation, e.to_string()))?,
    })
}

fn spaced(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(entries) => {
            let entry = |(key, value): (&String, &serde_json::Value)| {
                format!("{}: {}", serde_json::Value::from(key.as_str()), spaced(value))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Message<'_> = Message { role: "user", content: "hello there" };
    const SYSTEM: Message<'_> = Message { role: "system", content: "be brief" };

    /// The template of Qwen3 as its `tokenizer_config.json` has it, and what Hugging Face's `apply_chat_template` makes of it
    /// (transformers, `add_generation_prompt=True`).
    #[test]
    fn a_real_template_renders_as_the_reference_does() {
        let config = include_str!("../tests/golden/qwen3_config.json");
        let template = ChatTemplate::from_files("qwen3", Some(config), None).unwrap().unwrap();
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../tests/golden/qwen3_rendered.json")).unwrap();
        let reply = Message { role: "assistant", content: "<think>\nhm\n</think>\n\nhi" };
        for (name, messages) in [
            ("user", vec![USER]),
            ("system_user", vec![SYSTEM, USER]),
            ("three_turns", vec![SYSTEM, USER, reply, USER]),
        ] {
            assert_eq!(template.render(&messages).unwrap(), golden[name].as_str().unwrap(), "{name}");
        }
    }

    #[test]
    fn a_template_of_its_own_file_comes_first_and_a_named_one_is_found() {
        let config = r#"{"chat_template": [{"name": "tool", "template": "no"}, {"name": "default", "template": "{{ bos_token }}{{ messages[0]['content'] }}"}], "bos_token": {"content": "<s>"}}"#;
        let template = ChatTemplate::from_files("t", Some(config), None).unwrap().unwrap();
        assert_eq!(template.render(&[USER]).unwrap(), "<s>hello there");
        let own = ChatTemplate::from_files("t", Some(config), Some("x")).unwrap().unwrap();
        assert_eq!(own.render(&[USER]).unwrap(), "x");
        assert!(ChatTemplate::from_files("t", Some("{}"), None).unwrap().is_none());
        assert!(ChatTemplate::from_files("t", None, None).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_read_or_rendered_says_so() {
        let error = ChatTemplate::from_files("t", Some("{"), None).err().unwrap().to_string();
        assert!(error.contains("tokenizer_config.json") && error.contains("hint:"), "{error}");
        let error = ChatTemplate::from_files("t", None, Some("{% if %}")).err().unwrap().to_string();
        assert!(error.contains("hint:"), "{error}");
        let raising = "{{ raise_exception('no system role') }}";
        let template = ChatTemplate::from_files("t", None, Some(raising)).unwrap().unwrap();
        let error = template.render(&[SYSTEM]).unwrap_err().to_string();
        assert!(error.contains("no system role"), "{error}");
    }
}
