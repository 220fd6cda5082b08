//! A sequence cut into blocks: the names of its complete blocks, growing as the sequence grows.

use tokmark_base::{Content, Piece, Segment};

use crate::hash::{LocalHash, SequenceHash, follow, local, opaque};

/// The blocks of one sequence.
///
/// Only complete blocks have a name. Token ids give exactly Dynamo's names; segments, whose ids are not token ids, give names
/// that agree wherever the content agrees.
#[derive(Clone, Debug)]
pub struct Chain {
    block: u32,
    seed: u64,
    tokens: u64,
    tail: Tail,
    locals: Vec<LocalHash>,
    names: Vec<SequenceHash>,
}

/// What is behind the last complete block.
#[derive(Clone, Debug, Default)]
struct Tail {
    tokens: u32,
    ids: Vec<u32>,
    parts: Vec<Part>,
}

/// Tokens `offset..offset + tokens` of a segment.
#[derive(Clone, Copy, Debug)]
struct Part {
    id: u64,
    offset: u32,
    tokens: u32,
    /// Token ids of the block before it: with them its place is known.
    after: u32,
}

impl Chain {
    /// An empty sequence in blocks of `block` tokens (at least 1), salted by `seed` (see [`crate::hash::seed`]).
    pub fn new(block: u32, seed: u64) -> Self {
        let block = block.max(1);
        Self { block, seed, tokens: 0, tail: Tail::default(), locals: Vec::new(), names: Vec::new() }
    }

    /// The blocks of `content`.
    pub fn of(content: &Content, block: u32, seed: u64) -> Self {
        let mut chain = Self::new(block, seed);
        let blocks = (content.tokens() / u64::from(chain.block)) as usize;
        chain.locals.reserve_exact(blocks);
        chain.names.reserve_exact(blocks);
        match content {
            Content::Segments(segments) => {
                for Segment { id, tokens } in segments {
                    chain.extend(*id, 0, *tokens);
                }
            }
            Content::Tokens(ids) => chain.extend_tokens(ids),
            Content::Mixed(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Segment(Segment { id, tokens }) => chain.extend(*id, 0, *tokens),
                        Piece::Tokens(ids) => chain.extend_tokens(ids),
                    }
                }
            }
        }
        chain
    }

    /// Tokens `offset..offset + tokens` of segment `id` follow.
    pub fn extend(&mut self, id: u64, mut offset: u32, mut tokens: u32) {
        while tokens > 0 {
            let take = tokens.min(self.block - self.tail.tokens);
            self.tail.push(id, offset, take);
            self.tokens += u64::from(take);
            offset += take;
            tokens -= take;
            self.close();
        }
    }

    /// These token ids follow.
    pub fn extend_tokens(&mut self, mut ids: &[u32]) {
        while !ids.is_empty() {
            let take = ids.len().min((self.block - self.tail.tokens) as usize);
            let (now, later) = ids.split_at(take);
            self.tail.ids.extend_from_slice(now);
            self.tail.tokens += take as u32;
            self.tokens += take as u64;
            ids = later;
            self.close();
        }
    }

    /// Names the tail if it is a complete block.
    fn close(&mut self) {
        if self.tail.tokens < self.block {
            return;
        }
        let local = self.tail.hash(self.seed);
        self.names.push(follow(self.names.last().copied(), local));
        self.locals.push(local);
        self.tail.clear();
    }

    /// Tokens of a block.
    pub fn block(&self) -> u32 {
        self.block
    }

    /// Length of the sequence, tokens.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The names of the complete blocks, in order.
    pub fn names(&self) -> &[SequenceHash] {
        &self.names
    }

    /// The blocks' own hashes, in order.
    pub fn locals(&self) -> &[LocalHash] {
        &self.locals
    }
}

impl Tail {
    fn push(&mut self, id: u64, offset: u32, tokens: u32) {
        self.tokens += tokens;
        let after = self.ids.len() as u32;
        match self.parts.last_mut() {
            // A reply grows token by token; its name must not depend on the rhythm.
            Some(last) if last.id == id && last.offset + last.tokens == offset && last.after == after => {
                last.tokens += tokens;
            }
            _ => self.parts.push(Part { id, offset, tokens, after }),
        }
    }

    fn hash(&self, seed: u64) -> LocalHash {
        if self.parts.is_empty() {
            return local(&self.ids, seed);
        }
        if let ([], [part]) = (&self.ids[..], &self.parts[..]) {
            return opaque(&part.bytes(), seed);
        }
        let mut bytes: Vec<u8> = self.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        for part in &self.parts {
            bytes.extend_from_slice(&part.bytes());
            if !self.ids.is_empty() {
                bytes.extend_from_slice(&part.after.to_le_bytes());
            }
        }
        opaque(&bytes, seed)
    }

    fn clear(&mut self) {
        self.tokens = 0;
        self.ids.clear();
        self.parts.clear();
    }
}

impl Part {
    fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.offset.to_le_bytes());
        bytes[12..].copy_from_slice(&self.tokens.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;

    fn segments(parts: &[(u64, u32)]) -> Content {
        Content::Segments(parts.iter().map(|&(id, tokens)| Segment { id, tokens }).collect())
    }

    #[test]
    fn a_prefix_shares_exactly_its_complete_blocks() {
        let a = Chain::of(&segments(&[(1, 40), (2, 40)]), 16, 1337);
        let b = Chain::of(&segments(&[(1, 40), (3, 40)]), 16, 1337);
        assert_eq!((a.names().len(), a.tokens()), (5, 80));
        assert_eq!(a.names()[..2], b.names()[..2]);
        // Block 2 holds 8 tokens of the prefix and 8 of each one's own.
        assert!((2..5).all(|i| a.names()[i] != b.names()[i]));
    }

    #[test]
    fn the_rhythm_of_growth_does_not_matter() {
        let mut grown = Chain::of(&segments(&[(1, 10)]), 4, 1337);
        (0..9).for_each(|n| grown.extend(7, n, 1));
        let whole = Chain::of(&segments(&[(1, 10), (7, 9)]), 4, 1337);
        assert_eq!(grown.names(), whole.names());
        assert_eq!(grown.names().len(), 4);
    }

    #[test]
    fn a_block_of_both_kinds_knows_their_order() {
        let ids = |ids: &[u32]| Piece::Tokens(Arc::from(ids));
        let said = Piece::Segment(Segment { id: 7, tokens: 2 });
        let pieces = [
            vec![ids(&[1, 2]), said.clone()],
            vec![ids(&[1]), said.clone(), ids(&[2])],
            vec![said, ids(&[1, 2])],
        ];
        let names: BTreeSet<_> =
            pieces.into_iter().map(|p| Chain::of(&Content::Mixed(p), 4, 1337).names()[0].0).collect();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn another_salt_is_another_cache() {
        let content = segments(&[(1, 64)]);
        let seeds = [None, Some("a"), Some("b")].map(|adapter| crate::hash::seed(adapter, None));
        let names = seeds.map(|seed| Chain::of(&content, 16, seed).names().to_vec());
        assert!(names[0] != names[1] && names[1] != names[2]);
        assert_eq!(crate::hash::seed(Some(""), None), crate::hash::SEED);
    }
}
