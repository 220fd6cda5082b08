//! Bodies made ahead, off the wire's thread: what the reactor sends is ready bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use crate::body::{History, Prepared, prepare};
use crate::job::Shared;
use crate::socket::Bell;

/// What the thread is asked for.
enum Wanted {
    /// A request of the pacer's forecast, in the order of asking.
    Ahead { round: u64, request: u64 },
    /// A later turn of a session, whose turn before has ended just now. It goes before what is only made ahead.
    Turn { request: u64, history: Option<Box<History>> },
}

/// A thread that turns plan indices into bytes, in the order asked.
pub(crate) struct Preparer {
    ask: Option<Sender<Wanted>>,
    /// Asks of an earlier round are answered no more.
    round: Arc<AtomicU64>,
    ready: Receiver<Prepared>,
    /// Made ahead and not yet taken, in the order asked.
    stock: VecDeque<Prepared>,
    /// Later turns of sessions, by request.
    turns: BTreeMap<u64, Prepared>,
    starving: Arc<AtomicBool>,
    /// The thread has ended, which it never should while it is needed.
    pub(crate) dead: bool,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread; it rings `bell` when a reactor that found nothing ready can look again.
    pub(crate) fn start(shared: Arc<Shared>, bell: Arc<Bell>) -> std::io::Result<Self> {
        let (ask, asked) = channel::<Wanted>();
        let (give, ready) = channel();
        let starving = Arc::new(AtomicBool::new(false));
        let hungry = Arc::clone(&starving);
        let round = Arc::new(AtomicU64::new(0));
        let current = Arc::clone(&round);
        let thread = std::thread::Builder::new().name("tokmark-prepare".into()).spawn(move || {
            // Dropped in this order when the thread ends, however it ends: the queue closes, then the bell rings.
            let bell = RingOnExit(bell);
            let give = give;
            let mut queue = Queue::default();
            while let Some(wanted) = queue.next(&asked) {
                let prepared = match wanted {
                    Wanted::Ahead { round, .. } if round != current.load(Ordering::Acquire) => continue,
                    Wanted::Ahead { round, request } => prepare(&shared, round, request, None),
                    Wanted::Turn { request, history } => prepare(&shared, 0, request, history),
                };
                if give.send(prepared).is_err() {
                    return;
                }
                if hungry.swap(false, Ordering::AcqRel) {
                    bell.0.ring();
                }
            }
        })?;
        Ok(Self {
            ask: Some(ask),
            round,
            ready,
            stock: VecDeque::new(),
            turns: BTreeMap::new(),
            starving,
            dead: false,
            thread: Some(thread),
        })
    }

    /// Asks for one more of the forecast.
    pub(crate) fn ask(&self, request: u64) {
        self.send(Wanted::Ahead { round: self.round.load(Ordering::Acquire), request });
    }

    /// Asks for a later turn, which says `history` again if there is one.
    pub(crate) fn ask_turn(&self, request: u64, history: Option<Box<History>>) {
        self.send(Wanted::Turn { request, history });
    }

    fn send(&self, wanted: Wanted) {
        if let Some(ask) = &self.ask {
            // A dead thread shows as nothing ever being ready, which the reactor reports.
            let _ = ask.send(wanted);
        }
    }

    /// Forgets everything asked ahead: the run has turned out to go on differently (a phase ended by time).
    pub(crate) fn start_over(&mut self) {
        self.round.fetch_add(1, Ordering::AcqRel);
        self.stock.clear();
    }

    /// Waits until `n` are ready, so that the first starts find their bodies made.
    pub(crate) fn stock_up(&mut self, n: usize) {
        while self.stock.len() < n {
            let Ok(prepared) = self.ready.recv() else { return };
            self.stock.push_back(prepared);
        }
    }

    /// The next one in the order asked, if it is ready. If not, the bell will ring.
    pub(crate) fn take(&mut self) -> Option<Prepared> {
        if self.stock.is_empty() {
            self.receive();
        }
        if self.stock.is_empty() {
            self.starve();
        }
        self.stock.pop_front()
    }

    /// A later turn, if it is ready. If not, the bell will ring.
    pub(crate) fn take_turn(&mut self, request: u64) -> Option<Prepared> {
        self.receive();
        if !self.turns.contains_key(&request) {
            self.starve();
        }
        self.turns.remove(&request)
    }

    /// Later turns that are ready.
    pub(crate) fn turns_held(&self) -> usize {
        self.turns.len()
    }

    /// Forgets later turns that will never be wanted.
    pub(crate) fn keep_turns(&mut self, wanted: &BTreeSet<u64>) {
        self.receive();
        self.turns.retain(|request, _| wanted.contains(request));
    }

    /// What is wanted is not ready: the next that is rings the bell.
    fn starve(&mut self) {
        self.starving.store(true, Ordering::Release);
        // It may have become ready before the flag was seen.
        self.receive();
    }

    /// Takes in everything that is ready.
    fn receive(&mut self) {
        loop {
            match self.ready.try_recv() {
                Ok(prepared) => self.sort_in(prepared),
                Err(TryRecvError::Disconnected) => {
                    self.dead = true;
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn sort_in(&mut self, prepared: Prepared) {
        if prepared.session.is_some_and(|place| place.turn > 0) {
            self.turns.insert(prepared.request, prepared);
        } else if prepared.round == self.round.load(Ordering::Acquire) {
            // One of an earlier round was being made while everything was forgotten.
            self.stock.push_back(prepared);
        }
    }
}

/// What was asked and is not made yet: turns first, for somebody waits for them.
#[derive(Default)]
struct Queue {
    turns: VecDeque<Wanted>,
    ahead: VecDeque<Wanted>,
}

impl Queue {
    /// What to make next; `None` once nobody asks any more.
    fn next(&mut self, asked: &Receiver<Wanted>) -> Option<Wanted> {
        loop {
            match asked.try_recv() {
                Ok(wanted) => self.push(wanted),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => break,
            }
        }
        if self.turns.is_empty() && self.ahead.is_empty() {
            self.push(asked.recv().ok()?);
        }
        self.turns.pop_front().or_else(|| self.ahead.pop_front())
    }

    fn push(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Turn { .. } => self.turns.push_back(wanted),
            Wanted::Ahead { .. } => self.ahead.push_back(wanted),
        }
    }
}

/// Wakes the reactor when the preparer's thread ends, a panic included: it must not wait for bodies that will never come.
struct RingOnExit(Arc<Bell>);

impl Drop for RingOnExit {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.ask = None;
        while self.ready.try_recv().is_ok() {}
        // The thread ends at the next receive; it is left to do so on its own if it is in the middle of a long prompt.
        drop(self.thread.take());
    }
}

#[cfg(test)]
mod tests;
