//! A shelf for the rows of a large data set: a temporary file without a name, which is gone when the process is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tokmark_workload::source::Shelf;

/// A file in `dir` that nobody else can see.
#[derive(Debug)]
pub struct FileShelf {
    dir: PathBuf,
    file: File,
    len: u64,
}

impl FileShelf {
    /// An empty one. `dir` should be on a disk: what lies in memory saves none.
    pub fn new(dir: &Path) -> io::Result<Self> {
        Ok(Self { dir: dir.to_owned(), file: tempfile::tempfile_in(dir)?, len: 0 })
    }
}

impl Shelf for FileShelf {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn another(&self) -> io::Result<Box<dyn Shelf>> {
        Ok(Box::new(Self::new(&self.dir)?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokmark_workload::source::{Dataset, With};
    use tokmark_workload::{FileFormat, WorkloadSpec};

    use super::*;

    #[test]
    fn what_is_put_there_is_found_there_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut shelf = FileShelf::new(dir.path()).unwrap();
        shelf.append(b"abc").unwrap();
        shelf.append(b"defg").unwrap();
        let mut buffer = [0; 4];
        shelf.read_at(2, &mut buffer).unwrap();
        assert_eq!((&buffer, shelf.len()), (b"cdef", 7));
        assert!(shelf.read_at(4, &mut buffer).is_err());
        assert!(shelf.another().unwrap().is_empty());
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        assert!(FileShelf::new(&dir.path().join("nowhere")).is_err());
    }

    #[test]
    fn a_data_set_on_disk_is_the_one_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        // Out of order, so that it is written twice.
        let row = |n: u32| format!("{{\"timestamp\": {}, \"input_length\": {}}}\n", (n * 7) % 1_000, n + 1);
        let text: String = (0..1_000).map(row).collect();
        let read = |shelf: Option<Box<dyn Shelf>>| {
            let input = Box::new(Cursor::new(text.clone().into_bytes()));
            let with = With { shelf, ..With::default() };
            Dataset::read(FileFormat::Mooncake, "t", input, &WorkloadSpec::default(), with).unwrap()
        };
        let (disk, memory) = (read(Some(Box::new(FileShelf::new(dir.path()).unwrap()))), read(None));
        assert_eq!((disk.bytes(), disk.digest()), (memory.bytes(), memory.digest()));
    }
}
