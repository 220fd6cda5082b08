//! HTTP/1.1 from bytes: the head and the body's framing of a response, and the head of a request.
//!
//! [`ResponseReader`] is sans-I/O. Body bytes are handed on as slices of the read they came in; only a head that is split
//! over reads is copied.

mod chunked;
mod head;
mod request;

use self::chunked::Chunked;
pub use self::head::Head;
use self::head::{check_magic, head_end, parse_head};
pub use self::request::{HeaderError, check_header, encode_request};

/// Longest response head, bytes. Real ones are under 2 kB; servers themselves refuse request heads of 8–64 kB.
pub const HEAD_LIMIT: usize = 64 * 1024;
/// Why a reply is not HTTP/1.1. The texts depend on the bytes alone, not on how they were split over reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// TLS where plain text was expected.
    #[error("the reply is a TLS record, not HTTP\nhint: write https:// in the URL")]
    Tls,
    /// Anything else.
    #[error(
        "the reply does not begin with `HTTP/1.`\nhint: the port may speak HTTP/2, gRPC or no HTTP at all"
    )]
    NotHttp,
    /// A malformed status line or header.
    #[error("malformed response head: {0}")]
    Head(httparse::Error),
    /// No end of the head in sight.
    #[error("the response head is longer than {HEAD_LIMIT} bytes")]
    HeadTooLong,
    /// No number, or several.
    #[error("the reply's Content-Length is not one number")]
    Length,
    /// A transfer coding other than chunked.
    #[error("the reply's Transfer-Encoding is not `chunked`")]
    TransferEncoding,
    /// A malformed chunk header.
    #[error("malformed chunk size")]
    ChunkSize,
    /// No line end where a chunk ends.
    #[error("a chunk is not followed by a line end")]
    ChunkEnd,
    /// Chunk extensions or trailers without end.
    #[error("chunk extensions or trailers are longer than {} bytes", chunked::LINE_LIMIT)]
    ChunkLine,
    /// The server wants to speak another protocol.
    #[error("the server switched protocols (101) unasked")]
    Switched,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The input is used up.
    NeedMore,
    /// The head is complete: [`ResponseReader::head`].
    Head,
    /// Some of the body, never empty.
    Body(&'a [u8]),
    /// The reply has ended. Input that is left belongs to no reply.
    End,
}

/// Reads one response.
#[derive(Debug, Default)]
pub struct ResponseReader {
    framing: Framing,
    head: Head,
    /// The head so far, if it is split over reads.
    carry: Vec<u8>,
    /// Body bytes seen.
    body: u64,
    edge: bool,
}

/// How the rest of the response is framed.
#[derive(Debug, Default)]
enum Framing {
    #[default]
    Head,
    Length {
        left: u64,
    },
    Chunked(Chunked),
    UntilClose,
    Ended,
}

impl ResponseReader {
    /// A reader at the start of a response.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one piece off the front of `input`. Call until [`Piece::NeedMore`] or [`Piece::End`].
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, HttpError> {
        let piece = match &mut self.framing {
            Framing::Head => return self.read_head(input),
            Framing::Ended => Piece::End,
            _ if input.is_empty() => Piece::NeedMore,
            Framing::UntilClose => Piece::Body(std::mem::take(input)),
            Framing::Length { left } => {
                let n = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                let (slice, rest) = input.split_at(n);
                *input = rest;
                *left -= n as u64;
                if *left == 0 {
                    self.framing = Framing::Ended;
                }
                Piece::Body(slice)
            }
            Framing::Chunked(chunked) => {
                let piece = chunked.next(input, &mut self.edge)?;
                if piece == Piece::End {
                    self.framing = Framing::Ended;
                }
                piece
            }
        };
        if let Piece::Body(slice) = piece {
            self.body += slice.len() as u64;
            self.edge = true;
        }
        Ok(piece)
    }

    /// The head, once it is complete.
    pub fn head(&self) -> Option<&Head> {
        (!matches!(self.framing, Framing::Head)).then_some(&self.head)
    }

    /// Whether nothing but the end of its chunk has followed the last body byte.
    pub fn at_body_edge(&self) -> bool {
        self.edge
    }

    /// The peer closed. `Ok` if that ends the response as it should, else what was missing.
    pub fn close(&mut self) -> Result<(), String> {
        match &self.framing {
            Framing::UntilClose | Framing::Ended => {
                self.framing = Framing::Ended;
                Ok(())
            }
            Framing::Head => {
                Err(format!("the peer closed within the response head, after {} bytes", self.carry.len()))
            }
            Framing::Length { left } => {
                Err(format!("the peer closed after {} of {} body bytes", self.body, self.body + left))
            }
            Framing::Chunked(_) => {
                Err(format!("the peer closed before the last chunk, after {} body bytes", self.body))
            }
        }
    }

    /// Back to the start of a response; buffers are kept.
    pub fn reset(&mut self) {
        self.framing = Framing::Head;
        self.carry.clear();
        self.carry.shrink_to(4096);
        self.body = 0;
        self.edge = false;
    }

    fn read_head<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, HttpError> {
        loop {
            if input.is_empty() {
                return Ok(Piece::NeedMore);
            }
            let begun = self.carry.len();
            let (text, end) = if begun == 0 {
                (*input, head_end(input, 0))
            } else {
                // Bytes beyond the limit cannot make a head that is accepted, so they are not copied.
                let room = (HEAD_LIMIT + 4).saturating_sub(begun);
                self.carry.extend_from_slice(&input[..input.len().min(room)]);
                let end = head_end(&self.carry, begun.saturating_sub(2));
                (self.carry.as_slice(), end)
            };
            check_magic(text)?;
            let Some(end) = end else {
                if text.len() > HEAD_LIMIT {
                    return Err(HttpError::HeadTooLong);
                }
                if begun == 0 {
                    self.carry.extend_from_slice(input);
                }
                *input = &[];
                return Ok(Piece::NeedMore);
            };
            if end > HEAD_LIMIT {
                return Err(HttpError::HeadTooLong);
            }
            let (head, framing) = parse_head(&text[..end])?;
            *input = &input[end - begun..];
            self.carry.clear();
            // 100 Continue and 103 Early Hints announce another head.
            if head.status >= 200 {
                self.head = head;
                self.framing = framing;
                return Ok(Piece::Head);
            }
        }
    }
}

#[cfg(test)]
mod tests;
