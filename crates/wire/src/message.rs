//! The server's own words about what went wrong.

use serde_json::Value;

/// Longest message kept of a reply, bytes. More than is ever written down: whoever knows the secrets masks them first and
/// cuts then, for a cut through the middle of a secret would leave a part that no mask knows.
pub const KEPT_BYTES: usize = 4_096;
/// Longest excerpt for people, bytes.
pub const MESSAGE_BYTES: usize = 300;

/// [`told`], at most [`MESSAGE_BYTES`].
pub fn of_body(body: &[u8]) -> String {
    let mut message = told(body);
    let end =
        (0..=MESSAGE_BYTES.min(message.len())).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
    message.truncate(end);
    message
}

/// The message in an error body: `error.message`, `error`, `message` or `detail` of a JSON object, else the text itself.
/// One line, at most [`KEPT_BYTES`].
pub fn told(body: &[u8]) -> String {
    let told = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        let error = value.get("error").and_then(of_error);
        error.or_else(|| ["message", "detail"].into_iter().find_map(|key| value.get(key).and_then(words)))
    });
    told.unwrap_or_else(|| clip(&String::from_utf8_lossy(head(body))))
}

/// The message in the value of an `error` key; `None` if the value says there is no error (null, false, "").
pub fn of_error(error: &Value) -> Option<String> {
    let told = ["message", "detail", "msg"].into_iter().find_map(|key| error.get(key).and_then(words));
    told.or_else(|| words(error))
}

/// A value in words; `None` if it has none.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => (!text.trim().is_empty()).then(|| clip(text)),
        other => Some(clip(&other.to_string())),
    }
}

/// The first bytes of something long, with room for the text around it to shrink.
fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(4 * KEPT_BYTES)]
}

/// `text` on one line (control characters, which could move a terminal's cursor, become spaces), at most
/// [`KEPT_BYTES`], cut between characters.
pub fn clip(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(KEPT_BYTES));
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if out.len() + c.len_utf8() > KEPT_BYTES {
            break;
        }
        if c == ' ' && out.ends_with(' ') {
            continue;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_found_where_servers_put_them() {
        let cases: [(&str, &str); 10] = [
            (r#"{"error":{"message":"model `x` does not exist","code":404}}"#, "model `x` does not exist"),
            (r#"{"error":"Unauthorized"}"#, "Unauthorized"),
            (r#"{"message":"queue full"}"#, "queue full"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (
                r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
                r#"[{"loc":["body"],"msg":"field required"}]"#,
            ),
            (r#"{"error":null,"message":"m"}"#, "m"),
            (r#"{"object":"error","message":"too long","code":400}"#, "too long"),
            (r#"{"error":{"code":503}}"#, r#"{"code":503}"#),
            ("<html>\r\n  <h1>502</h1>\r\n</html>\n", "<html> <h1>502</h1> </html>"),
            ("", ""),
        ];
        for (body, want) in cases {
            assert_eq!(of_body(body.as_bytes()), want, "{body}");
        }
    }

    #[test]
    fn cut_between_characters_and_on_one_line() {
        assert_eq!(of_body("é".repeat(200).as_bytes()).len(), 300);
        assert_eq!(of_body(format!("x{}", "é".repeat(200)).as_bytes()).len(), 299);
        assert_eq!(clip(&"é".repeat(3_000)).len(), KEPT_BYTES);
        assert_eq!(clip("a\u{1b}[31m\nb"), "a [31m b");
        assert!(of_body(&[0xff; 1000]).len() <= MESSAGE_BYTES);
    }

    #[test]
    fn what_a_secret_may_stand_in_is_kept_whole() {
        let body = format!("{{\"error\":\"{} sk-hidden\"}}", "x".repeat(295));
        assert!(told(body.as_bytes()).ends_with("sk-hidden"));
        assert_eq!(of_body(body.as_bytes()).len(), MESSAGE_BYTES);
    }
}
