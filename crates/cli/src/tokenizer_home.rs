//! Where a tokenizer's files lie: a directory as given, or a model in the Hugging Face cache. Nothing is downloaded.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// The file looked for.
pub const FILE: &str = "tokenizer.json";

/// The directory that holds the `tokenizer.json` meant by `name`: a directory, the file itself, or a model's name whose files
/// are in the cache.
pub fn find(name: &str, environment: &Environment) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.join(FILE).is_file() {
        return Some(path.to_owned());
    }
    if path.is_file() && path.file_name().is_some_and(|f| f == FILE) {
        return path.parent().map(Path::to_owned);
    }
    cached(name, environment)
}

/// The snapshot in `<cache>/models--org--name` that holds the file.
fn cached(name: &str, environment: &Environment) -> Option<PathBuf> {
    let model = hub_cache(environment)?.join(format!("models--{}", name.replace('/', "--")));
    snapshots(&model).into_iter().find(|dir| dir.join(FILE).is_file())
}

/// Where the hub's downloads are kept.
pub fn hub_cache(environment: &Environment) -> Option<PathBuf> {
    Some(match (environment.get("HF_HUB_CACHE"), environment.get("HF_HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(home).join("hub"),
        (None, None) => Path::new(environment.get("HOME")?).join(".cache/huggingface/hub"),
    })
}

/// `<repository>/snapshots/<revision>/`, the revision of `main` first.
pub fn snapshots(repository: &Path) -> Vec<PathBuf> {
    let main = std::fs::read_to_string(repository.join("refs/main")).ok();
    let named = main.map(|revision| repository.join("snapshots").join(revision.trim()));
    let mut snapshots: Vec<PathBuf> = std::fs::read_dir(repository.join("snapshots"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    snapshots.sort();
    named.into_iter().chain(snapshots).collect()
}
