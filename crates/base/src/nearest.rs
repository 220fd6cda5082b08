//! The nearest known word, for hints.

/// The known word closest to `typed`, if it is close enough to be what was meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&typed, &word.to_ascii_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1 + word.len().min(typed.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant_and_nothing_else() {
        let known = ["poisson", "constant", "gamma"];
        assert_eq!(nearest("poison", known), Some("poisson"));
        assert_eq!(nearest("Constnat", known), Some("constant"));
        assert_eq!(nearest("zipf", known), None);
    }
}
