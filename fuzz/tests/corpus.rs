//! Every input that was ever worth keeping, tried again without libFuzzer.

#![allow(clippy::unwrap_used)] // a test binary

use std::path::Path;

use tokmark_fuzz::TARGETS;

#[test]
fn every_target_has_a_corpus_and_holds_on_it() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let mut inputs: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(
            folder.join("../../targets").join(target.name).with_extension("rs").is_file(),
            "{}",
            target.name
        );
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for input in inputs {
            // The name is printed if the check panics: the test harness shows what a failed test has said.
            println!("{}", input.display());
            (target.check)(&std::fs::read(&input).unwrap());
        }
    }
}
