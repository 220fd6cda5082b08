//! One connection: the socket, when what it owes was due, and what a fault makes of its bytes.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokmark_base::{Clock, Micros};

use crate::floor::Floor;

/// What the service and the socket of a connection tell each other.
pub(crate) struct Line {
    floor: Rc<Floor>,
    due: Cell<Option<Micros>>,
    mode: Cell<Mode>,
}

/// What becomes of the bytes hyper writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are sent.
    Plain,
    /// They are sent one by one.
    Drip {
        /// How many of them.
        bytes_per_sec: u32,
    },
    /// Something that is not HTTP is sent in their place.
    Garbage,
}

impl Line {
    pub(crate) fn new(floor: Rc<Floor>) -> Self {
        Self { floor, due: Cell::new(None), mode: Cell::new(Mode::Plain) }
    }

    /// The next write carries a token that was due then.
    pub(crate) fn owe(&self, due: Option<Micros>) {
        if self.due.get().is_none() {
            self.due.set(due);
        }
    }

    /// From here on.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.set(mode);
    }

    /// A write reached the kernel.
    fn paid(&self) {
        if let Some(due) = self.due.take() {
            self.floor.lateness().add(due, self.floor.now());
        }
    }
}

/// The socket as hyper sees it.
pub(crate) struct Socket {
    stream: TcpStream,
    line: Rc<Line>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, line: Rc<Line>) -> Self {
        Self { stream, line, pause: None }
    }

    /// One byte, and the next not before its time.
    fn poll_drip(&mut self, cx: &mut Context<'_>, bytes: &[u8], per_sec: u32) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let byte = &bytes[..bytes.len().min(1)];
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, byte))?;
        self.pause = Some(Box::pin(sleep(Duration::from_secs(1) / per_sec.max(1))));
        Poll::Ready(Ok(written))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        match socket.line.mode.get() {
            Mode::Plain => {
                let written = ready!(Pin::new(&mut socket.stream).poll_write(cx, bytes))?;
                socket.line.paid();
                Poll::Ready(Ok(written))
            }
            Mode::Drip { bytes_per_sec } => socket.poll_drip(cx, bytes, bytes_per_sec),
            Mode::Garbage => {
                ready!(Pin::new(&mut socket.stream).poll_write(cx, GARBAGE))?;
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

const GARBAGE: &[u8] = b"220 this is not the protocol you are looking for\r\n\r\n";
