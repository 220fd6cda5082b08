//! libFuzzer's `main` around [`tokmark_fuzz::rows::dynamo_requests`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tokmark_fuzz::rows::dynamo_requests(input));
