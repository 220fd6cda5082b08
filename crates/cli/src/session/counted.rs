//! Token counts of texts, kept on disk: a data set of a hundred thousand conversations is counted once a tokenizer.
//!
//! One file a tokenizer, named by its digest; an entry is the first 16 bytes of the text's BLAKE3 and its count. What is in the
//! file is never wrong for another tokenizer or another text; a file that cannot be read or written costs time, nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokmark_base::digest::Digest;
use tokmark_tokens::Tokenizer;

use crate::environment::Environment;

/// Bytes of an entry: 16 of the text's digest, 4 of its count.
const ENTRY: usize = 20;

/// Fewer new counts than this are not worth a file.
const WORTH_KEEPING: usize = 1_000;

/// Counts as they are asked for and as they were kept.
pub struct Counted {
    tokenizer: Tokenizer,
    file: Option<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    counts: BTreeMap<[u8; 16], u32>,
    new: usize,
}

impl Counted {
    /// With what was kept for this tokenizer.
    pub fn open(tokenizer: Tokenizer, environment: &Environment) -> Self {
        let file = environment.cache().map(|dir| dir.join("counts").join(format!("{}.bin", tokenizer.id())));
        let bytes = file.as_ref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let counts = bytes.chunks_exact(ENTRY).map(entry).collect();
        Self { tokenizer, file, known: Mutex::new(Known { counts, new: 0 }) }
    }

    /// Tokens of `text`; `None` if the tokenizer cannot split it.
    pub fn count(&self, text: &str) -> Option<u32> {
        let key = key(text);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).counts.get(&key).copied();
        if known.is_some() {
            return known;
        }
        let count = self.tokenizer.count(text).ok()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.counts.insert(key, count);
        known.new += 1;
        Some(count)
    }

    /// Keeps what is new for the next run: written beside and renamed, so that no reader sees half of it.
    pub fn keep(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self.file.as_ref().filter(|_| known.new >= WORTH_KEEPING) else {
            return;
        };
        let bytes: Vec<u8> = known
            .counts
            .iter()
            .flat_map(|(key, count)| key.iter().copied().chain(count.to_le_bytes()))
            .collect();
        let beside = file.with_extension(format!("{}.tmp", std::process::id()));
        let written = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, file));
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
    }
}

fn key(text: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&Digest::new().part(text).bytes()[..16]);
    key
}

fn entry(bytes: &[u8]) -> ([u8; 16], u32) {
    let (mut key, mut count) = ([0; 16], [0; 4]);
    key.copy_from_slice(&bytes[..16]);
    count.copy_from_slice(&bytes[16..ENTRY]);
    (key, u32::from_le_bytes(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_and_found_again() {
        let home = tempfile::tempdir().unwrap();
        let vars = [("XDG_CACHE_HOME".to_owned(), home.path().display().to_string())];
        let environment = Environment { vars: vars.into(), ..Environment::default() };
        let tokenizer = Tokenizer::o200k();
        let texts: Vec<String> = (0..WORTH_KEEPING).map(|n| format!("text number {n}")).collect();
        let first = Counted::open(tokenizer.clone(), &environment);
        let counts: Vec<_> = texts.iter().map(|text| first.count(text)).collect();
        assert!(counts.iter().zip(&texts).all(|(n, text)| *n == tokenizer.count(text).ok()));
        first.keep();
        let again = Counted::open(tokenizer.clone(), &environment);
        assert_eq!(again.known.lock().unwrap().counts.len(), WORTH_KEEPING);
        assert!(texts.iter().zip(&counts).all(|(text, n)| again.count(text) == *n));
        assert_eq!(again.known.lock().unwrap().new, 0);
        // A file cut short loses its last entry and nothing else.
        let file = again.file.unwrap();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
        let cut = Counted::open(tokenizer, &environment);
        assert_eq!(cut.known.lock().unwrap().counts.len(), WORTH_KEEPING - 1);
    }
}
