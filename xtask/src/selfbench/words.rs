//! `--key=value` words of the hidden verbs and of `selfbench` itself.

use std::str::FromStr;

use super::Fallible;

/// The words after a verb.
pub(crate) struct Words<'a>(&'a [String]);

impl<'a> Words<'a> {
    pub(crate) fn new(words: &'a [String]) -> Self {
        Self(words)
    }

    /// The value of `key`, written `key=value` or `key value`.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.0.iter().enumerate().find_map(|(i, word)| match word.split_once('=') {
            Some((k, value)) if k == key => Some(value),
            None if word == key => self.0.get(i + 1).map(String::as_str),
            _ => None,
        })
    }

    /// A number that must be there.
    pub(crate) fn number<T: FromStr>(&self, key: &str) -> Fallible<T> {
        let text = self.text(key).ok_or_else(|| format!("{key} is missing\n  hint: {key}=N"))?;
        text.parse().map_err(|_| format!("{key}={text} is not a number").into())
    }

    /// A number, or `default` where the key is absent.
    pub(crate) fn number_or<T: FromStr>(&self, key: &str, default: T) -> Fallible<T> {
        if self.text(key).is_none() { Ok(default) } else { self.number(key) }
    }

    /// Whether `switch`, a key without a value, is there.
    pub(crate) fn has(&self, switch: &str) -> bool {
        self.0.iter().any(|word| word == switch)
    }

    /// The words that are neither keys nor values of `keys`.
    pub(crate) fn plain(&self, keys: &[&str]) -> Vec<&'a str> {
        let mut words = Vec::new();
        let mut is_value = false;
        for word in self.0 {
            if !is_value && !word.starts_with("--") {
                words.push(word.as_str());
            }
            is_value = keys.contains(&word.as_str());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_key() {
        let args: Vec<String> =
            ["cpu", "--reps", "3", "--no-build", "start", "--port=80"].map(str::to_owned).to_vec();
        let words = Words::new(&args);
        assert_eq!(words.plain(&["--reps"]), ["cpu", "start"]);
        assert!(words.has("--no-build") && !words.has("--build"));
        assert_eq!(words.number::<u32>("--reps").unwrap(), 3);
        assert_eq!(words.number::<u16>("--port").unwrap(), 80);
        assert_eq!(words.number_or("--none", 7).unwrap(), 7);
        assert!(words.number::<u32>("--none").is_err());
    }
}
