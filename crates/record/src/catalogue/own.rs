//! What our simulated server says of itself, beside the metrics of the server it plays.

use super::Unit::Seconds;
use super::{Metric, Part, Quantity as Q, histogram, stated};

const SOURCE: &str = "our own";
/// From 10 µs to 1 s: the bar is 1 ms at the 99th percentile, so the bounds are densest around it.
const LATENESS: &[f64] = &[
    0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_35, 0.000_5, 0.000_7, 0.001, 0.001_5, 0.002, 0.005,
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
];

#[rustfmt::skip] // A table.
pub(super) static METRICS: &[Metric] = &stated(SOURCE, Part::Own, [
    histogram("tokmark_engine_send_lateness_seconds", Seconds, &[], LATENESS, "From the instant the simulation had a piece of a stream due to the instant it was handed to the kernel.").of(Q::SchedulingLateness),
]);
