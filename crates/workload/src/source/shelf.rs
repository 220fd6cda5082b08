//! Where the packed rows of a data set lie: in memory, or in a file where they are many.

use std::io;

/// Bytes that are written once, at the end, and read anywhere.
pub trait Shelf: Send + Sync {
    /// Puts `bytes` behind all others.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Fills `buffer` with the bytes from `at` on; an error if there are not so many.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An empty one of the same kind: rows that must be put in another order are written once more.
    fn another(&self) -> io::Result<Box<dyn Shelf>>;
}

/// A shelf in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(Vec<u8>);

impl Shelf for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(at).ok();
        let bytes = from.and_then(|from| self.0.get(from..from.checked_add(buffer.len())?));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn another(&self) -> io::Result<Box<dyn Shelf>> {
        Ok(Box::new(Self::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_there_is_found_there() {
        let mut shelf = Memory::default();
        assert!(shelf.is_empty());
        shelf.append(b"abc").unwrap();
        shelf.append(b"defg").unwrap();
        let mut buffer = [0; 4];
        shelf.read_at(2, &mut buffer).unwrap();
        assert_eq!((&buffer, shelf.len()), (b"cdef", 7));
        assert!(shelf.read_at(4, &mut buffer).is_err() && shelf.read_at(u64::MAX, &mut buffer).is_err());
        assert!(shelf.another().unwrap().is_empty());
    }
}
