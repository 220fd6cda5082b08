//! What the server's threads share: the engine, what its metrics count, and when each thread is to wake.
//!
//! The engine is stepped by commands (a request arrives, a client leaves) and by the bells, which are set to its next event. All
//! threads whose clients may be concerned wake at that moment by themselves; the first one steps the engine for all of them.
//! What happened lies in an inbox a thread until that thread takes it.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokmark_base::{Clock, Micros};
use tokmark_engine::{Arrival, Census, Engine, Event, Lifecycle, Out, RequestId};

use crate::clock::{Bell, WallClock};
use crate::metrics::{Ledger, Visit};

/// See the module.
pub(crate) struct Stage {
    clock: WallClock,
    bells: Vec<Bell>,
    /// When each bell rings, microseconds; to look at without the lock.
    rings_at: Vec<AtomicI64>,
    core: Mutex<Core>,
}

/// What lies behind the lock.
pub(crate) struct Core {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) ledger: Ledger,
    out: Out,
    arrivals: u64,
    desks: Vec<Desk>,
}

/// What the stage knows of one thread.
#[derive(Default)]
struct Desk {
    /// What happened to its clients and was not taken yet.
    inbox: Vec<Event>,
    /// When its bell rings.
    set_to: Option<Micros>,
    /// Its clients in the engine.
    live: u64,
}

impl Stage {
    /// `threads` threads around `engine`; at least one.
    pub(crate) fn new(engine: Box<dyn Engine>, ledger: Ledger, threads: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let bells = (0..threads).map(|_| Bell::new()).collect::<io::Result<_>>()?;
        let desks = (0..threads).map(|_| Desk::default()).collect();
        let core = Core { engine, ledger, out: Out::default(), arrivals: 0, desks };
        let rings_at = (0..threads).map(|_| AtomicI64::new(i64::MAX)).collect();
        Ok(Self { clock: WallClock::new(), bells, rings_at, core: Mutex::new(core) })
    }

    /// A request of `thread` arrives; its number is returned, what happened goes to `mine`.
    pub(crate) fn arrive(
        &self,
        thread: usize,
        arrival: Arrival,
        visit: Visit,
        mine: &mut Vec<Event>,
    ) -> RequestId {
        let mut core = self.lock();
        let now = self.now();
        // A number says whose it is.
        let id = RequestId(core.arrivals * self.bells.len() as u64 + thread as u64);
        core.arrivals += 1;
        core.desks[thread].live += 1;
        core.ledger.open(id, now, visit);
        let Core { engine, out, .. } = &mut *core;
        engine.arrive(now, Arrival { id, ..arrival }, out);
        self.settle(&mut core, thread, now, mine);
        id
    }

    /// A client of `thread` went away.
    pub(crate) fn cancel(&self, thread: usize, id: RequestId, mine: &mut Vec<Event>) {
        let mut core = self.lock();
        let now = self.now();
        let Core { engine, out, .. } = &mut *core;
        engine.cancel(now, id, out);
        self.settle(&mut core, thread, now, mine);
    }

    /// The bell of `thread` rang.
    pub(crate) fn rang(&self, thread: usize, mine: &mut Vec<Event>) {
        let mut core = self.lock();
        core.desks[thread].set_to = None;
        let now = self.now();
        self.settle(&mut core, thread, now, mine);
    }

    /// Whether the bell of `thread` should have rung by now.
    pub(crate) fn is_due(&self, thread: usize) -> bool {
        self.rings_at[thread].load(Ordering::Relaxed) <= self.now().0
    }

    /// The bell of `thread`.
    pub(crate) fn bell(&self, thread: usize) -> &Bell {
        &self.bells[thread]
    }

    /// Where the engine's requests are.
    pub(crate) fn census(&self) -> Census {
        self.lock().engine.census()
    }

    /// Engine and ledger at one moment. Nobody else moves meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a command: what is due happens, everybody's share goes where it belongs, the bells are set.
    fn settle(&self, core: &mut Core, thread: usize, now: Micros, mine: &mut Vec<Event>) {
        // An idle engine that just got something to do is due at once: no timer lies between.
        if core.engine.next_due().is_some_and(|due| due <= now) {
            core.engine.advance(now, &mut core.out);
        }
        core.hand_out();
        mine.append(&mut core.desks[thread].inbox);
        self.set_bells(core, Some(thread), now);
    }

    /// After something that was no command: the engine's next event may be another.
    pub(crate) fn changed(&self, core: &mut Core) {
        self.set_bells(core, None, self.now());
    }

    /// Sets the bells of all threads; `mine` is the one that has taken its share.
    fn set_bells(&self, core: &mut Core, mine: Option<usize>, now: Micros) {
        let next = core.engine.next_due();
        for (of, (bell, desk)) in self.bells.iter().zip(&mut core.desks).enumerate() {
            let wanted = if !desk.inbox.is_empty() {
                Some(now)
            } else if of == 0 || desk.live > 0 {
                next
            } else {
                None
            };
            // A bell of another thread that rings early enough is left alone: setting it anew could swallow a ring.
            let early = desk.set_to.is_some_and(|set| wanted.is_none_or(|wanted| set <= wanted));
            if desk.set_to == wanted || (mine != Some(of) && (early || wanted.is_none())) {
                continue;
            }
            // A timer that cannot be set would hang every client; without it each next command still steps the engine.
            desk.set_to = bell.set(&self.clock, wanted).ok().and(wanted);
            self.rings_at[of].store(desk.set_to.map_or(i64::MAX, |at| at.0), Ordering::Relaxed);
        }
    }
}

impl Core {
    /// Puts what the engine said into the ledger and the inboxes.
    fn hand_out(&mut self) {
        let Self { ledger, out, desks, .. } = self;
        let threads = desks.len() as u64;
        for event in &out.events {
            let desk = &mut desks[(event.request.0 % threads) as usize];
            if event.what.is_end() {
                desk.live = desk.live.saturating_sub(1);
            }
            // Only told to drivers that look ahead, which a live server does not; but no token must get lost.
            if let Lifecycle::Stretch { from, len } = event.what {
                for at in &out.stamps[from as usize..(from + len) as usize] {
                    let one = Event { at: *at, what: Lifecycle::Tokens(1), ..*event };
                    ledger.note(&one);
                    desk.inbox.push(one);
                }
            } else {
                ledger.note(event);
                desk.inbox.push(*event);
            }
        }
        out.clear();
    }
}

impl Clock for Stage {
    fn now(&self) -> Micros {
        self.clock.now()
    }
}
