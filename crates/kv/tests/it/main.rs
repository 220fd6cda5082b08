//! Against independent oracles: Dynamo's own hashing crates.

mod hashes;
