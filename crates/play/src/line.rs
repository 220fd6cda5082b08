//! One connection: the socket, when what it owes was due, and what a fault makes of its bytes.
//!
//! hyper writes heads, whole bodies and the ends of streams. The events between go past it: once the head is out and hyper waits
//! for more of the body, an event is framed as a chunk and written to the socket where it is made, so that the tokens of one pass
//! leave one behind the other without waking a task each. The body comes back to hyper when the reply ends, or a fault wants it.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokmark_base::Micros;

use crate::floor::Floor;

/// What the service and the socket of a connection tell each other.
pub(crate) struct Line {
    floor: Rc<Floor>,
    stream: TcpStream,
    due: Cell<Option<Micros>>,
    mode: Cell<Mode>,
    gate: Cell<Gate>,
    /// What went past hyper and the kernel had no room for yet.
    rest: RefCell<Vec<u8>>,
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

/// Whether chunks may go past hyper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// hyper has, or may have, something to write.
    Shut,
    /// hyper was told to wait for more of a chunked body; what it has may not be out yet.
    Waiting,
    /// All it had is out.
    Open,
}

impl Line {
    pub(crate) fn new(floor: Rc<Floor>, stream: TcpStream) -> Self {
        Self {
            floor,
            stream,
            due: Cell::new(None),
            mode: Cell::new(Mode::Plain),
            gate: Cell::new(Gate::Shut),
            rest: RefCell::default(),
        }
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

    /// hyper waits for more of a chunked body.
    pub(crate) fn wait(&self) {
        if self.gate.get() == Gate::Shut && self.mode.get() == Mode::Plain {
            self.gate.set(Gate::Waiting);
        }
    }

    /// hyper gets something to write.
    pub(crate) fn shut(&self) {
        self.gate.set(Gate::Shut);
    }

    /// Whether [`Self::send`] may be used.
    pub(crate) fn is_open(&self) -> bool {
        self.gate.get() == Gate::Open
    }

    /// Sends `bytes` as one chunk, past hyper. False if some of it has to wait for the socket: then [`Self::poll_rest`] wants to be
    /// polled.
    pub(crate) fn send(&self, bytes: &[u8], due: Option<Micros>) -> bool {
        let mut rest = self.rest.borrow_mut();
        let waiting = !rest.is_empty();
        write!(rest, "{:x}\r\n", bytes.len()).expect("a vector takes every write");
        rest.extend_from_slice(bytes);
        rest.extend_from_slice(b"\r\n");
        self.owe(due);
        if waiting {
            return true;
        }
        match self.stream.try_write(&rest) {
            Ok(written) if written == rest.len() => {
                rest.clear();
                self.paid();
                true
            }
            Ok(written) => {
                rest.drain(..written);
                false
            }
            // A full socket, or one that is gone, which whoever polls will find out.
            Err(_) => false,
        }
    }

    /// Waits until everything sent past hyper is out.
    pub(crate) fn poll_rest(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut rest = self.rest.borrow_mut();
        while !rest.is_empty() {
            match self.stream.try_write(&rest) {
                Ok(written) => drop(rest.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.stream.poll_write_ready(cx)).is_err() {
                        rest.clear();
                    }
                }
                // The client is gone: hyper meets the same error and ends the connection.
                Err(_) => rest.clear(),
            }
            if rest.is_empty() {
                self.paid();
            }
        }
        Poll::Ready(())
    }

    /// A write reached the kernel.
    fn paid(&self) {
        if let Some(due) = self.due.take() {
            self.floor.written(due);
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_write_ready(cx))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }
}

/// The socket as hyper sees it.
pub(crate) struct Socket {
    line: Rc<Line>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(crate) fn new(line: Rc<Line>) -> Self {
        Self { line, pause: None }
    }

    /// One byte, and the next not before its time.
    fn poll_drip(&mut self, cx: &mut Context<'_>, bytes: &[u8], per_sec: u32) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let byte = &bytes[..bytes.len().min(1)];
        let written = ready!(self.line.poll_write(cx, byte))?;
        self.pause = Some(Box::pin(sleep(Duration::from_secs(1) / per_sec.max(1))));
        Poll::Ready(Ok(written))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        match socket.line.mode.get() {
            Mode::Plain => {
                ready!(socket.line.poll_rest(cx));
                let written = ready!(socket.line.poll_write(cx, bytes))?;
                socket.line.paid();
                Poll::Ready(Ok(written))
            }
            Mode::Drip { bytes_per_sec } => socket.poll_drip(cx, bytes, bytes_per_sec),
            Mode::Garbage => {
                ready!(socket.line.poll_write(cx, GARBAGE))?;
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    /// hyper flushes the socket when it has nothing left of its own.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = &self.line.gate;
        if gate.get() == Gate::Waiting {
            gate.set(Gate::Open);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is sent before the end, as `shutdown` wants it; a socket that is closed already has had both.
        let _ = rustix::net::shutdown(&self.line.stream, rustix::net::Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.line.stream.poll_read_ready(cx))?;
            match self.line.stream.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

const GARBAGE: &[u8] = b"220 this is not the protocol you are looking for\r\n\r\n";
