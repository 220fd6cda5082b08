//! What a prompt is made of, as far as a cache can tell: which tokens it shares with other prompts, without the tokens' text.

use std::sync::Arc;

/// A run of tokens that is always the same: two segments of one id agree token by token as far as both reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// What it is: a shared prefix, one request's own words, one reply.
    pub id: u64,
    /// Tokens of it that are used, from its start.
    pub tokens: u32,
}

/// The identity of a sequence of tokens.
///
/// Simulation needs to know which prompts begin alike, not what they say. Two contents share a prefix exactly as far as their
/// tokens (or segments of the same id at the same place) agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Made of segments, as synthetic prompts and traces of block ids are.
    Segments(Vec<Segment>),
    /// Real token ids.
    Tokens(Arc<[u32]>),
}

impl Content {
    /// `tokens` tokens that only content of this `id` shares.
    pub fn of(id: u64, tokens: u32) -> Self {
        Self::Segments(vec![Segment { id, tokens }])
    }

    /// Its length, tokens.
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Segments(segments) => segments.iter().map(|s| u64::from(s.tokens)).sum(),
            Self::Tokens(ids) => ids.len() as u64,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Segments(Vec::new())
    }
}

/// The id of segment `index` among those called `name`: the same on every machine, and for different names or indices different
/// but for an accident of 1 in 2⁶⁴.
pub fn segment_id(name: &str, index: u64) -> u64 {
    let bytes = crate::digest::Digest::new().part("segment").part(name).part(index.to_le_bytes()).bytes();
    let mut id = [0; 8];
    id.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up_and_ids_differ() {
        let content = Content::Segments(vec![Segment { id: 1, tokens: 30 }, Segment { id: 2, tokens: 12 }]);
        assert_eq!(content.tokens(), 42);
        assert_eq!(Content::Tokens(Arc::from([1, 2, 3])).tokens(), 3);
        assert_ne!(segment_id("text", 0), segment_id("text", 1));
        assert_ne!(segment_id("text", 0), segment_id("prefix", 0));
    }
}
