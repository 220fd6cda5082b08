//! How late the server's own sends were: a histogram of fixed size, 1/32 relative steps.

/// Exact below this many microseconds, then 32 steps per doubling.
const LINEAR: u64 = 64;
const STEPS: u64 = 32;
const BUCKETS: usize = (LINEAR + STEPS * 40) as usize;

/// Lateness of sends against their schedule, in whole microseconds.
#[derive(Clone, Debug)]
pub struct Lateness {
    counts: Box<[u64]>,
    sends: u64,
    max_us: u64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), sends: 0, max_us: 0 }
    }
}

impl Lateness {
    /// Counts a send that was `late_us` after its due time.
    pub fn add(&mut self, late_us: u64) {
        self.counts[bucket(late_us)] += 1;
        self.sends += 1;
        self.max_us = self.max_us.max(late_us);
    }

    /// Sends counted.
    pub fn sends(&self) -> u64 {
        self.sends
    }

    /// The largest, microseconds. Zero if none was counted.
    pub fn max_us(&self) -> u64 {
        self.max_us
    }

    /// Nearest-rank quantile, microseconds, rounded up to the end of its bucket (at most 1/32 above); `None` if empty.
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        if self.sends == 0 {
            return None;
        }
        let rank = ((q * self.sends as f64).ceil() as u64).clamp(1, self.sends);
        let mut seen = 0;
        for (i, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(top(i as u64).min(self.max_us));
            }
        }
        Some(self.max_us)
    }

    /// One JSON object: `sends`, `p50_us`, `p99_us`, `max_us`; the quantiles are null if nothing was sent.
    pub fn json(&self) -> String {
        let number = |v: Option<u64>| v.map_or_else(|| "null".to_owned(), |v| v.to_string());
        format!(
            "\"sends\":{},\"p50_us\":{},\"p99_us\":{},\"max_us\":{}",
            self.sends,
            number(self.quantile_us(0.5)),
            number(self.quantile_us(0.99)),
            number((self.sends > 0).then_some(self.max_us)),
        )
    }
}

fn bucket(us: u64) -> usize {
    if us < LINEAR {
        return us as usize;
    }
    let doubling = u64::from(us.ilog2() - LINEAR.ilog2());
    let step = (us >> (doubling + 1)) - STEPS;
    ((LINEAR + doubling * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The largest value that falls into bucket `i`.
fn top(i: u64) -> u64 {
    if i < LINEAR {
        return i;
    }
    let (doubling, step) = ((i - LINEAR) / STEPS, (i - LINEAR) % STEPS);
    ((step + STEPS + 1) << (doubling + 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_line() {
        for us in (0..100_000).chain([1 << 20, (1 << 30) + 7, (1 << 40) - 1]) {
            let b = bucket(us) as u64;
            assert!(top(b) >= us && (b == 0 || top(b - 1) < us), "{us} in bucket {b}");
            assert!(top(b) - us <= us / 32, "{us}: top {}", top(b));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        let mut l = Lateness::default();
        assert_eq!(l.quantile_us(0.5), None);
        (1..=100).for_each(|us| l.add(us % 50));
        assert_eq!((l.quantile_us(0.5), l.quantile_us(0.99), l.max_us()), (Some(24), Some(49), 49));
        assert_eq!(l.json(), r#""sends":100,"p50_us":24,"p99_us":49,"max_us":49"#);
    }
}
