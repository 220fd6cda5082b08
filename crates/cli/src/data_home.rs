//! Where a well-known data set lies: in the Hugging Face cache, in `$HF_HOME`, or here. Nothing is downloaded.

use std::path::{Path, PathBuf};

use tokmark_workload::FileFormat;
use tokmark_workload::source::known::{Home, KNOWN, Known};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::tokenizer_home::{hub_cache, snapshots};

/// The file of the data set `name`, and what it holds. A packed one will do as well.
pub fn find(name: &str, environment: &Environment) -> Result<(PathBuf, FileFormat), Failure> {
    let Some(known) = Known::named(name) else {
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        return Err(Failure::usage(format!(
            "workload.dataset `{name}` is no data set that is known here\nhint: known are {}; a file of any other name is given with --input",
            names.join(", ")
        )));
    };
    let places = places(known, environment);
    let file = places.iter().flat_map(|(dir, path)| packed(&dir.join(path))).find(|file| file.is_file());
    file.map(|file| (file, known.format)).ok_or_else(|| missing(known, environment))
}

/// Directories to look in, each with the file's path there.
fn places(known: &Known, environment: &Environment) -> Vec<(PathBuf, &'static str)> {
    let mut places = Vec::new();
    if let (Home::Hub(repository), Some(cache)) = (known.home, hub_cache(environment)) {
        let repository = cache.join(format!("datasets--{}", repository.replace('/', "--")));
        places.extend(snapshots(&repository).into_iter().map(|dir| (dir, known.path)));
    }
    places.extend(environment.get("HF_HOME").map(|home| (PathBuf::from(home), known.file())));
    places.push((PathBuf::from("."), known.file()));
    places
}

/// The file as it is, and packed.
fn packed(file: &Path) -> [PathBuf; 3] {
    ["", ".gz", ".zst"].map(|ending| PathBuf::from(format!("{}{ending}", file.display())))
}

fn missing(known: &Known, environment: &Environment) -> Failure {
    let (from, cache) = match known.home {
        Home::Hub(repository) => {
            (format!("the data set {repository} of the Hugging Face hub"), hub_cache(environment))
        }
        Home::Url(url) => (url.to_owned(), None),
    };
    let cache =
        cache.map_or_else(String::new, |cache| format!("bring the cache {} along, or ", cache.display()));
    Failure::usage(format!(
        "workload.dataset {}: {} is not on this machine; it is a file of {from}\nhint: on a machine with internet: {}; then {cache}put the file here or into $HF_HOME, or give its path with --input",
        known.name,
        known.file(),
        known.fetch(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: &Path) -> Environment {
        let vars = [("HF_HOME".to_owned(), home.display().to_string())];
        Environment { vars: vars.into(), ..Environment::default() }
    }

    #[test]
    fn a_data_set_is_found_where_the_hub_and_people_put_it() {
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path());
        let repository = home.path().join("hub/datasets--anon8231489123--ShareGPT_Vicuna_unfiltered");
        let known = Known::named("sharegpt").unwrap();
        let missing = find("sharegpt", &environment).unwrap_err().to_string();
        for words in [
            "ShareGPT_V3_unfiltered_cleaned_split.json is not on this machine",
            "anon8231489123/ShareGPT_Vicuna_unfiltered",
            "hint: on a machine with internet: hf download --repo-type dataset",
            "--input",
        ] {
            assert!(missing.contains(words), "{missing}");
        }
        std::fs::write(home.path().join(format!("{}.gz", known.file())), "").unwrap();
        let (loose, format) = find("sharegpt", &environment).unwrap();
        assert_eq!((loose.parent(), format), (Some(home.path()), FileFormat::ShareGpt));
        for revision in ["aaa", "bbb"] {
            let dir = repository.join("snapshots").join(revision);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(known.path), "").unwrap();
        }
        std::fs::create_dir_all(repository.join("refs")).unwrap();
        std::fs::write(repository.join("refs/main"), "bbb\n").unwrap();
        let (cached, _) = find("ShareGPT", &environment).unwrap();
        assert!(cached.ends_with(Path::new("snapshots/bbb").join(known.path)), "{}", cached.display());
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = find("shaergpt", &Environment::default()).unwrap_err().to_string();
        assert!(
            message.contains("shaergpt") && message.contains("sharegpt") && message.contains("--input"),
            "{message}"
        );
    }
}
