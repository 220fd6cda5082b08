//! One thread's part of the server: its clients' replies, to which it delivers what the engine did.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokmark_base::{Clock, Micros};
use tokmark_engine::{Arrival, Event, Lifecycle, Rejection, RequestId};

use crate::clock::Ear;
use crate::lateness::Gauge;
use crate::metrics::Visit;
use crate::reply::Reply;
use crate::stage::Stage;

/// See the module.
pub(crate) struct Floor {
    stage: Arc<Stage>,
    thread: usize,
    ear: Ear,
    gauge: Arc<Gauge>,
    replies: RefCell<BTreeMap<RequestId, Rc<RefCell<Reply>>>>,
    /// Memory for what is taken from the stage.
    spare: Cell<Vec<Event>>,
}

/// A client's place in the engine: given up when it is dropped.
pub(crate) struct Seat {
    floor: Rc<Floor>,
    id: RequestId,
    reply: Rc<RefCell<Reply>>,
}

impl Floor {
    /// The part of `thread`. Needs to be made inside its runtime.
    pub(crate) fn new(stage: Arc<Stage>, thread: usize, gauge: Arc<Gauge>) -> io::Result<Self> {
        let ear = Ear::of(stage.bell(thread))?;
        Ok(Self { stage, thread, ear, gauge, replies: RefCell::default(), spare: Cell::default() })
    }

    /// Lets the engine take a request in; its tokens go to `reply`.
    pub(crate) fn arrive(
        self: &Rc<Self>,
        reply: Reply,
        arrival: Arrival,
        visit: Visit,
    ) -> Result<Seat, Rejection> {
        let mut events = self.spare.take();
        let id = self.stage.arrive(self.thread, arrival, visit, &mut events);
        let refused = events.iter().find_map(|event| match event.what {
            Lifecycle::Rejected(why) if event.request == id => Some(why),
            _ => None,
        });
        let reply = Rc::new(RefCell::new(reply));
        self.replies.borrow_mut().insert(id, Rc::clone(&reply));
        self.deliver(events);
        match refused {
            Some(why) => Err(why),
            None => Ok(Seat { floor: Rc::clone(self), id, reply }),
        }
    }

    /// Delivers whenever the bell rings, for ever.
    pub(crate) async fn keep_time(&self) -> io::Result<()> {
        loop {
            self.ear.rings().await?;
            self.step();
        }
    }

    /// Delivers what is due if the bell has rung and nobody heard it yet: a thread with many requests to read looks up between them,
    /// so that a token waits for one of them, not for all.
    pub(crate) fn look_up(&self) {
        if self.stage.is_due(self.thread) {
            self.step();
        }
    }

    fn step(&self) {
        let mut events = self.spare.take();
        self.stage.rang(self.thread, &mut events);
        self.deliver(events);
    }

    /// A write that was due at `due` has reached the kernel.
    pub(crate) fn written(&self, due: Micros) {
        self.gauge.add(due, self.now());
    }

    fn leave(&self, id: RequestId) {
        if self.replies.borrow_mut().remove(&id).is_some() {
            let mut events = self.spare.take();
            self.stage.cancel(self.thread, id, &mut events);
            self.deliver(events);
        }
    }

    /// Tells each reply what happened to it, and lets it send.
    fn deliver(&self, mut events: Vec<Event>) {
        let mut replies = self.replies.borrow_mut();
        for (at, event) in events.iter().enumerate() {
            if event.what.is_end() {
                if let Some(reply) = replies.remove(&event.request) {
                    let mut reply = reply.borrow_mut();
                    reply.happened(event);
                    reply.send();
                }
                continue;
            }
            let Some(reply) = replies.get(&event.request) else {
                continue;
            };
            let mut reply = reply.borrow_mut();
            reply.happened(event);
            // What follows for the same client goes into the same write.
            if events.get(at + 1).is_none_or(|next| next.request != event.request) {
                reply.send();
            }
        }
        drop(replies);
        events.clear();
        self.spare.set(events);
    }
}

impl Clock for Floor {
    fn now(&self) -> Micros {
        self.stage.now()
    }
}

impl Seat {
    /// What the client is waiting for.
    pub(crate) fn reply(&self) -> &RefCell<Reply> {
        &self.reply
    }

    /// See [`Floor::look_up`].
    pub(crate) fn look_up(&self) {
        self.floor.look_up();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.floor.leave(self.id);
    }
}
