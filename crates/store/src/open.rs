//! A run read back from its directory, finished or not.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tokmark_base::Micros;
use tokmark_measure::Summary;
use tokmark_record::file::{LineError, LineReader};
use tokmark_record::{Record, RunHeader, Sample};

use crate::StoreError;
use crate::header::read_header;
use crate::layout::{RECORDS, SERIES, SUMMARY};

/// A run on disk.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
    header: RunHeader,
}

impl Run {
    /// Opens a run directory.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { dir: dir.to_owned(), header: read_header(dir)? })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What was known before the first request.
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Whether it has a summary. A run without one was killed; its records are whole up to its last second.
    pub fn is_finished(&self) -> bool {
        self.dir.join(SUMMARY).is_file()
    }

    /// The summary, if the run was finished.
    pub fn summary(&self) -> Result<Option<Summary>, StoreError> {
        let path = self.dir.join(SUMMARY);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|source| StoreError::Json { path, source })
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::reading(&path, e)),
        }
    }

    /// The records, in order of completion.
    pub fn records(&self) -> Result<Lines<Record>, StoreError> {
        Lines::open(self.dir.join(RECORDS))
    }

    /// The samples, in order.
    pub fn samples(&self) -> Result<Lines<Sample>, StoreError> {
        Lines::open(self.dir.join(SERIES))
    }

    /// What a run that was killed left on disk, beside what its last health sample says had been sent.
    pub fn left_behind(&self) -> Result<LeftBehind, StoreError> {
        let mut lines = self.records()?;
        let mut records = 0;
        for line in lines.by_ref() {
            line?;
            records += 1;
        }
        let last = self.samples()?.map_while(Result::ok).filter(|s| s.source == CLIENT).last();
        let counter = |name: &str| last.as_ref()?.values.get(name).map(|n| *n as u64);
        Ok(LeftBehind {
            records,
            damaged: lines.truncated(),
            issued: counter("issued"),
            in_flight: counter("in_flight"),
            sampled_us: last.as_ref().map(|s| s.at_us),
        })
    }

    /// The directories of a sweep's points, sorted by name, digits by value; empty for a single run.
    pub fn points(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let entries = fs::read_dir(dir).map_err(|e| StoreError::reading(dir, e))?;
        let mut points = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| StoreError::reading(dir, e))?.path();
            if path.join(crate::layout::HEADER).is_file() {
                points.push(path);
            }
        }
        points.sort_by_key(|path| natural(path));
        Ok(points)
    }
}

/// The source of this program's own health samples.
const CLIENT: &str = "client";

/// What a run that was killed left on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Records that could be read.
    pub records: u64,
    /// Whether the record file ends inside a frame, so that what that frame held is lost.
    pub damaged: bool,
    /// Attempts begun when the last health sample was taken; `None` without one.
    pub issued: Option<u64>,
    /// Attempts in flight at that moment.
    pub in_flight: Option<u64>,
    /// That moment.
    pub sampled_us: Option<Micros>,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.damaged {
            write!(f, "the last frame of {RECORDS} is damaged: the file ends inside it; ")?;
        }
        write!(f, "{} records were read", self.records)?;
        let (Some(issued), Some(in_flight), Some(at)) = (self.issued, self.in_flight, self.sampled_us) else {
            return f.write_str("; no health sample is left to say how many attempts had begun");
        };
        write!(
            f,
            "; at the last health sample, {:.1} s into the run, {issued} attempts had begun and {in_flight} of them were in flight",
            at.as_secs_f64()
        )
    }
}

/// `c10` after `c2`: the number a name ends with, then the name.
fn natural(path: &Path) -> (String, u64, String) {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number: f64 = name[word.len()..].parse().unwrap_or(0.0);
    (word.to_owned(), (number * 1e3) as u64, name.clone())
}

/// The lines of one file. A frame cut off by a kill ends them; [`Lines::truncated`] tells.
pub struct Lines<T> {
    path: PathBuf,
    reader: Option<LineReader<'static, File>>,
    failed: bool,
    kind: std::marker::PhantomData<T>,
}

impl<T> Lines<T> {
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let opened = File::open(&path).and_then(|file| {
            // An empty file is a run killed within its first second.
            let empty = file.metadata()?.len() == 0;
            if empty { Ok(None) } else { LineReader::new(file).map(Some) }
        });
        let reader = match opened {
            Ok(reader) => reader,
            // Killed between the header and the writer's start.
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(StoreError::reading(&path, e)),
        };
        Ok(Self { path, reader, failed: false, kind: std::marker::PhantomData })
    }

    /// Whether the file ended in the middle of a frame. Meaningful once the lines are read.
    pub fn truncated(&self) -> bool {
        self.reader.as_ref().is_some_and(LineReader::truncated)
    }
}

impl<T: Line> Iterator for Lines<T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = T::next(self.reader.as_mut()?)?;
        Some(next.map_err(|source| {
            self.failed = true;
            StoreError::Line { path: self.path.clone(), source }
        }))
    }
}

/// What a line may hold.
pub trait Line: Sized {
    /// The next one; `None` at the end.
    fn next<R: Read>(reader: &mut LineReader<'_, R>) -> Option<Result<Self, LineError>>;
}

impl Line for Record {
    fn next<R: Read>(reader: &mut LineReader<'_, R>) -> Option<Result<Self, LineError>> {
        reader.next_record()
    }
}

impl Line for Sample {
    fn next<R: Read>(reader: &mut LineReader<'_, R>) -> Option<Result<Self, LineError>> {
        reader.next_value()
    }
}
