//! Counts synthesised prompts again with the real vocabulary: off the start path, after the first request went out.

use crate::{Tokenizer, TokensError};

/// How a second count went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Texts counted.
    pub texts: u64,
    /// Texts whose count is not what was said, and the first of them.
    pub wrong: u64,
    /// The first wrong one.
    pub first: Option<Mismatch>,
}

/// A text that does not have the tokens it was said to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which (its index in the plan).
    pub index: u64,
    /// Tokens it was said to have.
    pub said: u32,
    /// Tokens it has.
    pub counted: u32,
}

/// Counts each `(index, text, tokens said)`.
pub fn verify<T: AsRef<str>>(
    tokenizer: &Tokenizer,
    texts: impl IntoIterator<Item = (u64, T, u32)>,
) -> Result<Verified, TokensError> {
    let mut verified = Verified::default();
    for (index, text, said) in texts {
        let counted = tokenizer.count(text.as_ref())?;
        verified.texts += 1;
        if counted != said {
            verified.wrong += 1;
            verified.first = verified.first.or(Some(Mismatch { index, said, counted }));
        }
    }
    Ok(verified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_count_is_found_and_named() {
        let o200k = Tokenizer::o200k();
        let texts = [(0, "time flies", 2), (1, "time flies like an arrow", 4), (2, "", 0)];
        let verified = verify(&o200k, texts).unwrap();
        assert_eq!((verified.texts, verified.wrong), (3, 1));
        let first = verified.first.unwrap();
        assert_eq!((first.index, first.said, first.counted), (1, 4, 5));
    }
}
