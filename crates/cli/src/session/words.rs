//! The vocabulary of a run: what makes prompts, and what counts replies. The built-in one makes prompts from a checked-in list
//! of words of one token each, so that its vocabulary is loaded only when something must be counted.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokmark_base::Lexicon;
use tokmark_tokens::Tokenizer;
use tokmark_workload::source::Jsonl;
use tokmark_workload::{Dataset, PlannedRequest, Prompt, Requests, WorkloadSpec};

use crate::environment::Environment;
use crate::failure::Failure;
use crate::tokenizer_home;

/// What makes prompts and what counts tokens.
#[derive(Clone)]
pub struct Vocabulary {
    /// Makes text of exactly n tokens.
    pub lexicon: Arc<dyn Lexicon>,
    tokenizer: Arc<OnceLock<Tokenizer>>,
}

impl Vocabulary {
    /// The one the workload asks for.
    pub fn of(spec: &WorkloadSpec, environment: &Environment) -> Result<Self, Failure> {
        let tokenizer = Arc::new(OnceLock::new());
        let Some(name) = &spec.tokenizer else {
            let lexicon = Arc::new(tokmark_tokens::o200k::words());
            return Ok(Self { lexicon, tokenizer });
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
        let _ = tokenizer.set(loaded);
        Ok(Self { lexicon, tokenizer })
    }

    /// The tokenizer; the first call loads the built-in one, 200 ms.
    pub fn tokenizer(&self) -> &Tokenizer {
        self.tokenizer.get_or_init(Tokenizer::o200k)
    }

    /// Counts again, with the real vocabulary, the first `most` prompts of a plan; a sentence if one does not have the tokens it
    /// was said to have. For after the load: it takes the processor's time.
    pub fn verify(&self, plan: &dyn Requests, most: u64) -> Option<String> {
        let texts = (0..most).filter_map(|index| {
            let PlannedRequest { isl, prompt, .. } = plan.request(index);
            match (prompt, isl) {
                (Prompt::Text(text), Some(isl)) => Some((index, text, isl)),
                _ => None,
            }
        });
        let verified = tokmark_tokens::verify(self.tokenizer(), texts).ok()?;
        let first = verified.first?;
        Some(format!(
            "{} of {} prompts checked do not have the tokens they were said to have: request {} was said to have {} and has {}",
            verified.wrong, verified.texts, first.index, first.said, first.counted
        ))
    }
}

/// The lines of the prompt file, if there is one; and a sentence about keys that were not used.
pub fn prompts(spec: &WorkloadSpec) -> Result<(Option<Dataset>, Option<String>), Failure> {
    let Some(name) = &spec.file else {
        return Ok((None, None));
    };
    let file = File::open(Path::new(name)).map_err(|e| {
        Failure::usage(format!("workload.file {name}: {e}\nhint: --input takes a readable JSONL file"))
    })?;
    let lines =
        Jsonl::read(name, BufReader::new(file), spec.entries).map_err(|e| Failure::usage(e.to_string()))?;
    let ignored: Vec<String> = lines.ignored().iter().map(|(key, n)| format!("{key} ({n})")).collect();
    let note = (!ignored.is_empty()).then(|| format!("{name}: keys not used: {}", ignored.join(", ")));
    Ok((Some(lines.into()), note))
}
