//! Every text file of the repository, read once.

use std::error::Error;
use std::fs;
use std::path::Path;

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", "target", "node_modules", "tokmark-runs", "artifacts"];
/// Endings of the files that rules speak about.
const READ: &[&str] = &["json", "lock", "md", "py", "rs", "sh", "toml", "yaml", "yml"];

/// One file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path from the top, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// The repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Files by path, in order.
    pub(crate) files: Vec<SourceFile>,
    /// Every path that exists, files of any kind and folders, in order.
    paths: Vec<String>,
}

impl Tree {
    /// Reads everything under `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, Box<dyn Error>> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.paths.sort();
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<(), Box<dyn Error>> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.walk(&entry.path(), &format!("{path}/"))?;
                    self.paths.push(path);
                }
                continue;
            }
            self.paths.push(path.clone());
            let ending = Path::new(&name).extension().and_then(|e| e.to_str()).unwrap_or_default();
            if READ.contains(&ending) {
                let text = fs::read_to_string(entry.path()).map_err(|e| format!("{path}: {e}"))?;
                self.files.push(SourceFile { path, text });
            }
        }
        Ok(())
    }

    /// A tree made of the given files, for the rules' own tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.paths.push((*path).to_owned());
            tree.files.push(SourceFile { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        tree
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether a file or folder of this path exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        self.paths.iter().any(|known| known == path || known.starts_with(&below))
    }

    /// Paths below a folder, in order.
    pub(crate) fn under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.paths.iter().map(String::as_str).filter(move |path| path.starts_with(folder))
    }

    /// Files with this ending.
    pub(crate) fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(move |file| file.path.ends_with(ending))
    }

    /// Rust files of the workspace.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.ending(".rs")
    }
}

impl SourceFile {
    /// The room a file belongs to: `crates/<room>/…`.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the whole file is a test: under `tests/`, or called `tests.rs`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}
