//! Requests on their way from worker to worker: room for a KV cache that is to come, and caches kept until they are fetched.
//!
//! The order of things is Dynamo's: room is looked for between two passes, in the order asked for, for one request at a time
//! (after a pass, after a command that changes something), and not again before something has become free; while somebody
//! waits for room nobody fresh is admitted.

use std::collections::{BTreeMap, VecDeque};

use tokmark_base::Micros;
use tokmark_kv::{Lease, RadixCache};

use super::job::Job;
use super::{Flight, Sglang};
use crate::{Arrival, Lifecycle, Out, Rejection, RequestId};

/// See the module.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Handoffs {
    /// Those that wait for room.
    pub(super) pending: VecDeque<Pending>,
    /// Room set aside for those that have not arrived.
    pub(super) held: BTreeMap<RequestId, Lease>,
    /// Those that are here with their context and wait for a slot.
    pub(super) ready: VecDeque<Job>,
    /// Those that are through here, and whose pages are still to be fetched.
    pub(super) kept: BTreeMap<RequestId, Job>,
    /// What is to be done when the pass in flight is over.
    pub(super) later: Vec<Later>,
    /// Counts the moments at which something became free.
    pub(super) generation: u64,
}

/// One that waits for room.
#[derive(Debug, PartialEq)]
pub(super) struct Pending {
    pub(super) job: Job,
    /// It is here already; otherwise only its room was asked for.
    pub(super) arrived: bool,
    /// When it was last tried.
    tried: Option<u64>,
}

/// See [`Handoffs::later`].
#[derive(Debug, PartialEq)]
pub(super) enum Later {
    Activate(Job),
    LetGo(Job),
}

impl Handoffs {
    /// Requests that are here.
    pub(super) fn waiting(&self) -> usize {
        let arrived = self.pending.iter().filter(|pending| pending.arrived).count();
        let later = self.later.iter().filter(|later| matches!(later, Later::Activate(_))).count();
        arrived + later + self.ready.len()
    }

    /// Takes out a request that is here.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Job> {
        if let Some(index) = self.ready.iter().position(|job| job.id() == id) {
            return self.ready.remove(index);
        }
        let is_it = |pending: &Pending| pending.arrived && pending.job.id() == id;
        if let Some(index) = self.pending.iter().position(is_it) {
            return self.pending.remove(index).map(|pending| pending.job);
        }
        let is_it = |later: &Later| matches!(later, Later::Activate(job) if job.id() == id);
        let index = self.later.iter().position(is_it)?;
        match self.later.remove(index) {
            Later::Activate(job) | Later::LetGo(job) => Some(job),
        }
    }

    /// Everybody that is here, in no order.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.ready.drain(..).collect();
        jobs.extend(self.pending.drain(..).filter(|pending| pending.arrived).map(|pending| pending.job));
        for later in self.later.drain(..) {
            if let Later::Activate(job) = later {
                jobs.push(job);
            }
        }
        self.held.clear();
        self.kept.clear();
        jobs
    }
}

impl Sglang {
    /// Somebody asks for room.
    pub(super) fn ask(&mut self, now: Micros, arrival: Arrival, out: &mut Out) {
        let id = arrival.id;
        let known = self.ids.contains(&id)
            || self.handoffs.held.contains_key(&id)
            || self.handoffs.kept.contains_key(&id)
            || self.handoffs.pending.iter().any(|pending| pending.job.id() == id);
        let job = if known {
            Err(Rejection::DuplicateId)
        } else {
            Job::new(arrival, self.census.arrived, &self.params)
        };
        match job {
            Ok(job) => {
                self.handoffs.pending.push_back(Pending { job, arrived: false, tried: None });
                self.retry_between(now, out);
            }
            Err(why) => out.push(now, id, Lifecycle::Rejected(why)),
        }
    }

    /// A request is here with its context.
    pub(super) fn deliver(&mut self, now: Micros, mut job: Job, out: &mut Out) {
        let id = job.id();
        if let Some(lease) = self.handoffs.held.remove(&id) {
            job.lease = Some(lease);
            if matches!(self.flight, Flight::None) {
                self.activate(job);
                self.retry_between(now, out);
            } else {
                self.handoffs.later.push(Later::Activate(job));
            }
            return;
        }
        if let Some(pending) = self.handoffs.pending.iter_mut().find(|pending| pending.job.id() == id) {
            *pending = Pending { job, arrived: true, tried: pending.tried };
        } else {
            self.handoffs.pending.push_back(Pending { job, arrived: true, tried: None });
        }
        self.retry_between(now, out);
    }

    /// What was set aside or kept for `id` is no longer needed.
    pub(super) fn let_free(&mut self, now: Micros, id: RequestId, out: &mut Out) {
        let asked = |pending: &Pending| !pending.arrived && pending.job.id() == id;
        if let Some(index) = self.handoffs.pending.iter().position(asked) {
            self.handoffs.pending.remove(index);
        } else if let Some(lease) = self.handoffs.held.remove(&id) {
            self.cache.release(lease);
        } else if let Some(job) = self.handoffs.kept.remove(&id) {
            if matches!(self.flight, Flight::None) {
                self.let_go(job);
            } else {
                self.handoffs.later.push(Later::LetGo(job));
            }
        } else {
            return;
        }
        self.handoffs.generation += 1;
        self.retry_between(now, out);
    }

    /// What waited for the end of the pass.
    pub(super) fn settle(&mut self, now: Micros, out: &mut Out) {
        self.retry(now, out);
        for later in std::mem::take(&mut self.handoffs.later) {
            match later {
                Later::Activate(job) => self.activate(job),
                Later::LetGo(job) => self.let_go(job),
            }
            self.retry(now, out);
        }
    }

    /// [`Self::retry`], if no pass is in flight; what the cache has to tell is then told at once.
    pub(super) fn retry_between(&mut self, now: Micros, out: &mut Out) {
        if matches!(self.flight, Flight::None) {
            self.retry(now, out);
            self.tell_at(now);
        }
    }

    /// Looks for room for the one that waits longest for it.
    fn retry(&mut self, now: Micros, out: &mut Out) {
        let generation = self.handoffs.generation;
        let Some(head) = self.handoffs.pending.front_mut().filter(|head| head.tried != Some(generation))
        else {
            return;
        };
        let sequence = &head.job.sequence;
        let pages = sequence.tokens().div_ceil(u64::from(sequence.page()));
        let Some(lease) = self.cache.admit(sequence, sequence.pages(), pages) else {
            head.tried = Some(generation);
            return;
        };
        let Some(Pending { mut job, arrived, .. }) = self.handoffs.pending.pop_front() else {
            return;
        };
        if arrived {
            job.lease = Some(lease);
            self.activate(job);
        } else {
            out.push(now, job.id(), Lifecycle::Reserved);
            self.handoffs.held.insert(job.id(), lease);
        }
    }

    /// A request and its context are here, and it has room.
    fn activate(&mut self, mut job: Job) {
        let free = self.cache.free();
        if enter(&mut self.cache, &mut job) {
            self.handoffs.ready.push_back(job);
        } else {
            // It came with more than room was asked for, and there is none.
            self.drop_lease(&mut job);
            self.handoffs.pending.push_front(Pending { job, arrived: true, tried: None });
        }
        if self.cache.free() > free {
            self.handoffs.generation += 1;
        }
    }
}

/// Puts a context that came from elsewhere into the cache; false if there is no room for all of it.
fn enter(cache: &mut RadixCache, job: &mut Job) -> bool {
    let lacks = job.lacks(0);
    let Some(lease) = &mut job.lease else {
        return false;
    };
    if !cache.grow(lease, lacks) {
        return false;
    }
    cache.publish(&job.sequence, lease);
    job.computed = job.sequence.tokens();
    true
}
