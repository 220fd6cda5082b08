//! Names of blocks: XXH3 as Dynamo computes it, so that an event, an index or a trace of one can be read by the other.
//!
//! Source: shared facts on `dynamo-tokens` and `dynamo-kv-hashing` 1.6.1, against which the tests compare bit by bit.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is in one block, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalHash(pub u64);

/// What is in one block and in all blocks before it: the name under which a prefix cache knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceHash(pub u64);

/// The seed of every hash that nothing salts.
pub const SEED: u64 = 1337;

/// The seed of a request's blocks: the same tokens under another adapter or in another cache namespace are other blocks.
/// Empty names count as absent.
pub fn seed(adapter: Option<&str>, namespace: Option<&str>) -> u64 {
    let salt = |name: Option<&str>, seed| {
        name.filter(|name| !name.is_empty()).map_or(0, |name| xxh3_64_with_seed(name.as_bytes(), seed))
    };
    SEED.wrapping_add(salt(adapter, 0)).wrapping_add(salt(namespace, 1))
}

/// The hash of one complete block of token ids.
pub fn local(tokens: &[u32], seed: u64) -> LocalHash {
    let mut bytes = Vec::with_capacity(tokens.len() * 4);
    for token in tokens {
        bytes.extend_from_slice(&token.to_le_bytes());
    }
    LocalHash(xxh3_64_with_seed(&bytes, seed))
}

/// The hash of bytes that stand for a block whose token ids are not known.
pub(crate) fn opaque(bytes: &[u8], seed: u64) -> LocalHash {
    LocalHash(xxh3_64_with_seed(bytes, seed))
}

/// The name of a block behind `parent`; the first block of a sequence is named by its own hash.
pub fn follow(parent: Option<SequenceHash>, block: LocalHash) -> SequenceHash {
    let Some(parent) = parent else {
        return SequenceHash(block.0);
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&parent.0.to_le_bytes());
    bytes[8..].copy_from_slice(&block.0.to_le_bytes());
    SequenceHash(xxh3_64_with_seed(&bytes, SEED))
}
