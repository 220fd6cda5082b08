//! The one place of this room that knows what time it is.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokmark_base::{Clock, Micros};

/// CLOCK_MONOTONIC, counted from the start of the server.
pub(crate) struct WallClock {
    anchor_us: i64,
}

impl WallClock {
    /// Now is zero.
    pub(crate) fn new() -> Self {
        Self { anchor_us: monotonic_us() }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Micros {
        Micros(monotonic_us() - self.anchor_us)
    }
}

/// The date that replies carry, in Unix seconds.
pub(crate) fn unix_seconds() -> i64 {
    unix_seconds_f64() as i64
}

/// The same with its fraction.
pub(crate) fn unix_seconds_f64() -> f64 {
    // A machine whose clock stands before 1970 gets replies dated 1970.
    #[allow(clippy::disallowed_methods)]
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Wakes one of the server's threads at an exact moment, whichever thread sets it: a timerfd, which is as fine as the kernel's
/// high-resolution timers and costs nothing while nothing is due.
pub(crate) struct Bell(Arc<OwnedFd>);

impl Bell {
    /// A bell that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(Arc::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)))
    }

    /// Rings at `at` of `clock` (at once if that is over), or never.
    pub(crate) fn set(&self, clock: &WallClock, at: Option<Micros>) -> io::Result<()> {
        // The zero timespec means "never" to the kernel; the anchor is never zero.
        let us = at.map_or(0, |at| at.0.saturating_add(clock.anchor_us).max(1));
        let setting = Itimerspec { it_interval: timespec(0), it_value: timespec(us) };
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &setting)?;
        Ok(())
    }
}

/// Where the thread of a bell hears it.
pub(crate) struct Ear(AsyncFd<Arc<OwnedFd>>);

impl Ear {
    /// Needs to be made inside the runtime that waits.
    pub(crate) fn of(bell: &Bell) -> io::Result<Self> {
        // The replacement is `unsafe` because a descriptor might be swapped behind tokio's back; an `OwnedFd` cannot be.
        #[allow(deprecated)]
        let timer = AsyncFd::new(Arc::clone(&bell.0))?;
        Ok(Self(timer))
    }

    /// Waits until it rings.
    pub(crate) async fn rings(&self) -> io::Result<()> {
        // The poll set is edge-triggered and setting the bell anew clears it: there is no need to read the timer empty.
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}

fn timespec(us: i64) -> Timespec {
    Timespec { tv_sec: us / 1_000_000, tv_nsec: us % 1_000_000 * 1_000 }
}
