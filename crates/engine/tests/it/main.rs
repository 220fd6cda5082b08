//! The engine against golden files of the real thing.

mod cluster;
mod dynamo_cluster;
mod dynamo_sglang;
mod dynamo_vllm;
mod soak;
