//! URLs of targets: what a person types, made into host, port and path.

use std::fmt;
use std::net::Ipv6Addr;

/// Plain or TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http://`
    Http,
    /// `https://`
    Https,
}

impl Scheme {
    /// The port if none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where requests go. User info and fragment are dropped: no request carries them, and no file may.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    host: String,
    port: u16,
    /// Before `/v1` or what stands in its place; empty, or begins with a slash.
    root: String,
    /// Where the API's own paths begin; `/v1` unless the full path of an endpoint says otherwise.
    api: String,
    query: Option<String>,
}

/// Why a URL was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing was written.
    #[error("the URL is empty\nhint: write http://host:8000")]
    Empty,
    /// `host:8000` outside a cluster.
    #[error(
        "`{0}` has no scheme\nhint: write http://{0} (only within a Kubernetes cluster may http:// be left out)"
    )]
    NoScheme(String),
    /// `ftp://…`
    #[error("`{scheme}://` in `{url}` is not spoken here\nhint: http:// and https:// are")]
    Scheme {
        /// The scheme.
        scheme: String,
        /// The URL, user info removed.
        url: String,
    },
    /// No host, or an impossible one.
    #[error(
        "`{host}` in `{url}` is not a host\nhint: write a name, an IPv4 address or an IPv6 address in brackets, as in http://[::1]:8000"
    )]
    Host {
        /// The host.
        host: String,
        /// The URL, user info removed.
        url: String,
    },
    /// Not 1–65535.
    #[error("`{port}` in `{url}` is not a port\nhint: a port is a number from 1 to 65535")]
    Port {
        /// The port.
        port: String,
        /// The URL, user info removed.
        url: String,
    },
    /// A path that cannot stand in a request line.
    #[error(
        "the path of `{0}` holds a space, a control or a non-ASCII character\nhint: write it percent-encoded, as in %20"
    )]
    Path(String),
}

impl Url {
    /// Reads what a person typed. A scheme-less `host[:port][/path]` is `http://` in a Kubernetes cluster (`in_cluster`) and
    /// an error elsewhere, where it is more often a mistake.
    pub fn parse(text: &str, in_cluster: bool) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((s, rest)) if s.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((s, rest)) if is_scheme(s) => {
                return Err(UrlError::Scheme {
                    scheme: s.to_owned(),
                    url: format!("{s}://{}", without_user_info(rest)),
                });
            }
            _ if in_cluster => (Scheme::Http, text),
            _ => return Err(UrlError::NoScheme(without_user_info(text))),
        };
        let shown = || format!("{}://{}", scheme.as_str(), without_user_info(rest));
        let rest = rest.split('#').next().unwrap_or(rest);
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query).filter(|q| !q.is_empty())),
            None => (rest, None),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if !path.bytes().chain(query.unwrap_or("").bytes()).all(|b| b.is_ascii_graphic()) {
            return Err(UrlError::Path(shown()));
        }
        let (host, port) = split_port(authority)
            .ok_or_else(|| UrlError::Host { host: authority.to_owned(), url: shown() })?;
        let host = host_name(host).ok_or_else(|| UrlError::Host { host: host.to_owned(), url: shown() })?;
        let port = match port {
            None => scheme.default_port(),
            Some(port) => {
                port_number(port).ok_or_else(|| UrlError::Port { port: port.to_owned(), url: shown() })?
            }
        };
        let (root, api) = split_path(path);
        Ok(Self { scheme, host, port, root, api, query: query.map(str::to_owned) })
    }

    /// Plain or TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name in lower case, or an address; IPv6 without brackets. What a resolver and TLS want.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, written or implied.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host[:port]` as the `Host` header has it: brackets around IPv6, no port where it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }

    /// The path (and query) of a request for `path`, in which nothing doubles: whether `http://h`, `http://h/v1` or
    /// `http://h/v1/chat/completions` was typed, `/v1/chat/completions` is that and `/health` is `/health`.
    pub fn endpoint(&self, path: &str) -> String {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (base, path) = match path.strip_prefix("v1/") {
            Some(rest) => (&self.api, rest),
            None => (&self.root, path),
        };
        let query = self.query.as_ref().map_or_else(String::new, |q| format!("?{q}"));
        format!("{base}/{path}{query}")
    }

    /// The full URL of a request for `path`, for people and files: values of the query are hidden, they may be keys.
    pub fn shown(&self, path: &str) -> String {
        let target = self.endpoint(path);
        let target = target.split('?').next().unwrap_or(&target);
        format!("{}://{}{target}{}", self.scheme.as_str(), self.authority(), self.shown_query())
    }

    fn shown_query(&self) -> String {
        let Some(query) = &self.query else {
            return String::new();
        };
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some((key, _)) => format!("{key}=***"),
            None => "***".to_owned(),
        });
        format!("?{}", parts.collect::<Vec<_>>().join("&"))
    }
}

impl fmt::Display for Url {
    /// The base, without user info and without a trailing slash. An API that does not stand at `/v1` is written with its
    /// endpoint, so that the text reads back as the same base.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority, query) = (self.scheme.as_str(), self.authority(), self.shown_query());
        if self.api.ends_with("/v1") {
            write!(f, "{scheme}://{authority}{}{query}", self.root)
        } else {
            write!(f, "{scheme}://{authority}{}/chat/completions{query}", self.api)
        }
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// For error texts: what stands before an `@` of the authority is a secret.
fn without_user_info(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let tail = tail.split(['?', '#']).next().unwrap_or(tail);
    format!("{host}{tail}")
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; brackets stay.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (host, rest) = authority.split_at(authority.find(']')? + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        // An IPv6 address without its brackets: where its port begins is anybody's guess.
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
        None => Some((authority, None)),
    }
}

/// A name or address, lower case, without brackets.
fn host_name(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(|address| address.to_string());
    }
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let good = !host.is_empty() && host.len() <= 253 && host.bytes().all(letter);
    let labels = host.strip_suffix('.').unwrap_or(host);
    (good && labels.split('.').all(|label| !label.is_empty())).then(|| host.to_ascii_lowercase())
}

fn port_number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// `(root, api)` of a typed path.
fn split_path(path: &str) -> (String, String) {
    let path = path.trim_end_matches('/');
    let endpoint = ["/chat/completions", "/completions"].iter().find_map(|e| path.strip_suffix(e));
    let api = match endpoint {
        Some(api) => api.to_owned(),
        None if path.ends_with("/v1") => path.to_owned(),
        None => format!("{path}/v1"),
    };
    let root = api.strip_suffix("/v1").unwrap_or(&api).to_owned();
    (root, api)
}

#[cfg(test)]
mod tests;
