//! Golden pictures, one of each kind: `tests/golden/<name>.svg`.

use std::fs;
use std::path::PathBuf;

use crate::samples;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.svg"))
}

#[test]
fn pictures_are_what_they_were() {
    let differs = |(name, figure): &(&str, tokmark_figure::Figure)| {
        fs::read_to_string(golden(name)).unwrap_or_default() != figure.svg().unwrap()
    };
    let changed: Vec<&str> =
        samples::all().iter().filter(|pair| differs(pair)).map(|(name, _)| *name).collect();
    assert!(
        changed.is_empty(),
        "{changed:?} changed\nhint: if so meant, cargo test -p tokmark-figure write_golden -- --ignored, and look at them"
    );
}

#[test]
#[ignore = "writes the golden pictures anew"]
fn write_golden() {
    for (name, figure) in samples::all() {
        fs::write(golden(name), figure.svg().unwrap()).unwrap();
    }
}
