//! Decode passes, what passes bring, and who must go when memory runs out.

use tokmark_base::Micros;
use tokmark_perf::Step;

use super::job::Job;
use super::{Flight, SchedulePolicy, Sglang};
use crate::{Breakdown, Lifecycle, Out};

impl Sglang {
    /// The next decode pass over all that run; `None` if the only one left did not fit and was given up.
    pub(super) fn compose_decode(&mut self, now: Micros, out: &mut Out) -> Option<Step> {
        let mut retracted = false;
        while self.lacking() > self.cache.free() + self.cache.evictable() {
            if self.running.len() == 1 {
                self.give_up(now, out);
                return None;
            }
            self.retract(now, out);
            retracted = true;
        }
        if retracted {
            let decoded = self.running.iter().map(|job| u64::from(job.out())).sum();
            let asked = self.running.iter().map(|job| u64::from(job.output)).sum();
            self.ratio.estimate(decoded, asked, self.running.len());
        } else {
            self.ratio.decay();
        }
        let context = self.running.iter().map(Job::context).sum();
        self.take_pages(1);
        let sequences = self.running.len() as u64;
        self.count_decode(sequences, 1);
        self.flight = Flight::Decode { sequences: self.running.len() };
        Some(self.step(Step {
            decode_sequences: sequences as u32,
            decode_tokens: sequences as u32,
            decode_context: context,
            ..Step::default()
        }))
    }

    /// Pages that one token more for each running request takes.
    fn lacking(&self) -> u64 {
        self.running.iter().map(|job| job.lacks(1)).sum()
    }

    /// Every running request gets the pages for `tokens` more; they are there.
    fn take_pages(&mut self, tokens: u64) {
        let lacking = self.running.iter().map(|job| job.lacks(tokens)).sum();
        self.cache.make_room(lacking);
        for job in &mut self.running {
            let lacks = job.lacks(tokens);
            if let Some(lease) = &mut job.lease {
                self.cache.take(lease, lacks);
            }
        }
    }

    /// Each running request has `tokens` scheduled in as many passes.
    fn count_decode(&mut self, sequences: u64, tokens: u64) {
        for job in &mut self.running {
            job.work += tokens;
        }
        self.census.work_scheduled += sequences * tokens;
        self.census.work_running += sequences * tokens;
    }

    /// Throws out the one with the fewest tokens out; of several, the first of the batch. It goes to the
    /// end of the queue.
    fn retract(&mut self, now: Micros, out: &mut Out) {
        let Some(index) = (0..self.running.len()).min_by_key(|index| self.running[*index].out()) else {
            return;
        };
        let mut job = self.running.remove(index);
        self.throw_out(&mut job, now, out);
        self.waiting.push_back(job);
    }

    /// A request loses what was computed for it.
    pub(super) fn throw_out(&mut self, job: &mut Job, now: Micros, out: &mut Out) {
        self.drop_lease(job);
        self.census.work_running -= job.work;
        self.census.work_lost += job.work;
        self.counts.preemptions += 1;
        (job.work, job.computed) = (0, 0);
        self.handoffs.generation += 1;
        out.push(now, job.id(), Lifecycle::Preempted);
    }

    /// Even alone it has no room (SGLang aborts the last one so).
    fn give_up(&mut self, now: Micros, out: &mut Out) {
        for mut job in std::mem::take(&mut self.running) {
            self.drop_lease(&mut job);
            out.push(now, job.id(), Lifecycle::Failed(Breakdown::OutOfMemory));
            self.census.failed += 1;
            self.left(&job, false);
        }
        self.handoffs.generation += 1;
    }

    /// The prefill pass is over: every prompt that is through brings its first token.
    pub(super) fn end_prefill(&mut self, now: Micros, old: usize, chunk: Option<u32>, out: &mut Out) {
        if let (Some(tokens), Some(job)) = (chunk, self.waiting.front_mut()) {
            out.push(now, job.arrival.id, Lifecycle::PrefillChunk(tokens));
            if let Some(lease) = &mut job.lease {
                self.cache.publish(&job.sequence, lease);
            }
        }
        // A token that is the last takes no memory.
        let mut through = Vec::new();
        let mut index = old;
        while index < self.running.len() {
            if self.running[index].remaining() == 1 {
                let mut job = self.running.remove(index);
                self.emit(&job, now, out);
                job.emitted += 1;
                through.push(job);
            } else {
                index += 1;
            }
        }
        // The others' tokens do. If there is none, they are out with the next decode pass.
        let lacking = self.running[old..].iter().map(|job| job.lacks(1)).sum();
        self.cache.make_room(lacking);
        if lacking <= self.cache.free() {
            for index in old..self.running.len() {
                let lacks = self.running[index].lacks(1);
                if let Some(lease) = &mut self.running[index].lease {
                    self.cache.take(lease, lacks);
                }
                self.bring(index, now, out);
                self.publish(index);
            }
        }
        for job in through {
            self.complete(job, now, out);
        }
    }

    /// The decode pass is over: every running request brings a token.
    pub(super) fn end_decode(&mut self, now: Micros, out: &mut Out) {
        for index in 0..self.running.len() {
            self.bring(index, now, out);
            if self.running[index].remaining() > 0 {
                self.publish(index);
            }
        }
        let mut index = 0;
        while index < self.running.len() {
            if self.running[index].remaining() == 0 {
                let job = self.running.remove(index);
                self.complete(job, now, out);
            } else {
                index += 1;
            }
        }
    }

    fn emit(&mut self, job: &Job, now: Micros, out: &mut Out) {
        out.push(now, job.id(), job.token());
        self.census.tokens_emitted += 1;
        self.census.tokens_running += 1;
    }

    /// A running request's next token is out, and its place in the cache filled.
    fn bring(&mut self, index: usize, now: Micros, out: &mut Out) {
        let job = &mut self.running[index];
        out.push(now, job.arrival.id, job.token());
        job.advance(1);
        self.census.tokens_emitted += 1;
        self.census.tokens_running += 1;
    }

    fn publish(&mut self, index: usize) {
        let job = &mut self.running[index];
        if let Some(lease) = &mut job.lease {
            self.cache.publish(&job.sequence, lease);
        }
    }

    /// A request is through.
    fn complete(&mut self, job: Job, now: Micros, out: &mut Out) {
        out.push(now, job.id(), Lifecycle::Finished(job.reason));
        self.census.finished += 1;
        self.left(&job, true);
        if job.arrival.keep {
            self.handoffs.kept.insert(job.id(), job);
        } else {
            self.let_go(job);
        }
    }

    /// How many passes from the one in flight change nothing but one token a sequence.
    pub(super) fn steady_passes(&self) -> u32 {
        let Flight::Decode { sequences } = self.flight else {
            return 0;
        };
        let full = self.running.len() >= self.params.slots();
        let handoffs = &self.handoffs;
        let waits = !self.waiting.is_empty() || !handoffs.ready.is_empty();
        let commanded = !handoffs.pending.is_empty() || !handoffs.later.is_empty();
        if sequences != self.running.len() || commanded || (waits && !full) {
            return 0;
        }
        let published = |job: &Job| {
            job.lease.as_ref().is_some_and(|lease| lease.shared() == job.sequence.pages()) && job.out() > 0
        };
        if self.cache.reuses() && !self.running.iter().all(published) {
            return 0;
        }
        if !self.cache.reuses() && self.running.iter().any(|job| job.out() == 0) {
            return 0;
        }
        let Some(least) = self.running.iter().map(Job::remaining).min() else {
            return 0;
        };
        // Throwing out leftovers may change the order of those who wait.
        let ordered = self.params.schedule_policy == SchedulePolicy::Lpm && !self.waiting.is_empty();
        let leftovers = if ordered { 0 } else { self.cache.evictable() };
        self.room_for(least - 1, self.cache.free() + leftovers)
    }

    /// How many passes behind the one in flight, `most` at most, `pages` suffice for.
    fn room_for(&self, most: u32, pages: u64) -> u32 {
        let fits = |passes: u32| {
            let lacks = |job: &Job| job.lacks(u64::from(passes) + 1);
            self.running.iter().map(lacks).sum::<u64>() <= pages
        };
        if self.params.page_size == 1 {
            return (pages / self.running.len().max(1) as u64).min(u64::from(most)) as u32;
        }
        let (mut low, mut high) = (0, most);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fits(middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// So many passes at once: the same as `end_decode` and `compose_decode` at each stamp.
    pub(super) fn repeat_decode(&mut self, stamps: &[Micros], out: &mut Out) {
        let Some(last) = stamps.last() else {
            return;
        };
        let (from, len) = (out.stamps.len() as u32, stamps.len() as u32);
        out.stamps.extend_from_slice(stamps);
        for job in &self.running {
            out.push(*last, job.id(), Lifecycle::Stretch { from, len });
        }
        let sequences = self.running.len() as u64;
        self.census.tokens_emitted += sequences * u64::from(len);
        self.census.tokens_running += sequences * u64::from(len);
        if self.params.page_size == 1 && !self.cache.telling() {
            self.take_pages(u64::from(len) + 1);
            self.cache.skip(sequences * u64::from(len - 1));
            self.advance_all(len);
        } else {
            for at in stamps {
                self.advance_all(1);
                self.tell_at(*at);
                self.take_pages(1);
            }
        }
        self.count_decode(sequences, u64::from(len));
        self.counts.passes += u64::from(len);
        for _ in 0..len {
            self.ratio.decay();
        }
        // Once is as good as after every pass: nothing that it goes by changes.
        self.order();
    }

    /// Each running request's next `tokens` are out and in the cache.
    fn advance_all(&mut self, tokens: u32) {
        for index in 0..self.running.len() {
            self.running[index].advance(tokens);
            self.publish(index);
        }
    }
}
