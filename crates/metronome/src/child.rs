//! A metronome as a child process, and the few requests its parent makes of it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::time::Duration;

use crate::config::Config;
use crate::truth::Truth;

/// Longest wait for an answer of the child.
const PATIENCE: Duration = Duration::from_mins(1);

/// A metronome in a process of its own. It stops when this value is dropped.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    port: u16,
}

/// What `/lateness` says of the server's own sends, microseconds after their schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLateness {
    /// Content events sent.
    pub sends: u64,
    /// Median, `None` before the first send.
    pub p50_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
    /// Largest.
    pub max_us: Option<u64>,
    /// Requests answered on schedule.
    pub requests: u64,
    /// Connections open, the asker's included.
    pub connections: u64,
}

impl Child {
    /// Starts `program words… <config as flags>`, which must end up in [`crate::serve`], and waits for its port.
    pub fn spawn(program: &Path, words: &[&str], config: &Config) -> io::Result<Self> {
        let config = Config { stop_with_stdin: true, ..config.clone() };
        let mut process = Command::new(program)
            .args(words)
            .args(config.to_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let Ok(port) = line.trim().parse() else {
            let status = process.wait()?;
            return Err(io::Error::other(format!(
                "the known-schedule server did not start ({status}; it said `{}`)",
                line.trim()
            )));
        };
        Ok(Self { process, port })
    }

    /// Its port on the address it was told to listen on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it takes requests, on 127.0.0.1.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Everything it knows about the requests so far.
    pub fn truths(&self) -> io::Result<Vec<Truth>> {
        Truth::parse_lines(&self.get("/truth")?).map_err(io::Error::other)
    }

    /// How late its own sends were.
    pub fn lateness(&self) -> io::Result<OwnLateness> {
        let text = self.get("/lateness")?;
        let number = |key: &str| -> Option<u64> {
            let start = text.find(&format!("\"{key}\":"))? + key.len() + 3;
            let end = text[start..].find([',', '}'])? + start;
            text[start..end].parse().ok()
        };
        Ok(OwnLateness {
            sends: number("sends").unwrap_or(0),
            p50_us: number("p50_us"),
            p99_us: number("p99_us"),
            max_us: number("max_us"),
            requests: number("requests").unwrap_or(0),
            connections: number("connections").unwrap_or(0),
        })
    }

    /// The body of `path`.
    pub fn get(&self, path: &str) -> io::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(socket, "GET {path} HTTP/1.1\r\nhost: metronome\r\nconnection: close\r\n\r\n")?;
        let mut reply = String::new();
        socket.read_to_string(&mut reply)?;
        let _ = socket.shutdown(Shutdown::Both);
        match reply.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!(
                "the known-schedule server answered {path} with `{}`",
                reply.lines().next().unwrap_or_default()
            ))),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The end of its input stops it in good order (the truth file is written then).
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
