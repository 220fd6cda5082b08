//! libFuzzer's `main` around [`tokmark_fuzz::rows::inputs_json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tokmark_fuzz::rows::inputs_json(input));
