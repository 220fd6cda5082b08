//! **What are the quantities?** Units, seeds, quantiles, clocks, digests, words.
//!
//! In: plain numbers and text. Out: [`Micros`], [`Tokens`], [`Seed`] streams, quantiles, digests.
//! Invariant: nothing here reads a clock, a file, the environment or a global; equal inputs give equal bytes on
//! every machine (`libm`, ChaCha, BLAKE3).
//! Start reading at [`units`]. One more quantity is one newtype in `units.rs`.

pub mod clock;
pub mod content;
pub mod digest;
pub mod lexicon;
pub mod nearest;
pub mod phase;
pub mod quantile;
pub mod quantity;
pub mod secret;
pub mod seed;
pub mod units;

pub use clock::Clock;
pub use content::{Content, Piece, Segment};
pub use lexicon::{Frame, Lexicon};
pub use phase::Phase;
pub use quantity::{Duration, Nanos};
pub use secret::Secret;
pub use seed::{Seed, Stream};
pub use units::{Micros, Tokens};
