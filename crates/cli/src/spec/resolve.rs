//! From everything that was given to complete, typed specs: one a sweep point.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokmark_workload::load::SeriesSpec;
use tokmark_workload::rate::series::read_series;

use crate::spec::benchmark_config;
use crate::spec::keys::{self, Kind};
use crate::spec::layers::{self, Layers, Setting};
use crate::spec::named;
use crate::spec::preset::{CONCURRENCIES, Preset};
use crate::spec::sweep::{self, Requests, Sweep};
use crate::spec::{Origin, Spec, SpecError, replay, told};

/// Everything a spec can come from. No ambient state: whoever calls has read files and environment already.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A preset.
    pub preset: Option<Preset>,
    /// The spec file: its name and text.
    pub file: Option<(String, String)>,
    /// The deployment file: its name and text.
    pub deployment: Option<(String, String)>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// `--set` texts.
    pub sets: Vec<String>,
    /// Settings from flags.
    pub flags: Vec<Setting>,
    /// Settings below every layer a user can reach (AIPerf's own defaults under `tokmark aiperf`).
    pub base: Vec<Setting>,
    /// How many requests a sweep point asks for if nobody says.
    pub requests: Requests,
    /// Whether this process runs inside a Kubernetes cluster, where a URL needs no scheme.
    pub in_cluster: bool,
    /// Reads a file that the spec names and that becomes part of it.
    pub read: ReadFile,
}

/// Reads a file's text.
#[derive(Clone, Copy, Debug)]
pub struct ReadFile(pub fn(&str) -> Result<String, String>);

impl Default for ReadFile {
    fn default() -> Self {
        Self(|name| Err(format!("{name} cannot be read here")))
    }
}

/// What was resolved.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The preset asked for.
    pub preset: Option<Preset>,
    /// The sweep, if there is one.
    pub sweep: Option<Sweep>,
    /// The points, in order, target by target; exactly one without a sweep and named targets.
    pub points: Vec<Point>,
    /// What the user should know: what was migrated, what is not yet done.
    pub notes: Vec<String>,
    /// Whether the file describes a service of its own (a BenchmarkConfig), so that a target must be named.
    pub needs_target: bool,
}

/// One run to make.
#[derive(Clone, Debug)]
pub struct Point {
    /// The named target it is for.
    pub target: Option<String>,
    /// The sweep's level.
    pub level: Option<f64>,
    /// The complete spec.
    pub spec: Spec,
    /// What was given, and by whom.
    pub layers: Layers,
}

impl Sources {
    /// Lays the layers, judges each value where it was given, splits a sweep, and lets every room judge its part.
    pub fn resolve(&self) -> Result<Resolved, SpecError> {
        let mut notes = Vec::new();
        let mut needs_target = false;
        let mut settings = self.base.clone();
        if let Some(preset) = self.preset {
            settings.extend(preset.settings(self.env.get(CONCURRENCIES).map(String::as_str))?);
        }
        if let Some((name, text)) = &self.file {
            let node = layers::parse(name, text)?;
            if benchmark_config::is_one(&node) {
                let read = benchmark_config::read(name, &node)?;
                settings.extend(read.settings);
                notes.extend(read.notes);
                needs_target = true;
            } else {
                settings.extend(layers::of_file(name, &[], &node)?);
            }
        }
        if let Some((name, text)) = &self.deployment {
            settings.extend(layers::of_text(name, &["deployment".to_owned()], text)?);
        }
        settings.extend(layers::of_env(&self.env)?);
        for set in &self.sets {
            settings.extend(layers::of_set(set)?);
        }
        settings.extend(self.flags.iter().cloned());
        settings.iter().try_for_each(judge)?;
        let layers = Layers::lay(settings)?;
        let mut points = Vec::new();
        let mut sweep = None;
        for mut named in named::split(&layers)? {
            if let Some(preset) = self.preset {
                preset.give_way(&mut named.layers);
            }
            replay::settle(&mut named.layers);
            let (over, levels) = sweep::points(&named.layers, self.requests, self.preset)?;
            for point in levels {
                points.push(self.finish(named.name.clone(), point.level, point.layers)?);
            }
            sweep = over;
        }
        if let [Point { spec, .. }] = &points[..]
            && spec.workload.never_repeat
        {
            notes.push(
                "workload.never_repeat has no effect: it is about the points of a sweep, and there is one"
                    .to_owned(),
            );
        }
        Ok(Resolved { preset: self.preset, sweep, points, notes, needs_target })
    }

    fn finish(&self, target: Option<String>, level: Option<f64>, layers: Layers) -> Result<Point, SpecError> {
        let mut spec: Spec = serde_json::from_value(Value::Object(layers.tree.clone()))
            .map_err(|e| SpecError::Refused { message: e.to_string() })?;
        if let Some(SeriesSpec::File(name)) = &spec.load.series {
            spec.load.series = Some(SeriesSpec::Points(self.series(name)?));
        }
        let mut point = Point { target, level, spec: self.check(spec, &layers)?, layers };
        point.fill();
        Ok(point)
    }

    /// The points of a file with a rate over time: they become part of the spec, which then says it all.
    fn series(&self, name: &str) -> Result<Vec<[f64; 2]>, SpecError> {
        let text = (self.read.0)(name).map_err(|message| SpecError::File {
            path: name.to_owned(),
            message,
            hint: "--rate-series takes a JSON file with [[seconds, rate], …]".to_owned(),
        })?;
        read_series(&text, name).map_err(refused)
    }

    fn check(&self, spec: Spec, layers: &Layers) -> Result<Spec, SpecError> {
        if !spec.target.url.is_empty() {
            spec.target.urls(self.in_cluster).map_err(refused)?;
        }
        spec.workload.check().map_err(|e| told::workload(e, layers))?;
        spec.load.resolve().map_err(|e| told::load(e, layers))?;
        spec.deployment.validate().map_err(refused)?;
        if let Some(name) = &spec.output.name {
            tokmark_store::RunName::parse(name).map_err(refused)?;
        }
        if let Some(rate) = spec.measure.max_error_rate
            && !(0.0..=1.0).contains(&rate)
        {
            return Err(SpecError::Refused {
                message: format!("measure.max_error_rate is {rate}\nhint: it is a share, from 0 to 1"),
            });
        }
        Ok(spec)
    }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn refused(error: impl std::error::Error) -> SpecError {
    SpecError::Refused { message: error.to_string() }
}

/// Reads one value on its own as its room would, so that an error names who gave it.
fn judge(setting: &Setting) -> Result<(), SpecError> {
    let levels = keys::find(&setting.path).is_some_and(|key| key.kind == Kind::Levels);
    let values: Vec<&Value> = match &setting.value {
        Value::Array(values) if levels => values.iter().collect(),
        value => vec![value],
    };
    for value in values {
        let tree = setting
            .path
            .iter()
            .rev()
            .fold(value.clone(), |inner, part| Value::Object(Map::from_iter([(part.clone(), inner)])));
        if let Err(error) = serde_json::from_value::<Spec>(tree) {
            let path = setting.path.join(".");
            let message = told::value(&path, &error.to_string());
            return Err(SpecError::Value { path, origin: setting.origin.to_string(), message });
        }
    }
    Ok(())
}

impl Point {
    /// Writes out what the rooms take for granted, so that a spec is complete to its reader.
    fn fill(&mut self) {
        self.spec.load.fill();
    }

    /// Notes that the value at `path` was worked out.
    pub fn derive(&mut self, path: &str, why: &'static str) {
        self.layers.origins.insert(path.to_owned(), Origin::Derived(why));
    }

    /// The complete spec as JSON, secrets masked.
    pub fn values(&self) -> Value {
        let mut values = serde_json::to_value(&self.spec).map_or_else(|_| json!({}), mask);
        if self.spec.describes_an_engine() {
            values["engine"] = json!(self.spec.engine);
            values["timing"] = json!(self.spec.timing);
            values["router"] = json!(self.spec.router);
            values["faults"] = json!(self.spec.faults);
        }
        values
    }

    /// For every leaf of the spec, its origin in one word.
    pub fn origin_words(&self) -> Value {
        let leaves = leaves(&self.values());
        Value::Object(
            leaves
                .into_iter()
                .map(|(path, _)| {
                    let word = self.layers.origin(&path).map_or("default", Origin::word);
                    (path, Value::from(word))
                })
                .collect(),
        )
    }

    /// Every leaf: path, value, origin in full.
    pub fn explained(&self) -> Vec<(String, Value, String)> {
        leaves(&self.values())
            .into_iter()
            .map(|(path, value)| {
                let origin =
                    self.layers.origin(&path).map_or_else(|| "default".to_owned(), ToString::to_string);
                (path, value, origin)
            })
            .collect()
    }
}

/// The leaves of a tree: scalars, lists, empty maps, and the whole value of a free field.
fn leaves(value: &Value) -> Vec<(String, Value)> {
    fn walk(path: &str, value: &Value, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                for (name, inner) in entries {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(&path, inner, out);
                }
            }
            value => out.push((path.to_owned(), value.clone())),
        }
    }
    let mut out = Vec::new();
    walk("", value, &mut out);
    out
}

/// What differs in a named target may be a URL, or keys with headers and fields: of those only the names stay.
fn mask_target(differs: &mut Value) {
    match differs {
        Value::String(url) if url.contains("://") && !url.contains('=') => *url = crate::masked::url(url),
        Value::String(text) if text.contains("target.") => "***".clone_into(text),
        Value::Object(keys) => {
            for (_, value) in keys.iter_mut().filter(|(key, _)| key.starts_with("target.")) {
                *value = match value {
                    Value::String(url) if url.contains("://") => crate::masked::url(url).into(),
                    _ => "***".into(),
                };
            }
        }
        _ => {}
    }
}

/// Replaces what may be secret: values of headers that carry keys, user info and query values of URLs.
fn mask(mut spec: Value) -> Value {
    if let Some(Value::Array(urls)) = spec.pointer_mut("/target/url") {
        for url in urls {
            if let Value::String(text) = url {
                *text = crate::masked::url(text);
            }
        }
    }
    if let Some(Value::Object(targets)) = spec.pointer_mut("/targets") {
        targets.values_mut().for_each(mask_target);
    }
    if let Some(Value::Object(fields)) = spec.pointer_mut("/target/extra") {
        crate::secret_fields::mask(fields);
    }
    if let Some(Value::Object(headers)) = spec.pointer_mut("/target/headers") {
        for (name, value) in headers {
            if crate::masked::is_secret_header(name) {
                *value = Value::from("***");
            }
        }
    }
    spec
}
