//! A spec file. Whatever the text is, it resolves to specs or to an error in words, and a resolved spec that is written out
//! resolves to itself.

use tokmark::spec::{Resolved, Sources, SpecError};

/// See the file.
pub fn spec(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let resolved = match resolve(text) {
        Ok(resolved) => resolved,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(!resolved.points.is_empty());
    for point in &resolved.points {
        let written = serde_json::to_string(&point.spec).expect("a spec is plain data");
        let again = resolve(&written).expect("what was written resolves");
        assert_eq!(again.points.len(), 1, "{written}");
        assert_eq!(again.points[0].spec, point.spec, "{written}");
    }
}

fn resolve(text: &str) -> Result<Resolved, SpecError> {
    Sources { file: Some(("fuzz.yaml".to_owned(), text.to_owned())), ..Sources::default() }.resolve()
}
