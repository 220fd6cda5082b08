//! Sessions in virtual time: what was said and answered in the turns before, as far as a cache can tell, until the next turn
//! says it again.
//!
//! A session's past is kept between two of its turns and nowhere else: a turn takes it along when it starts and leaves it, longer
//! by itself and its reply, when it has ended well. So nothing is left of a session that ended, failed or was given up.

use std::collections::{BTreeMap, BTreeSet};

use tokmark_base::{Content, Segment};
use tokmark_workload::{Requests, Shape};

use crate::{RequestId, prompt_segment, reply_segment};

/// The pasts of the sessions that are between two turns.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By the request that says them again.
    past: BTreeMap<u64, Past>,
    /// No turn will come any more.
    over: bool,
}

/// What was said and answered, one behind the other; `None` if the length of any of it is not known.
type Past = Option<Content>;

/// What a turn in flight says, if a later one says it again.
#[derive(Debug)]
pub(super) struct Said {
    /// The next turn's request.
    next: u64,
    prompt: Past,
}

impl Sessions {
    /// Puts the past in front of what `shape` says, its length included, and gives what is to be kept of it when it ends well.
    pub(super) fn start(
        &mut self,
        requests: &dyn Requests,
        request: u64,
        id: RequestId,
        shape: &mut Shape,
    ) -> Option<Said> {
        let place = shape.session?;
        if shape.history {
            self.put_in_front(request, shape);
        }
        // Turns of a session have indices one behind the other.
        let next = request + 1;
        let more = place.turn + 1 < place.turns;
        if !more || !(shape.history || requests.shape(next).history) {
            return None;
        }
        let prompt = shape.isl.map(|isl| {
            complete(id, isl, &mut shape.content);
            shape.content.clone()
        });
        Some(Said { next, prompt })
    }

    fn put_in_front(&mut self, request: u64, shape: &mut Shape) {
        let own = std::mem::take(&mut shape.content);
        let past = self.past.remove(&request).flatten();
        shape.isl = shape.isl.zip(past).map(|(isl, mut past)| {
            let total = u64::from(isl) + past.tokens();
            // What a content says beyond the length is nobody's.
            past.append(own.first(isl));
            shape.content = past;
            u32::try_from(total).unwrap_or(u32::MAX)
        });
    }

    /// A turn has ended well after a reply of `tokens`.
    pub(super) fn ended(&mut self, id: RequestId, said: Said, tokens: u32) {
        if self.over {
            return;
        }
        let past = said.prompt.map(|mut past| {
            past.append(Content::of(reply_segment(id), tokens));
            past
        });
        self.past.insert(said.next, past);
    }

    /// Of all sessions only those have turns to come whose next requests these are.
    pub(super) fn keep_only(&mut self, waiting: impl Iterator<Item = u64>) {
        if !self.past.is_empty() {
            let waiting: BTreeSet<u64> = waiting.collect();
            self.past.retain(|next, _| waiting.contains(next));
        }
    }

    /// No turn will come any more.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.past.clear();
    }

    /// Sessions between two turns.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.past.len()
    }
}

/// Gives the part of a prompt of which nothing is known its name, so that a later turn can say it again.
fn complete(id: RequestId, isl: u32, content: &mut Content) {
    let known = content.tokens();
    if known > u64::from(isl) {
        *content = content.first(isl);
    } else if known < u64::from(isl) {
        let tokens = isl - known as u32;
        content.append(Content::Segments(vec![Segment { id: prompt_segment(id), tokens }]));
    }
}

#[cfg(test)]
mod tests;
