//! The one table of keys: path in the spec ↔ flag ↔ `TOKMARK_…` ↔ help. One more key is one line in [`KEYS`] and one field
//! in the room that owns it; a test holds the table and the schema of the spec together.

use serde_json::{Map, Value};
use tokmark_base::units::parse_count;

/// How the text of a flag or variable becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, as it is.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number, `10k` allowed.
    Count,
    /// A number.
    Number,
    /// A whole number, or `none`.
    CountOrNone,
    /// A duration, a count or a multiple of the concurrency (`30s`, `100`, `10x`): the spec's own types read it.
    Quantity,
    /// On or off. The text is the flag that turns it off.
    Switch(&'static str),
    /// One number, or a list of levels that makes the run a sweep.
    Levels,
    /// Several texts.
    Texts,
    /// Several `KEY: VALUE`, values are text.
    Headers,
    /// Several `KEY:VALUE` or JSON objects, values are any JSON.
    Fields,
}

/// One key of the spec.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it lies in the spec, dotted.
    pub path: &'static str,
    /// The long flag, without `--`.
    pub flag: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// What stands for the value in help.
    pub value_name: &'static str,
    /// How text becomes a value.
    pub kind: Kind,
    /// Heading in help.
    pub group: &'static str,
    /// Help, one sentence.
    pub help: &'static str,
}

impl Key {
    /// The environment variable: `TOKMARK_` and the flag in capitals.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.flag.replace('-', "_").to_ascii_uppercase())
    }

    /// The path, part by part.
    pub fn parts(&self) -> Vec<String> {
        self.path.split('.').map(str::to_owned).collect()
    }
}

/// How every variable of ours begins.
pub const ENV_PREFIX: &str = "TOKMARK_";

/// The key at `path`, or the key whose value `path` lies inside of (a header, a field).
pub fn find(path: &[String]) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let mut parts = key.path.split('.');
        let mut given = path.iter();
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (None, Some(_)) => return matches!(key.kind, Kind::Headers | Kind::Fields),
                (Some(part), Some(name)) if part == name => {}
                _ => return false,
            }
        }
    })
}

/// Whether `path` is a section: some key lies below it.
pub fn is_section(path: &[String]) -> bool {
    let prefix = format!("{}.", path.join("."));
    KEYS.iter().any(|key| key.path.starts_with(&prefix))
}

impl Kind {
    /// Reads the text of a flag, a variable or a quoted scalar of a file.
    pub fn read(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text => Ok(text.into()),
            Self::Word(words) => read_word(text, words),
            Self::CountOrNone if matches!(text.trim(), "none" | "null") => Ok(Value::Null),
            Self::Quantity => Ok(text.trim().into()),
            Self::Count | Self::CountOrNone => parse_count(text).map(Value::from).map_err(|e| e.to_string()),
            Self::Number => read_number(text),
            Self::Switch(_) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(true.into()),
                "false" | "no" | "off" | "0" => Ok(false.into()),
                _ => Err(format!("`{text}` is neither true nor false")),
            },
            Self::Levels => read_levels(text),
            Self::Texts => {
                Ok(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect())
            }
            Self::Headers => read_header(text),
            Self::Fields => read_fields(text),
        }
    }

    /// Takes a value of a file: text is read as a flag's would be, anything else is judged by the spec's own types.
    pub fn take(self, value: Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Text | Self::Headers | Self::Fields, value) => Ok(value),
            (kind, Value::String(text)) => kind.read(&text),
            (_, value) => Ok(value),
        }
    }
}

fn read_word(text: &str, words: &'static [&'static str]) -> Result<Value, String> {
    let word = text.trim();
    if words.contains(&word) {
        return Ok(word.into());
    }
    let hint = tokmark_base::nearest::nearest(word, words.iter().copied()).map_or_else(
        || format!("it is one of {}", words.join(", ")),
        |near| format!("did you mean `{near}`? It is one of {}", words.join(", ")),
    );
    Err(format!("`{word}` is not known here\nhint: {hint}"))
}

fn read_number(text: &str) -> Result<Value, String> {
    let plain = text.trim();
    if let Ok(whole) = plain.parse::<u64>() {
        return Ok(whole.into());
    }
    match plain.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number.into()),
        _ => Err(format!("`{text}` is not a number")),
    }
}

fn read_levels(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if let [one] = parts[..] {
        return read_number(one);
    }
    parts.into_iter().map(read_number).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn read_header(text: &str) -> Result<Value, String> {
    let bad = || {
        let name = text.split(':').next().unwrap_or_default();
        format!("the header `{name}` has no value\nhint: write it as \"Name: value\"")
    };
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    if name.trim().is_empty() {
        return Err(bad());
    }
    Ok(Value::Object(Map::from_iter([(name.trim().to_owned(), Value::from(value.trim()))])))
}

fn read_fields(text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        return match serde_json::from_str::<Value>(trimmed) {
            Ok(object @ Value::Object(_)) => Ok(object),
            Ok(_) => Err(format!("`{trimmed}` is not a JSON object")),
            Err(e) => Err(format!("`{trimmed}` is not JSON: {e}")),
        };
    }
    let Some((name, value)) = trimmed.split_once(':') else {
        return Err(format!(
            "`{trimmed}` is neither key:value nor a JSON object\nhint: as in --extra temperature:0 or --extra '{{\"top_p\":0.9}}'"
        ));
    };
    // What reads as JSON is JSON (numbers, booleans, lists), anything else is text.
    let value = serde_json::from_str(value.trim()).unwrap_or_else(|_| Value::from(value.trim()));
    Ok(Value::Object(Map::from_iter([(name.trim().to_owned(), value)])))
}

const TARGET: &str = "Target";
const WORKLOAD: &str = "Workload";
const LOAD: &str = "Load";
const DEPLOYMENT: &str = "Deployment (facts, for per-GPU numbers)";
const GATE: &str = "Health gate";
const MEASURE: &str = "Measuring";
const OUTPUT: &str = "Output";

const fn key(
    group: &'static str,
    path: &'static str,
    flag: &'static str,
    value_name: &'static str,
    kind: Kind,
    help: &'static str,
) -> Key {
    Key { path, flag, short: None, value_name, kind, group, help }
}

impl Key {
    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }
}

/// Every key, in the order of help.
#[rustfmt::skip] // One key a line, or two: it is a table.
pub const KEYS: &[Key] = &[
    key(TARGET, "target.url", "url", "URL", Kind::Texts,
        "The same as the URL argument").short('u'),
    key(TARGET, "target.model", "model", "NAME", Kind::Text,
        "Model name to send; read from /v1/models if that lists just one").short('m'),
    key(TARGET, "target.endpoint", "endpoint", "API", Kind::Word(&["chat", "completions"]),
        "The API spoken: /v1/chat/completions or /v1/completions"),
    key(TARGET, "target.path", "path", "PATH", Kind::Text,
        "Path of the endpoint, where it differs from the API's own"),
    key(TARGET, "target.streaming", "streaming", "", Kind::Switch("no-stream"),
        "Ask for a stream of events (the default)"),
    key(TARGET, "target.headers", "header", "NAME: VALUE", Kind::Headers,
        "A further request header; may be repeated").short('H'),
    key(TARGET, "target.api_key_env", "api-key-env", "VARIABLE", Kind::Text,
        "Environment variable with the API key, sent as Authorization: Bearer"),
    key(TARGET, "target.api_key_file", "api-key-file", "FILE", Kind::Text,
        "File with the API key and nothing else"),
    key(TARGET, "target.ca_file", "ca-file", "FILE", Kind::Text,
        "PEM file of certificate authorities to trust instead of the machine's own"),
    key(TARGET, "target.extra", "extra", "KEY:VALUE|JSON", Kind::Fields,
        "A further top-level key of every request body; may be repeated"),
    key(TARGET, "target.max_tokens_field", "max-tokens-field", "FIELD", Kind::Word(&["max_tokens", "max_completion_tokens"]),
        "Name of the field that limits the output"),
    key(TARGET, "target.ignore_eos", "ignore-eos", "", Kind::Switch("no-ignore-eos"),
        "Send ignore_eos and min_tokens so that the output length holds (the default)"),
    key(TARGET, "target.timeout", "timeout", "TIME", Kind::Quantity,
        "A request that takes longer has failed"),
    key(TARGET, "target.connect_timeout", "connect-timeout", "TIME", Kind::Quantity,
        "A connection that takes longer has failed"),
    key(TARGET, "target.reactors", "reactors", "N", Kind::Count,
        "Reactor threads; derived from the load and the cores unless given"),

    key(GATE, "gate.enabled", "gate", "", Kind::Switch("no-gate"),
        "Ask for health and models before the load (the default)"),
    key(GATE, "gate.wait", "wait", "TIME", Kind::Quantity,
        "Wait this long for the service to become ready, as in 300s; 0 asks once"),
    key(GATE, "gate.poll", "poll", "TIME", Kind::Quantity,
        "Ask again this often while waiting"),
    key(GATE, "gate.check_request", "check-request", "", Kind::Switch("no-check-request"),
        "Also send one request of one token and want it to succeed"),
    key(GATE, "gate.expect_workers", "expect-workers", "N", Kind::Count,
        "Wait for this many workers, where the server lists its instances"),

    key(WORKLOAD, "workload.isl", "isl", "N", Kind::Count,
        "Mean input length of synthetic prompts, tokens"),
    key(WORKLOAD, "workload.isl_stddev", "isl-stddev", "N", Kind::Number,
        "Standard deviation of the input length, tokens"),
    key(WORKLOAD, "workload.osl", "osl", "N", Kind::CountOrNone,
        "Mean output length to ask for, tokens; `none` leaves it to the server"),
    key(WORKLOAD, "workload.osl_stddev", "osl-stddev", "N", Kind::Number,
        "Standard deviation of the output length, tokens"),
    key(WORKLOAD, "workload.prefix.length", "prefix-length", "N", Kind::Count,
        "Length of a prefix that prompts share, tokens, in front of their own"),
    key(WORKLOAD, "workload.prefix.pool", "prefix-pool", "N", Kind::Count,
        "How many different shared prefixes there are"),
    key(WORKLOAD, "workload.file", "input", "FILE", Kind::Text,
        "Prompts from a JSONL file: text_input or messages, and optionally output_length"),
    key(WORKLOAD, "workload.entries", "entries", "N", Kind::Count,
        "Number of distinct prompts, used again from the first when they run out"),
    key(WORKLOAD, "workload.tokenizer", "tokenizer", "DIR", Kind::Text,
        "Directory with a tokenizer.json; without it the built-in o200k vocabulary"),
    key(WORKLOAD, "workload.seed", "seed", "N", Kind::Count,
        "Seed of lengths, words, prefixes and arrivals: one seed, the same bytes everywhere"),

    key(LOAD, "load.concurrency", "concurrency", "N[,N…]", Kind::Levels,
        "Closed loop with this many streams; a list is a sweep").short('c'),
    key(LOAD, "load.rate", "rate", "R[,R…]", Kind::Levels,
        "Open loop with this many starts a second; a list is a sweep").short('r'),
    key(LOAD, "load.arrival", "arrival", "LAW", Kind::Word(&["poisson", "constant", "gamma"]),
        "Law of the open loop's starts (poisson unless given)"),
    key(LOAD, "load.burstiness", "burstiness", "SHAPE", Kind::Number,
        "Shape of gamma gaps: below 1 starts clump, above 1 they even out"),
    key(LOAD, "load.burst", "burst", "", Kind::Switch(""),
        "Everything at once"),
    key(LOAD, "load.requests", "requests", "N|Nx", Kind::Quantity,
        "Measured requests: a count, or a multiple of the concurrency (10x)").short('n'),
    key(LOAD, "load.duration", "duration", "TIME", Kind::Quantity,
        "Length of the measured part"),
    key(LOAD, "load.ramp", "ramp", "TIME", Kind::Quantity,
        "Linear ramp at the start: concurrency from 1, or rate from 0"),
    key(LOAD, "load.warmup", "warmup", "N|Nx|TIME|auto", Kind::Quantity,
        "A phase before the measured one; auto finds the steady part afterwards"),
    key(LOAD, "load.cooldown", "cooldown", "N|Nx|TIME", Kind::Quantity,
        "A phase after the measured one that keeps the load on"),
    key(LOAD, "load.grace", "grace", "TIME", Kind::Quantity,
        "How long attempts in flight may take after the duration; without one all are waited for, unless this is given"),
    key(LOAD, "load.max_concurrency", "max-concurrency", "N", Kind::Count,
        "Open loop: at most this many in flight; starts beyond wait, none is dropped"),

    key(DEPLOYMENT, "deployment.kind", "kind", "NAME", Kind::Text,
        "What serves: vllm, sglang, trtllm, dynamo, llm-d, …"),
    key(DEPLOYMENT, "deployment.mode", "mode", "MODE", Kind::Word(&["agg", "disagg"]),
        "Whether prefill and decode run together or apart"),
    key(DEPLOYMENT, "deployment.gpus", "gpus", "N", Kind::Count,
        "GPUs in all; per-GPU numbers exist only if this is known"),
    key(DEPLOYMENT, "deployment.gpu_model", "gpu-model", "NAME", Kind::Text,
        "GPU model, as in H200"),
    key(DEPLOYMENT, "deployment.tp", "tp", "N", Kind::Count,
        "Tensor-parallel size of a worker"),
    key(DEPLOYMENT, "deployment.pp", "pp", "N", Kind::Count,
        "Pipeline-parallel size of a worker"),
    key(DEPLOYMENT, "deployment.dp", "dp", "N", Kind::Count,
        "Data-parallel size of a worker"),
    key(DEPLOYMENT, "deployment.workers", "workers", "N", Kind::Count,
        "Replicas of the worker"),
    key(DEPLOYMENT, "deployment.prefill.tp", "prefill-tp", "N", Kind::Count,
        "Tensor-parallel size of a prefill worker"),
    key(DEPLOYMENT, "deployment.prefill.pp", "prefill-pp", "N", Kind::Count,
        "Pipeline-parallel size of a prefill worker"),
    key(DEPLOYMENT, "deployment.prefill.dp", "prefill-dp", "N", Kind::Count,
        "Data-parallel size of a prefill worker"),
    key(DEPLOYMENT, "deployment.prefill.workers", "prefill-workers", "N", Kind::Count,
        "Replicas of the prefill worker"),
    key(DEPLOYMENT, "deployment.decode.tp", "decode-tp", "N", Kind::Count,
        "Tensor-parallel size of a decode worker"),
    key(DEPLOYMENT, "deployment.decode.pp", "decode-pp", "N", Kind::Count,
        "Pipeline-parallel size of a decode worker"),
    key(DEPLOYMENT, "deployment.decode.dp", "decode-dp", "N", Kind::Count,
        "Data-parallel size of a decode worker"),
    key(DEPLOYMENT, "deployment.decode.workers", "decode-workers", "N", Kind::Count,
        "Replicas of the decode worker"),
    key(DEPLOYMENT, "deployment.mtp", "mtp", "N", Kind::Count,
        "Multi-token prediction: draft tokens a step"),
    key(DEPLOYMENT, "deployment.batch", "batch", "N", Kind::Count,
        "Largest batch a worker runs"),
    key(DEPLOYMENT, "deployment.image", "image", "IMAGE", Kind::Text,
        "Container image"),
    key(DEPLOYMENT, "deployment.driver", "driver", "VERSION", Kind::Text,
        "GPU driver version"),
    key(DEPLOYMENT, "deployment.label", "label", "TEXT", Kind::Text,
        "Name of this configuration in tables and pictures"),
    key(DEPLOYMENT, "deployment.extra", "fact", "KEY:VALUE", Kind::Headers,
        "Any further fact, kept as it is; may be repeated"),

    key(MEASURE, "measure.count_tokens", "count-tokens", "WHO", Kind::Word(&["server", "tokenizer", "events"]),
        "Who counts output tokens; there is no silent fallback"),
    key(MEASURE, "measure.validity", "validity", "HOW", Kind::Word(&["enforce", "report"]),
        "Whether an INVALID run withholds its numbers and exits 4, or only says so"),
    key(MEASURE, "measure.max_error_rate", "max-error-rate", "SHARE", Kind::Number,
        "Largest share of failed attempts (0 to 1) before the run exits 3"),

    key(OUTPUT, "output.dir", "out", "DIR", Kind::Text,
        "Directory in which the run's own directory is made").short('o'),
    key(OUTPUT, "output.name", "name", "NAME", Kind::Text,
        "Name of the run: letters, digits, `_` and `-`; `plots` is reserved"),
    key(OUTPUT, "output.profile_export_jsonl", "profile-export-jsonl", "", Kind::Switch(""),
        "Write profile_export.jsonl too, one object a request as AIPerf does"),
];
