//! BLAKE3 digests, for plan digests and caches.

/// A growing digest. Every part is framed by its length, so that `("ab", "c")` and `("a", "bc")` differ.
#[derive(Clone, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// An empty digest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one part.
    #[must_use]
    pub fn part(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds bytes without a frame: a digest of nothing but these is plain BLAKE3, as `b3sum` prints it, however they were cut.
    #[must_use]
    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.update(bytes.as_ref());
        self
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }

    /// The raw 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_tells_parts_apart() {
        assert_ne!(Digest::new().part("ab").part("c").hex(), Digest::new().part("a").part("bc").hex());
        assert_eq!(Digest::new().part("ab").hex(), Digest::new().part(b"ab").hex());
        assert_eq!(Digest::new().raw("ab").raw("c").hex(), blake3::hash(b"abc").to_hex().to_string());
    }
}
