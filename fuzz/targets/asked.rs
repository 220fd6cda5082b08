//! libFuzzer's `main` around [`tokmark_fuzz::asked`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tokmark_fuzz::asked(input));
