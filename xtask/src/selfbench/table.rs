//! The figures as BENCHMARKS.md shows them.

use std::error::Error;
use std::fmt;
use std::fs;

use super::lab::Lab;
use crate::proc;

/// One line of the table.
pub(crate) struct Line {
    /// What was measured.
    pub(crate) what: String,
    /// What it should be.
    pub(crate) bar: String,
    /// What it is.
    pub(crate) seen: String,
    /// Whether it holds; `None` where there is no bar or no figure.
    pub(crate) met: Option<bool>,
}

impl Line {
    pub(crate) fn new(
        what: impl Into<String>,
        bar: impl Into<String>,
        seen: impl Into<String>,
        met: bool,
    ) -> Self {
        Self { what: what.into(), bar: bar.into(), seen: seen.into(), met: Some(met) }
    }

    /// A figure without a bar.
    pub(crate) fn plain(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), bar: String::new(), seen: seen.into(), met: None }
    }

    /// What could not be measured, and why.
    pub(crate) fn unmeasured(what: &str, why: &dyn Error) -> Self {
        Self::plain(what, format!("not measured: {why}"))
    }

    fn word(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (bar: {}) {}", self.what, self.seen, self.bar, self.word())
    }
}

/// The table, under the machine and the commit.
pub(crate) fn markdown(lab: &Lab, lines: &[Line]) -> String {
    let mut text = format!("{}\n\n| what | bar | measured | |\n|---|---|---|---|\n", setting(lab));
    for line in lines {
        let cell = |s: &str| s.replace('|', "\\|").replace('\n', " ");
        let cells = [cell(&line.what), cell(&line.bar), cell(&line.seen), line.word().to_owned()];
        text.push_str("| ");
        text.push_str(&cells.join(" | "));
        text.push_str(" |\n");
    }
    text
}

/// Machine, commit and repetitions in one sentence.
fn setting(lab: &Lab) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    let said = |program: &str, args: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(args).current_dir(proc::root());
        proc::output(&mut command).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let commit = said("git", &["describe", "--always", "--dirty", "--abbrev=12"]);
    let day = said("date", &["-u", "+%Y-%m-%d"]);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{day}, commit {commit}; {cpu}, {cores} cores, {memory} of memory, Linux {}; server on core {}, client on core {}; \
         medians of {} interleaved repetitions (smallest–largest).",
        kernel.trim(),
        lab.server_core,
        lab.client_core,
        lab.reps
    )
}

/// Median with smallest and largest, `1.23 (1.20–1.31) ms`.
pub(crate) fn spread(values: &[f64], unit: &str) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), median(values), sorted.last()) {
        (Some(low), Some(middle), Some(high)) => {
            let n = |x: f64| tokmark_base::units::significant(x);
            format!("{} ({}–{}) {unit}", n(middle), n(*low), n(*high)).trim_end().to_owned()
        }
        _ => "no value".to_owned(),
    }
}

/// The median; of an even number the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    tokmark_base::quantile::linear(&sorted, 0.5)
}

/// Whether the median is at most `bar`.
pub(crate) fn within(values: &[f64], bar: f64) -> bool {
    median(values).is_some_and(|middle| middle <= bar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_as_text() {
        assert_eq!(spread(&[1.0, 3.0, 2.0], "ms"), "2.00 (1.00–3.00) ms");
        assert_eq!(spread(&[], "ms"), "no value");
        assert!(within(&[1.0, 2.0, 9.0], 2.0) && !within(&[], 2.0));
    }
}
