//! Golden pictures, one of each kind: `tests/golden/<name>.svg`. With `TOKMARK_BLESS=1` they are written anew; look at them then.

use std::path::PathBuf;

use crate::samples;

#[test]
fn pictures_are_what_they_were() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("TOKMARK_BLESS").is_some();
    let mut changed = Vec::new();
    for (name, figure) in samples::all() {
        let path = folder.join(format!("{name}.svg"));
        let svg = figure.svg().unwrap();
        if bless {
            std::fs::write(&path, &svg).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != svg {
            changed.push(name);
        }
    }
    assert!(
        changed.is_empty(),
        "{changed:?} changed\nhint: TOKMARK_BLESS=1 cargo test -p tokmark-figure, and look at the difference"
    );
}
