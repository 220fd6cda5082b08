//! From AIPerf's command line to our spec: AIPerf's defaults as the lowest layer, its flags as the highest.

use serde_json::{Value, json};

use crate::args::aiperf::ProfileArgs;
use crate::args::aiperf::unsupported::OURS;
use crate::environment::Environment;
use crate::spec::keys;
use crate::spec::layers::{self, Setting};
use crate::spec::sweep::Requests;
use crate::spec::{Origin, Sources, SpecError};
use crate::tokenizer_home;

/// The layer of AIPerf's own defaults.
pub const LAYER: &str = "aiperf";

/// AIPerf's names of data set layouts, and ours.
const DATASETS: [(&str, &str); 7] = [
    ("single_turn", "single_turn"),
    ("multi_turn", "multi_turn"),
    ("random_pool", "random_pool"),
    ("mooncake_trace", "mooncake"),
    ("burst_gpt_trace", "burst_gpt"),
    ("raw_payload", "raw_payload"),
    ("inputs_json", "inputs_json"),
];

/// What AIPerf's flags ask for.
#[derive(Clone, Debug)]
pub struct Translated {
    /// Everything for the spec.
    pub sources: Sources,
    /// The artifact directory, used as it is.
    pub artifact_dir: String,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Translates; refuses what is not supported by name.
pub fn translate(args: &ProfileArgs, environment: &Environment) -> Result<Translated, SpecError> {
    if !args.unsupported.is_empty() {
        let names: Vec<String> = args.unsupported.iter().map(|name| format!("--{name}")).collect();
        return Err(refused(format!(
            "AIPerf flag not supported: {} (AIPerf or an earlier version of it has it, `tokmark aiperf` does not do it yet)\nhint: {}",
            names.join(", "),
            instead(&args.unsupported)
        )));
    }
    let mut to = Translation { args, settings: Vec::new(), notes: Vec::new() };
    to.refuse_values()?;
    to.plain()?;
    to.target()?;
    to.load()?;
    to.prefix()?;
    to.sessions()?;
    to.users()?;
    let tokenizer = to.tokenizer(environment)?;
    let mut base = defaults(args, tokenizer);
    base.retain(|s| !to.settings.iter().any(|given| given.path == s.path));
    Ok(Translated {
        sources: Sources {
            base,
            requests: Requests::AIPERF,
            flags: to.settings,
            in_cluster: environment.in_cluster,
            ..Sources::default()
        },
        artifact_dir: args.one("artifact-dir").unwrap_or("artifacts").to_owned(),
        notes: to.notes,
    })
}

/// What to do about flags that are not done.
fn instead(unsupported: &[&str]) -> String {
    let ours: Vec<String> = OURS
        .iter()
        .filter(|(name, _)| unsupported.contains(name))
        .map(|(name, ours)| format!("for --{name} use {ours}"))
        .collect();
    if ours.is_empty() {
        return "leave it out; `tokmark aiperf profile --help` lists what is done".to_owned();
    }
    format!("`tokmark bench` has the function: {}", ours.join("; "))
}

fn refused(message: String) -> SpecError {
    SpecError::Refused { message }
}

/// Where our tokenizer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokenizer {
    /// Found, or asked to be the built-in one: output tokens are counted with it, as AIPerf does.
    Known,
    /// Not on this machine: output tokens are the server's count.
    Unknown,
}

/// AIPerf's defaults where they differ from ours.
fn defaults(args: &ProfileArgs, tokenizer: Tokenizer) -> Vec<Setting> {
    let completions = args.one("endpoint-type") == Some("completions");
    let legacy = completions || args.has("use-legacy-max-tokens");
    let counts = match tokenizer {
        Tokenizer::Known if !args.has("use-server-token-count") => "tokenizer",
        _ => "server",
    };
    let mut values = vec![
        ("target.url", json!(["http://localhost:8000"])),
        ("target.streaming", json!(false)),
        ("target.timeout", json!("21600s")),
        ("target.ignore_eos", json!(false)),
        ("target.max_tokens_field", json!(if legacy { "max_tokens" } else { "max_completion_tokens" })),
        ("workload.isl", json!(550)),
        ("workload.osl", Value::Null),
        ("workload.entries", json!(100)),
        ("workload.sessions.header", json!("X-Correlation-ID")),
        ("gate.enabled", json!(false)),
        ("measure.count_tokens", json!(counts)),
        ("output.profile_export_jsonl", json!(true)),
    ];
    if args.has("input-file") || args.has("public-dataset") {
        values.retain(|(path, _)| *path != "workload.entries");
    }
    let asked = |name: &str| args.has(name);
    let paced = ["concurrency", "request-rate", "user-centric-rate", "fixed-schedule"].into_iter().any(asked);
    if !paced {
        values.push(("load.concurrency", json!(1)));
    }
    let list = |name: &str| args.one(name).is_some_and(|levels| levels.contains(','));
    // In a sweep each level has a number of its own.
    let sweep = list("concurrency") || list("request-rate");
    let ends =
        ["request-count", "benchmark-duration", "num-sessions", "fixed-schedule"].into_iter().any(asked);
    if !sweep && !ends {
        let concurrency: u64 = args.one("concurrency").and_then(|c| c.parse().ok()).unwrap_or(1);
        values.push(("load.requests", json!((2 * concurrency).max(10))));
    }
    values
        .into_iter()
        .map(|(path, value)| Setting {
            path: path.split('.').map(str::to_owned).collect(),
            value,
            origin: Origin::Preset(LAYER),
        })
        .collect()
}

struct Translation<'a> {
    args: &'a ProfileArgs,
    settings: Vec<Setting>,
    notes: Vec<String>,
}

impl Translation<'_> {
    /// Sets one of our keys from the text of one of theirs.
    fn put(&mut self, path: &str, text: &str, theirs: &str) -> Result<(), SpecError> {
        let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        let Some(key) = keys::find(&parts) else { return Ok(()) };
        let origin = Origin::Flag(format!("--{theirs}"));
        self.settings.extend(layers::of_words(key, text, &origin)?);
        Ok(())
    }

    /// Flags whose values only one answer is done for.
    fn refuse_values(&self) -> Result<(), SpecError> {
        for (name, done) in [
            ("endpoint-type", &["chat", "completions"][..]),
            ("url-strategy", &["round-robin"]),
            ("export-level", &["summary", "records"]),
            ("custom-dataset-type", &DATASETS.map(|(theirs, _)| theirs)),
            ("public-dataset", &["sharegpt"]),
            ("dataset-sampling-strategy", &["sequential", "shuffle", "random"]),
            ("arrival-pattern", &["constant", "poisson", "gamma"]),
            ("wait-for-model-mode", &["models", "inference", "both"]),
        ] {
            if let Some(value) = self.args.one(name)
                && !done.contains(&value)
            {
                let near = tokmark_base::nearest::nearest(value, done.iter().copied())
                    .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
                return Err(refused(format!(
                    "--{name} {value}: not supported{near}\nhint: done are {}",
                    done.join(", ")
                )));
            }
        }
        if self
            .args
            .all("model")
            .is_some_and(|models| models.len() > 1 || models.iter().any(|m| m.contains(',')))
        {
            return Err(refused("several models: not supported\nhint: give one --model a run".to_owned()));
        }
        for name in
            ["request-count", "benchmark-duration", "synthetic-input-tokens-mean", "output-tokens-mean"]
        {
            if let Some(value) = self.args.one(name).filter(|v| v.contains(',')) {
                return Err(refused(format!(
                    "--{name} {value}: a sweep over this is not supported\nhint: sweeps go over --concurrency or --request-rate"
                )));
            }
        }
        Ok(())
    }

    /// One of theirs is one of ours.
    fn plain(&mut self) -> Result<(), SpecError> {
        for (theirs, ours) in [
            ("model", "target.model"),
            ("endpoint-type", "target.endpoint"),
            ("input-file", "workload.file"),
            ("random-seed", "workload.seed"),
            ("synthetic-input-tokens-mean", "workload.isl"),
            ("synthetic-input-tokens-stddev", "workload.isl_stddev"),
            ("output-tokens-mean", "workload.osl"),
            ("output-tokens-stddev", "workload.osl_stddev"),
            ("num-dataset-entries", "workload.entries"),
            ("request-count", "load.requests"),
            ("arrival-smoothness", "load.burstiness"),
            ("public-dataset", "workload.dataset"),
            ("dataset-sampling-strategy", "workload.order"),
            ("isl-block-size", "workload.block_size"),
            ("seq-dist", "workload.lengths"),
            ("shared-system-prompt-length", "workload.prefix.system"),
            ("user-context-prompt-length", "workload.prefix.user_context"),
        ] {
            if let Some(text) = self.args.one(theirs) {
                self.put(ours, text, theirs)?;
            }
        }
        for (theirs, ours) in [("header", "target.headers"), ("extra-inputs", "target.extra")] {
            for text in self.args.all(theirs).unwrap_or_default() {
                self.put(ours, text, theirs)?;
            }
        }
        for (theirs, ours) in [
            ("request-timeout-seconds", "target.timeout"),
            ("wait-for-model-interval", "gate.poll"),
            ("benchmark-duration", "load.duration"),
            ("benchmark-grace-period", "load.grace"),
            ("concurrency-ramp-duration", "load.ramp"),
            ("request-rate-ramp-duration", "load.ramp"),
            ("warmup-duration", "load.warmup"),
            ("warmup-request-count", "load.warmup"),
            ("request-cancellation-delay", "workload.cancel.after"),
        ] {
            let Some(text) = self.args.one(theirs) else { continue };
            if theirs == "benchmark-grace-period" && !self.args.has("benchmark-duration") {
                self.notes.push("--benchmark-grace-period without --benchmark-duration: every request is waited for, as AIPerf does".to_owned());
                continue;
            }
            let text = match (theirs, text) {
                ("warmup-request-count", "0") => continue,
                ("warmup-request-count", count) => count.to_owned(),
                // A thousand days: no benchmark waits longer.
                (_, "inf") => "1000d".to_owned(),
                (_, seconds) => format!("{}s", seconds.trim_end_matches('s')),
            };
            self.put(ours, &text, theirs)?;
        }
        if self.args.one("export-level") == Some("summary") {
            self.put("output.profile_export_jsonl", "false", "export-level")?;
        }
        Ok(())
    }

    fn target(&mut self) -> Result<(), SpecError> {
        if let Some(path) = self.args.one("endpoint") {
            self.put("target.path", &format!("/{}", path.trim_start_matches('/')), "endpoint")?;
        }
        if self.args.has("streaming") {
            self.put("target.streaming", "true", "streaming")?;
        }
        if let Some(urls) = self.args.all("url") {
            let urls: Vec<String> = urls
                .iter()
                .flat_map(|text| text.split(','))
                .map(|url| if url.contains("://") { url.to_owned() } else { format!("http://{url}") })
                .collect();
            self.put("target.url", &urls.join(","), "url")?;
        }
        if let Some(key) = self.args.one("api-key") {
            self.put("target.headers", &format!("Authorization: Bearer {key}"), "api-key")?;
        }
        let wait = self.args.one("wait-for-model-timeout").unwrap_or("0");
        if wait.trim().parse::<f64>().is_ok_and(|seconds| seconds > 0.0) {
            self.put("gate.enabled", "true", "wait-for-model-timeout")?;
            self.put("gate.wait", &format!("{wait}s"), "wait-for-model-timeout")?;
            let check = self.args.one("wait-for-model-mode") != Some("models");
            self.put("gate.check_request", if check { "true" } else { "false" }, "wait-for-model-mode")?;
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), SpecError> {
        let (concurrency, rate) = (self.args.one("concurrency"), self.args.one("request-rate"));
        if let Some(rate) = rate {
            self.put("load.rate", rate, "request-rate")?;
            if let Some(law) = self.args.one("arrival-pattern") {
                self.put("load.arrival", law, "arrival-pattern")?;
            }
        }
        match (concurrency, rate) {
            // AIPerf's concurrency beside a rate is a cap.
            (Some(cap), Some(_)) => self.put("load.max_concurrency", cap, "concurrency")?,
            (Some(streams), None) => self.put("load.concurrency", streams, "concurrency")?,
            (None, _) => {}
        }
        // A pace that was asked for comes before a trace's times.
        let paced = [concurrency, rate, self.args.one("user-centric-rate")].into_iter().flatten().count() > 0;
        if self.args.has("no-fixed-schedule") {
            if self.args.has("fixed-schedule") {
                return Err(refused(
                    "--fixed-schedule and --no-fixed-schedule contradict each other\nhint: give one of the two"
                        .to_owned(),
                ));
            }
            if !paced {
                self.put("load.concurrency", "1", "no-fixed-schedule")?;
            }
        }
        Ok(())
    }

    /// AIPerf has a shared prefix only if both its length and the pool are given.
    fn prefix(&mut self) -> Result<(), SpecError> {
        let one = |name: &str| self.args.one(name).map_or(0, |text| text.trim().parse::<u64>().unwrap_or(1));
        let (length, pool) = (one("prefix-prompt-length"), one("num-prefix-prompts"));
        if length > 0 && pool > 0 {
            for (theirs, ours) in [
                ("prefix-prompt-length", "workload.prefix.length"),
                ("num-prefix-prompts", "workload.prefix.pool"),
            ] {
                if let Some(text) = self.args.one(theirs) {
                    self.put(ours, text, theirs)?;
                }
            }
        } else if length > 0 || pool > 0 {
            self.notes.push(
                "no shared prefix: AIPerf needs both --prefix-prompt-length and --num-prefix-prompts above 0"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Sessions, traces and clients that go away.
    fn sessions(&mut self) -> Result<(), SpecError> {
        for (theirs, ours) in [
            ("num-sessions", "load.sessions"),
            ("conversation-turn-mean", "workload.sessions.turns"),
            ("conversation-turn-stddev", "workload.sessions.turns_stddev"),
            ("conversation-turn-delay-ratio", "workload.sessions.delay_ratio"),
            ("session-header", "workload.sessions.header"),
        ] {
            if let Some(text) = self.args.one(theirs) {
                self.put(ours, text, theirs)?;
            }
        }
        for (theirs, ours) in [
            ("conversation-turn-delay-mean", "workload.sessions.delay"),
            ("conversation-turn-delay-stddev", "workload.sessions.delay_stddev"),
            ("fixed-schedule-start-offset", "workload.from"),
            ("fixed-schedule-end-offset", "workload.to"),
        ] {
            if let Some(milliseconds) = self.args.one(theirs) {
                self.put(ours, &format!("{milliseconds}ms"), theirs)?;
            }
        }
        if let Some(kind) = self.args.one("custom-dataset-type")
            && let Some((_, ours)) = DATASETS.iter().find(|(theirs, _)| *theirs == kind)
        {
            self.put("workload.format", ours, "custom-dataset-type")?;
        }
        if self.args.has("fixed-schedule") {
            self.put("load.arrival", "trace", "fixed-schedule")?;
        }
        if self.args.has("ignore-trace-delays") {
            self.put("workload.sessions.delay_ratio", "0", "ignore-trace-delays")?;
        }
        if self.args.has("apply-chat-template") {
            self.put("workload.apply_chat_template", "true", "apply-chat-template")?;
        }
        if let Some(percent) = self.args.one("request-cancellation-rate") {
            let share = percent.trim().parse::<f64>().map(|percent| percent / 100.0).map_err(|_| {
                refused(format!(
                    "--request-cancellation-rate {percent}: not a number\nhint: it is per cent, 0 to 100"
                ))
            })?;
            self.put("workload.cancel.share", &share.to_string(), "request-cancellation-rate")?;
        }
        Ok(())
    }

    fn users(&mut self) -> Result<(), SpecError> {
        let (rate, users) = (self.args.one("user-centric-rate"), self.args.one("num-users"));
        match (rate, users) {
            (None, None) => Ok(()),
            (Some(rate), Some(users)) => {
                self.put("load.rate", rate, "user-centric-rate")?;
                self.put("load.users", users, "num-users")
            }
            _ => Err(refused(
                "--user-centric-rate and --num-users go together\nhint: give both, or neither".to_owned(),
            )),
        }
    }

    fn tokenizer(&mut self, environment: &Environment) -> Result<Tokenizer, SpecError> {
        let asked = self.args.one("tokenizer");
        let Some(name) = asked.or_else(|| self.args.one("model")) else {
            return Ok(Tokenizer::Unknown);
        };
        if name == "builtin" || name == "o200k_base" {
            return Ok(Tokenizer::Known);
        }
        if let Some(dir) = tokenizer_home::find(name, environment) {
            let theirs = if asked.is_some() { "tokenizer" } else { "model" };
            self.put("workload.tokenizer", &dir.display().to_string(), theirs)?;
            return Ok(Tokenizer::Known);
        }
        if asked.is_some() {
            return Err(refused(format!(
                "--tokenizer {name}: neither a directory with a tokenizer.json nor a model in the Hugging Face cache of this machine\n\
                 hint: nothing is downloaded; give a directory, or --tokenizer builtin for o200k"
            )));
        }
        self.notes.push(format!(
            "the tokenizer of {name} is not on this machine: prompts are built under o200k and output tokens are the server's count"
        ));
        Ok(Tokenizer::Unknown)
    }
}
