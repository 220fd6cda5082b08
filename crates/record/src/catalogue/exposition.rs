//! Writes what a server would answer to a scrape: Prometheus text format 0.0.4, each server in its own client's hand.
//!
//! In: values by name and labels, checked against the catalogue. Out: text. Pure: the instant the counters began is an argument.

mod dialect;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokmark_base::nearest::nearest;

use super::{Catalogue, Histogram, Kind, Metric, Server};

pub use dialect::Dialect;

/// Labels of one series, sorted by name.
type Labels = Vec<(String, String)>;

/// The values of one scrape.
#[derive(Clone, Debug)]
pub struct Exposition {
    server: Server,
    dialect: Dialect,
    started_unix_s: f64,
    /// By place in the catalogue, our own metrics after the server's.
    families: BTreeMap<usize, BTreeMap<Labels, Value>>,
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Observed(Histogram),
}

/// A value the server could not have exposed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExpositionError {
    /// No such metric.
    #[error("{server} exposes no metric `{name}`\nhint: {hint}")]
    Unknown {
        /// Whose catalogue was asked.
        server: Server,
        /// What was to be written.
        name: String,
        /// The nearest known name.
        hint: String,
    },
    /// A number for a histogram, or the other way round.
    #[error(
        "`{name}` is a {kind:?}, which `{called}` cannot write\nhint: use `set` for counters and gauges, `info` for infos, `histogram` for histograms"
    )]
    WrongKind {
        /// The metric.
        name: &'static str,
        /// What it is.
        kind: Kind,
        /// The function called.
        called: &'static str,
    },
    /// Other labels than the real metric has.
    #[error(
        "`{name}` carries the labels {wanted:?}, got {given:?}\nhint: give each of them once, and no other"
    )]
    Labels {
        /// The metric.
        name: &'static str,
        /// Labels given.
        given: Vec<String>,
        /// Labels every sample of it has.
        wanted: &'static [&'static str],
    },
    /// A counter that is negative or no number.
    #[error("`{name}` is a counter and cannot be {value}\nhint: count from 0 upwards")]
    Counter {
        /// The metric.
        name: &'static str,
        /// The value given.
        value: f64,
    },
    /// A histogram under other bounds than the real one's.
    #[error("`{name}` has the bounds {wanted:?}, got {given:?}\nhint: make it with `Histogram::of`")]
    Bounds {
        /// The metric.
        name: &'static str,
        /// Bounds given.
        given: Vec<f64>,
        /// Bounds of the real one.
        wanted: &'static [f64],
    },
}

impl Exposition {
    /// An empty scrape of `server`, whose counters began at `started_unix_s` (shown by vLLM only, as `_created`).
    pub fn of(server: Server, started_unix_s: f64) -> Exposition {
        Exposition { server, dialect: Dialect::of(server), started_unix_s, families: BTreeMap::new() }
    }

    /// The same in another hand: a Dynamo worker shows its engine's metrics in its own.
    #[must_use]
    pub fn in_dialect(mut self, dialect: Dialect) -> Exposition {
        self.dialect = dialect;
        self
    }

    /// The value of a counter or a gauge; replaces an earlier one of the same labels.
    pub fn set(&mut self, name: &str, labels: &[(&str, &str)], value: f64) -> Result<(), ExpositionError> {
        let (place, metric) = self.find(name)?;
        match metric.kind {
            Kind::Counter if !value.is_finite() || value < 0.0 => {
                return Err(ExpositionError::Counter { name: metric.name, value });
            }
            Kind::Counter | Kind::Gauge => {}
            kind @ (Kind::Histogram | Kind::Info) => {
                return Err(ExpositionError::WrongKind { name: metric.name, kind, called: "set" });
            }
        }
        self.put(place, metric, labels, Value::Number(value))
    }

    /// An info, by its labels; more of them than the catalogue names are welcome.
    pub fn info(&mut self, name: &str, labels: &[(&str, &str)]) -> Result<(), ExpositionError> {
        let (place, metric) = self.find(name)?;
        if metric.kind != Kind::Info {
            return Err(ExpositionError::WrongKind { name: metric.name, kind: metric.kind, called: "info" });
        }
        self.put(place, metric, labels, Value::Number(1.0))
    }

    /// The state of a histogram; replaces an earlier one of the same labels.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        observed: &Histogram,
    ) -> Result<(), ExpositionError> {
        let (place, metric) = self.find(name)?;
        if metric.kind != Kind::Histogram {
            let (name, kind) = (metric.name, metric.kind);
            return Err(ExpositionError::WrongKind { name, kind, called: "histogram" });
        }
        if let Some(wanted) = metric.buckets.filter(|wanted| *wanted != observed.bounds()) {
            let given = observed.bounds().to_vec();
            return Err(ExpositionError::Bounds { name: metric.name, given, wanted });
        }
        self.put(place, metric, labels, Value::Observed(observed.clone()))
    }

    /// The answer to the scrape: families in the order of the catalogue, series in the order of their labels.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (place, series) in &self.families {
            let metric = at(self.server, *place);
            head(&mut out, metric.name, metric.kind.exposed(), metric.help);
            for (labels, value) in series {
                match value {
                    Value::Number(number) => self.sample(&mut out, metric.name, "", labels, *number),
                    Value::Observed(observed) => self.observed(&mut out, metric.name, labels, observed),
                }
            }
            if self.dialect.tells_created() && matches!(metric.kind, Kind::Counter | Kind::Histogram) {
                self.created(&mut out, metric, series);
            }
        }
        out
    }

    fn find(&self, name: &str) -> Result<(usize, &'static Metric), ExpositionError> {
        all(self.server).enumerate().find(|(_, metric)| metric.name == name).ok_or_else(|| {
            ExpositionError::Unknown {
                server: self.server,
                name: name.to_owned(),
                hint: nearest(name, all(self.server).map(|metric| metric.name)).map_or_else(
                    || "see `Catalogue::of` for what it has".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            }
        })
    }

    fn put(
        &mut self,
        place: usize,
        metric: &'static Metric,
        labels: &[(&str, &str)],
        value: Value,
    ) -> Result<(), ExpositionError> {
        let mut sorted: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        sorted.sort();
        let optional = self.server.optional_labels();
        let given = || sorted.iter().map(|(name, _)| name.as_str());
        let all_there = metric.labels.iter().all(|wanted| given().any(|name| name == *wanted));
        let none_strange = given().all(|name| {
            let known = metric.labels.contains(&name) || optional.contains(&name);
            known || (metric.kind == Kind::Info && is_label(name))
        });
        let none_twice = sorted.windows(2).all(|pair| pair[0].0 != pair[1].0);
        if !(all_there && none_strange && none_twice) {
            let given = given().map(str::to_owned).collect();
            return Err(ExpositionError::Labels { name: metric.name, given, wanted: metric.labels });
        }
        self.families.entry(place).or_default().insert(sorted, value);
        Ok(())
    }

    fn observed(&self, out: &mut String, name: &str, labels: &Labels, observed: &Histogram) {
        let sum = |out: &mut String| self.sample(out, name, "_sum", labels, observed.sum());
        let count = |out: &mut String| self.sample(out, name, "_count", labels, observed.count() as f64);
        if self.dialect == Dialect::PythonProcesses {
            sum(out);
        }
        let bounds = observed.bounds().iter().copied().chain([f64::INFINITY]);
        for (bound, total) in bounds.zip(observed.cumulative()) {
            let le = ("le".to_owned(), self.dialect.number(bound));
            let place = match self.dialect {
                Dialect::Rust => labels.len(),
                Dialect::Python | Dialect::PythonProcesses => labels.partition_point(|label| *label < le),
            };
            let mut with_le = labels.clone();
            with_le.insert(place, le);
            self.sample(out, name, "_bucket", &with_le, total as f64);
        }
        match self.dialect {
            Dialect::Python => {
                count(out);
                sum(out);
            }
            Dialect::PythonProcesses => count(out),
            Dialect::Rust => {
                sum(out);
                count(out);
            }
        }
    }

    fn created(&self, out: &mut String, metric: &Metric, series: &BTreeMap<Labels, Value>) {
        let counted = metric.name.strip_suffix("_total").filter(|_| metric.kind == Kind::Counter);
        let name = format!("{}_created", counted.unwrap_or(metric.name));
        head(out, &name, "gauge", metric.help);
        for labels in series.keys() {
            self.sample(out, &name, "", labels, self.started_unix_s);
        }
    }

    fn sample(&self, out: &mut String, name: &str, suffix: &str, labels: &Labels, value: f64) {
        out.push_str(name);
        out.push_str(suffix);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            // Writing into a string cannot fail.
            let _ = write!(out, "{before}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            out.push('}');
        }
        out.push(' ');
        out.push_str(&self.dialect.number(value));
        out.push('\n');
    }
}

/// The server's metrics, then our own.
fn all(server: Server) -> impl Iterator<Item = &'static Metric> {
    Catalogue::of(server).iter().chain(Catalogue::own())
}

fn at(server: Server, place: usize) -> &'static Metric {
    let theirs = Catalogue::of(server);
    theirs.get(place).unwrap_or_else(|| &Catalogue::own()[place - theirs.len()])
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let help = help.replace('\\', r"\\").replace('\n', r"\n");
    // Writing into a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`.
fn is_label(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests;
