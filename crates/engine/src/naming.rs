//! What tokens are called of which only the request is known that they belong to: one naming for all engines, so that whoever
//! says them again finds them in every cache.

use crate::RequestId;

/// The segment that a request's reply is made of. What reads the reply back as part of a later prompt hits the cache if it names
/// the reply by this.
pub fn reply_segment(request: RequestId) -> u64 {
    mixed(request.0, 0x7265_706c_7920_6f66)
}

/// The segment of that part of a prompt of which nothing is known, from where the known part ends.
pub fn prompt_segment(request: RequestId) -> u64 {
    mixed(request.0, 0x7072_6f6d_7074_206f)
}

/// SplitMix64 over a salted number: one to one for each salt, and spread.
fn mixed(n: u64, salt: u64) -> u64 {
    let mut z = (n ^ salt).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
