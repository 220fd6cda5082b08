//! A scripted HTTP peer: a thread a connection, a closure that answers each request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// What a peer does with one request: `(connection, stream, request)`; `false` closes the connection.
type Script = dyn Fn(usize, &mut dyn Stream, &str) -> bool + Send + Sync;

pub(crate) struct Peer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    ca: Option<tempfile::NamedTempFile>,
}

impl Peer {
    pub(crate) fn start(
        script: impl Fn(usize, &mut dyn Stream, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(script), None)
    }

    pub(crate) fn start_tls(
        script: impl Fn(usize, &mut dyn Stream, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let mut ca = tempfile::NamedTempFile::new().unwrap();
        ca.write_all(key.cert.pem().as_bytes()).unwrap();
        let private = rustls_pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![key.cert.der().clone()], private)
                .unwrap();
        Self { ca: Some(ca), ..Self::listen(Arc::new(script), Some(Arc::new(config))) }
    }

    fn listen(script: Arc<Script>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));

        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let stream = stream.unwrap();
                let (script, tls) = (Arc::clone(&script), tls.clone());
                let count = Arc::clone(&count);
                std::thread::spawn(move || {
                    let mut stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(config) => {
                            let connection = rustls::ServerConnection::new(config).unwrap();
                            Box::new(rustls::StreamOwned::new(connection, stream))
                        }
                    };
                    let mut first = true;
                    while let Some(request) = read_request(&mut *stream) {
                        // Connections that only were opened ahead do not count.
                        if std::mem::take(&mut first) {
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        if !script(index, &mut *stream, &request) {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, connections, ca: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.ca.is_some() { "https" } else { "http" }, self.address)
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.ca.as_ref().unwrap().path().to_owned()
    }

    /// Connections that carried a request.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn read_request(stream: &mut dyn Stream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| {
                let (name, value) = l.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

pub(crate) fn head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()
}

pub(crate) fn chunked(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

pub(crate) fn content(text: &str) -> String {
    format!(
        "data: {{\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

/// Answers a request whole, as a stream of these events.
pub(crate) fn stream_of(events: &[String]) -> Vec<u8> {
    let events = events.iter().flat_map(|event| chunked(event));
    head().into_iter().chain(events).chain(done()).collect()
}

/// The body of a request.
pub(crate) fn body_of(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

/// The value of a request's header, if it has one; every name at most once.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split_once("\r\n\r\n").unwrap().0;
    let values: Vec<&str> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
        .collect();
    assert!(values.len() <= 1, "{name}: {values:?}");
    values.first().copied()
}

/// The finish reason, the usage, `[DONE]`, the last chunk.
pub(crate) fn done() -> Vec<u8> {
    let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5}}\n\n";
    [chunked(finish), chunked(usage), chunked("data: [DONE]\n\n"), b"0\r\n\r\n".to_vec()].concat()
}
