//! Everything that is written about a run, beside its records: one method a file, each file whole or not there.
//!
//! Callers mask secrets where they first hold a text. [`Publisher`] masks once more, in every string of every document,
//! so that a mistake elsewhere does not become a leak on disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use tokmark_base::Secret;
use tokmark_base::secret::mask;
use tokmark_measure::aiperf::record_metrics;
use tokmark_measure::summary::State;
use tokmark_measure::{Analysis, Summary, Validity};
use tokmark_perf::Deployment;
use tokmark_record::{Record, RunHeader};

use crate::StoreError;
use crate::disk::{publish, publish_with};
use crate::export::{aiperf_csv, aiperf_json, aiperf_jsonl, deployment};
use crate::layout::{
    AIPERF_CSV, AIPERF_INVALID_CSV, AIPERF_INVALID_JSON, AIPERF_JSON, AIPERF_JSONL, DEPLOYMENT, DERIVED,
    HEADER, SUMMARY, SUMMARY_MARKDOWN,
};

/// Writes the files of one run directory.
#[derive(Clone, Copy)]
pub struct Publisher<'a> {
    dir: &'a Path,
    secrets: &'a [Secret],
}

impl<'a> Publisher<'a> {
    /// For the directory `dir`; no text that holds one of `secrets` gets into a file.
    pub fn new(dir: &'a Path, secrets: &'a [Secret]) -> Self {
        Self { dir, secrets }
    }

    /// `run.json`. Before the load starts, so that a killed run can be rebuilt. It begins a run: what an earlier one left
    /// in this directory goes, lest a killed run look finished.
    pub fn header(&self, header: &RunHeader) -> Result<PathBuf, StoreError> {
        for stale in DERIVED {
            self.remove(stale)?;
        }
        self.json(HEADER, header)
    }

    /// Every file that follows from the analysis. `summary.json` comes last: a directory that has it is finished.
    pub fn analysis(
        &self,
        analysis: &Analysis,
        header: &RunHeader,
        markdown: &str,
        validity: Validity,
    ) -> Result<(), StoreError> {
        self.aiperf(analysis, header, validity)?;
        self.markdown(markdown)?;
        self.summary(&analysis.summary)?;
        Ok(())
    }

    /// `summary.json`.
    pub fn summary(&self, summary: &Summary) -> Result<PathBuf, StoreError> {
        self.json(SUMMARY, summary)
    }

    /// `summary.md`.
    pub fn markdown(&self, text: &str) -> Result<PathBuf, StoreError> {
        publish(self.dir, SUMMARY_MARKDOWN, mask(text, self.secrets).as_bytes())
    }

    /// `profile_export_aiperf.json` and `.csv`; of an INVALID run, under names that no script picks up, unless the user
    /// asked for a report anyway. The names of the other case are removed, so that a rebuilt run has one of the two.
    pub fn aiperf(
        &self,
        analysis: &Analysis,
        header: &RunHeader,
        validity: Validity,
    ) -> Result<(), StoreError> {
        let withheld = analysis.summary.verdict.state == State::Invalid && validity == Validity::Enforce;
        let [json, csv, other_json, other_csv] = if withheld {
            [AIPERF_INVALID_JSON, AIPERF_INVALID_CSV, AIPERF_JSON, AIPERF_CSV]
        } else {
            [AIPERF_JSON, AIPERF_CSV, AIPERF_INVALID_JSON, AIPERF_INVALID_CSV]
        };
        for stale in [other_json, other_csv] {
            self.remove(stale)?;
        }
        self.json(json, &aiperf_json::document(analysis, header))?;
        publish(self.dir, csv, aiperf_csv::document(&analysis.aiperf).as_bytes())?;
        Ok(())
    }

    /// `profile_export.jsonl`, a line a record.
    pub fn aiperf_jsonl(
        &self,
        header: &RunHeader,
        records: impl Iterator<Item = Result<Record, StoreError>>,
    ) -> Result<PathBuf, StoreError> {
        let mut unread = None;
        let warmups = aiperf_jsonl::warmups(header);
        let mut text = Vec::new();
        let published = publish_with(self.dir, AIPERF_JSONL, |out| {
            for record in records {
                match record {
                    Ok(record) => {
                        let metrics = record_metrics(&record);
                        let line = aiperf_jsonl::Line::new(&record, warmups, header, &metrics);
                        text.clear();
                        if self.secrets.is_empty() {
                            serde_json::to_writer(&mut text, &line)?;
                        } else {
                            let line = serde_json::to_value(&line)?;
                            serde_json::to_writer(&mut text, &masked(line, self.secrets))?;
                        }
                        text.push(b'\n');
                        out.write_all(&text)?;
                    }
                    Err(e) => {
                        unread = Some(e);
                        return Err(io::Error::from(io::ErrorKind::InvalidData));
                    }
                }
            }
            Ok(())
        });
        // What could not be read is the cause; that the file was not written follows from it.
        unread.map_or(published, Err)
    }

    /// `deployment_config.json`.
    pub fn deployment(
        &self,
        deployment: &Deployment,
        model: Option<&str>,
        isl: Option<u32>,
        osl: Option<u32>,
    ) -> Result<PathBuf, StoreError> {
        self.json(DEPLOYMENT, &deployment::document(deployment, model, isl, osl))
    }

    /// Any further JSON document (a sweep's table).
    pub fn json(&self, name: &'static str, value: &impl Serialize) -> Result<PathBuf, StoreError> {
        let encode = |source| StoreError::Encode { what: name, source };
        let document = masked(serde_json::to_value(value).map_err(encode)?, self.secrets);
        let mut bytes = serde_json::to_vec_pretty(&document).map_err(encode)?;
        bytes.push(b'\n');
        publish(self.dir, name, &bytes)
    }

    /// Any further file that holds no secret: a picture.
    pub fn file(&self, name: &'static str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        publish(self.dir, name, bytes)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::writing(&path, e)),
            _ => Ok(()),
        }
    }
}

/// The document with every secret in a string or a key masked. Numbers are left: a secret that looks like one would
/// turn the document into something that is not JSON.
fn masked(value: Value, secrets: &[Secret]) -> Value {
    if secrets.is_empty() {
        return value;
    }
    match value {
        Value::String(text) => Value::String(mask(&text, secrets)),
        Value::Array(items) => items.into_iter().map(|item| masked(item, secrets)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, item)| (mask(&key, secrets), masked(item, secrets)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

#[cfg(test)]
mod tests;
