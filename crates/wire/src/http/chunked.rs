//! The chunked transfer coding (RFC 9112 §7.1).

use super::{HttpError, Piece};

/// Longest chunk extension, or trailers in all, bytes.
pub(super) const LINE_LIMIT: usize = 16 * 1024;

/// Where in the coding the next byte stands.
#[derive(Debug)]
pub(super) enum Chunked {
    /// In a chunk's size.
    Size { value: u64, digits: u8 },
    /// In what follows a size, up to its carriage return.
    Extension { value: u64, len: usize },
    /// Before the line feed that ends a chunk header.
    SizeLf { value: u64 },
    /// In a chunk's data.
    Data { left: u64 },
    /// Before the carriage return after a chunk's data.
    DataCr,
    /// Before the line feed after a chunk's data.
    DataLf,
    /// In the trailers: bytes so far in all, and in this line.
    Trailer { total: usize, line: usize },
    /// Before the line feed of a trailer line.
    TrailerLf { total: usize, line: usize },
}

impl Default for Chunked {
    fn default() -> Self {
        Self::Size { value: 0, digits: 0 }
    }
}

impl Chunked {
    /// Takes one piece off `input`, which is not empty. `edge` is cleared by every byte that neither is body nor ends a
    /// chunk.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8], edge: &mut bool) -> Result<Piece<'a>, HttpError> {
        loop {
            if let Self::Data { left } = self {
                if input.is_empty() {
                    return Ok(Piece::NeedMore);
                }
                let n = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                let (slice, rest) = input.split_at(n);
                *input = rest;
                *left -= n as u64;
                if *left == 0 {
                    *self = Self::DataCr;
                }
                return Ok(Piece::Body(slice));
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(Piece::NeedMore);
            };
            *input = rest;
            let ends_chunk = matches!(self, Self::DataCr | Self::DataLf);
            *edge &= ends_chunk;
            if self.step(byte)? {
                return Ok(Piece::End);
            }
        }
    }

    /// Takes one byte of framing; `true` if it was the last of the reply.
    fn step(&mut self, byte: u8) -> Result<bool, HttpError> {
        *self = match (&*self, byte) {
            (&Self::Size { value, digits }, _) => match (char::from(byte).to_digit(16), byte) {
                // 15 digits are 2⁶⁰ bytes; leading zeros beyond that are nobody's chunk.
                (Some(digit), _) if digits < 15 => {
                    Self::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
                }
                (None, b'\r') if digits > 0 => Self::SizeLf { value },
                (None, b';' | b' ' | b'\t') if digits > 0 => Self::Extension { value, len: 1 },
                _ => return Err(HttpError::ChunkSize),
            },
            (&Self::Extension { value, .. }, b'\r') => Self::SizeLf { value },
            (_, b'\n') if matches!(self, Self::Extension { .. }) => return Err(HttpError::ChunkSize),
            (&Self::Extension { len, .. }, _) if len >= LINE_LIMIT => return Err(HttpError::ChunkLine),
            (&Self::Extension { value, len }, _) => Self::Extension { value, len: len + 1 },
            (&Self::SizeLf { value: 0 }, b'\n') => Self::Trailer { total: 0, line: 0 },
            (&Self::SizeLf { value }, b'\n') => Self::Data { left: value },
            (Self::SizeLf { .. }, _) => return Err(HttpError::ChunkSize),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::default(),
            (&Self::Trailer { total, .. }, _) if total >= LINE_LIMIT => return Err(HttpError::ChunkLine),
            (&Self::Trailer { total, line }, b'\r') => Self::TrailerLf { total: total + 1, line },
            (&Self::Trailer { total, line }, _) => Self::Trailer { total: total + 1, line: line + 1 },
            (Self::TrailerLf { line: 0, .. }, b'\n') => return Ok(true),
            (&Self::TrailerLf { total, .. }, b'\n') => Self::Trailer { total: total + 1, line: 0 },
            (Self::TrailerLf { .. }, _) => return Err(HttpError::ChunkLine),
            (Self::DataCr | Self::DataLf | Self::Data { .. }, _) => return Err(HttpError::ChunkEnd),
        };
        Ok(false)
    }
}
