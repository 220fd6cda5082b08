//! Shapes of synthetic prompts: how long, and what they share. One file each.

pub mod bust;
pub mod cancel;
pub mod classes;
pub mod lengths;
pub mod part;
pub mod prefix;
pub mod sessions;
pub mod zipf;

pub use bust::{BUST_TOKENS, Bust};
pub use cancel::Cancel;
pub use classes::Classes;
pub use lengths::{Lengths, Pairs};
pub use part::Part;
pub use prefix::Prefix;
pub use sessions::Sessions;
pub use zipf::{MOST_PLACES, Zipf};
