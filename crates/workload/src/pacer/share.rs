//! Which requests a lane owns.
//!
//! Slot j of a run belongs to lane j mod lanes, and request i to slot i mod slots: so a lane with more slots gets as many more
//! requests, and no lane is left with a tail the others have no part in. Without slots (an open loop without cap) lanes take
//! turns.

/// A lane's share of each phase's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    lane: u64,
    lanes: u64,
    /// Requests i and i + cycle belong to the same lane.
    cycle: u64,
    /// How many of a cycle are this lane's; 0: it owns nothing.
    own: u64,
}

impl Share {
    /// The share of lane `lane` of `lanes`, where the run has `slots`. Lanes beyond the slots own nothing.
    pub(super) fn new(lane: u32, lanes: u32, slots: Option<u32>) -> Self {
        let lanes = lanes.max(1).min(slots.unwrap_or(u32::MAX));
        let cycle = u64::from(slots.unwrap_or(lanes));
        let (lane, lanes) = (u64::from(lane), u64::from(lanes));
        let own = if lane < lanes { (cycle - lane).div_ceil(lanes) } else { 0 };
        Self { lane, lanes, cycle, own }
    }

    /// Slots this lane has, if the run has slots.
    pub(super) fn slots(&self) -> u64 {
        self.own
    }

    /// The number in the run of this lane's slot `n`.
    pub(super) fn slot(&self, n: u64) -> u64 {
        self.lane + n * self.lanes
    }

    /// Whether request `i` of a phase is this lane's.
    pub(super) fn owns(&self, i: u64) -> bool {
        self.own > 0 && (i % self.cycle) % self.lanes == self.lane
    }

    /// This lane's `n`-th request of a phase.
    pub(super) fn nth(&self, n: u64) -> Option<u64> {
        if self.own == 0 {
            return None;
        }
        (n / self.own).checked_mul(self.cycle)?.checked_add(self.lane + (n % self.own) * self.lanes)
    }

    /// How many of the first `n` requests of a phase are this lane's.
    pub(super) fn of_first(&self, n: u64) -> u64 {
        if self.own == 0 {
            return 0;
        }
        let rest = n % self.cycle;
        (n / self.cycle) * self.own + rest.saturating_sub(self.lane).div_ceil(self.lanes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_request_has_one_owner(lanes in 1..9_u32, slots in proptest::option::of(1..40_u32), n in 0..200_u64) {
            let shares: Vec<Share> = (0..lanes).map(|lane| Share::new(lane, lanes, slots)).collect();
            for i in 0..n {
                prop_assert_eq!(shares.iter().filter(|s| s.owns(i)).count(), 1);
            }
            for share in &shares {
                let own: Vec<u64> = (0..n).filter(|i| share.owns(*i)).collect();
                prop_assert_eq!(share.of_first(n), own.len() as u64);
                for (k, i) in own.iter().enumerate() {
                    prop_assert_eq!(share.nth(k as u64), Some(*i));
                }
            }
            if let Some(slots) = slots {
                let all: u64 = shares.iter().map(Share::slots).sum();
                prop_assert_eq!(all, u64::from(slots));
                // Requests are shared as slots are: no lane has more than one a slot beyond the others.
                let most = shares.iter().filter(|s| s.own > 0).map(|s| s.of_first(n).div_ceil(s.own)).max();
                let least = shares.iter().filter(|s| s.own > 0).map(|s| s.of_first(n) / s.own).min();
                prop_assert!(most.unwrap_or(0) <= least.unwrap_or(0) + 1);
            }
        }
    }
}
