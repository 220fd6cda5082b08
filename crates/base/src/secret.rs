//! Values that must never reach a file, a log or a screen.

use std::fmt;

/// Text that is shown as `***`. There is no `Serialize` on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `text` with every occurrence of each secret replaced by `***`. Secrets shorter than four characters are left: hiding
/// those would garble ordinary words and they protect nothing.
pub fn mask(text: &str, secrets: &[Secret]) -> String {
    let mut secrets: Vec<&str> = secrets.iter().map(|s| s.0.as_str()).filter(|s| s.len() >= 4).collect();
    // Of a secret that begins another one, masked first, the other's rest would stay.
    secrets.sort_unstable_by_key(|s| std::cmp::Reverse(s.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shown() {
        let s = Secret::new("sk-12345");
        assert_eq!(format!("{s} {s:?}"), "*** Secret(***)");
        assert_eq!(mask("bad key sk-12345!", std::slice::from_ref(&s)), "bad key ***!");
        assert_eq!(mask("sk-12345-more", &[s, Secret::new("sk-12345-more")]), "***", "the longer one first");
    }
}
