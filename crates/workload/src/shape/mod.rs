//! Shapes of synthetic prompts: how long, and what they share. One file each.

pub mod cancel;
pub mod classes;
pub mod lengths;
pub mod prefix;

pub use cancel::Cancel;
pub use classes::Classes;
pub use lengths::Lengths;
pub use prefix::Prefix;
