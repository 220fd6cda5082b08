//! Stretches: passes in which each running request gets one token and nothing else happens, all at once.

use tokmark_base::Micros;

use super::batch::Batch;
use crate::{Lifecycle, Out};

impl Batch {
    /// See [`crate::Scheduler::steady`]. Nobody can be admitted meanwhile: the head of the queue could not start when the pass in
    /// flight was composed, and blocks and slots only become fewer until somebody leaves.
    pub(crate) fn steady(&self) -> u32 {
        if !self.still || self.may_hear_from_below() {
            return 0;
        }
        let running = self.running.iter().map(|slot| &self.requests[*slot as usize]);
        let Some(most) = running.map(|request| request.target - request.known - 1).min() else {
            return 0;
        };
        let blocks = match self.growth(most) {
            0 => return most,
            growth if self.census.waiting == 0 => growth.min(u64::from(self.pool.free())),
            // What the head of the queue finds must not come to be held by somebody while the stretch lasts.
            growth => u64::from(self.pool.free_of_copies(u32::try_from(growth).unwrap_or(u32::MAX))),
        };
        let (mut low, mut high) = (0, most);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.growth(middle) <= blocks {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// Blocks that the next `passes` passes take.
    fn growth(&self, passes: u32) -> u64 {
        let growth = self.running.iter().map(|slot| {
            let request = &self.requests[*slot as usize];
            u64::from((request.known + passes).div_ceil(self.rules.block)) - request.blocks.len() as u64
        });
        growth.sum()
    }

    /// See [`crate::Scheduler::repeat`].
    pub(crate) fn repeat(&mut self, stamps: &[Micros], out: &mut Out) {
        let passes = stamps.len() as u32;
        let (Some(&last), true) = (stamps.last(), passes <= self.steady()) else {
            for &at in stamps {
                self.end(at, out);
                self.begin(at, out);
            }
            return;
        };
        self.grow(stamps);
        let from = out.stamps.len() as u32;
        out.stamps.extend_from_slice(stamps);
        for slot in &self.running {
            let request = &mut self.requests[*slot as usize];
            request.known += passes;
            request.computed = request.known;
            request.work += u64::from(passes);
            request.generating = true;
            if let Some(share) = &mut request.share {
                share.tokens = 1;
            }
            out.push(last, request.id(), Lifecycle::Stretch { from, len: passes });
        }
        let tokens = u64::from(passes) * self.running.len() as u64;
        self.census.tokens_emitted += tokens;
        self.census.tokens_running += tokens;
        self.census.work_scheduled += tokens;
        self.census.work_running += tokens;
        self.counts.passes += u64::from(passes);
    }

    /// Takes and names the blocks of those passes, in the order of passes and, within one, of the batch: who takes a block when
    /// decides what is told of the cache, and when.
    fn grow(&mut self, stamps: &[Micros]) {
        let (passes, block) = (stamps.len() as u32, self.rules.block);
        let mut crossings = std::mem::take(&mut self.scratch.crossings);
        crossings.clear();
        for (&slot, nth) in self.running.iter().zip(0_u32..) {
            let request = &self.requests[slot as usize];
            // The pass composed after `n` of them computes token `known + n`: it opens a block or completes one.
            let first_open = block - (request.known - 1) % block;
            crossings.extend((first_open..=passes).step_by(block as usize).map(|pass| (pass, nth)));
            if block > 1 {
                let first_full = block - request.known % block;
                crossings.extend((first_full..=passes).step_by(block as usize).map(|pass| (pass, nth)));
            }
        }
        crossings.sort_unstable();
        let mut ended = 0;
        for &(pass, nth) in &crossings {
            while ended < pass {
                self.note_kv(stamps[ended as usize]);
                ended += 1;
            }
            self.cross(self.running[nth as usize], pass);
            self.note_losses(stamps[pass as usize - 1]);
        }
        self.scratch.crossings = crossings;
        if ended < passes {
            self.note_kv(stamps[ended as usize]);
        }
    }

    /// The pass composed after `pass` of them computes one more token of the request in `slot`.
    fn cross(&mut self, slot: u32, pass: u32) {
        let request = &mut self.requests[slot as usize];
        let (known, block) = (request.known, self.rules.block);
        let reach = known + pass;
        let needed = reach.div_ceil(block) - request.blocks.len() as u32;
        let taken = self.pool.take(&[], needed, &mut request.blocks);
        debug_assert!(taken, "a stretch is no longer than there are blocks for");
        request.computed = reach;
        // Names reach as far as what is known when that pass is composed.
        request.known = reach;
        self.name_computed(slot);
        self.requests[slot as usize].known = known;
    }
}
