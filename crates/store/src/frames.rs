//! One file of JSON lines that grows by whole frames and survives its disk.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use serde::Serialize;
use tokmark_record::Record;
use tokmark_record::file::LineWriter;

use crate::StoreError;

/// A growing file. After its first error it takes nothing more and counts what it was given.
pub(crate) struct Frames {
    path: PathBuf,
    /// A second handle, to cut the file back and to sync it.
    file: File,
    lines: Option<LineWriter<File>>,
    /// Length of the whole frames on disk.
    whole_bytes: u64,
    pending_lines: u64,
    end: FramesEnd,
}

/// What became of the lines.
#[derive(Default)]
pub(crate) struct FramesEnd {
    /// Lines on disk.
    pub(crate) written: u64,
    /// Lines the disk did not take.
    pub(crate) unwritten: u64,
    /// Why.
    pub(crate) error: Option<StoreError>,
}

impl Frames {
    /// Opens `path`, empty: what an earlier run left there goes.
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let opened = OpenOptions::new().append(true).create(true).open(&path).and_then(|file| {
            let second = file.try_clone()?;
            if file.metadata()?.len() > 0 {
                file.set_len(0)?;
            }
            Ok((file, second))
        });
        let (first, file) = opened.map_err(|e| StoreError::writing(&path, e))?;
        Ok(Self {
            path,
            file,
            lines: Some(LineWriter::new(first)),
            whole_bytes: 0,
            pending_lines: 0,
            end: FramesEnd::default(),
        })
    }

    /// Adds a line to the open frame.
    pub(crate) fn line(&mut self, value: &impl Serialize) {
        self.add(|lines| lines.line(value));
    }

    /// Adds a record to the open frame.
    pub(crate) fn record(&mut self, record: &mut Record) {
        self.add(|lines| lines.record(record));
    }

    fn add(&mut self, line: impl FnOnce(&mut LineWriter<File>) -> std::io::Result<()>) {
        let Some(lines) = &mut self.lines else {
            self.end.unwritten += 1;
            return;
        };
        self.pending_lines += 1;
        if let Err(e) = line(lines) {
            self.fail(e);
        }
    }

    /// Bytes of the open frame, before compression.
    pub(crate) fn pending(&self) -> usize {
        self.lines.as_ref().map_or(0, LineWriter::pending)
    }

    /// Lines of the open frame.
    pub(crate) fn pending_lines(&self) -> u64 {
        self.pending_lines
    }

    /// Lines in closed frames.
    pub(crate) fn written(&self) -> u64 {
        self.end.written
    }

    /// Closes the open frame.
    pub(crate) fn seal(&mut self) {
        let Some(lines) = &mut self.lines else { return };
        if lines.pending() == 0 {
            return;
        }
        match lines.seal().and_then(|()| self.file.metadata()) {
            Ok(metadata) => {
                self.whole_bytes = metadata.len();
                self.end.written += self.pending_lines;
                self.pending_lines = 0;
            }
            Err(e) => self.fail(e),
        }
    }

    /// Seals, syncs, and says what became of it all.
    pub(crate) fn finish(mut self) -> FramesEnd {
        self.seal();
        if self.lines.is_some()
            && let Err(e) = self.file.sync_all()
        {
            // The lines were handed over; whether the disk holds them is what is not known.
            self.end.error = Some(StoreError::writing(&self.path, e));
        }
        self.end
    }

    /// Takes nothing more, and cuts off what of a frame may have got to disk.
    pub(crate) fn fail(&mut self, error: std::io::Error) {
        self.lines = None;
        self.end.unwritten += self.pending_lines;
        self.pending_lines = 0;
        self.end.error = Some(StoreError::writing(&self.path, error));
        // Half a frame at the end would read as a kill; on a device that cannot be cut there is nothing to cut.
        let _ = self.file.set_len(self.whole_bytes);
    }
}
