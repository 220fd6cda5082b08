//! A BenchmarkConfig (`apiVersion: llm-d.io/v1alpha1`) read into our own spec.
//!
//! What it says is either set, or named in a note: as told and not needed to measure, or as not yet done. Nothing is dropped
//! silently. Its older form (`load_generator: fmperf`) is migrated with a note.

use serde_json::Value;
use tokmark_base::nearest::nearest;

use crate::spec::SpecError;
use crate::spec::layers::Setting;
use crate::spec::origin::Origin;
use crate::spec::yaml::{Kind, Node, Place};

/// The version understood.
pub const API_VERSION: &str = "llm-d.io/v1alpha1";
/// The kind understood.
pub const KIND: &str = "BenchmarkConfig";

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Values of our spec.
    pub settings: Vec<Setting>,
    /// What was migrated, what is not used, what is not yet done; one sentence each.
    pub notes: Vec<String>,
}

/// Whether a file is a BenchmarkConfig, or means to be one.
pub fn is_one(node: &Node) -> bool {
    node.get("apiVersion").is_some() || node.get("kind").is_some()
}

/// Reads one.
pub fn read(name: &str, node: &Node) -> Result<Read, SpecError> {
    let mut reader = Reader { file: name, read: Read::default() };
    reader.envelope(node)?;
    reader.each(node, "", &["apiVersion", "kind", "metadata", "spec", "load_generator", "config"]);
    if let Some(name) = node.get("metadata").and_then(|m| m.get("name")) {
        reader.set("output.name", name.value(), name.place);
    }
    if let Some(metadata) = node.get("metadata") {
        reader.each(metadata, "metadata.", &["name"]);
    }
    let Some(spec) = node.get("spec") else {
        return Err(reader.refuse(
            node.place,
            "it has no `spec`",
            "a BenchmarkConfig has spec.models and spec.benchmark",
        ));
    };
    reader.each(spec, "spec.", &["cluster", "models", "benchmark", "load_generator", "config"]);
    if let Some(cluster) = spec.get("cluster") {
        reader.cluster(cluster);
    }
    if let Some(models) = spec.get("models") {
        reader.models(models)?;
    }
    if let Some(benchmark) = spec.get("benchmark") {
        reader.benchmark(benchmark);
    }
    // The older form had the generator at any of these three levels.
    let homes = [spec.get("benchmark"), Some(spec), Some(node)];
    reader.generators(&homes, spec)?;
    Ok(reader.read)
}

struct Reader<'a> {
    file: &'a str,
    read: Read,
}

/// One load generator: its type and its configuration.
struct Generator<'a> {
    kind: String,
    place: Place,
    config: Option<&'a Node>,
}

impl Reader<'_> {
    fn at(&self, place: Place) -> String {
        format!("{}:{}:{}", self.file, place.line, place.column)
    }

    fn refuse(&self, place: Place, message: &str, hint: &str) -> SpecError {
        SpecError::BenchmarkConfig { at: self.at(place), message: message.to_owned(), hint: hint.to_owned() }
    }

    fn note(&mut self, place: Place, text: &str) {
        let at = self.at(place);
        self.read.notes.push(format!("{at}: {text}"));
    }

    fn set(&mut self, path: &str, value: Value, place: Place) {
        self.read.settings.push(Setting {
            path: path.split('.').map(str::to_owned).collect(),
            value,
            origin: Origin::File { name: self.file.to_owned(), place },
        });
    }

    /// Names every key of `node` that is not in `known`.
    fn each(&mut self, node: &Node, prefix: &str, known: &[&str]) {
        let Kind::Map(entries) = &node.kind else { return };
        for (key, place, _) in entries.iter().filter(|(key, _, _)| !known.contains(&key.as_str())) {
            let near = nearest(key, known.iter().copied())
                .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            self.note(*place, &format!("{prefix}{key} is not used: not yet{near}"));
        }
    }

    fn envelope(&self, node: &Node) -> Result<(), SpecError> {
        for (key, want) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            match node.get(key) {
                Some(found) if found.value() == want => {}
                Some(found) => {
                    let seen = plain(&found.value());
                    return Err(self.refuse(
                        found.place,
                        &format!("{key} is `{seen}`"),
                        &format!(
                            "tokmark reads {KIND} of {API_VERSION}, or its own spec (no apiVersion, no kind)"
                        ),
                    ));
                }
                None => {
                    return Err(self.refuse(
                        node.place,
                        &format!("{key} is missing"),
                        &format!("write {key}: {want}"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn cluster(&mut self, cluster: &Node) {
        self.note(
            cluster.place,
            "spec.cluster is not used: not yet (the service is measured where it runs; name it with a URL)",
        );
    }

    fn models(&mut self, models: &Node) -> Result<(), SpecError> {
        let Kind::Seq(items) = &models.kind else {
            return Err(self.refuse(
                models.place,
                "spec.models is not a list",
                "write `models:` and one `- name: …` a model",
            ));
        };
        let Some(first) = items.first() else { return Ok(()) };
        for other in items.iter().skip(1) {
            let name = other.get("name").map_or_else(|| "?".to_owned(), |n| plain(&n.value()));
            self.note(
                other.place,
                &format!("model `{name}` is not measured: not yet (one model a run; the first is taken)"),
            );
        }
        self.each(first, "spec.models[0].", &["name", "image", "replicas", "resources"]);
        if let Some(name) = first.get("name") {
            self.set("target.model", name.value(), name.place);
        }
        if let Some(image) = first.get("image") {
            self.set("deployment.image", image.value(), image.place);
        }
        let replicas = first.get("replicas").and_then(|r| Some((r.value().as_u64()?, r.place)));
        if let Some((replicas, place)) = replicas {
            self.set("deployment.workers", replicas.into(), place);
        }
        let Some(resources) = first.get("resources") else { return Ok(()) };
        let gpus = ["limits", "requests"].iter().find_map(|part| {
            let gpus = resources.get(part)?.get("nvidia.com/gpu")?;
            let number = gpus.value();
            let count = number.as_u64().or_else(|| number.as_str()?.parse().ok())?;
            Some((count, gpus.place))
        });
        if let Some((gpus, place)) = gpus {
            let replicas = replicas.map_or(1, |(n, _)| n);
            self.set("deployment.gpus", (gpus * replicas).into(), place);
            self.note(
                place,
                &format!(
                    "deployment.gpus = {} ({replicas} replicas × {gpus} nvidia.com/gpu)",
                    gpus * replicas
                ),
            );
        }
        self.note(
            resources.place,
            "spec.models[0].resources is otherwise not used: not yet (the service is measured as it runs)",
        );
        Ok(())
    }

    fn benchmark(&mut self, benchmark: &Node) {
        self.each(
            benchmark,
            "spec.benchmark.",
            &["duration", "warmup", "cooldown", "load_generators", "load_generator", "config"],
        );
        for key in ["duration", "warmup", "cooldown"] {
            if let Some(value) = benchmark.get(key) {
                self.set(&format!("load.{key}"), value.value(), value.place);
            }
        }
    }

    fn generators(&mut self, homes: &[Option<&Node>], spec: &Node) -> Result<(), SpecError> {
        let mut generators = Vec::new();
        for home in homes.iter().flatten() {
            if let Some(list) = home.get("load_generators") {
                let Kind::Seq(items) = &list.kind else {
                    return Err(self.refuse(
                        list.place,
                        "load_generators is not a list",
                        "write one `- type: fmperf` a generator",
                    ));
                };
                for item in items {
                    generators.push(self.generator(item, None)?);
                }
            }
            if let Some(single) = home.get("load_generator") {
                self.note(
                    single.place,
                    "load_generator is the older form: read as load_generators: [{type: …, config: …}]",
                );
                generators.push(self.generator(single, home.get("config"))?);
            }
        }
        let mut generators = generators.into_iter();
        let Some(taken) = generators.next() else {
            return Err(self.refuse(
                spec.place,
                "it names no load generator",
                "write spec.benchmark.load_generators: [{type: fmperf, config: {concurrent_requests: 10}}]",
            ));
        };
        for other in generators {
            self.note(
                other.place,
                &format!(
                    "load generator `{}` is not run: not yet (one a run; the first, `{}`, is taken)",
                    other.kind, taken.kind
                ),
            );
        }
        self.take(&taken)
    }

    fn generator<'n>(&self, node: &'n Node, beside: Option<&'n Node>) -> Result<Generator<'n>, SpecError> {
        let (kind, config) = match &node.kind {
            Kind::Scalar(Value::String(kind)) => (Some(kind.clone()), beside),
            _ => (node.get("type").map(|t| plain(&t.value())), node.get("config").or(beside)),
        };
        match kind {
            Some(kind) => Ok(Generator { kind, place: node.place, config }),
            None => Err(self.refuse(node.place, "this load generator has no `type`", "write type: fmperf")),
        }
    }

    fn take(&mut self, taken: &Generator<'_>) -> Result<(), SpecError> {
        match taken.kind.as_str() {
            "fmperf" => self.fmperf(taken),
            "inference-perf" => self.inference_perf(taken),
            other => {
                let known = ["fmperf", "inference-perf"];
                let hint = match nearest(other, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "fmperf and inference-perf are read; guidellm and custom generators: not yet"
                        .to_owned(),
                };
                return Err(self.refuse(taken.place, &format!("load generator `{other}`: not yet"), &hint));
            }
        }
        Ok(())
    }

    /// `concurrent_requests` alone is a closed loop; `request_rate` an open one, capped by `concurrent_requests` if both
    /// are given.
    fn fmperf(&mut self, taken: &Generator<'_>) {
        let Some(config) = taken.config else { return };
        self.each(
            config,
            "fmperf config.",
            &["concurrent_requests", "request_rate", "input_length", "output_length"],
        );
        let rate = config.get("request_rate");
        if let Some(rate) = rate {
            self.set("load.rate", rate.value(), rate.place);
        }
        if let Some(streams) = config.get("concurrent_requests") {
            let key = if rate.is_some() { "load.max_concurrency" } else { "load.concurrency" };
            self.set(key, streams.value(), streams.place);
            if rate.is_some() {
                self.note(
                    streams.place,
                    "request_rate and concurrent_requests: an open loop at that rate with at most that many in flight",
                );
            }
        }
        for (theirs, ours) in [("input_length", "workload.isl"), ("output_length", "workload.osl")] {
            if let Some(value) = config.get(theirs) {
                self.set(ours, value.value(), value.place);
            }
        }
    }

    /// `connections` is a closed loop of that many streams; `threads` is nothing tokmark needs.
    fn inference_perf(&mut self, taken: &Generator<'_>) {
        let Some(config) = taken.config else { return };
        self.each(config, "inference-perf config.", &["threads", "connections", "duration"]);
        if let Some(connections) = config.get("connections") {
            self.set("load.concurrency", connections.value(), connections.place);
        }
        if let Some(duration) = config.get("duration") {
            self.set("load.duration", duration.value(), duration.place);
        }
        if let Some(threads) = config.get("threads") {
            self.note(threads.place, "threads is not needed: tokmark runs one reactor a core (--reactors)");
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
