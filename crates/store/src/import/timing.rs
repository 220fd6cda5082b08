//! Timing tables: Dynamo's two kinds of profile and our own JSON become a [`Table`].
//!
//! | path | what it is |
//! |---|---|
//! | a file `.npz` | the grid of Dynamo's mocker (`--planner-profile-data`) |
//! | a folder | a result of Dynamo's profiler: `selected_prefill_interpolation/raw_data.npz` or `prefill_raw_data.json`, and the same for decode |
//! | a file `.json` | our own ([`Measured`]) |

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokmark_perf::{Measured, MockerGrid, ProfilePoints, Table, TableError};

use super::npz::{Array, Npz};

/// A timing table as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct TimingFile {
    /// What it says.
    pub table: Table,
    /// What kind of file it was.
    pub kind: TimingKind,
    /// Keys of a foreign file that nobody here knows, each as `file: key`.
    pub ignored: Vec<String>,
}

/// Kinds of files that hold measured times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingKind {
    /// NPZ of Dynamo's mocker.
    MockerGrid,
    /// Folder of Dynamo's profiler.
    ProfilerFolder,
    /// Our own JSON.
    Measured,
}

/// Why a timing table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TimingFileError {
    /// The system refuses.
    #[error("{} cannot be read: {source}\nhint: check that the path exists and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing known here.
    #[error(
        "{} is no timing table: {why}\nhint: give a mocker's .npz, a folder of Dynamo's profiler, or a .json of schema tokmark.timing/1",
        path.display()
    )]
    Unknown {
        /// The path.
        path: PathBuf,
        /// What it is or lacks.
        why: String,
    },
    /// Broken, or not a ZIP of arrays.
    #[error("{} is not an NPZ file: {why}\nhint: write it with numpy.savez", path.display())]
    NotAnNpz {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An array is not there.
    #[error("{} has no `{key}`, {expected}; it has: {found}\nhint: {hint}", path.display())]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The array.
        key: &'static str,
        /// What should be in it, with its shape.
        expected: &'static str,
        /// The keys that are there.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// An array cannot be read.
    #[error("{}: `{key}`, {expected}, cannot be read: {why}\nhint: write the file again", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// The array.
        key: &'static str,
        /// What should be in it, with its shape.
        expected: &'static str,
        /// What is wrong.
        why: String,
    },
    /// An array has the wrong number of axes.
    #[error("{}: `{key}` has the shape {shape}; it should be {expected}\nhint: check what wrote the file", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The array.
        key: &'static str,
        /// Its shape.
        shape: String,
        /// What should be in it, with its shape.
        expected: &'static str,
    },
    /// Not JSON, or not of the form it should have.
    #[error("{}: {source}\nhint: check the file against the schema tokmark.timing/1", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The numbers make no table.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with them, by their keys.
        source: TableError,
    },
}

impl fmt::Display for TimingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MockerGrid => "Dynamo mocker grid",
            Self::ProfilerFolder => "Dynamo profiler results",
            Self::Measured => "tokmark timing table",
        })
    }
}

/// Reads the timing table at `path`, whichever kind it is.
pub fn read_timing(path: &Path) -> Result<TimingFile, TimingFileError> {
    let about =
        fs::metadata(path).map_err(|source| TimingFileError::Read { path: path.to_owned(), source })?;
    if about.is_dir() {
        return folder(path);
    }
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("npz") => grid(path),
        Some("json") => measured(path),
        _ => Err(TimingFileError::Unknown {
            path: path.to_owned(),
            why: "its name ends neither in .npz nor in .json".to_owned(),
        }),
    }
}

fn grid(path: &Path) -> Result<TimingFile, TimingFileError> {
    let hint = "a mocker's NPZ has prefill_isl, prefill_ttft_ms, decode_active_kv_tokens, decode_context_length and decode_itl; for \
                a profiler's raw_data.npz give the folder above its two folders";
    let mut arrays = Arrays::npz(path, hint)?;
    let data = MockerGrid {
        prefill_isl: arrays.line("prefill_isl", "tokens, shape (n,)")?,
        prefill_ttft_ms: arrays.line("prefill_ttft_ms", "milliseconds, shape (n,)")?,
        decode_active_kv_tokens: arrays.line("decode_active_kv_tokens", "tokens, shape (k,)")?,
        decode_context_length: arrays.line("decode_context_length", "tokens, shape (c,)")?,
        decode_itl: arrays.rows("decode_itl", "milliseconds, shape (k, c)")?,
    };
    let table =
        Table::grid(&data).map_err(|source| TimingFileError::Table { path: path.to_owned(), source })?;
    Ok(TimingFile { table, kind: TimingKind::MockerGrid, ignored: arrays.ignored(&[]) })
}

fn folder(path: &Path) -> Result<TimingFile, TimingFileError> {
    let hint = "a profiler's results have prefill_isl, prefill_ttft in one file and x_kv_usage, y_context_length, z_itl, \
                max_kv_tokens in the other";
    let mut prefill = Arrays::either(path, "selected_prefill_interpolation", "prefill_raw_data.json", hint)?;
    let mut decode = Arrays::either(path, "selected_decode_interpolation", "decode_raw_data.json", hint)?;
    let data = ProfilePoints {
        prefill_isl: prefill.line("prefill_isl", "tokens, shape (n,)")?,
        prefill_ttft: prefill.line("prefill_ttft", "milliseconds, shape (n,)")?,
        x_kv_usage: decode.line("x_kv_usage", "a part of 1, shape (m,)")?,
        y_context_length: decode.line("y_context_length", "tokens, shape (m,)")?,
        z_itl: decode.line("z_itl", "milliseconds, shape (m,)")?,
        max_kv_tokens: decode.one("max_kv_tokens", "tokens, shape (1,)")?,
    };
    let table =
        Table::profile(&data).map_err(|source| TimingFileError::Table { path: path.to_owned(), source })?;
    let mut ignored = prefill.ignored(&["prefill_thpt_per_gpu"]);
    ignored.extend(decode.ignored(&["z_thpt_per_gpu"]));
    Ok(TimingFile { table, kind: TimingKind::ProfilerFolder, ignored })
}

fn measured(path: &Path) -> Result<TimingFile, TimingFileError> {
    let measured: Measured = json(path)?;
    let table =
        measured.table().map_err(|source| TimingFileError::Table { path: path.to_owned(), source })?;
    Ok(TimingFile { table, kind: TimingKind::Measured, ignored: Vec::new() })
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, TimingFileError> {
    let bytes = fs::read(path).map_err(|source| TimingFileError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| TimingFileError::Json { path: path.to_owned(), source })
}

/// Named arrays of one foreign file, and which of them were asked for.
struct Arrays {
    path: PathBuf,
    source: Source,
    known: Vec<&'static str>,
    hint: &'static str,
}

enum Source {
    Npz(Npz),
    Json(serde_json::Map<String, Value>),
}

impl Arrays {
    fn npz(path: &Path, hint: &'static str) -> Result<Self, TimingFileError> {
        let source = Source::Npz(Npz::open(path)?);
        Ok(Self { path: path.to_owned(), source, known: Vec::new(), hint })
    }

    /// The NPZ in the profiler's own folder, or the JSON that its ConfigMap holds.
    fn either(dir: &Path, inner: &str, plain: &str, hint: &'static str) -> Result<Self, TimingFileError> {
        let packed = dir.join(inner).join("raw_data.npz");
        if packed.exists() {
            return Self::npz(&packed, hint);
        }
        let path = dir.join(plain);
        if !path.exists() {
            let why = format!("it has neither {inner}/raw_data.npz nor {plain}");
            return Err(TimingFileError::Unknown { path: dir.to_owned(), why });
        }
        let source = Source::Json(json(&path)?);
        Ok(Self { path, source, known: Vec::new(), hint })
    }

    fn names(&self) -> Vec<String> {
        match &self.source {
            Source::Npz(npz) => npz.names().to_vec(),
            Source::Json(map) => map.keys().cloned().collect(),
        }
    }

    fn array(&mut self, key: &'static str, expected: &'static str) -> Result<Array, TimingFileError> {
        self.known.push(key);
        let read = match &mut self.source {
            Source::Npz(npz) => npz.array(key),
            Source::Json(map) => map.get(key).map(list),
        };
        match read {
            Some(Ok(array)) => Ok(array),
            Some(Err(why)) => Err(TimingFileError::Array { path: self.path.clone(), key, expected, why }),
            None => Err(TimingFileError::MissingKey {
                path: self.path.clone(),
                key,
                expected,
                found: self.names().join(", "),
                hint: self.hint,
            }),
        }
    }

    fn shape(&self, key: &'static str, expected: &'static str, shape: &[usize]) -> TimingFileError {
        let shape = match shape {
            [one] => format!("({one},)"),
            many => format!("({})", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        TimingFileError::Shape { path: self.path.clone(), key, shape, expected }
    }

    /// An array of one axis.
    fn line(&mut self, key: &'static str, expected: &'static str) -> Result<Vec<f64>, TimingFileError> {
        let array = self.array(key, expected)?;
        match array.shape.as_slice() {
            [_] => Ok(array.values),
            shape => Err(self.shape(key, expected, shape)),
        }
    }

    /// An array of two axes.
    fn rows(&mut self, key: &'static str, expected: &'static str) -> Result<Vec<Vec<f64>>, TimingFileError> {
        let array = self.array(key, expected)?;
        match *array.shape.as_slice() {
            [_, wide] if wide > 0 => Ok(array.values.chunks(wide).map(<[f64]>::to_vec).collect()),
            ref shape => Err(self.shape(key, expected, shape)),
        }
    }

    /// A single number, alone or in an array.
    fn one(&mut self, key: &'static str, expected: &'static str) -> Result<f64, TimingFileError> {
        let array = self.array(key, expected)?;
        match (array.values.as_slice(), array.shape.len()) {
            (&[value], 0 | 1) => Ok(value),
            _ => Err(self.shape(key, expected, &array.shape)),
        }
    }

    /// The keys that nobody asked for and that are not `spare` either.
    fn ignored(&self, spare: &[&str]) -> Vec<String> {
        let strange = |name: &String| !self.known.contains(&name.as_str()) && !spare.contains(&name.as_str());
        let names = self.names().into_iter().filter(strange);
        names.map(|name| format!("{}: {name}", self.path.display())).collect()
    }
}

/// A number or a list of numbers as an array.
fn list(value: &Value) -> Result<Array, String> {
    let number = |value: &Value| value.as_f64().ok_or_else(|| format!("{value} is not a number"));
    match value {
        Value::Array(values) => {
            let values = values.iter().map(number).collect::<Result<Vec<f64>, String>>()?;
            Ok(Array { shape: vec![values.len()], values })
        }
        value => Ok(Array { shape: Vec::new(), values: vec![number(value)?] }),
    }
}
