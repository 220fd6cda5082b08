//! Bodies made ahead, off the wire's thread: what the reactor sends is ready bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use tokmark_record::Asked;
use tokmark_wire::Body;
use tokmark_wire::http::encode_request;
use tokmark_workload::Prompt;

use crate::job::Shared;
use crate::socket::Bell;

/// One request as it goes on the wire.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) request: u64,
    /// The round of asking it belongs to.
    round: u64,
    pub(crate) asked: Asked,
    pub(crate) bytes: Vec<u8>,
}

/// A thread that turns plan indices into bytes, in the order asked.
pub(crate) struct Preparer {
    ask: Option<Sender<(u64, u64)>>,
    /// Asks of an earlier round are answered no more.
    round: Arc<AtomicU64>,
    ready: Receiver<Prepared>,
    /// Received and not yet taken.
    stock: VecDeque<Prepared>,
    starving: Arc<AtomicBool>,
    /// The thread has ended, which it never should while it is needed.
    pub(crate) dead: bool,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread; it rings `bell` when a reactor that found nothing ready can look again.
    pub(crate) fn start(shared: Arc<Shared>, bell: Arc<Bell>) -> std::io::Result<Self> {
        let (ask, asked) = channel::<(u64, u64)>();
        let (give, ready) = channel();
        let starving = Arc::new(AtomicBool::new(false));
        let hungry = Arc::clone(&starving);
        let round = Arc::new(AtomicU64::new(0));
        let current = Arc::clone(&round);
        let thread = std::thread::Builder::new().name("tokmark-prepare".into()).spawn(move || {
            // Dropped in this order when the thread ends, however it ends: the queue closes, then the bell rings.
            let bell = RingOnExit(bell);
            let give = give;
            for (round, request) in asked {
                if round != current.load(Ordering::Acquire) {
                    continue;
                }
                if give.send(prepare(&shared, round, request)).is_err() {
                    return;
                }
                if hungry.swap(false, Ordering::AcqRel) {
                    bell.0.ring();
                }
            }
        })?;
        Ok(Self {
            ask: Some(ask),
            round,
            ready,
            stock: VecDeque::new(),
            starving,
            dead: false,
            thread: Some(thread),
        })
    }

    /// Asks for one more.
    pub(crate) fn ask(&self, request: u64) {
        if let Some(ask) = &self.ask {
            // A dead thread shows as nothing ever being ready, which the reactor reports.
            let _ = ask.send((self.round.load(Ordering::Acquire), request));
        }
    }

    /// Forgets everything asked: the run has turned out to go on differently (a phase ended by time).
    pub(crate) fn start_over(&mut self) {
        self.round.fetch_add(1, Ordering::AcqRel);
        self.stock.clear();
        while self.ready.try_recv().is_ok() {}
    }

    /// Waits until `n` are ready, so that the first starts find their bodies made.
    pub(crate) fn stock_up(&mut self, n: usize) {
        while self.stock.len() < n {
            let Ok(prepared) = self.ready.recv() else { return };
            self.stock.push_back(prepared);
        }
    }

    /// The next one in the order asked, if it is ready. If not, the bell will ring.
    pub(crate) fn take(&mut self) -> Option<Prepared> {
        loop {
            let prepared = match self.stock.pop_front() {
                Some(prepared) => prepared,
                None => self.receive()?,
            };
            // One of an earlier round was being made while everything was forgotten.
            if prepared.round == self.round.load(Ordering::Acquire) {
                return Some(prepared);
            }
        }
    }

    fn receive(&mut self) -> Option<Prepared> {
        match self.ready.try_recv() {
            Ok(prepared) => Some(prepared),
            Err(TryRecvError::Disconnected) => {
                self.dead = true;
                None
            }
            Err(TryRecvError::Empty) => {
                self.starving.store(true, Ordering::Release);
                // It may have become ready before the flag was seen.
                self.ready.try_recv().ok()
            }
        }
    }
}

/// Wakes the reactor when the preparer's thread ends, a panic included: it must not wait for bodies that will never come.
struct RingOnExit(Arc<Bell>);

impl Drop for RingOnExit {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.ask = None;
        while self.ready.try_recv().is_ok() {}
        // The thread ends at the next receive; it is left to do so on its own if it is in the middle of a long prompt.
        drop(self.thread.take());
    }
}

fn prepare(shared: &Shared, round: u64, request: u64) -> Prepared {
    let planned = shared.requests.request(request);
    let body = match &planned.prompt {
        Prompt::Text(text) => Body::Text(text),
        Prompt::Messages(messages) => Body::Messages(messages),
        Prompt::System { .. } | Prompt::Payload(_) => todo!(),
    };
    let body = shared.endpoint.encode(&shared.body, &body, planned.osl);
    let target = &shared.targets[shared.target_of(request)];
    let id = ("X-Request-Id".to_owned(), format!("{}-{request}", shared.run_id));
    let headers: Vec<_> = target.headers.iter().chain([&id]).map(|(n, v)| (n.as_str(), v.as_str())).collect();
    // Headers were tried when the target was resolved; what cannot be encoded now would be a broken request, and an empty
    // one fails loudly.
    let mut bytes =
        encode_request("POST", &target.path, &target.host, &headers, body.len()).unwrap_or_default();
    bytes.extend_from_slice(&body);
    Prepared { request, round, asked: Asked { isl: planned.isl, osl: planned.osl }, bytes }
}
