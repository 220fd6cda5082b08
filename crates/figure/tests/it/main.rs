//! Pictures as they come out.

mod golden;
mod labels;
mod paint;
mod places;
mod refused;
mod samples;
