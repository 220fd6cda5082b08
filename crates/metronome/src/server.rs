//! The server: one thread, one epoll set, one agenda of due sends.

use std::io::{self, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;

use crate::config::{Config, Keep};
use crate::connection::{Connection, Reply, Slots};
use crate::lateness::Lateness;
use crate::pin;
use crate::reply::{self, Parts};
use crate::request::{self, Bad, Request};
use crate::schedule::Agenda;
use crate::socket::{self, Epoll, Ready};
use crate::truth::Truth;

/// Descriptors reported at a time.
const BATCH: usize = 256;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// Bytes read at a time.
const READ: usize = 64 << 10;
/// Due sends handled before sockets are looked at again, so that an overdue schedule cannot starve the readers.
const SENDS: usize = 64;
/// A kernel stamp further than this from the user's means that the wall clock was stepped.
const STEP_NS: i64 = 1_000_000_000;
const LISTENER: u64 = u64::MAX;
const STDIN: u64 = u64::MAX - 1;

/// What a server did, told when it has stopped.
#[derive(Debug, Default)]
pub struct Done {
    /// Its own sends against their schedule.
    pub lateness: Lateness,
    /// One a request, in order of arrival. Empty unless kept.
    pub truths: Vec<Truth>,
    /// Requests answered on schedule.
    pub requests: u64,
    /// Connections that could not be accepted for want of descriptors.
    pub refused: u64,
}

/// Binds, prints the port on standard output as one line, and serves until told to stop (`POST /stop`, or the end of
/// standard input if the config says so).
pub fn serve(config: Config) -> io::Result<Done> {
    let server = Server::bind(config)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", server.address().port())?;
    out.flush()?;
    drop(out);
    server.run()
}

/// A bound server.
#[derive(Debug)]
pub struct Server {
    config: Config,
    address: SocketAddr,
    listener: TcpListener,
    listening: bool,
    epoll: Epoll,
    slots: Slots,
    agenda: Agenda,
    parts: Parts,
    buffer: Vec<u8>,
    done: Done,
    stopping: bool,
}

impl Server {
    /// Binds the address of `config`. Connections wait in the backlog until [`Server::run`].
    pub fn bind(config: Config) -> io::Result<Self> {
        socket::raise_open_files()?;
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        socket::set_backlog(&listener, BACKLOG)?;
        // Accepted connections inherit the setting. A kernel without it leaves user stamps, and the truths say so.
        let _ = socket::enable_stamps(&listener);
        let epoll = Epoll::new(BATCH)?;
        epoll.add(&listener, LISTENER)?;
        if config.stop_with_stdin {
            // Fails on /dev/null and files, which never end in time: then only `/stop` stops the server.
            let _ = epoll.add(&io::stdin(), STDIN);
        }
        Ok(Self {
            address: listener.local_addr()?,
            parts: Parts::new(config.role_apart),
            config,
            listener,
            listening: true,
            epoll,
            slots: Slots::default(),
            agenda: Agenda::default(),
            buffer: vec![0; READ],
            done: Done::default(),
            stopping: false,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop, then writes the truth file if one was asked for.
    pub fn run(mut self) -> io::Result<Done> {
        if let Some(core) = self.config.core {
            pin::this_thread(&[core])?;
        }
        // Costs 50 µs of lateness a wake-up where it is refused; the lateness report shows that.
        let _ = socket::tighten_timers();
        while !self.stopping {
            let ready = self.epoll.wait(self.patience())?;
            self.send_due();
            for i in 0..ready {
                let report = self.epoll.ready(i);
                self.handle(report);
                self.send_due();
            }
        }
        if let Some(path) = &self.config.truth_file {
            std::fs::write(path, self.truth_lines())?;
        }
        Ok(self.done)
    }

    /// How long to sleep: to `spin_ns` before the next send, and from there on not at all.
    fn patience(&self) -> Option<i64> {
        let due = self.agenda.next_due()?;
        Some((due - socket::monotonic_ns() - self.config.spin_ns as i64).max(0))
    }

    fn handle(&mut self, report: Ready) {
        match report.token {
            LISTENER => self.accept(),
            STDIN => self.stopping = true,
            token => {
                let mut read = report.readable;
                if report.error {
                    read |= !self.take_transmit_stamp(token);
                }
                if report.writable {
                    self.flush(token);
                }
                if read {
                    self.read(token);
                }
            }
        }
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    // A delayed small send would be off schedule.
                    let _ = stream.set_nodelay(true);
                    let fd = stream.as_raw_fd();
                    let token = self.slots.add(Connection::new(stream));
                    if self.epoll.add(&fd, token).is_err() {
                        self.slots.remove(token);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    // The listener stays readable; it is watched again when a connection has closed.
                    self.done.refused += 1;
                    self.listening = self.epoll.remove(&self.listener).is_err();
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn close(&mut self, token: u64) {
        self.slots.remove(token);
        if !self.listening {
            self.listening = self.epoll.add(&self.listener, LISTENER).is_ok();
        }
    }

    fn read(&mut self, token: u64) {
        let Some(connection) = self.slots.get(token) else {
            return;
        };
        match socket::receive_stamped(connection.fd(), &mut self.buffer) {
            Ok((0, _)) => self.close(token),
            Ok((n, stamp)) => {
                connection.received = Received::now(stamp);
                // Most requests arrive whole: they are read in place.
                let parsed = if connection.input.is_empty() && connection.reply.is_none() {
                    request::parse(&self.buffer[..n])
                } else {
                    Ok(None)
                };
                match parsed {
                    Ok(Some(request)) if request.length == n => self.answer(token, &request),
                    _ => {
                        connection.input.extend_from_slice(&self.buffer[..n]);
                        self.next_request(token);
                    }
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.close(token),
        }
    }

    /// Answers the next request in the connection's input, unless a reply is still going out.
    fn next_request(&mut self, token: u64) {
        let Some(connection) = self.slots.get(token) else {
            return;
        };
        if connection.reply.is_some() || connection.input.is_empty() {
            return;
        }
        match request::parse(&connection.input) {
            Ok(None) => {}
            Ok(Some(request)) => {
                connection.input.drain(..request.length);
                if connection.input.is_empty() {
                    connection.input = Vec::new();
                }
                self.answer(token, &request);
            }
            Err(bad) => self.refuse(token, bad),
        }
    }

    fn refuse(&mut self, token: u64, bad: Bad) {
        self.transmit(token, &reply::plain(bad.status(), "text/plain", b"not a request\n"), false);
        self.close(token);
    }

    fn answer(&mut self, token: u64, request: &Request) {
        if request.close
            && let Some(connection) = self.slots.get(token)
        {
            connection.close_after = true;
        }
        if request.method == "POST" && request.path != "/stop" {
            self.start(token, request);
            return;
        }
        let bytes = match request.path.as_str() {
            "/health" => reply::plain(200, "text/plain", b"ok\n"),
            "/v1/models" => reply::plain(200, "application/json", reply::models().as_bytes()),
            "/lateness" => reply::plain(200, "application/json", self.report().as_bytes()),
            "/truth" => reply::plain(200, "application/jsonl", self.truth_lines().as_bytes()),
            "/stop" => {
                self.stopping = true;
                reply::plain(200, "application/json", self.report().as_bytes())
            }
            _ => reply::plain(404, "text/plain", b"no such path\n"),
        };
        self.transmit(token, &bytes, false);
        self.finish(token);
    }

    /// Puts a reply on the agenda.
    fn start(&mut self, token: u64, request: &Request) {
        let Some(connection) = self.slots.get(token) else {
            return;
        };
        let schedule = request.schedule(self.config.schedule);
        let received = connection.received;
        let row = (self.config.keep != Keep::Nothing).then(|| {
            self.done.truths.push(Truth {
                id: request.id.clone(),
                rx_ns: received.real_ns,
                rx_kernel: received.kernel,
                ttft_ns: schedule.ttft_ns,
                itl_ns: schedule.itl_ns,
                ..Truth::default()
            });
            self.done.truths.len() - 1
        });
        let next = if request.stream { 0 } else { schedule.events - 1 };
        connection.reply = Some(Reply { received, schedule, next, stream: request.stream, row });
        self.done.requests += 1;
        self.agenda.add(received.monotonic_ns.saturating_add(schedule.offset_ns(next)), token);
        if request.stream {
            let head = std::mem::take(&mut self.parts.head);
            self.transmit(token, &head, false);
            self.parts.head = head;
        }
    }

    /// Sends what is due, each at its own stamp.
    fn send_due(&mut self) {
        for _ in 0..SENDS {
            let now = socket::monotonic_ns();
            let Some((due, token)) = self.agenda.take_due(now) else {
                return;
            };
            self.send_content(token, due, now);
        }
    }

    fn send_content(&mut self, token: u64, due: i64, now: i64) {
        // A connection that has closed leaves its entry on the agenda; its token is never used again.
        let Some(reply) = self.slots.get(token).and_then(|c| c.reply.as_mut()) else {
            return;
        };
        let k = reply.next;
        reply.next += 1;
        let (Reply { received, schedule, stream, row, .. }, last) = (*reply, k + 1 == reply.schedule.events);
        let first = k == 0 || !stream;
        self.done.lateness.add(((now - due) / 1_000) as u64);
        if let Some(truth) = row.and_then(|row| self.done.truths.get_mut(row)) {
            truth.sent(now - received.monotonic_ns, now - due, first, self.config.keep == Keep::Sends);
        }
        if stream {
            let parts = std::mem::take(&mut self.parts);
            self.transmit(token, if first { &parts.first } else { &parts.next }, first);
            self.parts = parts;
        } else {
            self.transmit(token, &reply::whole(schedule.events), true);
        }
        if first && row.is_some() {
            // On loopback the stamp is there as soon as the send returns.
            self.take_transmit_stamp(token);
        }
        if last {
            if stream {
                self.transmit(token, &reply::tail(schedule.events), false);
            }
            if let Some(connection) = self.slots.get(token) {
                connection.reply = None;
            }
            self.finish(token);
        } else {
            let due = received.monotonic_ns.saturating_add(schedule.offset_ns(k + 1));
            self.agenda.add(due, token);
        }
    }

    /// After a whole reply: closes if that was asked for, else looks for a request that was already read.
    fn finish(&mut self, token: u64) {
        let Some(connection) = self.slots.get(token) else {
            return;
        };
        if connection.close_after && connection.output.is_empty() {
            self.close(token);
        } else {
            self.next_request(token);
        }
    }

    /// Sends `bytes`, keeping what the kernel does not take. A broken connection is closed.
    fn transmit(&mut self, token: u64, bytes: &[u8], stamped: bool) {
        let Some(connection) = self.slots.get(token) else {
            return;
        };
        if !connection.output.is_empty() {
            connection.output.extend_from_slice(bytes);
            self.count_blocked(token);
            return;
        }
        let sent = if stamped {
            connection.row = connection.reply.as_ref().and_then(|reply| reply.row);
            socket::send_stamped(connection.fd(), bytes)
        } else {
            socket::send(connection.fd(), bytes)
        };
        let sent = match sent {
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return self.close(token),
        };
        if sent < bytes.len() {
            connection.output.extend_from_slice(&bytes[sent..]);
            let fd = connection.fd();
            let _ = self.epoll.set_writable(&fd, token, true);
            self.count_blocked(token);
        }
    }

    fn count_blocked(&mut self, token: u64) {
        let row = self.slots.get(token).and_then(|c| c.reply.as_ref()?.row);
        if let Some(truth) = row.and_then(|row| self.done.truths.get_mut(row)) {
            truth.blocked += 1;
        }
    }

    fn flush(&mut self, token: u64) {
        let Some(connection) = self.slots.get(token) else {
            return;
        };
        match socket::send(connection.fd(), &connection.output) {
            Ok(n) => {
                connection.output.drain(..n);
                if connection.output.is_empty() {
                    connection.output = Vec::new();
                    let fd = connection.fd();
                    let _ = self.epoll.set_writable(&fd, token, false);
                    let idle = connection.reply.is_none();
                    if idle {
                        self.finish(token);
                    }
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.close(token),
        }
    }

    /// Takes the stamp of the first content event into its truth; whether there was one.
    fn take_transmit_stamp(&mut self, token: u64) -> bool {
        let Some(connection) = self.slots.get(token) else {
            return true;
        };
        let Some(stamp) = socket::transmit_stamp(connection.fd()) else {
            return false;
        };
        let row = connection.row.take();
        if let Some(truth) = row.and_then(|row| self.done.truths.get_mut(row)) {
            truth.tx_ns = Some(stamp);
        }
        true
    }

    fn truth_lines(&self) -> String {
        self.done.truths.iter().map(Truth::line).collect()
    }

    fn report(&self) -> String {
        format!(
            "{{{},\"requests\":{},\"connections\":{},\"refused\":{}}}\n",
            self.done.lateness.json(),
            self.done.requests,
            self.slots.len(),
            self.done.refused
        )
    }
}

/// When a request's last byte came in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// On the schedule's clock.
    pub(crate) monotonic_ns: i64,
    /// On the kernel stamps' clock.
    pub(crate) real_ns: i64,
    /// Whether the kernel stamped it.
    pub(crate) kernel: bool,
}

impl Received {
    /// Maps a kernel stamp to the monotonic clock by a pair of readings taken now; without a stamp, now itself.
    fn now(stamp: Option<i64>) -> Self {
        let (monotonic, real) = socket::clock_pair();
        match stamp {
            Some(ns) if (0..=STEP_NS).contains(&(real - ns)) => {
                Self { monotonic_ns: monotonic - (real - ns), real_ns: ns, kernel: true }
            }
            _ => Self { monotonic_ns: monotonic, real_ns: real, kernel: false },
        }
    }
}
