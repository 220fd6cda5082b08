//! Opening connections: ahead of the start, for an attempt, in place of one that was closed.

use std::io;
use std::os::fd::AsRawFd;

use tokmark_base::{Clock, Micros};
use tokmark_record::{Connect, FailureKind};
use tokmark_wire::ReplyReader;

use super::Reactor;
use crate::connection::{Attempt, Connection, State};
use crate::ending::{connect_failure, failure};
use crate::socket::{self, Interest};
use crate::tls::Tls;

/// Connections opened before t = 0 where nothing says how many the load needs.
const PREOPEN_UNBOUNDED: u64 = 1;

/// A connection that has not come up by then is left to the run itself to find out about.
const PREOPEN_PATIENCE: Micros = Micros::from_millis(2_000);

impl Reactor {
    /// Opens the connections that the first starts will need, so that no handshake lies in their latency.
    pub(super) fn open_ahead(&mut self) -> io::Result<()> {
        let targets = self.shared.targets.len() as u64;
        let most = self.pacer.most_in_flight();
        let wanted =
            self.shared.open_ahead.or(most).unwrap_or(PREOPEN_UNBOUNDED).min(most.unwrap_or(u64::MAX));
        for n in 0..wanted {
            if self.open((n % targets) as u16, None).is_err() {
                break;
            }
        }
        let give_up = self.clock.now() + PREOPEN_PATIENCE;
        self.timer.arm(self.clock.monotonic_of(give_up))?;
        let pending = |state| matches!(state, State::Connecting | State::Handshaking);
        while self.connections.iter().flatten().any(|c| pending(c.state)) {
            let now = self.clock.now();
            if now >= give_up {
                break;
            }
            self.wait_and_handle(now)?;
        }
        self.timer.arm(0)
    }

    pub(super) fn begin_on_new_connection(&mut self, target: u16, attempt: Box<Attempt>) {
        if let Err((error, Some(attempt))) = self.open(target, Some(attempt)) {
            let now = self.clock.now();
            let mut attempt = attempt;
            let history = attempt.history.take();
            let mut record = attempt.into_record();
            record.connect = Some(Connect { start_us: now, ..Connect::default() });
            record.ended_us = Some(now);
            let outcome = failure(connect_failure(&error), &error.to_string(), &self.shared.secrets);
            self.emit(record, outcome, history);
        }
    }

    /// Opens a connection, for an attempt or to keep.
    #[allow(clippy::type_complexity)] // the attempt comes back with the error
    pub(super) fn open(
        &mut self,
        target: u16,
        attempt: Option<Box<Attempt>>,
    ) -> Result<(), (io::Error, Option<Box<Attempt>>)> {
        let place = &self.shared.targets[usize::from(target)];
        let start_us = self.clock.now();
        let (socket, connected) = match socket::connect(&place.address) {
            Ok(pair) => pair,
            Err(e) => return Err((e, attempt)),
        };
        let tls = match &place.tls {
            None => None,
            Some((config, name)) => match Tls::new(config, name) {
                Ok(tls) => Some(Box::new(tls)),
                Err(e) => return Err((io::Error::other(e.to_string()), attempt)),
            },
        };
        self.generation = self.generation.wrapping_add(1);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let token = slot as u64 | u64::from(self.generation) << 32;
        if let Err(e) = self.poller.add(socket.as_raw_fd(), token, Interest::ReadWrite) {
            self.free.push(slot);
            return Err((e, attempt));
        }
        self.live().connections.add(1);
        self.connect_deadlines.push_back((start_us + self.shared.connect_timeout, slot, self.generation));
        let mut connection = Connection {
            socket,
            target,
            state: State::Connecting,
            tls,
            stamps: Connect { start_us, ..Connect::default() },
            reader: ReplyReader::new(self.shared.endpoint, self.shared.body.streaming, self.shared.keep_text),
            attempt: None,
            used: false,
            generation: self.generation,
            wants_write: true,
            wake: self.wake,
            empty_at: Micros(i64::MIN / 4),
        };
        if let Some(attempt) = attempt {
            connection.carry(attempt, self.shared.keep_text);
        }
        self.connections[slot] = Some(connection);
        self.watch_deadline(slot);
        if connected {
            self.connected(slot);
        }
        Ok(())
    }

    /// TCP is up: on with TLS, the request, or the pool.
    pub(super) fn connected(&mut self, slot: usize) {
        let now = self.clock.now();
        let Some(connection) = self.connections[slot].as_mut() else { return };
        connection.stamps.end_us = Some(now);
        if connection.tls.is_some() {
            connection.state = State::Handshaking;
            self.handshake(slot);
        } else {
            self.up(slot);
        }
    }

    pub(super) fn handshake(&mut self, slot: usize) {
        let now = self.clock.now();
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let fd = connection.fd();
        let Some(tls) = connection.tls.as_deref_mut() else { return };
        if let Err(e) = tls.send_through(|bytes| socket::send(fd, bytes)) {
            return self.break_off(slot, FailureKind::Tls, &e.to_string());
        }
        let blocked = tls.wants_write();
        if !tls.is_handshaking() {
            connection.stamps.tls_end_us = Some(now);
            return self.up(slot);
        }
        self.watch_writes(slot, blocked);
    }

    /// Ready to carry a request.
    pub(super) fn up(&mut self, slot: usize) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        if let Some(attempt) = connection.attempt.as_deref_mut() {
            connection.state = State::Busy;
            attempt.record.connect = Some(connection.stamps);
            self.push(slot);
        } else {
            // From now on the peer may close it at any time, which is then not the request's fault.
            connection.used = true;
            connection.state = State::Idle;
            self.idle[usize::from(connection.target)].push(slot);
            self.watch_writes(slot, false);
        }
    }

    /// Moves the attempt to a fresh connection, once. Its first stamps stay.
    pub(super) fn reopen(&mut self, slot: usize) -> bool {
        let Some(connection) = self.connections[slot].as_mut() else { return false };
        let target = connection.target;
        let Some(mut attempt) = connection.attempt.take_if(|a| !a.reopened && !a.bytes.is_empty()) else {
            return false;
        };
        self.close(slot);
        attempt.reopened = true;
        attempt.handed = 0;
        self.live().reopened.add(1);
        self.begin_on_new_connection(target, attempt);
        true
    }
}
