//! The live line on a terminal, a plain heartbeat elsewhere, from counters only: nothing here touches the wire's thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokmark_base::units::{format_duration, significant};
use tokmark_base::{Clock, Micros};
use tokmark_drive::WallClock;
use tokmark_measure::live::LiveSnapshot;
use tokmark_workload::{Load, Phased};

use crate::screen::Screen;
use crate::session::interrupt::Interrupts;

/// What the line is made from.
#[derive(Clone)]
pub struct Watched {
    /// The driver's counters.
    pub driver: Arc<tokmark_drive::Live>,
    /// The measured values so far, fed by the writing thread.
    pub measured: Arc<Mutex<tokmark_measure::live::Live>>,
    /// What was asked.
    pub load: Load,
    /// Whether the load's own times pass on the clock: in virtual time they do not.
    pub in_wall_time: bool,
    /// Put in front, as `c8: ` in a sweep.
    pub prefix: String,
}

/// The thread that shows it. Ends and clears the line when dropped.
pub struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

const ON_A_TERMINAL: Duration = Duration::from_millis(250);
const ELSEWHERE: Duration = Duration::from_secs(10);

impl Ticker {
    /// Starts to show `watched`; shows nothing if the screen is quiet.
    pub fn start(watched: Watched, screen: Screen, interrupts: Interrupts) -> std::io::Result<Self> {
        if screen.quiet {
            return Ok(Self { stop: None, thread: None });
        }
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("tokmark-live".to_owned())
            .spawn(move || show(&watched, screen, &interrupts, &stopped))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn show(watched: &Watched, screen: Screen, interrupts: &Interrupts, stopped: &Receiver<()>) {
    let clock = WallClock::start();
    let pause = if screen.live { ON_A_TERMINAL } else { ELSEWHERE };
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(pause) {
        let text = line(watched, clock.now(), interrupts.count());
        if screen.live {
            screen.rewrite(&text);
        } else {
            screen.note(&text);
        }
    }
    screen.rewrite("");
}

fn line(watched: &Watched, now: Micros, interrupts: u8) -> String {
    let driver = &watched.driver;
    let facts = Facts {
        elapsed: now,
        completed: driver.total(|lane| &lane.completed),
        released: driver.total(|lane| &lane.released),
        failed: driver.total(|lane| &lane.failed),
        in_flight: driver.in_flight(),
        content: driver.total(|lane| &lane.content_events),
        interrupts,
        in_wall_time: watched.in_wall_time,
    };
    let snapshot = watched.measured.lock().unwrap_or_else(PoisonError::into_inner).snapshot();
    format!("{}{}", watched.prefix, describe(&watched.load, &facts, &snapshot))
}

/// What the counters say at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    elapsed: Micros,
    completed: u64,
    released: u64,
    failed: u64,
    in_flight: u64,
    content: u64,
    interrupts: u8,
    in_wall_time: bool,
}

fn describe(load: &Load, facts: &Facts, snapshot: &LiveSnapshot) -> String {
    let seconds = facts.elapsed.as_secs_f64().max(1e-3);
    let of = load.starts().map_or_else(String::new, |n| format!("/{n}"));
    let mut parts = vec![
        format!("{:.0} s", facts.elapsed.as_secs_f64()),
        format!("{}{of} requests", facts.completed),
        format!("{} failed", facts.failed),
    ];
    if !facts.in_wall_time {
        parts.extend(eta(load, facts).map(|left| format!("ETA {}", format_duration(left))));
        return parts.join(" · ");
    }
    let achieved = facts.released as f64 / seconds;
    match (load.arrival.concurrency(), load.mean_rate()) {
        (Some(streams), _) => parts.push(format!("{}/{streams} streams", facts.in_flight)),
        (None, Some(rate)) => {
            parts.push(format!("{}/{} req/s", significant(achieved), significant(rate)));
            parts.push(format!("{} in flight", facts.in_flight));
        }
        (None, None) => parts.push(format!("{} in flight", facts.in_flight)),
    }
    if let (Some(p50), Some(p99)) = (snapshot.ttft_ms_p50, snapshot.ttft_ms_p99) {
        parts.push(format!("TTFT {}/{} ms p50/p99", significant(p50), significant(p99)));
    }
    if snapshot.output_tokens > 0 {
        parts.push(format!("{} tok/s", significant(snapshot.output_tokens as f64 / seconds)));
    } else if facts.content > 0 {
        parts.push(format!("{} events/s", significant(facts.content as f64 / seconds)));
    }
    match facts.interrupts {
        0 => parts.extend(eta(load, facts).map(|left| match left {
            Micros::ZERO => "finishing".to_owned(),
            left => format!("ETA {}", format_duration(left)),
        })),
        1 => parts.push("stopping: Ctrl-C again cuts what is in flight".to_owned()),
        _ => parts.push("cutting".to_owned()),
    }
    parts.join(" · ")
}

/// Time left by what is asked: the duration, or the rest of the requests at the rate so far.
fn eta(load: &Load, facts: &Facts) -> Option<Micros> {
    let phase = |extent: Option<Phased>| match extent {
        Some(Phased::For(time)) => time,
        _ => Micros::ZERO,
    };
    let by_time = load
        .duration
        .filter(|_| facts.in_wall_time)
        .map(|d| (d + phase(load.warmup) + phase(load.cooldown)).since(facts.elapsed));
    let by_count = load.starts().filter(|_| facts.completed > 0).map(|starts| {
        let left = starts.saturating_sub(facts.completed) as f64;
        Micros::from_secs_f64(left * facts.elapsed.as_secs_f64() / facts.completed as f64)
    });
    // Whole seconds: more is noise on a line that moves.
    let left = by_time.into_iter().chain(by_count).min()?;
    Some(Micros(left.0 / 1_000_000 * 1_000_000))
}

#[cfg(test)]
mod tests {
    use tokmark_workload::LoadSpec;

    use super::*;

    fn load(json: &str) -> Load {
        serde_json::from_str::<LoadSpec>(json).unwrap().resolve().unwrap()
    }

    #[test]
    fn one_line_says_it_all() {
        let facts = Facts {
            elapsed: Micros(10_000_000),
            completed: 50,
            released: 58,
            failed: 2,
            in_flight: 8,
            content: 640,
            interrupts: 0,
            in_wall_time: true,
        };
        let snapshot = LiveSnapshot {
            ttft_ms_p50: Some(12.3),
            ttft_ms_p99: Some(45.6),
            output_tokens: 6_400,
            ..LiveSnapshot::default()
        };
        assert_eq!(
            describe(&load("{}"), &facts, &snapshot),
            "10 s · 50/200 requests · 2 failed · 8/8 streams · TTFT 12.3/45.6 ms p50/p99 · 640 tok/s · ETA 30s"
        );
        assert_eq!(
            describe(&load(r#"{"rate": 6, "duration": "1m"}"#), &facts, &LiveSnapshot::default()),
            "10 s · 50 requests · 2 failed · 5.80/6.00 req/s · 8 in flight · 64.0 events/s · ETA 50s"
        );
        let virtual_time = Facts { in_wall_time: false, ..facts };
        let said =
            describe(&load(r#"{"rate": 6, "requests": 100}"#), &virtual_time, &LiveSnapshot::default());
        assert_eq!(said, "10 s · 50/100 requests · 2 failed · ETA 10s");
        let over =
            Facts { elapsed: Micros(60_400_000), in_flight: 1, in_wall_time: true, ..Facts::default() };
        let said = describe(&load(r#"{"rate": 6, "duration": "1m"}"#), &over, &LiveSnapshot::default());
        assert!(said.ends_with("1 in flight · finishing"), "{said}");
    }
}
