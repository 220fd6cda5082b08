//! Where traces come from and go to.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use tokmark_store::import::dataset::{DatasetFileError, open_dataset};
use tokmark_store::publish_with;
use tokmark_workload::source::{self, FileFormat, Reading};
use tokmark_workload::trace::{FromRows, MooncakeLines, TraceRows};

use crate::args::trace::TraceFormat;
use crate::failure::Failure;
use crate::screen::Screen;

const STDIO: &str = "-";
/// Bytes of lines written at once.
const FULL: usize = 1 << 16;

/// A file to read, unpacked if it is packed, and its name for messages.
pub(super) fn open(path: &Path) -> Result<(String, Box<dyn BufRead + Send>), Failure> {
    // Elsewhere a data set is named by a flag.
    let refused = |e: DatasetFileError| Failure::usage(e.to_string().replace(" (--input)", ""));
    let opened = open_dataset(path, 0).map_err(refused)?;
    Ok((opened.name, opened.input))
}

/// Mooncake's rows of a file.
pub(super) fn mooncake(path: &Path) -> Result<MooncakeLines, Failure> {
    let (name, input) = open(path)?;
    Ok(MooncakeLines::new(&name, input))
}

/// Rows of a file of any format that has lengths.
pub(super) fn rows(path: &Path, format: TraceFormat) -> Result<Box<dyn TraceRows>, Failure> {
    let format = match format {
        TraceFormat::Mooncake => return Ok(Box::new(mooncake(path)?)),
        TraceFormat::Burstgpt => FileFormat::BurstGpt,
        TraceFormat::Azure => FileFormat::Azure,
    };
    let (name, input) = open(path)?;
    let rows = source::rows(format, &name, input, &Reading::default());
    Ok(Box::new(FromRows::new(&name, rows, None)))
}

/// The directory and the name of a file to be written.
pub(super) fn place(flag: &str, output: &Path) -> Result<(PathBuf, String), Failure> {
    let shown = output.display();
    let Some(name) = output.file_name().and_then(|name| name.to_str()) else {
        return Err(Failure::usage(format!("--{flag} {shown}: no name of a file\nhint: give a file's name")));
    };
    let parent = output.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = parent.unwrap_or_else(|| Path::new(".")).to_owned();
    if !dir.is_dir() {
        let dir = dir.display();
        return Err(Failure::usage(format!(
            "--{flag} {shown}: there is no directory {dir}\nhint: make it first"
        )));
    }
    // A finished file takes the place of what is there: never that of a device, a pipe or a link (`/dev/null`, `/dev/stdout`).
    if output.symlink_metadata().is_ok_and(|there| !there.is_file()) {
        return Err(Failure::usage(format!(
            "--{flag} {shown}: what is there is no file, and would be replaced by one\nhint: give the name of a file{}",
            if flag == "output" { ", or write to - and send stdout there" } else { "" }
        )));
    }
    Ok((dir, name.to_owned()))
}

/// Where a trace goes.
#[derive(Debug)]
pub(super) enum Target {
    Stdout,
    File { dir: PathBuf, name: String },
}

impl Target {
    /// What `--output` means.
    pub(super) fn of(output: &Path, screen: Screen) -> Result<Self, Failure> {
        if output == Path::new(STDIO) {
            if screen.json {
                return Err(Failure::usage(
                    "the trace and --json cannot both go to stdout\nhint: give the trace a file with --output FILE",
                ));
            }
            return Ok(Self::Stdout);
        }
        let (dir, name) = place("output", output)?;
        if let Some(packed) = [".gz", ".zst"].into_iter().find(|end| name.ends_with(end)) {
            return Err(Failure::usage(format!(
                "--output {name}: traces are not written packed\nhint: leave {packed} out, or write to - and pack there"
            )));
        }
        Ok(Self::File { dir, name })
    }

    /// Writes lines: `next` adds one, or says that there are no more. A file is whole or not there. How many lines.
    pub(super) fn write(
        &self,
        screen: Screen,
        mut next: impl FnMut(&mut Vec<u8>) -> Result<bool, Failure>,
    ) -> Result<u64, Failure> {
        let mut failed = None;
        let mut lines = 0;
        // A file that is not whole must not be published; stdout itself has not failed.
        let broken = match self {
            Self::Stdout => Ok(()),
            Self::File { .. } => Err(io::ErrorKind::InvalidData),
        };
        let mut fill = |out: &mut dyn Write| {
            let mut buffer = Vec::with_capacity(2 * FULL);
            loop {
                match next(&mut buffer) {
                    Ok(true) => lines += 1,
                    Ok(false) => return out.write_all(&buffer),
                    Err(failure) => {
                        failed = Some(failure);
                        return broken.map_err(io::Error::from);
                    }
                }
                if buffer.len() >= FULL {
                    out.write_all(&buffer)?;
                    buffer.clear();
                }
            }
        };
        let written = match self {
            Self::Stdout => {
                screen.pour(&mut fill);
                Ok(())
            }
            Self::File { dir, name } => publish_with(dir, name, &mut fill).map(drop),
        };
        // What could not be made is the cause; that it was not written follows from it.
        if let Some(failure) = failed {
            return Err(failure);
        }
        written?;
        Ok(lines)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File { dir, name } if dir == Path::new(".") => f.write_str(name),
            Self::File { dir, name } => dir.join(name).display().fmt(f),
        }
    }
}
