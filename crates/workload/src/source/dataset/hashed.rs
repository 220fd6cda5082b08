//! A reader that hashes what is read through it.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use tokmark_base::digest::Digest;

/// Bytes hashed at once: BLAKE3 is several times as fast on long runs.
const RUN: usize = 64 << 10;

/// The digest of what was read so far.
#[derive(Clone, Default)]
pub(super) struct Hash(Arc<Mutex<Hashing>>);

#[derive(Default)]
struct Hashing {
    digest: Digest,
    waiting: Vec<u8>,
}

impl Hash {
    /// 64 hexadecimal digits: BLAKE3 of the bytes.
    pub(super) fn hex(&self) -> String {
        self.with(|hashing| hashing.digest.clone().raw(&hashing.waiting).hex())
    }

    fn add(&self, bytes: &[u8]) {
        self.with(|hashing| {
            hashing.waiting.extend_from_slice(bytes);
            if hashing.waiting.len() >= RUN {
                hashing.digest = std::mem::take(&mut hashing.digest).raw(&hashing.waiting);
                hashing.waiting.clear();
            }
        });
    }

    fn with<T>(&self, f: impl FnOnce(&mut Hashing) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// See the module.
pub(super) struct Hashed<R> {
    input: R,
    hash: Hash,
}

impl<R> Hashed<R> {
    pub(super) fn new(input: R) -> (Self, Hash) {
        let hash = Hash::default();
        (Self { input, hash: hash.clone() }, hash)
    }
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if amount == 0 {
            return;
        }
        // What is consumed was filled before, so that nothing is read here.
        if let Ok(bytes) = self.input.fill_buf() {
            self.hash.add(&bytes[..amount.min(bytes.len())]);
        }
        self.input.consume(amount);
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buffer)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_the_bytes_however_they_are_read() {
        let text: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let want = Digest::new().raw(&text).hex();
        let (mut reader, hash) = Hashed::new(io::BufReader::with_capacity(1_000, &text[..]));
        let mut line = Vec::new();
        while reader.read_until(7, &mut line).unwrap() > 0 {}
        assert_eq!((hash.hex(), line.len()), (want.clone(), text.len()));
        let (mut reader, hash) = Hashed::new(&text[..]);
        reader.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(hash.hex(), want);
    }
}
