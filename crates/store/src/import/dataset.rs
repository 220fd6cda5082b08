//! Traces and data sets: opens a file, or standard input, and unpacks it. What is packed how is seen by its first bytes, whatever
//! its name says.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

/// Stands for standard input.
pub const STDIN: &str = "-";

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// An open trace or data set.
pub struct DatasetFile {
    /// Its bytes, unpacked, from the first on.
    pub input: Box<dyn BufRead + Send>,
    /// The first of them, once more: enough to see what it holds.
    pub head: Vec<u8>,
    /// `head` is all there is.
    pub whole: bool,
    /// How it was packed.
    pub packing: Packing,
    /// How to name it in messages.
    pub name: String,
}

impl fmt::Debug for DatasetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatasetFile")
            .field("name", &self.name)
            .field("packing", &self.packing)
            .finish_non_exhaustive()
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, one member or several.
    Gzip,
    /// zstd, one frame or several.
    Zstd,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Why a trace or data set cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatasetFileError {
    /// The system refuses.
    #[error("{} cannot be read: {source}\nhint: check that the path exists and may be read (--input)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a directory.
    #[error(
        "{} is a directory, and data sets of several files cannot be read yet\nhint: give one of its files (--input), or put them into one",
        path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// Its beginning cannot be unpacked.
    #[error("{name}: {source}\nhint: the file is damaged, or was not copied to its end; fetch it again")]
    Broken {
        /// The file.
        name: String,
        /// What is wrong.
        source: io::Error,
    },
}

/// Opens the data set at `path`; [`STDIN`] is standard input. Reads as much as `head` bytes of it ahead.
pub fn open_dataset(path: &Path, head: usize) -> Result<DatasetFile, DatasetFileError> {
    let failed = |source| DatasetFileError::Read { path: path.to_owned(), source };
    if path == Path::new(STDIN) {
        return unpack("standard input", io::stdin(), head);
    }
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(DatasetFileError::Directory { path: path.to_owned() });
    }
    unpack(&path.display().to_string(), file, head)
}

/// Unpacks `input`, whichever way it is packed; `name` is for messages.
pub fn unpack(
    name: &str,
    input: impl Read + Send + 'static,
    head: usize,
) -> Result<DatasetFile, DatasetFileError> {
    let broken = |source| DatasetFileError::Broken { name: name.to_owned(), source };
    let mut input = BufReader::with_capacity(BUFFER, input);
    // A pipe may give a byte at a time.
    let mut magic = Vec::new();
    input.by_ref().take(4).read_to_end(&mut magic).map_err(broken)?;
    let packing = match magic[..] {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        _ => Packing::Plain,
    };
    let packed = Cursor::new(magic).chain(input);
    let mut plain: Box<dyn BufRead + Send> = match packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => buffered(packing, MultiGzDecoder::new(packed)),
        Packing::Zstd => buffered(packing, tokmark_record::file::unpacked(packed).map_err(broken)?),
    };
    let mut first = Vec::new();
    plain.by_ref().take(head as u64).read_to_end(&mut first).map_err(broken)?;
    let whole = first.len() < head;
    let input = Box::new(Cursor::new(first.clone()).chain(plain));
    Ok(DatasetFile { input, head: first, whole, packing, name: name.to_owned() })
}

fn buffered(packing: Packing, input: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, Unpacking { input, packing }))
}

/// Says of what kind a file is that cannot be unpacked.
struct Unpacking<R> {
    input: R,
    packing: Packing,
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer).map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::Interrupted => return error,
                io::ErrorKind::UnexpectedEof => format!("the {} file is cut off", self.packing),
                _ => format!("the {} file is damaged: {error}", self.packing),
            };
            io::Error::new(error.kind(), what)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &str = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";

    fn gzip(parts: &[&str]) -> Vec<u8> {
        let mut file = Vec::new();
        for part in parts {
            let mut member = flate2::write::GzEncoder::new(&mut file, flate2::Compression::default());
            member.write_all(part.as_bytes()).unwrap();
            member.finish().unwrap();
        }
        file
    }

    fn zstd(parts: &[&str]) -> Vec<u8> {
        parts.iter().flat_map(|part| zstd::encode_all(part.as_bytes(), 3).unwrap()).collect()
    }

    /// Gives a byte at a time.
    struct Drops(Cursor<Vec<u8>>);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let some = buffer.len().min(1);
            self.0.read(&mut buffer[..some])
        }
    }

    fn read(bytes: &[u8], head: usize) -> (Packing, Vec<u8>, bool, io::Result<String>) {
        let mut file = unpack("f", Drops(Cursor::new(bytes.to_vec())), head).unwrap();
        let mut text = String::new();
        let got = file.input.read_to_string(&mut text).map(|_| text);
        (file.packing, file.head, file.whole, got)
    }

    #[test]
    fn files_are_unpacked_by_what_they_are() {
        let (one, two) = TEXT.split_at(16);
        for (bytes, packing) in [
            (TEXT.as_bytes().to_vec(), Packing::Plain),
            (gzip(&[TEXT]), Packing::Gzip),
            (gzip(&[one, two]), Packing::Gzip),
            (zstd(&[TEXT]), Packing::Zstd),
            (zstd(&[one, two]), Packing::Zstd),
        ] {
            for head in [5, TEXT.len(), 1_000] {
                let (found, first, whole, text) = read(&bytes, head);
                assert_eq!((found, text.unwrap().as_str()), (packing, TEXT), "{packing} {head}");
                assert_eq!(first, &TEXT.as_bytes()[..head.min(TEXT.len())]);
                assert_eq!(whole, head > TEXT.len());
            }
        }
    }

    #[test]
    fn files_of_a_few_bytes_are_no_error() {
        for text in ["", "a", "\u{1f}"] {
            let (packing, head, whole, got) = read(text.as_bytes(), 10);
            assert_eq!(
                (packing, head, whole, got.unwrap().as_str()),
                (Packing::Plain, text.as_bytes().to_vec(), true, text)
            );
        }
    }

    #[test]
    fn a_file_that_is_cut_off_says_so() {
        // Words that do not repeat, so that the cut leaves something to be read.
        let long: String =
            (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string() + " ").collect();
        for (bytes, name) in [(gzip(&[&long]), "gzip"), (zstd(&[&long]), "zstd")] {
            let error = read(&bytes[..bytes.len() / 2], 10).3.unwrap_err();
            assert_eq!(error.to_string(), format!("the {name} file is cut off"));
            let early =
                unpack("f", Cursor::new(bytes[..bytes.len() / 2].to_vec()), 1 << 20).unwrap_err().to_string();
            assert!(early.contains("is cut off") && early.contains("hint: "), "{early}");
        }
        // gzip has a checksum.
        let mut damaged = gzip(&[&long]);
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xa5);
        let error = read(&damaged, 10).3.unwrap_err().to_string();
        assert!(error.contains("the gzip file is damaged: "), "{error}");
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let missing = open_dataset(&dir.path().join("no.jsonl"), 10).unwrap_err().to_string();
        assert!(missing.contains("no.jsonl cannot be read") && missing.contains("hint: "), "{missing}");
        let folder = open_dataset(dir.path(), 10).unwrap_err().to_string();
        assert!(folder.contains("is a directory") && folder.contains("yet"), "{folder}");
        let file = dir.path().join("a.jsonl");
        std::fs::write(&file, gzip(&[TEXT])).unwrap();
        let opened = open_dataset(&file, 10).unwrap();
        assert_eq!((opened.packing, opened.name), (Packing::Gzip, file.display().to_string()));
    }
}
