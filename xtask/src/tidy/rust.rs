//! Just enough reading of Rust for rules about text: what is code and what is not, where functions and test modules lie.
//!
//! This is no parser. It knows comments, strings, characters and braces, and nothing of macros or types.

/// Rust source with every comment, string and character replaced by blanks of the same length, line breaks kept: what a
/// rule looks for in the result is really code.
pub(super) fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at + 1),
            b'r' | b'b' if !is_word(bytes, at.wrapping_sub(1)) => raw_or_byte_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_word(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| from + n)
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_u32;
    let mut at = from;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The end of a plain string whose text begins at `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br"…"` or `b'…'` at `from`; `None` if it is none of them.
fn raw_or_byte_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    if bytes[at] == b'b' {
        at += 1;
    }
    let raw = bytes.get(at) == Some(&b'r');
    if !raw {
        return match bytes.get(at)? {
            b'"' => Some(string_end(bytes, at + 1)),
            b'\'' => char_end(bytes, at),
            _ => None,
        };
    }
    at += 1;
    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
    at += hashes;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = &bytes[at + 1..];
    let end = body.windows(close.len()).position(|w| w == close).map_or(body.len(), |n| n + close.len());
    Some(at + 1 + end)
}

/// The end of a character at `from`; `None` if the quote opens a lifetime.
fn char_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.get(from + 1) == Some(&b'\\') {
        return bytes[from + 3..].iter().position(|b| *b == b'\'').map(|n| from + 3 + n + 1);
    }
    // One character is at most four bytes long.
    let close = bytes[from + 1..].iter().take(5).position(|b| *b == b'\'')?;
    let inside = std::str::from_utf8(&bytes[from + 1..from + 1 + close]).ok()?;
    (inside.chars().count() == 1).then_some(from + 1 + close + 1)
}

/// A function: its name, its line (from 1), and the lines of its body that hold code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) code_lines: usize,
}

/// The functions with a body in `code` (the result of [`code_only`]). A nested one is counted in its parent as well.
pub(super) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if is_word(code.as_bytes(), at.wrapping_sub(1)) {
            continue;
        }
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = rest.find(['{', ';']) else { continue };
        if name.is_empty() || rest.as_bytes()[open] == b';' {
            continue;
        }
        let body = block(&rest[open..]);
        let code_lines = body.lines().filter(|line| !line.trim().is_empty()).count().saturating_sub(2);
        found.push(Function { name, line: code[..at].matches('\n').count() + 1, code_lines });
    }
    found
}

/// The text from an opening brace to the one that closes it.
fn block(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return &text[..=at];
        }
    }
    text
}

/// The names of an enum's variants in `code`; empty if there is no such enum.
pub(super) fn enum_variants(code: &str, name: &str) -> Vec<String> {
    let Some((_, rest)) = code.split_once(&format!("enum {name} {{")) else { return Vec::new() };
    let mut depth = 0_i32;
    let mut found = Vec::new();
    for line in rest.lines() {
        let line = line.trim();
        if depth == 0 && line.starts_with('}') {
            break;
        }
        if depth == 0 && line.starts_with(char::is_uppercase) {
            found.push(line.chars().take_while(|c| c.is_alphanumeric()).collect());
        }
        depth += line.matches(['{', '(']).count() as i32 - line.matches(['}', ')']).count() as i32;
    }
    found
}

/// `code` with every `#[cfg(test)]` item blanked, and the number of lines of the longest such block.
pub(super) fn without_tests(code: &str) -> (String, usize) {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut longest = 0;
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match item.find(['{', ';']) {
            Some(open) if item.as_bytes()[open] == b'{' => {
                let body = block(&item[open..]);
                longest = longest.max(body.lines().count());
                open + body.len()
            }
            Some(semicolon) => semicolon + 1,
            None => item.len(),
        };
        out.extend(item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    out.push_str(rest);
    (out, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_characters_are_not_code() {
        let source = r##"let a = "fn x() {"; // fn y() {
let b = r#"std::fs "quoted" "#; /* tokio /* nested */ still */ let c = '{'; let d = b'\''; let e: &'static str = "\"";"##;
        let code = code_only(source);
        assert_eq!(code.len(), source.len());
        assert_eq!(code.matches('\n').count(), 1);
        for gone in ["fn", "std::fs", "tokio", "still", "{", "\""] {
            assert!(!code.contains(gone), "{gone} in {code}");
        }
        for kept in ["let a", "let b", "let c", "let d", "&'static str"] {
            assert!(code.contains(kept), "{kept} in {code}");
        }
    }

    #[test]
    fn functions_are_measured_in_lines_of_code() {
        let source = "trait T {\n    fn none(&self);\n}\nfn two(f: fn(u8)) -> u8 {\n    // why\n\n    let a = 1;\n    a\n}\n";
        let found = functions(&code_only(source));
        assert_eq!(found, [Function { name: "two".into(), line: 4, code_lines: 2 }]);
    }

    #[test]
    fn test_modules_are_cut_out() {
        let source =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\n";
        let (code, longest) = without_tests(source);
        assert!(
            code.contains("fn a")
                && code.contains("fn c")
                && !code.contains("fn b")
                && !code.contains("more")
        );
        assert_eq!((longest, code.matches('\n').count()), (3, source.matches('\n').count()));
    }
}
