//! libFuzzer's `main` around [`tokmark_fuzz::detect`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tokmark_fuzz::detect(input));
