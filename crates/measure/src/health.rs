//! How the measuring process fared: the `client` series, from the window's start to the run's end.

use std::collections::BTreeMap;

use tokmark_record::Sample;

use crate::summary::ClientHealth;

/// Reads the series once.
#[derive(Clone, Debug)]
pub struct Health {
    start_us: i64,
    /// Counters as they stood when the window opened (all 0 at t = 0).
    base: (i64, BTreeMap<String, f64>),
    last: Option<(i64, BTreeMap<String, f64>)>,
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
            base: (0, BTreeMap::new()),
            last: None,
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
        if sample.at_us.0 <= self.start_us {
            self.base = (sample.at_us.0, sample.values.clone());
        } else {
            most(&mut self.stall_max_us, "stall_max_us");
        }
        self.last = Some((sample.at_us.0, sample.values));
    }

    /// The last value of a counter, from the run's very start.
    pub fn total(&self, name: &str) -> Option<u64> {
        let x = *self.last.as_ref()?.1.get(name)?;
        (x >= 0.0).then_some(x as u64)
    }

    /// What a counter grew by since the window opened.
    fn growth(&self, name: &str) -> Option<f64> {
        let now = self.last.as_ref()?.1.get(name)?;
        Some((now - self.base.1.get(name).unwrap_or(&0.0)).max(0.0))
    }

    /// A counter's growth per microsecond of wall time.
    fn share(&self, name: &str) -> Option<f64> {
        let wall = self.last.as_ref()?.0 - self.base.0;
        (wall > 0).then_some(())?;
        Some(self.growth(name)? / wall as f64)
    }

    /// One value per reactor, as far as they are numbered without a hole.
    fn per_reactor(&self, of: &str) -> Vec<f64> {
        (0..)
            .map_while(|k| {
                let wall = self.growth(&format!("reactor{k}_wall_us")).filter(|w| *w > 0.0)?;
                Some(self.growth(&format!("reactor{k}_{of}"))? / wall)
            })
            .collect()
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
}
