//! Where the engine and the wall clock meet: everything the server's one thread shares.
//!
//! The engine is stepped by commands (a request arrives, a client leaves) and by the alarm, which is always set to the engine's
//! next event. Each step delivers the events it made to the replies they belong to; a reply wakes its connection.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokmark_base::{Clock, Micros};
use tokmark_engine::{Arrival, Engine, Length, Lifecycle, Out, Rejection, RequestId};

use crate::clock::{Alarm, WallClock};
use crate::lateness::Gauge;
use crate::reply::Reply;
use crate::server::Shared;

/// See the module.
pub(crate) struct Floor {
    clock: WallClock,
    alarm: Alarm,
    set_to: Cell<Option<Micros>>,
    engine: RefCell<Box<dyn Engine>>,
    replies: RefCell<BTreeMap<RequestId, Rc<RefCell<Reply>>>>,
    arrivals: Cell<u64>,
    shared: Arc<Shared>,
}

/// A client's place in the engine: given up when it is dropped.
pub(crate) struct Seat {
    floor: Rc<Floor>,
    id: RequestId,
    reply: Rc<RefCell<Reply>>,
}

impl Floor {
    /// A floor around `engine`. Needs to be made inside the runtime.
    pub(crate) fn new(engine: Box<dyn Engine>, shared: Arc<Shared>) -> io::Result<Self> {
        Ok(Self {
            clock: WallClock::new(),
            alarm: Alarm::new()?,
            set_to: Cell::new(None),
            engine: RefCell::new(engine),
            replies: RefCell::default(),
            arrivals: Cell::new(0),
            shared,
        })
    }

    /// Lets the engine take a request in; its tokens go to `reply`.
    pub(crate) fn arrive(
        self: &Rc<Self>,
        reply: Reply,
        input: u32,
        length: Length,
    ) -> Result<Seat, Rejection> {
        let id = RequestId(self.arrivals.get());
        self.arrivals.set(id.0 + 1);
        let reply = Rc::new(RefCell::new(reply));
        self.replies.borrow_mut().insert(id, Rc::clone(&reply));
        let arrival = Arrival { id, input: Some(input), length, ..Arrival::default() };
        let mut out = Out::default();
        self.engine.borrow_mut().arrive(self.now(), arrival, &mut out);
        let refused = out.events.iter().find_map(|event| match event.what {
            Lifecycle::Rejected(why) if event.request == id => Some(why),
            _ => None,
        });
        self.deliver(&out);
        match refused {
            Some(why) => Err(why),
            None => Ok(Seat { floor: Rc::clone(self), id, reply }),
        }
    }

    /// Steps the engine whenever something is due, for ever.
    pub(crate) async fn keep_time(&self) -> io::Result<()> {
        let mut out = Out::default();
        loop {
            self.alarm.rings().await?;
            self.set_to.set(None);
            self.engine.borrow_mut().advance(self.now(), &mut out);
            self.deliver(&out);
            out.clear();
        }
    }

    /// The server's lateness so far.
    pub(crate) fn lateness(&self) -> &Gauge {
        &self.shared.lateness
    }

    fn leave(&self, id: RequestId) {
        if self.replies.borrow().contains_key(&id) {
            let mut out = Out::default();
            self.engine.borrow_mut().cancel(self.now(), id, &mut out);
            self.deliver(&out);
        }
    }

    fn deliver(&self, out: &Out) {
        let mut replies = self.replies.borrow_mut();
        for event in &out.events {
            let Some(reply) = replies.get(&event.request) else {
                continue;
            };
            let mut reply = reply.borrow_mut();
            match event.what {
                Lifecycle::Queued
                | Lifecycle::Admitted { .. }
                | Lifecycle::PrefillChunk(_)
                | Lifecycle::Preempted
                | Lifecycle::Moved => continue,
                Lifecycle::FirstToken => {
                    reply.generated(1, event.at);
                    continue;
                }
                Lifecycle::Tokens(tokens) => {
                    reply.generated(tokens, event.at);
                    continue;
                }
                Lifecycle::Stretch { from, len } => {
                    for at in &out.stamps[from as usize..(from + len) as usize] {
                        reply.generated(1, *at);
                    }
                    continue;
                }
                Lifecycle::Finished(reason) => reply.finished(reason.as_str(), event.at),
                Lifecycle::Rejected(_) | Lifecycle::Failed(_) | Lifecycle::Cancelled => reply.dropped(),
            }
            drop(reply);
            replies.remove(&event.request);
        }
        let engine = self.engine.borrow();
        self.shared.count(engine.census());
        let next = engine.next_due();
        if self.set_to.replace(next) != next && self.alarm.set(&self.clock, next).is_err() {
            // A timer that cannot be set would hang every client; without it each next command still steps the engine.
            self.set_to.set(None);
        }
    }
}

impl Clock for Floor {
    fn now(&self) -> Micros {
        self.clock.now()
    }
}

impl Seat {
    /// What the client is waiting for.
    pub(crate) fn reply(&self) -> &RefCell<Reply> {
        &self.reply
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.floor.leave(self.id);
    }
}
