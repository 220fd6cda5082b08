//! What a run is made of, and running it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use tokmark_base::{Clock, Micros, Secret};
use tokmark_record::Sink;
use tokmark_wire::EndpointKind;
use tokmark_wire::endpoint::BodyOptions;
use tokmark_workload::{Numbering, Pacer, Requests};

use crate::clock::WallClock;
use crate::error::DriveError;
use crate::health;
use crate::live::Live;
use crate::reactor::Reactor;
use crate::socket::{self, Bell};
use crate::target::TlsPair;

/// One place requests go to, ready to be connected to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The endpoint's URL, for people.
    pub url: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Path of every request.
    pub path: String,
    /// The `Host` header.
    pub host: String,
    /// Headers common to every request.
    pub headers: Vec<(String, String)>,
    /// TLS settings and the name to check; `None` for plain HTTP.
    pub(crate) tls: Option<TlsPair>,
}

/// Everything a run needs.
pub struct Job {
    /// What is sent.
    pub requests: Arc<dyn Requests>,
    /// When it is sent: one pacer a reactor.
    pub pacers: Vec<Pacer>,
    /// Where it goes, round robin by request index; where the plan has sessions, by session, so that one stays at its target.
    pub targets: Vec<Target>,
    /// How it is said.
    pub endpoint: EndpointKind,
    /// What every body has in common.
    pub body: BodyOptions,
    /// Keep each reply's text for counting.
    pub keep_text: bool,
    /// Prefix of every `x-request-id`, and of the value of `session_header`.
    pub run_id: String,
    /// Header that names the session of a request that has one, as `<run_id>-<session>`.
    pub session_header: Option<String>,
    /// Connections to open before t = 0, for each reactor; `None`: as many as can be in flight at once. A server with a thread a
    /// connection is held up by idle ones, so a load opens no more than its first starts need.
    pub open_ahead: Option<u64>,
    /// An attempt that takes longer than this, counted from its release, has failed.
    pub timeout: Option<Micros>,
    /// A connection that takes longer than this has failed.
    pub connect_timeout: Micros,
    /// After the last start, wait this long and cut what is left; `None` waits for everything.
    pub grace: Option<Micros>,
    /// The measured part lasts at least this long, and the grace period begins no earlier than its end.
    pub duration: Option<Micros>,
    /// The same after an interrupt.
    pub interrupt_grace: Micros,
    /// What must not appear in any record.
    pub secrets: Vec<Secret>,
}

/// What the reactors and their preparers share.
pub(crate) struct Shared {
    pub(crate) requests: Arc<dyn Requests>,
    pub(crate) targets: Vec<Target>,
    pub(crate) endpoint: EndpointKind,
    pub(crate) body: BodyOptions,
    pub(crate) keep_text: bool,
    pub(crate) run_id: String,
    pub(crate) session_header: Option<String>,
    pub(crate) numbering: Numbering,
    pub(crate) open_ahead: Option<u64>,
    pub(crate) timeout: Option<Micros>,
    pub(crate) connect_timeout: Micros,
    pub(crate) grace: Option<Micros>,
    pub(crate) duration: Option<Micros>,
    pub(crate) interrupt_grace: Micros,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) attempts: AtomicU64,
    pub(crate) live: Arc<Live>,
    pub(crate) control: Control,
}

impl Shared {
    pub(crate) fn target_of(&self, request: u64) -> usize {
        let n = match self.numbering {
            Numbering::Single => request,
            // The low bits of an index count turns.
            Numbering::Turns => self.numbering.address(request).item,
        };
        (n % self.targets.len() as u64) as usize
    }
}

/// Stops a run from outside.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<AtomicU8>);

impl Control {
    /// First call: start nothing more and drain for the grace period. Second call: cut everything now.
    pub fn interrupt(&self) {
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_add(1)));
    }

    /// How often [`Control::interrupt`] was called.
    pub fn interrupts(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunEnd {
    /// Wall clock at t = 0, nanoseconds since the Unix epoch.
    pub anchor_unix_ns: i64,
    /// When the last attempt ended, on the time line.
    pub ended: Micros,
    /// Attempts made, whatever became of them.
    pub issued: u64,
    /// Records handed over.
    pub recorded: u64,
    /// Records a full queue had no room for.
    pub lost: u64,
    /// Sessions that ended before their last turn, because a turn of theirs had failed or was given up.
    pub broken_sessions: u64,
    /// It was interrupted.
    pub interrupted: bool,
}

/// Files a process needs beside its streams: standard streams, epoll, timers, the run's own files, name service.
const OTHER_FILES: u64 = 64;

/// Streams that a run may hold at once against the limit of open files.
///
/// An open loop without a cap has no bound of its own: it is only asked to fit one stream, and attempts that find no file are
/// recorded as `local_limit` failures.
pub fn check_file_limit(streams: u64) -> Result<u64, DriveError> {
    let limit = socket::raise_file_limit().map_err(DriveError::system("limit of open files"))?;
    let needed = streams.saturating_add(OTHER_FILES);
    if needed > limit {
        return Err(DriveError::FileLimit {
            streams,
            needed,
            limit,
            fits: limit.saturating_sub(OTHER_FILES),
        });
    }
    Ok(limit)
}

/// Runs a job to its end. `sinks` makes one sink a reactor and one for the health series; `live` has a lane a reactor.
pub fn run(
    job: Job,
    live: &Arc<Live>,
    control: &Control,
    mut sinks: impl FnMut() -> Box<dyn Sink>,
) -> Result<RunEnd, DriveError> {
    let most = job.pacers.iter().map(Pacer::most_in_flight).try_fold(0_u64, |sum, n| Some(sum + n?));
    let limit = check_file_limit(most.unwrap_or(1))?;
    crate::body::check_headers(job.requests.classes(), job.session_header.as_deref())?;
    let Job { requests, pacers, targets, endpoint, body, keep_text, run_id, timeout, .. } = job;
    let shared = Arc::new(Shared {
        numbering: requests.numbering(),
        requests,
        targets,
        endpoint,
        body,
        keep_text,
        run_id,
        session_header: job.session_header,
        open_ahead: job.open_ahead,
        timeout,
        connect_timeout: job.connect_timeout,
        grace: job.grace,
        duration: job.duration,
        interrupt_grace: job.interrupt_grace,
        secrets: job.secrets,
        attempts: AtomicU64::new(0),
        live: Arc::clone(live),
        control: control.clone(),
    });
    let lanes = pacers.len();
    let ready = Arc::new(Barrier::new(lanes + 1));
    let go = Arc::new(Barrier::new(lanes + 1));
    let start = Arc::new(std::sync::OnceLock::new());
    let mut bells = Vec::new();
    let mut threads = Vec::new();
    for (lane, pacer) in pacers.into_iter().enumerate() {
        let bell = Arc::new(Bell::new().map_err(DriveError::system("event descriptor"))?);
        bells.push(Arc::clone(&bell));
        let (ready, go, start) = (Arc::clone(&ready), Arc::clone(&go), Arc::clone(&start));
        let reactor = Reactor::new(Arc::clone(&shared), lane, pacer, bell, sinks())?;
        let body = move || reactor.run(&ready, &go, &start);
        let thread = std::thread::Builder::new().name(format!("tokmark-wire{lane}")).spawn(body);
        threads.push(thread.map_err(DriveError::system("thread"))?);
    }
    ready.wait();
    let clock = *start.get_or_init(WallClock::start);
    go.wait();
    let sampler = health::start(clock, Arc::clone(&shared), bells, sinks(), limit)
        .map_err(DriveError::system("health thread"))?;
    let (mut failure, mut broken_sessions) = (None, 0);
    for thread in threads {
        match thread.join() {
            Ok(Ok(broken)) => broken_sessions += broken,
            Ok(Err(e)) => failure = Some(DriveError::System { what: "reactor", source: e }),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    sampler.stop();
    failure.map_or_else(|| Ok(()), Err)?;
    Ok(RunEnd {
        anchor_unix_ns: clock.anchor_unix_ns(),
        ended: clock.now(),
        issued: live.total(|l| &l.sent),
        recorded: live.total(|l| &l.recorded),
        lost: live.total(|l| &l.lost),
        broken_sessions,
        interrupted: control.interrupts() > 0,
    })
}
