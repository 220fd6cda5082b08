//! Shapes of synthetic prompts: how long, and what they share. One file each.

pub mod lengths;
pub mod prefix;

pub use lengths::Lengths;
pub use prefix::Prefix;
