//! `run.json`: written whole before the load starts, so that a killed run can be rebuilt; read back through migrations.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;
use tokmark_record::RunHeader;
use tokmark_record::header::SCHEMA_VERSION;

use crate::StoreError;
use crate::layout::HEADER;

/// Reads a run's header, of this version or an older one.
pub fn read_header(dir: &Path) -> Result<RunHeader, StoreError> {
    let path = dir.join(HEADER);
    let bytes = fs::read(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => StoreError::NotARun { path: dir.to_owned(), missing: HEADER },
        io::ErrorKind::NotADirectory => StoreError::NotADirectory { path: dir.to_owned() },
        _ => StoreError::reading(&path, e),
    })?;
    let json = |source| StoreError::Json { path: path.clone(), source };
    let document: Value = serde_json::from_slice(&bytes).map_err(json)?;
    let found = document.get("schema_version").and_then(Value::as_u64);
    let known = found.filter(|v| (1..=u64::from(SCHEMA_VERSION)).contains(v));
    let Some(version) = known else {
        return Err(StoreError::Schema {
            path,
            found: document.get("schema_version").map_or_else(|| "none".to_owned(), Value::to_string),
            newest: SCHEMA_VERSION,
        });
    };
    if version == u64::from(SCHEMA_VERSION) {
        // From the text, so that an error has its line and column.
        return serde_json::from_slice(&bytes).map_err(json);
    }
    let today = MIGRATIONS.iter().skip(version as usize - 1).fold(document, |document, step| step(document));
    serde_json::from_value(today).map_err(json)
}

/// Step `i` turns version `i + 1` into version `i + 2`. One more version is one more function here.
const MIGRATIONS: [fn(Value) -> Value; SCHEMA_VERSION as usize - 1] = [];
