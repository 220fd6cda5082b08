//! The client's own health while a run goes on: a canary thread that should wake every 20 ms, and once a second what the
//! kernel says of this process.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokmark_base::{Clock, Micros};
use tokmark_record::{Sample, Sink};

use crate::clock::WallClock;
use crate::job::Shared;
use crate::socket::Bell;

/// How often the canary wakes.
const TICK: Micros = Micros::from_millis(20);

/// An overshoot of the canary's sleep beyond this is a stall: the whole process, or its core, stood still.
const STALL: Micros = Micros::from_millis(20);

/// How often a sample is taken.
const PERIOD: Micros = Micros::from_millis(1_000);

pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sampler {
    /// Takes a last sample and ends.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic of the sampler must not hide the run's result; its missing samples show.
        let _ = self.thread.join();
    }
}

pub(crate) fn start(
    clock: WallClock,
    shared: Arc<Shared>,
    bells: Vec<Arc<Bell>>,
    sink: Box<dyn Sink>,
    fd_limit: u64,
) -> io::Result<Sampler> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let threads = shared.live.lanes.iter().map(|lane| schedstat(lane.thread.get())).collect();
    let mut watch = Watch {
        clock,
        shared,
        bells,
        sink,
        fd_limit,
        base: Kernel::read(),
        threads,
        stalls: 0,
        stall_max: Micros::ZERO,
    };
    let body = move || watch.run(&stopped);
    let thread = std::thread::Builder::new().name("tokmark-health".into()).spawn(body)?;
    Ok(Sampler { stop, thread })
}

struct Watch {
    clock: WallClock,
    shared: Arc<Shared>,
    bells: Vec<Arc<Bell>>,
    sink: Box<dyn Sink>,
    fd_limit: u64,
    base: Kernel,
    /// What each reactor's thread had used when the run began: (on a core, waiting for one), µs.
    threads: Vec<Option<(u64, u64)>>,
    stalls: u64,
    stall_max: Micros,
}

impl Watch {
    fn run(&mut self, stop: &AtomicBool) {
        let mut interrupts = 0;
        let mut sample_at = Micros::ZERO;
        while !stop.load(Ordering::Acquire) {
            let slept_from = self.clock.now();
            if slept_from >= sample_at {
                self.sample(slept_from);
                sample_at = slept_from + PERIOD;
            }
            let before = self.clock.now();
            std::thread::park_timeout(std::time::Duration::from_micros(TICK.0 as u64));
            let overshoot = self.clock.now().since(before + TICK);
            self.stall_max = self.stall_max.max(overshoot);
            self.stalls += u64::from(overshoot > STALL);
            let seen = self.shared.control.interrupts();
            if seen != interrupts {
                interrupts = seen;
                self.bells.iter().for_each(|bell| bell.ring());
            }
        }
        self.sample(self.clock.now());
    }

    fn sample(&mut self, at: Micros) {
        let mut values = BTreeMap::new();
        let mut put = |name: &str, value: f64| {
            values.insert(name.to_owned(), value);
        };
        let live = &self.shared.live;
        put("anchor_unix_ns", self.clock.anchor_unix_ns() as f64);
        put("issued", live.total(|l| &l.sent) as f64);
        put("recorded", live.total(|l| &l.recorded) as f64);
        put("lost", live.total(|l| &l.lost) as f64);
        put("in_flight", live.in_flight() as f64);
        put("reopened", live.total(|l| &l.reopened) as f64);
        put("connections", live.total(|l| &l.connections) as f64);
        // Every reactor sees the same steps.
        put("clock_steps", live.lanes.iter().map(|l| l.clock_steps.get()).max().unwrap_or(0) as f64);
        put("stalls", self.stalls as f64);
        put("stall_max_us", self.stall_max.0 as f64);
        put("fd_limit", self.fd_limit as f64);
        for (k, lane) in live.lanes.iter().enumerate() {
            put(&format!("reactor{k}_wall_us"), at.0 as f64);
            if let Some((ran, waited)) = schedstat(lane.thread.get()) {
                // Opening connections came before t = 0 and is no part of the run.
                let (ran_before, waited_before) = self.threads.get(k).copied().flatten().unwrap_or_default();
                put(&format!("reactor{k}_busy_us"), ran.saturating_sub(ran_before) as f64);
                put(&format!("reactor{k}_runqueue_wait_us"), waited.saturating_sub(waited_before) as f64);
            }
        }
        let kernel = Kernel::read();
        for (name, now, base) in [
            ("cpu_steal_us", kernel.steal, self.base.steal),
            ("cpu_throttled_us", kernel.throttled, self.base.throttled),
            ("psi_cpu_some_us", kernel.pressure, self.base.pressure),
        ] {
            if let (Some(now), Some(base)) = (now, base) {
                put(name, now.saturating_sub(base) as f64);
            }
        }
        if let Some(files) = open_files() {
            put("open_fds", files as f64);
        }
        self.stall_max = Micros::ZERO;
        self.sink.sample(Sample { at_us: at, source: "client".to_owned(), values });
    }
}

/// Files this process has open: the size of the directory since Linux 6.2, else its entries, which costs a walk.
fn open_files() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        n => Some(n),
    }
}

/// Time on a core and time runnable but waiting for one, µs, of one of this process's threads.
fn schedstat(thread: u64) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    let mut fields = text.split_ascii_whitespace().map(|f| f.parse::<u64>().ok());
    Some((fields.next()?? / 1_000, fields.next()?? / 1_000))
}

/// Counters of the machine and of this process's control group, µs since boot.
struct Kernel {
    steal: Option<u64>,
    throttled: Option<u64>,
    pressure: Option<u64>,
}

impl Kernel {
    fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).ok();
        Self {
            steal: text("/proc/stat").as_deref().and_then(steal_us),
            throttled: throttled_us(),
            pressure: text("/proc/pressure/cpu").as_deref().and_then(pressure_us),
        }
    }
}

/// Steal is the eighth figure of the `cpu` line, in hundredths of a second.
fn steal_us(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    line.split_ascii_whitespace().nth(7)?.parse::<u64>().ok().map(|ticks| ticks * 10_000)
}

fn pressure_us(text: &str) -> Option<u64> {
    let some = text.lines().find(|l| l.starts_with("some"))?;
    some.rsplit_once("total=")?.1.trim().parse().ok()
}

/// Time a CPU quota held this process's group back: `throttled_usec` of control groups v2, `throttled_time` (ns) of v1.
fn throttled_us() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let roots: &[&str] = if controllers.is_empty() {
            &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        } else if controllers.split(',').any(|c| c == "cpu") {
            &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuacct,cpu"]
        } else {
            continue;
        };
        for root in roots {
            if let Some(us) =
                fs::read_to_string(format!("{root}{path}/cpu.stat")).ok().as_deref().and_then(throttled)
            {
                return Some(us);
            }
        }
    }
    None
}

fn throttled(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| match line.split_once(' ')? {
        ("throttled_usec", value) => value.trim().parse().ok(),
        ("throttled_time", value) => value.trim().parse::<u64>().ok().map(|ns| ns / 1_000),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_files_as_they_are_written() {
        assert_eq!(steal_us("cpu  1 2 3 4 5 6 7 80 9 10\ncpu0 1\n"), Some(800_000));
        assert_eq!(
            pressure_us("some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\nfull total=1\n"),
            Some(12_345)
        );
        assert_eq!(throttled("nr_periods 5\nnr_throttled 1\nthrottled_time 7000\n"), Some(7));
        assert_eq!(throttled("usage_usec 5\nthrottled_usec 9\n"), Some(9));
        assert_eq!(throttled("usage_usec 5\n"), None);
    }
}
