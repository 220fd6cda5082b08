//! libFuzzer's `main` around [`tokmark_fuzz::rows::raw_payload`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tokmark_fuzz::rows::raw_payload(input));
