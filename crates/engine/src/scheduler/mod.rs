//! The engines, a file each.

mod slots;

pub use slots::{EngineError, Slots};
