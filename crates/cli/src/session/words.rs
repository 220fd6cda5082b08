//! The vocabulary of a run: what makes prompts, and what counts replies. The built-in one makes prompts from a checked-in list
//! of words of one token each, so that its vocabulary is loaded only when something must be counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokmark_base::{Frame, Lexicon, Phase};
use tokmark_store::FileShelf;
use tokmark_store::import::dataset::{DatasetFile, open_dataset};
use tokmark_tokens::{ChatFrame, ChatTemplate, Tokenizer};
use tokmark_workload::shape::lengths::{self, Empirical};
use tokmark_workload::source::Shelf;
use tokmark_workload::source::dataset::With;
use tokmark_workload::source::detect::{HEAD, detect};
use tokmark_workload::{Dataset, PlannedRequest, Prompt, Requests, WorkloadSpec};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::session::counted::Counted;
use crate::{data_home, tokenizer_home};

/// What makes prompts and what counts tokens.
#[derive(Clone)]
pub struct Vocabulary {
    /// Makes text of exactly n tokens.
    pub lexicon: Arc<dyn Lexicon>,
    tokenizer: Arc<OnceLock<Tokenizer>>,
    /// What a server wraps around a prompt, where that is to be counted.
    frame: Option<Arc<ChatFrame>>,
}

impl Vocabulary {
    /// The one the workload asks for.
    pub fn of(spec: &WorkloadSpec, environment: &Environment) -> Result<Self, Failure> {
        let tokenizer = Arc::new(OnceLock::new());
        let Some(name) = &spec.tokenizer else {
            let lexicon = Arc::new(tokmark_tokens::o200k::words());
            if spec.apply_chat_template {
                return Err(Failure::usage(
                    "workload.apply_chat_template needs workload.tokenizer\nhint: the built-in vocabulary has no chat template: give the directory of the model's files (--tokenizer)",
                ));
            }
            return Ok(Self { lexicon, tokenizer, frame: None });
        };
        let Some(dir) = tokenizer_home::find(name, environment) else {
            return Err(Failure::usage(format!(
                "workload.tokenizer `{name}`: no {} there\nhint: give --tokenizer the directory a model was downloaded to; nothing is downloaded here",
                tokenizer_home::FILE
            )));
        };
        let file = dir.join(tokenizer_home::FILE);
        let json = fs::read(&file).map_err(|e| {
            Failure::usage(format!("{}: {e}\nhint: --tokenizer takes a readable directory", file.display()))
        })?;
        let loaded = Tokenizer::from_json(&file.display().to_string(), &json)
            .map_err(|e| Failure::usage(e.to_string()))?;
        let lexicon = loaded.lexicon().map_err(|e| Failure::usage(e.to_string()))?;
        let frame =
            if spec.apply_chat_template { Some(Arc::new(frame(&dir, loaded.clone())?)) } else { None };
        let _ = tokenizer.set(loaded);
        Ok(Self { lexicon, tokenizer, frame })
    }

    /// The tokenizer; the first call loads the built-in one, 200 ms.
    pub fn tokenizer(&self) -> &Tokenizer {
        self.tokenizer.get_or_init(Tokenizer::o200k)
    }

    /// What a server wraps around a prompt, where that is to be counted.
    pub fn frame(&self) -> Option<Arc<dyn Frame>> {
        self.frame.clone().map(|frame| frame as Arc<dyn Frame>)
    }

    /// Counts again, with the real vocabulary, the first `most` prompts of a plan; a sentence if one does not have the tokens it
    /// was said to have. For after the load: it takes the processor's time.
    pub fn verify(&self, plan: &dyn Requests, most: u64) -> Option<String> {
        let texts = (0..most).filter_map(|item| {
            let index = plan.numbering().index(Phase::Profiling, item, 0);
            let PlannedRequest { isl, prompt, .. } = plan.request(index);
            let text = match prompt {
                Prompt::Text(text) => text,
                Prompt::System { system, text } => system + &text,
                Prompt::Messages(_) | Prompt::Payload(_) => return None,
            };
            Some((index, text, isl?))
        });
        // With its template around it a prompt was counted before it was sent.
        if self.frame.is_some() {
            return None;
        }
        let verified = tokmark_tokens::verify(self.tokenizer(), texts).ok()?;
        let first = verified.first?;
        Some(format!(
            "{} of {} prompts checked do not have the tokens they were said to have: request {} was said to have {} and has {}",
            verified.wrong, verified.texts, first.index, first.said, first.counted
        ))
    }
}

/// The chat template in a model's directory.
fn frame(dir: &Path, tokenizer: Tokenizer) -> Result<ChatFrame, Failure> {
    let read = |name: &str| fs::read_to_string(dir.join(name)).ok();
    let name = dir.display().to_string();
    let template = ChatTemplate::from_files(
        &name,
        read("tokenizer_config.json").as_deref(),
        read("chat_template.jinja").as_deref(),
    )
    .map_err(|e| Failure::usage(e.to_string()))?;
    let template = template.ok_or_else(|| {
        Failure::usage(format!(
            "{name} has no chat template\nhint: it stands in tokenizer_config.json or chat_template.jinja; leave --apply-chat-template out, or give another directory (--tokenizer)"
        ))
    })?;
    Ok(ChatFrame::new(tokenizer, template))
}

/// What `workload.file` or `workload.dataset` holds, if one is set; and sentences about what of it was not used.
pub fn prompts(
    spec: &WorkloadSpec,
    words: &Vocabulary,
    environment: &Environment,
) -> Result<(Option<Dataset>, Vec<String>), Failure> {
    let (path, known) = match (&spec.file, &spec.dataset) {
        (None, None) => return Ok((None, Vec::new())),
        (Some(file), None) => (PathBuf::from(file), None),
        (None, Some(name)) => {
            let (path, format) = data_home::find(name, environment)?;
            (path, Some(format))
        }
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "workload.dataset contradicts workload.file\nhint: give a well-known data set by its name (--dataset) or a file by its path (--input), not both",
            ));
        }
    };
    let refused = |error: &dyn std::fmt::Display| Failure::usage(format!("{error}"));
    let DatasetFile { input, head, whole, name, .. } =
        open_dataset(&path, HEAD).map_err(|error| refused(&error))?;
    let format = match spec.format.or(known) {
        Some(format) => format,
        None => detect(&name, &head, whole).map_err(|error| refused(&error))?,
    };
    // Nothing is loaded for a format that needs no counts.
    let counted = Arc::new(OnceLock::new());
    let (counting, cell, home) = (words.clone(), Arc::clone(&counted), environment.clone());
    let count = move |text: &str| {
        let counted: &Counted = cell.get_or_init(|| Counted::open(counting.tokenizer().clone(), &home));
        counted.count(text)
    };
    let with = With { count: Some(Arc::new(count)), shelf: shelf(&path, environment) };
    let data = Dataset::read(format, &name, input, spec, with).map_err(|error| refused(&error))?;
    if let Some(counted) = counted.get() {
        counted.keep();
    }
    let notes = unused(&name, &data);
    Ok((Some(data), notes))
}

/// The pairs of the file of lengths, if there is one, and what is worth knowing of it.
pub fn lengths(spec: &WorkloadSpec) -> Result<(Option<Empirical>, Option<String>), Failure> {
    let Some(path) = &spec.lengths_file else { return Ok((None, None)) };
    let DatasetFile { input, name, .. } =
        open_dataset(Path::new(path), HEAD).map_err(|error| Failure::usage(error.to_string()))?;
    let read = lengths::file::read(&name, input, spec.skip_bad_rows)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let note = read.first_skipped.map(|first| {
        format!("{name}: rows left out because they cannot be used: {}; the first: {first}", read.skipped)
    });
    Ok((Some(read.pairs), note))
}

/// Files smaller than this have room in memory, unpacked too.
const SMALL: u64 = 16 << 20;

/// Where the rows of a large file are kept: on the disk that caches are kept on. In memory where that cannot be.
fn shelf(path: &Path, environment: &Environment) -> Option<Box<dyn Shelf>> {
    if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() < SMALL) {
        return None;
    }
    let dir = environment.cache()?;
    fs::create_dir_all(&dir).ok()?;
    Some(Box::new(FileShelf::new(&dir).ok()?))
}

/// Sentences about what of a file was not used.
fn unused(name: &str, data: &Dataset) -> Vec<String> {
    let mut notes = Vec::new();
    let ignored: Vec<String> = data.ignored().iter().map(|(key, n)| format!("{key} ({n})")).collect();
    if !ignored.is_empty() {
        notes.push(format!("{name}: keys not used: {}", ignored.join(", ")));
    }
    if let Some(left_out) = data.left_out() {
        notes.push(format!("{name}: left out, as is the custom with this format: {left_out}"));
    }
    if let (skipped @ 1.., errors) = data.skipped() {
        let first = errors.first().map_or_else(String::new, |e| {
            format!("; the first: {}:{}:{}: {}", e.file, e.line, e.column, e.what)
        });
        notes.push(format!("{name}: rows left out because they cannot be used: {skipped}{first}"));
    }
    notes
}
