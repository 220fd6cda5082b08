//! The head of a response: where it ends, and the facts in it.

use super::chunked::Chunked;
use super::{Framing, HttpError};

/// Most header lines in a response head.
const HEADERS_LIMIT: usize = 128;
/// How every reply begins.
const MAGIC: &[u8] = b"HTTP/1.";

/// The facts of a response head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// Reason phrase; often empty.
    pub reason: String,
    /// `Content-Type`, lower case, parameters included.
    pub content_type: Option<String>,
    /// `Content-Encoding`, unless it is `identity`.
    pub content_encoding: Option<String>,
    /// `Location`
    pub location: Option<String>,
    /// Whether the connection can carry another request once the body has ended.
    pub keep_alive: bool,
}

/// Refuses what cannot become HTTP at its first wrong byte: waiting for the end of its "head" could take for ever.
pub(super) fn check_magic(text: &[u8]) -> Result<(), HttpError> {
    let n = text.len().min(MAGIC.len());
    if text[..n] == MAGIC[..n] {
        Ok(())
    } else if matches!(text[0], 0x15 | 0x16) {
        Err(HttpError::Tls)
    } else {
        Err(HttpError::NotHttp)
    }
}

/// Where the head ends (after its blank line), looking from `from` on.
pub(super) fn head_end(text: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'\n', &text[from..]).find_map(|at| match &text[from + at + 1..] {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

pub(super) fn parse_head(text: &[u8]) -> Result<(Head, Framing), HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(text).map_err(HttpError::Head)? {
        httparse::Status::Complete(n) if n == text.len() => {}
        // The blank line stands where httparse sees none: no head two readers would agree on.
        _ => return Err(HttpError::Head(httparse::Error::NewLine)),
    }
    let status = response.code.unwrap_or_default();
    if status == 101 {
        return Err(HttpError::Switched);
    }
    let fields = Fields::read(response.headers)?;
    let persistent = response.version == Some(1);
    let both = fields.chunked && fields.length.is_some();
    let framing = if matches!(status, 204 | 304) {
        Framing::Ended
    } else if fields.chunked {
        Framing::Chunked(Chunked::default())
    } else {
        match fields.length {
            Some(0) => Framing::Ended,
            Some(left) => Framing::Length { left },
            None => Framing::UntilClose,
        }
    };
    let head = Head {
        status,
        reason: response.reason.unwrap_or_default().to_owned(),
        content_type: fields.content_type,
        content_encoding: fields.content_encoding,
        location: fields.location,
        // Both framings at once is a smuggling attempt or a broken proxy (RFC 9112 §6.3): read, but never reused.
        keep_alive: !fields.close
            && (persistent || fields.keep_alive)
            && !both
            && !matches!(framing, Framing::UntilClose),
    };
    Ok((head, framing))
}

/// The header fields that matter.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // three independent facts of a head
struct Fields {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    content_type: Option<String>,
    content_encoding: Option<String>,
    location: Option<String>,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Self, HttpError> {
        let mut fields = Self::default();
        for header in headers {
            let value = String::from_utf8_lossy(header.value);
            let value = value.trim();
            match header.name {
                n if n.eq_ignore_ascii_case("content-length") => fields.length(value)?,
                n if n.eq_ignore_ascii_case("transfer-encoding") => fields.transfer(value)?,
                n if n.eq_ignore_ascii_case("connection") => fields.connection(value),
                n if n.eq_ignore_ascii_case("content-type") => {
                    fields.content_type = Some(value.to_ascii_lowercase());
                }
                n if n.eq_ignore_ascii_case("content-encoding") => {
                    let identity = value.is_empty() || value.eq_ignore_ascii_case("identity");
                    fields.content_encoding = (!identity).then(|| value.to_owned());
                }
                n if n.eq_ignore_ascii_case("location") => fields.location = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(fields)
    }

    /// `5`, or `5, 5` from a proxy that joined equal lines.
    fn length(&mut self, value: &str) -> Result<(), HttpError> {
        for part in value.split(',').map(str::trim) {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let n: u64 = part.parse().ok().filter(|_| digits).ok_or(HttpError::Length)?;
            if self.length.is_some_and(|before| before != n) {
                return Err(HttpError::Length);
            }
            self.length = Some(n);
        }
        Ok(())
    }

    fn transfer(&mut self, value: &str) -> Result<(), HttpError> {
        if !value.eq_ignore_ascii_case("chunked") || self.chunked {
            return Err(HttpError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn connection(&mut self, value: &str) {
        for token in value.split(',').map(str::trim) {
            self.close |= token.eq_ignore_ascii_case("close");
            self.keep_alive |= token.eq_ignore_ascii_case("keep-alive");
        }
    }
}
