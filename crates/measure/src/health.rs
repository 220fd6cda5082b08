//! How the measuring process fared: the `client` series, from the window's start to the run's end.

use std::collections::BTreeMap;

use tokmark_record::Sample;

use crate::summary::ClientHealth;

/// The latest value of each counter, and when it was read.
type Latest = BTreeMap<String, (i64, f64)>;

/// Reads the series once.
#[derive(Clone, Debug)]
pub struct Health {
    start_us: i64,
    /// Counters as they stood when the window opened (all 0 at t = 0) …
    base: Latest,
    /// … and as they were last seen. A sample need not hold every counter: the last one is taken when the reactors'
    /// threads, and with them the kernel's counts, are gone.
    last: Latest,
    samples: u64,
    stall_max_us: Option<f64>,
    queue_len_max: Option<f64>,
    open_fds_max: Option<f64>,
}

impl Health {
    /// For a window that opens at `start_us`.
    pub fn new(start_us: i64) -> Self {
        Self {
            start_us,
            base: Latest::new(),
            last: Latest::new(),
            samples: 0,
            stall_max_us: None,
            queue_len_max: None,
            open_fds_max: None,
        }
    }

    /// Takes a sample; those of other sources are passed over.
    pub fn add(&mut self, sample: Sample) {
        if sample.source != "client" {
            return;
        }
        self.samples += 1;
        let most = |kept: &mut Option<f64>, name: &str| {
            if let Some(x) = sample.values.get(name) {
                *kept = Some(kept.map_or(*x, |k: f64| k.max(*x)));
            }
        };
        // What a descriptor count or a queue reached before the window still tells how near the limit is.
        most(&mut self.open_fds_max, "open_fds");
        most(&mut self.queue_len_max, "queue_len");
        let at = sample.at_us.0;
        let before = at <= self.start_us;
        if !before {
            most(&mut self.stall_max_us, "stall_max_us");
        }
        for (name, value) in sample.values {
            if before {
                self.base.insert(name.clone(), (at, value));
            }
            self.last.insert(name, (at, value));
        }
    }

    /// The last value of a counter, from the run's very start.
    pub fn total(&self, name: &str) -> Option<u64> {
        let (_, x) = *self.last.get(name)?;
        (x >= 0.0).then_some(x as u64)
    }

    /// By how much a counter grew since the window opened, and over how many microseconds.
    fn growth_over(&self, name: &str) -> Option<(f64, i64)> {
        let (at, now) = self.last.get(name)?;
        let (from, base) = self.base.get(name).copied().unwrap_or_default();
        Some(((now - base).max(0.0), at - from))
    }

    /// What a counter grew by since the window opened.
    fn growth(&self, name: &str) -> Option<f64> {
        self.growth_over(name).map(|(growth, _)| growth)
    }

    /// A counter's growth per microsecond of wall time.
    fn share(&self, name: &str) -> Option<f64> {
        let (growth, wall) = self.growth_over(name)?;
        (wall > 0).then(|| growth / wall as f64)
    }

    /// One value per reactor, as far as they are numbered without a hole.
    fn per_reactor(&self, of: &str) -> Vec<f64> {
        (0..).map_while(|k| self.share(&format!("reactor{k}_{of}"))).collect()
    }

    /// The result. `cores` turns stolen time into a share of this machine's.
    pub fn finish(&self, cores: u32) -> ClientHealth {
        let whole = |x: f64| x as u64;
        ClientHealth {
            samples: self.samples,
            loop_utilisation_ratio: self.per_reactor("busy_us"),
            runqueue_wait_ratio: self.per_reactor("runqueue_wait_us"),
            stall_max_ms: self.stall_max_us.map(|us| us / 1e3),
            stalls: self.growth("stalls").map(whole),
            read_lag_ms_p99: None,
            cpu_steal_ratio: self.share("cpu_steal_us").map(|s| s / f64::from(cores.max(1))),
            cpu_throttled_ms: self.growth("cpu_throttled_us").map(|us| us / 1e3),
            psi_cpu_some_ratio: self.share("psi_cpu_some_us"),
            queue_len_max: self.queue_len_max.map(whole),
            queue_capacity: self.total("queue_capacity"),
            open_fds_max: self.open_fds_max.map(whole),
            fd_limit: self.total("fd_limit"),
            clock_steps: self.growth("clock_steps").map(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Micros;

    use super::*;

    fn sample(at_s: i64, values: &[(&str, f64)]) -> Sample {
        Sample {
            at_us: Micros(at_s * 1_000_000),
            source: "client".into(),
            values: values.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
        }
    }

    #[test]
    fn counters_are_differences_from_the_windows_start() {
        let mut health = Health::new(1_000_000);
        for (at, busy, steal, stall) in [
            (1, 900_000.0, 500_000.0, 70_000.0),
            (2, 1_000_000.0, 500_000.0, 300.0),
            (3, 1_200_000.0, 700_000.0, 900.0),
        ] {
            health.add(sample(
                at,
                &[
                    ("reactor0_busy_us", busy),
                    ("reactor0_wall_us", at as f64 * 1e6),
                    ("cpu_steal_us", steal),
                    ("stall_max_us", stall),
                    ("queue_len", at as f64),
                    ("lost", 4.0),
                ],
            ));
        }
        health.add(Sample { source: "server".into(), ..Sample::default() });
        let h = health.finish(2);
        assert_eq!(h.samples, 3);
        assert_eq!(h.loop_utilisation_ratio, [0.15]);
        assert_eq!(h.cpu_steal_ratio, Some(0.05));
        assert_eq!(h.stall_max_ms, Some(0.9));
        assert_eq!(h.queue_len_max, Some(3));
        assert_eq!(h.psi_cpu_some_ratio, None);
        assert_eq!(health.total("lost"), Some(4));
    }

    #[test]
    fn the_reactors_last_word_stands_though_their_threads_are_gone_at_the_end() {
        let mut health = Health::new(1_000_000);
        for (at, busy, waited) in [(1, 900_000.0, 100_000.0), (3, 2_700_000.0, 300_000.0)] {
            let reactor =
                [("reactor0_busy_us", busy), ("reactor0_runqueue_wait_us", waited), ("issued", 5.0)];
            health.add(sample(at, &reactor));
        }
        // By the last sample the kernel no longer knows the thread.
        health.add(sample(4, &[("reactor0_wall_us", 4e6), ("issued", 9.0), ("cpu_steal_us", 300_000.0)]));
        let h = health.finish(1);
        assert_eq!(h.loop_utilisation_ratio, [0.9]);
        assert_eq!(h.runqueue_wait_ratio, [0.1]);
        assert_eq!(h.cpu_steal_ratio, Some(0.075));
        assert_eq!(health.total("issued"), Some(9));
    }
}
