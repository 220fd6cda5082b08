//! Our numbers in the shapes other tools read. One more shape is one more file here and one line in [`crate::publish`].

pub mod aiperf_csv;
pub mod aiperf_json;
pub mod aiperf_jsonl;
pub mod deployment;
mod input_config;

use tokmark_base::digest::Digest;
use tokmark_record::RunHeader;

/// The version of AIPerf whose files ours look like.
pub const AIPERF_VERSION: &str = "0.13.0";

/// AIPerf's identifier of a run: twelve hexadecimal digits, here always the same for the same run.
fn benchmark_id(header: &RunHeader) -> String {
    let anchor = header.anchor_unix_ns.to_le_bytes();
    Digest::new().part(&header.run_id).part(anchor).hex()[..12].to_owned()
}
