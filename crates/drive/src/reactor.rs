//! One single-threaded reactor: its pacer, its connections, its records.
//!
//! A turn of the loop: release what is due, cut what took too long, sleep until a socket, the timer or the bell wakes it,
//! take every stamp of the wake-up before anything is parsed further than it must be.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier, OnceLock};

use tokmark_base::{Clock, Micros, Phase};
use tokmark_record::{Cut, FailureKind, Read, Record, Sink};
use tokmark_workload::{Next, Pacer, Release, Unsent};

use crate::body::Prepared;
use crate::clock::{KernelClock, WallClock};
use crate::connection::{Attempt, Connection, Inbound, State};
use crate::ending::connect_failure;
use crate::job::Shared;
use crate::live::Lane;
use crate::prepare::Preparer;
use crate::socket::{self, Bell, Interest, Poller, Timer, WAKE_CAPACITY};

const TIMER: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;

/// Largest read; a read shorter than this has emptied its socket.
const READ_BYTES: usize = 64 * 1024;

/// Bodies made ahead of need, at least; more where more streams start at once.
const AHEAD: u64 = 64;

/// Prepared later turns that are held before the first look for ones that nobody will want.
const TURNS_HELD: usize = 64;

/// How long to wait for room in a sink that is full.
const ROOM_AGAIN: Micros = Micros::from_millis(5);

/// A kernel stamp this far on the wrong side of what is known is no stamp of these bytes: a retransmission filled a hole in front of
/// segments stamped earlier, or the wall clock was stepped.
const STAMP_NOISE: Micros = Micros(200);

mod closing;
mod opening;
mod turns;

/// When the bytes of one read arrived, as far as can be told.
#[derive(Clone, Copy)]
struct Arrival {
    user: Micros,
    kernel: Option<Micros>,
    /// The socket was empty then.
    open: Micros,
    /// The connection it was read from.
    generation: u32,
}

pub(crate) struct Reactor {
    shared: Arc<Shared>,
    lane: usize,
    pacer: Pacer,
    sink: Box<dyn Sink>,
    preparer: Preparer,
    /// How many releases the preparer was asked for, and how many bodies were taken from it.
    asked: u64,
    taken: u64,
    clock: WallClock,
    kernel: KernelClock,
    poller: Poller,
    timer: Timer,
    bell: Arc<Bell>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    idle: Vec<Vec<usize>>,
    /// Let go, but the body is not ready.
    waiting: VecDeque<(Release, Micros)>,
    /// The same of later turns, which do not wait for each other.
    waiting_turns: Vec<(Release, Micros)>,
    /// Prepared turns are looked through for unwanted ones when there are so many.
    turns_limit: usize,
    /// (deadline, slot, attempt), nearly in order.
    deadlines: VecDeque<(Micros, usize, u64)>,
    /// The same of clients that will go away.
    cancels: VecDeque<(Micros, usize, u64)>,
    connect_deadlines: VecDeque<(Micros, usize, u32)>,
    /// Due before a stop, never let go, not yet handed over.
    unsent: VecDeque<Unsent>,
    /// The first measured start.
    measured_from: Option<Micros>,
    in_flight: u64,
    /// Something happened that the pacer may answer with a release.
    ask_pacer: bool,
    /// When the pacer will have something without that.
    due: Option<Micros>,
    finished: bool,
    interrupts: u8,
    cut_at: Option<(Micros, Cut)>,
    generation: u32,
    wake: u64,
    /// Every socket not reported by the last wake-up was empty at this moment.
    silent_at: Micros,
    /// The wake-up that `silent_at` speaks of.
    silent_wake: u64,
    buffer: Vec<u8>,
    plain: Vec<u8>,
}

impl Reactor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        lane: usize,
        pacer: Pacer,
        bell: Arc<Bell>,
        sink: Box<dyn Sink>,
    ) -> Result<Self, crate::DriveError> {
        let system = crate::DriveError::system;
        let preparer = Preparer::start(Arc::clone(&shared), Arc::clone(&bell)).map_err(system("thread"))?;
        let poller = Poller::new().map_err(system("epoll"))?;
        let timer = Timer::new().map_err(system("timer"))?;
        poller.add(timer.fd(), TIMER, Interest::Read).map_err(system("epoll"))?;
        poller.add(bell.fd(), BELL, Interest::Read).map_err(system("epoll"))?;
        let clock = WallClock::start();
        let idle = vec![Vec::new(); shared.targets.len()];
        Ok(Self {
            shared,
            lane,
            pacer,
            sink,
            preparer,
            asked: 0,
            taken: 0,
            clock,
            kernel: KernelClock::new(clock),
            poller,
            timer,
            bell,
            connections: Vec::new(),
            free: Vec::new(),
            idle,
            waiting: VecDeque::new(),
            waiting_turns: Vec::new(),
            turns_limit: TURNS_HELD,
            deadlines: VecDeque::new(),
            cancels: VecDeque::new(),
            connect_deadlines: VecDeque::new(),
            unsent: VecDeque::new(),
            measured_from: None,
            in_flight: 0,
            ask_pacer: true,
            due: None,
            finished: false,
            interrupts: 0,
            cut_at: None,
            generation: 0,
            wake: 0,
            silent_at: Micros(i64::MIN / 4),
            silent_wake: 0,
            buffer: vec![0; READ_BYTES],
            plain: Vec::new(),
        })
    }

    /// Opens connections, waits for the common start, runs to the end. Gives back how many sessions a failure ended.
    pub(crate) fn run(
        mut self,
        ready: &Barrier,
        go: &Barrier,
        start: &OnceLock<WallClock>,
    ) -> io::Result<u64> {
        self.live().thread.set(socket::thread_id() as u64);
        let ahead = self.pacer.most_in_flight().unwrap_or(AHEAD).clamp(AHEAD, 1_024);
        (0..ahead).for_each(|_| self.ask_ahead());
        let opened = self.open_ahead();
        self.preparer.stock_up(self.asked as usize);
        ready.wait();
        go.wait();
        self.clock = *start.get().expect("the clock is set between the two barriers");
        self.kernel = KernelClock::new(self.clock);
        self.silent_at = Micros(i64::MIN / 4);
        for connection in self.connections.iter_mut().flatten() {
            connection.empty_at = Micros(i64::MIN / 4);
        }
        // These were on the time line before the start.
        self.connect_deadlines.clear();
        for (slot, connection) in self.connections.iter().enumerate() {
            if let Some(c) = connection.as_ref().filter(|c| c.state != State::Idle) {
                self.connect_deadlines.push_back((self.shared.connect_timeout, slot, c.generation));
            }
        }
        opened?;
        self.turn_until_done()?;
        Ok(self.pacer.broken_sessions())
    }

    fn live(&self) -> &Lane {
        &self.shared.live.lanes[self.lane]
    }

    fn ask_ahead(&mut self) {
        if let Some(request) = self.pacer.nth_request(self.asked) {
            self.asked += 1;
            self.preparer.ask(request);
        }
    }

    fn turn_until_done(&mut self) -> io::Result<()> {
        loop {
            let now = self.clock.now();
            self.note_interrupts(now);
            // Most wake-ups bring one event of a running stream: nothing has ended, nothing is due.
            if self.ask_pacer || self.due.is_some_and(|due| now >= due) {
                self.ask_pacer = false;
                self.due = self.release_due(now);
                if self.preparer.dead {
                    return Err(io::Error::other("the thread that prepares request bodies has died"));
                }
            }
            self.kernel.confirm_if_old(now);
            self.expire(now);
            if self.finished {
                self.hand_over_unsent();
                if self.in_flight == 0 && self.unsent.is_empty() {
                    return Ok(());
                }
            }
            // What ended just now without a wake-up (a time-out, a failed open) made room for the next start.
            if self.ask_pacer {
                continue;
            }
            let next = [
                self.due,
                self.deadlines.front().map(|d| d.0),
                self.cancels.front().map(|d| d.0),
                self.connect_deadlines.front().map(|d| d.0),
                self.cut_at.map(|c| c.0),
                (!self.unsent.is_empty()).then(|| now + ROOM_AGAIN),
            ];
            let next = next.into_iter().flatten().min();
            // A time already past fires at once; 0 would disarm.
            self.timer.arm(next.map_or(0, |at| self.clock.monotonic_of(at).max(1)))?;
            self.wait_and_handle(now)?;
        }
    }

    fn note_interrupts(&mut self, now: Micros) {
        let seen = self.shared.control.interrupts();
        if seen == self.interrupts {
            return;
        }
        if self.interrupts == 0 {
            self.unsent.extend(self.pacer.stop(now));
            self.unsent.extend(self.pacer.unsent());
            self.give_up_waiting();
            self.finished = true;
        }
        let grace = if seen > 1 { Micros::ZERO } else { self.shared.interrupt_grace };
        let at = now + grace;
        if self.cut_at.is_none_or(|(earlier, _)| at < earlier) {
            self.cut_at = Some((at, Cut::Interrupt));
        }
        self.interrupts = seen;
    }

    /// Lets go of everything due; returns when something will be due again.
    fn release_due(&mut self, mut now: Micros) -> Option<Micros> {
        while let Some((release, at)) = self.waiting.front().copied() {
            let Some(prepared) = self.take_body(release.request) else { break };
            self.waiting.pop_front();
            self.begin(release, at, prepared);
        }
        self.begin_waiting_turns();
        if self.finished {
            return None;
        }
        loop {
            match self.pacer.poll(now) {
                Next::Release(release) => {
                    self.in_flight += 1;
                    self.live().released.add(1);
                    if release.phase == Phase::Profiling && self.measured_from.is_none() {
                        self.measured_from = Some(release.intended.unwrap_or(now));
                    }
                    if self.is_later_turn(release.request) {
                        self.begin_turn(release, now);
                    } else {
                        self.begin_first(release, now);
                    }
                    now = self.clock.now();
                }
                Next::Wait { until } => return until,
                Next::Finished => {
                    self.finished = true;
                    self.unsent.extend(self.pacer.unsent());
                    // The last start of an open loop may lie long before the end of the measured part.
                    let measured_end = self.measured_from.zip(self.shared.duration).map(|(from, d)| from + d);
                    let from = measured_end.map_or(now, |end| end.max(now));
                    self.cut_at = self.shared.grace.map(|grace| (from + grace, Cut::Grace));
                    self.forget_unwanted_turns();
                    return None;
                }
            }
        }
    }

    /// Begins a request of the forecast, as soon as its body is ready.
    fn begin_first(&mut self, release: Release, now: Micros) {
        self.ask_ahead();
        if self.waiting.is_empty()
            && let Some(prepared) = self.take_body(release.request)
        {
            self.begin(release, now, prepared);
        } else {
            self.waiting.push_back((release, now));
        }
    }

    /// The body of the next release, if it is ready. The pacer's forecast is wrong after a phase that ended by time: bodies are
    /// then asked for anew from this release on.
    fn take_body(&mut self, request: u64) -> Option<Prepared> {
        loop {
            let prepared = self.preparer.take()?;
            if prepared.request == request {
                self.taken += 1;
                return Some(prepared);
            }
            self.preparer.start_over();
            self.asked = self.taken;
            if self.pacer.nth_request(self.taken) == Some(request) {
                (0..AHEAD).for_each(|_| self.ask_ahead());
            } else {
                self.asked += 1;
                self.preparer.ask(request);
            }
        }
    }

    fn begin(&mut self, release: Release, released: Micros, prepared: Prepared) {
        let target = self.shared.target_of(release.request) as u16;
        let number = self.shared.attempts.fetch_add(1, Ordering::Relaxed);
        let deadline = self.shared.timeout.map(|t| released + t);
        let record = Record {
            attempt: number,
            request: release.request,
            phase: release.phase,
            target,
            session: prepared.session,
            class: prepared.class,
            asked: prepared.asked,
            intended_us: release.intended,
            released_us: Some(released),
            acted_us: Some(self.clock.now()),
            ..Record::default()
        };
        self.live().sent.add(1);
        let attempt = Box::new(Attempt {
            inbound: Inbound::default(),
            record,
            bytes: prepared.bytes,
            handed: 0,
            reopened: false,
            deadline,
            cancel_after: prepared.cancel_after,
            cancel_at: None,
            streaming: prepared.streaming,
            history: prepared.history,
        });
        while let Some(slot) = self.idle[usize::from(target)].pop() {
            let Some(connection) = self.connections[slot].as_mut().filter(|c| c.state == State::Idle) else {
                continue;
            };
            connection.state = State::Busy;
            connection.carry(attempt, self.shared.keep_text);
            self.watch_deadline(slot);
            self.push(slot);
            return;
        }
        self.begin_on_new_connection(target, attempt);
    }

    fn watch_deadline(&mut self, slot: usize) {
        let Some(attempt) = self.connections[slot].as_ref().and_then(|c| c.attempt.as_deref()) else {
            return;
        };
        let Some(deadline) = attempt.deadline else { return };
        insert(&mut self.deadlines, (deadline, slot, attempt.record.attempt));
    }

    /// Once all of a request is sent: when its client goes away, if it is to.
    fn watch_cancel(&mut self, slot: usize) {
        let Some(attempt) = self.connections[slot].as_ref().and_then(|c| c.attempt.as_deref()) else {
            return;
        };
        let Some(at) = attempt.cancel_at else { return };
        insert(&mut self.cancels, (at, slot, attempt.record.attempt));
    }

    fn push(&mut self, slot: usize) {
        let clock = self.clock;
        let Some(connection) = self.connections[slot].as_mut() else { return };
        match connection.push(|| clock.now()) {
            Ok(all) => {
                if all {
                    self.watch_cancel(slot);
                }
                self.watch_writes(slot, !all);
            }
            Err(e) => self.broken(slot, FailureKind::SendFailed, &e),
        }
    }

    fn watch_writes(&mut self, slot: usize, wanted: bool) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        if connection.wants_write == wanted {
            return;
        }
        connection.wants_write = wanted;
        let token = slot as u64 | u64::from(connection.generation) << 32;
        let interest = if wanted { Interest::ReadWrite } else { Interest::Read };
        // The descriptor is ours and registered; should the kernel refuse, the deadline ends the attempt.
        let _ = self.poller.change(connection.fd(), token, interest);
    }

    /// Sleeps until something is reported and handles it. `before` is a moment before the call: whatever is not reported was
    /// empty then, however long the sleep or a stall after it.
    fn wait_and_handle(&mut self, before: Micros) -> io::Result<()> {
        let reports = self.poller.wait()?;
        if reports == 0 {
            return Ok(());
        }
        self.wake += 1;
        for index in 0..reports {
            let wake = self.poller.report(index);
            match wake.token {
                TIMER => self.timer.clear(),
                BELL => {
                    self.bell.clear();
                    self.ask_pacer = true;
                }
                token => {
                    let (slot, generation) = (token as u32 as usize, (token >> 32) as u32);
                    let current = self.connections.get(slot).and_then(Option::as_ref);
                    if current.is_some_and(|c| c.generation == generation) {
                        self.handle(slot, wake.readable, wake.writable);
                    }
                }
            }
        }
        if reports < WAKE_CAPACITY {
            self.silent_at = before;
            self.silent_wake = self.wake;
        }
        Ok(())
    }

    fn handle(&mut self, slot: usize, readable: bool, writable: bool) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        match connection.state {
            State::Connecting if writable => match socket::connect_result(connection.fd()) {
                Ok(()) => self.connected(slot),
                Err(e) => self.break_off(slot, connect_failure(&e), &e.to_string()),
            },
            State::Connecting => {}
            State::Handshaking if readable => self.read(slot),
            State::Handshaking => self.handshake(slot),
            State::Idle | State::Busy => {
                let generation = connection.generation;
                if readable {
                    self.read(slot);
                }
                // The read may have put another connection into the slot.
                let same = |c: &Connection| c.generation == generation && c.wants_write;
                if writable && self.connections[slot].as_ref().is_some_and(same) {
                    self.push(slot);
                }
            }
        }
    }

    /// One read: stamps first, then parsing.
    fn read(&mut self, slot: usize) {
        let Some(connection) = self.connections[slot].as_ref() else { return };
        let result = socket::receive(connection.fd(), &mut self.buffer);
        let user = self.clock.now();
        let (n, stamp) = match result {
            Ok((0, _)) => return self.peer_closed(slot),
            Ok(pair) => pair,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => return,
            Err(e) => return self.broken(slot, FailureKind::ReceiveFailed, &e),
        };
        let drained = n < self.buffer.len();
        let arrival = self.arrival(slot, user, stamp, drained);
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let mut boundary = drained;
        let mut goodbye = false;
        if let Some(tls) = connection.tls.as_deref_mut() {
            self.plain.clear();
            if let Err(e) = tls.receive(&self.buffer[..n], &mut self.plain) {
                return self.break_off(slot, FailureKind::Tls, &crate::tls::describe(&e));
            }
            boundary &= tls.at_boundary();
            goodbye = tls.peer_has_closed();
            if connection.state == State::Handshaking {
                return self.handshake(slot);
            }
        }
        self.take_in(slot, n, arrival, boundary);
        // Whether an attempt went on, ended or there was none: nothing more will come.
        let generation = arrival.generation;
        if goodbye && self.connections[slot].as_ref().is_some_and(|c| c.generation == generation) {
            self.peer_closed(slot);
        }
    }

    /// When the bytes just read arrived, as far as can be told.
    fn arrival(&mut self, slot: usize, user: Micros, stamp: Option<i64>, drained: bool) -> Arrival {
        let (wake, silent_at, silent_wake) = (self.wake, self.silent_at, self.silent_wake);
        let kernel = stamp.map(|ns| self.kernel.map(ns));
        let Some(connection) = self.connections[slot].as_mut() else {
            return Arrival { user, kernel: None, open: user, generation: 0 };
        };
        // Not reported by the last wake-up: it was empty then. Otherwise: empty since its own last draining read.
        let silent = silent_wake + 1 == wake && connection.wake < silent_wake;
        let open = if silent { connection.empty_at.max(silent_at) } else { connection.empty_at };
        let possible = |at: &Micros| *at + STAMP_NOISE >= open && *at <= user + STAMP_NOISE;
        let kernel = kernel.filter(possible).map(|at| at.min(user));
        connection.wake = wake;
        if drained {
            connection.empty_at = kernel.unwrap_or(open);
        }
        Arrival { user, kernel, open, generation: connection.generation }
    }

    /// Feeds what was read to the attempt it belongs to.
    fn take_in(&mut self, slot: usize, n: usize, arrival: Arrival, boundary: bool) {
        let Arrival { user, kernel, open, .. } = arrival;
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let bytes = if connection.tls.is_some() { &self.plain[..] } else { &self.buffer[..n] };
        let Some(attempt) = connection.attempt.as_deref_mut() else {
            // Bytes nobody asked for. (A TLS session ticket has no plaintext and is fine.)
            if !bytes.is_empty() {
                self.close(slot);
            }
            return;
        };
        let progress = connection.reader.feed(bytes);
        let inbound = &mut attempt.inbound;
        if !inbound.begun {
            inbound.begun = true;
            inbound.reads.reserve(attempt.record.asked.osl.map_or(4, |osl| osl.min(4_096) as usize + 4));
            // A server may answer before it has the whole request; the rest is still sent.
            if attempt.record.sent_end_us.is_some() {
                attempt.bytes = Vec::new();
            }
        }
        inbound.bytes += bytes.len() as u64;
        inbound.loose_bytes += n as u32;
        if progress.head {
            attempt.record.headers_us = Some(kernel.unwrap_or(user));
        }
        if progress.events > 0 {
            inbound.reads.push(Read {
                user,
                kernel,
                open: open.max(inbound.sent).min(user),
                bytes: std::mem::take(&mut inbound.loose_bytes),
                events: progress.events,
                content: progress.content,
                tail: progress.tail && boundary,
            });
            self.live().content_events.add(u64::from(progress.content));
        }
        if progress.complete {
            self.complete(slot, user);
        }
    }

    fn peer_closed(&mut self, slot: usize) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        if connection.state == State::Handshaking {
            return self.break_off(
                slot,
                FailureKind::Tls,
                "the peer closed the connection during the TLS handshake",
            );
        }
        if connection.attempt.is_none() {
            return self.close(slot);
        }
        if connection.used && !connection.reader.started() && self.reopen(slot) {
            return;
        }
        let now = self.clock.now();
        if let Some(connection) = self.connections[slot].as_mut() {
            let progress = connection.reader.close();
            if let (true, Some(attempt)) = (progress.events > 0, connection.attempt.as_deref_mut()) {
                attempt.inbound.reads.push(Read {
                    user: now,
                    kernel: None,
                    open: attempt.inbound.sent.min(now),
                    bytes: std::mem::take(&mut attempt.inbound.loose_bytes),
                    events: progress.events,
                    content: progress.content,
                    tail: false,
                });
            }
        }
        self.complete(slot, now);
    }

    /// A send or receive failed. A kept connection that the peer had closed meanwhile is not the request's fault.
    fn broken(&mut self, slot: usize, kind: FailureKind, error: &io::Error) {
        let stale = self.connections[slot]
            .as_ref()
            .is_some_and(|c| c.used && c.attempt.is_some() && !c.reader.started());
        if stale && self.reopen(slot) {
            return;
        }
        self.break_off(slot, kind, &error.to_string());
    }
}

/// Puts an entry into a queue that is ordered by time and nearly always grows at its end.
fn insert(queue: &mut VecDeque<(Micros, usize, u64)>, entry: (Micros, usize, u64)) {
    let at = queue.iter().rposition(|earlier| earlier.0 <= entry.0).map_or(0, |i| i + 1);
    queue.insert(at, entry);
}
