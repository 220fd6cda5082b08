//! Whole files, all or nothing: write beside, sync, rename, sync the directory.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Puts `bytes` at `dir/name` so that a reader sees either the old file or the whole new one, even after a crash.
pub fn publish(dir: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
    publish_with(dir, name, |out| out.write_all(bytes))
}

/// As [`publish`], for a file too large to build in memory first.
pub fn publish_with(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<PathBuf, StoreError> {
    let path = dir.join(name);
    let partial = dir.join(format!("{name}.partial"));
    let written = File::create(&partial).and_then(|file| {
        let mut out = std::io::BufWriter::with_capacity(64 << 10, file);
        fill(&mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    });
    if let Err(source) = written.and_then(|()| fs::rename(&partial, &path)) {
        // What could not be finished must not be taken for the file; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&partial);
        return Err(StoreError::writing(&path, source));
    }
    sync_dir(dir)?;
    Ok(path)
}

/// Makes a rename or a new file in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    // Some file systems refuse to sync a directory; the file itself is safe there already.
    match File::open(dir).and_then(|d| d.sync_all()) {
        Err(e) if matches!(e.kind(), std::io::ErrorKind::StorageFull) => Err(StoreError::writing(dir, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_publish_leaves_the_old_file_and_no_partial_one() {
        let dir = tempfile::tempdir().unwrap();
        publish(dir.path(), "a.json", b"old").unwrap();
        let failed = publish_with(dir.path(), "a.json", |out| {
            out.write_all(b"half")?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        });
        assert!(matches!(failed, Err(StoreError::NoSpace { .. })), "{failed:?}");
        assert_eq!(fs::read(dir.path().join("a.json")).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
