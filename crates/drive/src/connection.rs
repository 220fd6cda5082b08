//! One connection and the attempt it carries.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use tokmark_base::Micros;
use tokmark_record::{Connect, Read, Reads, Record};
use tokmark_wire::ReplyReader;

use crate::body::History;
use crate::socket;
use crate::tls::Tls;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// TCP handshake under way.
    Connecting,
    /// TLS handshake under way.
    Handshaking,
    /// Kept open for the next attempt.
    Idle,
    /// Carrying an attempt.
    Busy,
}

/// What every read of a reply touches, in one cache line: at hundreds of streams each line of a connection is cold again when its
/// next event comes, and fetching it costs as much as parsing the event.
#[derive(Default)]
#[repr(C, align(64))]
pub(crate) struct Inbound {
    /// The reads so far, for the record.
    pub(crate) reads: Vec<Read>,
    /// Bytes of the reply so far.
    pub(crate) bytes: u64,
    /// First byte of the request handed to the kernel: nothing of the reply came before it.
    pub(crate) sent: Micros,
    /// Bytes of reads that completed nothing, for the next read that does.
    pub(crate) loose_bytes: u32,
    /// A byte of the reply has come.
    pub(crate) begun: bool,
}

/// An attempt under way.
#[repr(C)]
pub(crate) struct Attempt {
    /// The reply as it comes in.
    pub(crate) inbound: Inbound,
    /// The facts so far.
    pub(crate) record: Record,
    /// The request, kept until the first byte of the reply: a kept connection that turns out closed is replaced once.
    pub(crate) bytes: Vec<u8>,
    /// How much of it the kernel has.
    pub(crate) handed: usize,
    /// It was moved to a fresh connection once already.
    pub(crate) reopened: bool,
    /// When it has taken too long.
    pub(crate) deadline: Option<Micros>,
    /// Its client goes away so long after its last byte was sent …
    pub(crate) cancel_after: Option<Micros>,
    /// … which is then.
    pub(crate) cancel_at: Option<Micros>,
    /// A stream was asked for.
    pub(crate) streaming: bool,
    /// What the next turn of its session says again; the reply is kept for it.
    pub(crate) history: Option<Box<History>>,
}

impl Attempt {
    /// The record with everything that came in.
    pub(crate) fn into_record(self) -> Record {
        let Inbound { reads, bytes, .. } = self.inbound;
        Record { reads: Reads(reads), bytes_received: bytes, ..self.record }
    }
}

pub(crate) struct Connection {
    pub(crate) socket: OwnedFd,
    pub(crate) target: u16,
    pub(crate) state: State,
    pub(crate) tls: Option<Box<Tls>>,
    pub(crate) stamps: Connect,
    pub(crate) reader: ReplyReader,
    pub(crate) attempt: Option<Box<Attempt>>,
    /// It has carried an attempt before.
    pub(crate) used: bool,
    /// Tells a slot's tenants apart.
    pub(crate) generation: u32,
    pub(crate) wants_write: bool,
    /// The wake-up that last reported it.
    pub(crate) wake: u64,
    /// It was seen empty at this moment: the kernel stamp of its last draining read.
    pub(crate) empty_at: Micros,
}

impl Connection {
    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Takes an attempt. `keep_text`: the words of every reply are wanted.
    pub(crate) fn carry(&mut self, attempt: Box<Attempt>, keep_text: bool) {
        self.reader.expect(attempt.streaming, keep_text || attempt.history.is_some());
        self.attempt = Some(attempt);
    }

    /// Hands the request to the kernel as far as it goes. `Ok(true)` once all of it is there.
    pub(crate) fn push(&mut self, now: impl Fn() -> Micros) -> io::Result<bool> {
        let fd = self.fd();
        let Some(attempt) = self.attempt.as_deref_mut() else { return Ok(true) };
        let length = attempt.bytes.len();
        if attempt.record.sent_us.is_none() {
            attempt.inbound.sent = now();
            attempt.record.sent_us = Some(attempt.inbound.sent);
        }
        if let Some(tls) = self.tls.as_deref_mut() {
            if attempt.handed < length {
                tls.queue(&attempt.bytes[attempt.handed..])?;
                attempt.handed = length;
            }
            tls.send_through(|bytes| socket::send(fd, bytes))?;
            if tls.wants_write() {
                return Ok(false);
            }
        } else {
            while attempt.handed < length {
                match socket::send(fd, &attempt.bytes[attempt.handed..]) {
                    Ok(n) => attempt.handed += n,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
        let end = now();
        attempt.record.sent_end_us = Some(end);
        attempt.cancel_at = attempt.cancel_after.map(|after| end + after);
        attempt.record.bytes_sent = length as u64;
        Ok(true)
    }
}
