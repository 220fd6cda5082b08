//! From parsed arguments to everything a spec can come from: reads the files that were named.

use std::path::Path;

use crate::args::{PresetArg, SourceArgs};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::spec::layers::Setting;
use crate::spec::preset::Preset;
use crate::spec::resolve::ReadFile;
use crate::spec::sweep::Requests;
use crate::spec::{Origin, Sources, SpecError};

/// Reads what the arguments name.
pub fn sources(args: &SourceArgs, environment: &Environment) -> Result<Sources, Failure> {
    let mut flags = args.flags.settings()?;
    if !args.urls.is_empty() {
        if flags.iter().any(|s| s.path == ["target", "url"]) {
            return Err(SpecError::Contradiction {
                one: "the URL argument".to_owned(),
                other: "--url".to_owned(),
                hint: "give one of the two; several URLs may follow each other",
            }
            .into());
        }
        flags.push(Setting {
            path: vec!["target".to_owned(), "url".to_owned()],
            value: args.urls.clone().into(),
            origin: Origin::Flag("URL".to_owned()),
        });
    }
    Ok(Sources {
        preset: args.preset.map(|preset| match preset {
            PresetArg::EndpointSweep => Preset::EndpointSweep,
            PresetArg::LlmPerf => Preset::LlmPerf,
            PresetArg::PrefixRatio => Preset::PrefixRatio,
            PresetArg::RealTrace => Preset::RealTrace,
            PresetArg::MultiTurn => Preset::MultiTurn,
            PresetArg::PriorityTiers => Preset::PriorityTiers,
        }),
        file: args.file.as_deref().map(|path| read(path, "-f takes a YAML spec")).transpose()?,
        deployment: args
            .deployment
            .as_deref()
            .map(|path| read(path, "--deployment takes a YAML file with the keys of `deployment`"))
            .transpose()?,
        env: environment.vars.clone(),
        sets: args.set.clone(),
        flags,
        base: Vec::new(),
        requests: Requests::OURS,
        in_cluster: environment.in_cluster,
        read: ReadFile(|name| std::fs::read_to_string(name).map_err(|e| e.to_string())),
    })
}

/// A file's name and text; `-` is standard input.
fn read(path: &Path, hint: &str) -> Result<(String, String), SpecError> {
    let name = path.display().to_string();
    let text =
        if name == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    match text {
        Ok(text) => Ok((name, text)),
        Err(e) => Err(SpecError::File { path: name, message: e.to_string(), hint: hint.to_owned() }),
    }
}
