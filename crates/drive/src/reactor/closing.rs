//! Ending attempts: replies that are over, failures, time-outs, cuts; and what becomes of the record.

use std::sync::atomic::Ordering;

use tokmark_base::{Clock, Micros};
use tokmark_record::{Cut, FailureKind, Outcome, Record};

use super::Reactor;
use crate::body::History;
use crate::connection::{Connection, State};
use crate::ending::failure;

impl Reactor {
    /// The reply is over.
    pub(super) fn complete(&mut self, slot: usize, now: Micros) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let reply = connection.reader.take();
        let Some(mut attempt) = connection.attempt.take() else { return self.close(slot) };
        let all_sent = attempt.record.sent_end_us.is_some();
        let mut history = attempt.history.take();
        let mut record = attempt.into_record();
        record.ended_us = Some(now);
        crate::ending::take_over(&mut record, &reply);
        let outcome = match &reply.failure {
            None => Outcome::Success,
            Some(f) => failure(f.kind, &f.message, &self.shared.secrets),
        };
        record.text = reply.text;
        if let Some(history) = &mut history {
            let said = match &mut record.text {
                Some(text) if self.shared.keep_text => text.output.clone(),
                text => text.take().map(|text| text.output).unwrap_or_default(),
            };
            history.answered(said);
        }
        // A refusal read to its end leaves the connection as good as a success does.
        let open = connection.tls.as_deref().is_none_or(|tls| !tls.peer_has_closed());
        if reply.keep_alive && all_sent && open {
            connection.used = true;
            connection.state = State::Idle;
            self.idle[usize::from(connection.target)].push(slot);
        } else {
            self.close(slot);
        }
        self.emit(record, outcome, history);
    }

    /// Ends what the connection carries with a failure and closes it.
    pub(super) fn break_off(&mut self, slot: usize, kind: FailureKind, message: &str) {
        let outcome = failure(kind, message, &self.shared.secrets);
        self.end(slot, outcome);
    }

    pub(super) fn end(&mut self, slot: usize, outcome: Outcome) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let attempt = connection.attempt.take();
        let stamps = connection.stamps;
        let pending = matches!(connection.state, State::Connecting | State::Handshaking);
        let reply = connection.reader.take();
        self.close(slot);
        if let Some(mut attempt) = attempt {
            let history = attempt.history.take();
            let mut record = attempt.into_record();
            if pending {
                record.connect = Some(stamps);
            }
            record.ended_us = Some(self.clock.now());
            crate::ending::take_over(&mut record, &reply);
            self.emit(record, outcome, history);
        }
    }

    pub(super) fn close(&mut self, slot: usize) {
        if let Some(connection) = self.connections[slot].take() {
            // Dropping the socket closes it and takes it out of the poller.
            if connection.state == State::Idle {
                self.idle[usize::from(connection.target)].retain(|s| *s != slot);
            }
            self.free.push(slot);
        }
    }

    /// Hands a record over, and has the session's next turn made ready, if one follows. `history` is what that says again.
    pub(super) fn emit(&mut self, mut record: Record, outcome: Outcome, history: Option<Box<History>>) {
        if !record.reads.is_empty() {
            self.kernel.confirm();
            if self.kernel.steps() > 0 {
                self.live().clock_steps.set(self.kernel.steps() as u64);
                for read in &mut record.reads.0 {
                    read.kernel = read.kernel.filter(|_| self.kernel.trusts(read.user));
                }
                record.headers_us = record.headers_us.filter(|at| self.kernel.trusts(*at));
            }
        }
        if !outcome.is_success() && !outcome.is_planned() {
            self.live().failed.add(1);
        }
        let (request, well) = (record.request, outcome.is_success());
        record.outcome = outcome;
        self.hand_over(record);
        self.in_flight -= 1;
        self.live().completed.add(1);
        if self.pacer.completed(request, self.clock.now(), well) && !self.finished {
            self.preparer.ask_turn(request + 1, history);
            self.bound_turns();
        }
        self.ask_pacer = true;
        // Deadlines of attempts that have ended go as they come to the front, so that the queue stays as long as the load.
        while let Some(&(_, slot, number)) = self.deadlines.front()
            && !self.carries(slot, number)
        {
            self.deadlines.pop_front();
        }
        while let Some(&(_, slot, number)) = self.cancels.front()
            && !self.carries(slot, number)
        {
            self.cancels.pop_front();
        }
    }

    /// Whether the slot's connection carries attempt `number` now.
    fn carries(&self, slot: usize, number: u64) -> bool {
        let attempt = self.connections[slot].as_ref().and_then(|c| c.attempt.as_deref());
        attempt.is_some_and(|a| a.record.attempt == number)
    }

    /// Releases whose bodies were not ready in time will not be sent.
    pub(super) fn give_up_waiting(&mut self) {
        for (release, _) in self.waiting.drain(..).chain(self.waiting_turns.drain(..)) {
            self.in_flight -= 1;
            self.shared.live.lanes[self.lane].completed.add(1);
            self.unsent.push_back(release);
        }
        self.forget_unwanted_turns();
    }

    /// Hands over what was never sent, as far as the sink has room: a stop can leave a hundred thousand at once.
    pub(super) fn hand_over_unsent(&mut self) {
        for _ in 0..self.sink.room().min(self.unsent.len()) {
            let Some(unsent) = self.unsent.pop_front() else { return };
            let (session, class) = self.place_of(unsent.request);
            let record = Record {
                session,
                class,
                attempt: self.shared.attempts.fetch_add(1, Ordering::Relaxed),
                request: unsent.request,
                phase: unsent.phase,
                target: self.shared.target_of(unsent.request) as u16,
                intended_us: unsent.intended,
                outcome: Outcome::NotSent,
                ..Record::default()
            };
            if !self.sink.record(record) {
                self.live().lost.add(1);
            }
        }
    }

    pub(super) fn hand_over(&mut self, record: Record) {
        let kept = self.sink.record(record);
        let lane = self.live();
        if kept { lane.recorded.add(1) } else { lane.lost.add(1) }
    }

    /// Ends what has taken too long.
    pub(super) fn expire(&mut self, now: Micros) {
        while let Some(&(_, slot, number)) = self.deadlines.front().filter(|d| d.0 <= now) {
            self.deadlines.pop_front();
            if self.carries(slot, number) {
                let asked = self.shared.timeout.unwrap_or(Micros::ZERO);
                self.break_off(slot, FailureKind::Timeout, &format!("no complete reply within {asked}"));
            }
        }
        while let Some(&(at, slot, number)) = self.cancels.front().filter(|d| d.0 <= now) {
            self.cancels.pop_front();
            // A request sent again on a fresh connection has another moment.
            let due = |slot: &Option<Connection>| {
                slot.as_ref().and_then(|c| c.attempt.as_deref()).is_some_and(|a| a.cancel_at == Some(at))
            };
            if self.carries(slot, number) && due(&self.connections[slot]) {
                self.end(slot, Outcome::Cut { by: Cut::Plan });
            }
        }
        while let Some(&(_, slot, generation)) = self.connect_deadlines.front().filter(|d| d.0 <= now) {
            self.connect_deadlines.pop_front();
            let pending = self.connections[slot].as_ref().is_some_and(|c| {
                c.generation == generation && matches!(c.state, State::Connecting | State::Handshaking)
            });
            if pending {
                let message = format!("no connection within {}", self.shared.connect_timeout);
                self.break_off(slot, FailureKind::ConnectTimeout, &message);
            }
        }
        if let Some((at, by)) = self.cut_at
            && now >= at
        {
            self.cut_at = None;
            self.give_up_waiting();
            (0..self.connections.len()).for_each(|slot| {
                if self.connections[slot].as_ref().is_some_and(|c| c.attempt.is_some()) {
                    self.end(slot, Outcome::Cut { by });
                }
            });
        }
    }
}
