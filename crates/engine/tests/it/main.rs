//! The engine against golden files of the real thing.

// A step that fails ends the test where it stands.
#![allow(clippy::unwrap_used)]

mod cluster;
mod dynamo_cluster;
mod dynamo_sglang;
mod dynamo_trace;
mod dynamo_vllm;
mod golden;
mod routing;
mod soak;
