//! The head of a request.

/// Why a request head cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is no token.
    #[error("`{0}` is not a header name\nhint: letters, digits and -, as in `X-Request-ID`")]
    Name(String),
    /// The value could end its line and begin another. The value itself may be a secret and is not shown.
    #[error(
        "the value of header `{name}` holds a control character at byte {at}\nhint: a header is one line; a key read from a file may end in a line feed"
    )]
    Value {
        /// The header.
        name: String,
        /// Where in its value.
        at: usize,
    },
    /// The framing is ours.
    #[error("header `{0}` is set by tokmark itself\nhint: leave it out")]
    Reserved(String),
    /// The path would break the request line.
    #[error(
        "the path `{0}` holds a space, a control or a non-ASCII character\nhint: write it percent-encoded"
    )]
    Path(String),
}

/// The head of a request. `host` is `name[:port]`; a `Host` among the headers takes its place. `Content-Length` is written
/// unless `method` is GET or HEAD.
pub fn encode_request(
    method: &str,
    path: &str,
    host: &str,
    headers: &[(impl AsRef<str>, impl AsRef<str>)],
    body_len: usize,
) -> Result<Vec<u8>, HeaderError> {
    if !path.starts_with('/') || path.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(HeaderError::Path(path.to_owned()));
    }
    let mut out = format!("{method} {path} HTTP/1.1\r\n");
    let named_host = headers.iter().any(|(name, _)| name.as_ref().eq_ignore_ascii_case("host"));
    if !named_host {
        check_header("Host", host)?;
        push_header(&mut out, "Host", host);
    }
    for (name, value) in headers {
        let (name, value) = (name.as_ref(), value.as_ref());
        check_header(name, value)?;
        push_header(&mut out, name, value);
    }
    if !matches!(method, "GET" | "HEAD") {
        push_header(&mut out, "Content-Length", &body_len.to_string());
    }
    out.push_str("\r\n");
    Ok(out.into_bytes())
}

/// Whether a header can be sent as it is.
pub fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(HeaderError::Name(name.to_owned()));
    }
    let reserved = ["content-length", "transfer-encoding", "expect", "upgrade"];
    if reserved.iter().any(|r| name.eq_ignore_ascii_case(r)) {
        return Err(HeaderError::Reserved(name.to_owned()));
    }
    match value.bytes().position(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        Some(at) => Err(HeaderError::Value { name: name.to_owned(), at }),
        None => Ok(()),
    }
}

fn push_header(out: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.push_str(part);
    }
}
