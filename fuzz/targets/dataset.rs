//! libFuzzer's `main` around [`tokmark_fuzz::dataset`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tokmark_fuzz::dataset(input));
