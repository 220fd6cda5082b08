//! The server as a value: its threads, and the handle that ends it.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokmark_base::{Lexicon, Secret};
use tokmark_engine::Census;
use tokmark_perf::Dial;
use tokmark_record::catalogue::Server as Kind;

use crate::answer::Desk;
use crate::clock::{unix_seconds, unix_seconds_f64};
use crate::config::{Config, Health, StartError};
use crate::fault::FaultRule;
use crate::floor::Floor;
use crate::lateness::{Gauges, Lateness};
use crate::line::{Line, Socket};
use crate::metrics::{Ledger, Scrape};
use crate::profile::{Profiling, Sessions};
use crate::replies::Replies;
use crate::stage::Stage;

/// What a server did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Generation requests read, refused ones included.
    pub requests: u64,
    /// Where the engine's requests are.
    pub census: Census,
    /// How late its own sends were.
    pub lateness: Lateness,
    /// What the profiler routes were told.
    pub profiling: Profiling,
}

/// Starts servers.
pub struct Server;

/// A running server. Dropping it stops it.
pub struct Handle {
    address: SocketAddr,
    house: Arc<House>,
    threads: Vec<Thread>,
}

struct Thread {
    stop: Option<oneshot::Sender<()>>,
    handle: JoinHandle<()>,
}

/// What every connection needs to know, and what the handle reads.
pub(crate) struct House {
    pub(crate) models: Vec<String>,
    pub(crate) adapters: Vec<String>,
    pub(crate) plays: Kind,
    pub(crate) lexicon: Arc<dyn Lexicon>,
    pub(crate) max_model_len: Option<u32>,
    pub(crate) stream_interval: AtomicU32,
    pub(crate) prompt_tokens_details: bool,
    pub(crate) dial: Option<Arc<Dial>>,
    pub(crate) admin: bool,
    pub(crate) api_key: Option<Secret>,
    pub(crate) health: Health,
    pub(crate) health_checks: AtomicU64,
    pub(crate) faults: RwLock<Arc<[FaultRule]>>,
    pub(crate) started: i64,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) lateness: Gauges,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) scrape: Scrape,
    pub(crate) stage: Arc<Stage>,
}

impl Server {
    /// Listens, and serves from threads of its own until the handle is stopped or dropped.
    pub fn start(config: Config) -> Result<Handle, StartError> {
        config.check()?;
        let count = config.threads;
        let runtime = runtime()?;
        let listener = listen(&runtime, config.address)
            .map_err(|source| StartError::Bind { address: config.address, source })?;
        let address = listener.local_addr()?;
        let house = Arc::new(House::of(config)?);
        let (senders, receivers): (Vec<_>, Vec<_>) = (1..count).map(|_| mpsc::unbounded_channel()).unzip();
        let mut handle = Handle { address, house, threads: Vec::new() };
        let mut first = Some((runtime, listener, senders));
        for (number, others) in std::iter::once(None).chain(receivers.into_iter().map(Some)).enumerate() {
            let work = match others {
                None => first
                    .take()
                    .map(|(runtime, listener, senders)| (runtime, Work::Accept(listener, senders))),
                Some(receiver) => Some((self::runtime()?, Work::Take(receiver))),
            };
            let Some((runtime, work)) = work else {
                continue;
            };
            let thread = spawn(number, runtime, work, &handle.house)?;
            handle.threads.push(thread);
        }
        Ok(handle)
    }
}

impl House {
    fn of(config: Config) -> Result<Self, StartError> {
        let ledger = Ledger::new(config.plays, config.max_model_len);
        let scrape = Scrape {
            server: config.plays,
            model: config.models[0].clone(),
            started_unix_s: unix_seconds_f64(),
            max_model_len: config.max_model_len,
        };
        Ok(Self {
            models: config.models,
            adapters: config.adapters,
            plays: config.plays,
            lexicon: config.lexicon,
            max_model_len: config.max_model_len,
            stream_interval: AtomicU32::new(config.stream_interval),
            prompt_tokens_details: config.prompt_tokens_details,
            dial: config.dial,
            admin: config.admin,
            api_key: config.api_key,
            health: config.health,
            health_checks: AtomicU64::new(0),
            faults: RwLock::new(config.faults.into()),
            started: unix_seconds(),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            lateness: Gauges::new(config.threads),
            sessions: Mutex::default(),
            replies: Arc::default(),
            scrape,
            stage: Arc::new(Stage::new(config.engine, ledger, config.threads)?),
        })
    }

    /// What it did so far.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            connections: self.connections.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            census: self.stage.census(),
            lateness: self.lateness.read(),
            profiling: self.sessions.lock().unwrap_or_else(PoisonError::into_inner).told(),
        }
    }

    /// The rules of faults in force.
    pub(crate) fn faults(&self) -> Arc<[FaultRule]> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it did so far.
    pub fn stats(&self) -> Stats {
        self.house.stats()
    }

    /// Closes every connection, waits for the threads, and tells what was done.
    pub fn stop(mut self) -> Stats {
        self.end();
        self.stats()
    }

    fn end(&mut self) {
        for thread in &mut self.threads {
            // A receiver that is gone has stopped already.
            let _ = thread.stop.take().map(|stop| stop.send(()));
        }
        for thread in self.threads.drain(..) {
            // A panic in there was reported by the thread itself.
            drop(thread.handle.join());
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the connections of a thread come from.
enum Work {
    /// Those it accepts, its share of them: the rest goes to the other threads in turn.
    Accept(TcpListener, Vec<mpsc::UnboundedSender<(std::net::TcpStream, SocketAddr)>>),
    /// Those it is given.
    Take(mpsc::UnboundedReceiver<(std::net::TcpStream, SocketAddr)>),
}

fn runtime() -> io::Result<Runtime> {
    // Many connections wake at one moment; looking at the timer in between keeps the next moment on time.
    Builder::new_current_thread().enable_all().event_interval(8).build()
}

fn listen(runtime: &Runtime, address: SocketAddr) -> io::Result<TcpListener> {
    let _inside = runtime.enter();
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that was just stopped leaves connections in TIME_WAIT on its port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // A client may open thousands of connections before its first request.
    socket.listen(4_096)
}

fn spawn(number: usize, runtime: Runtime, work: Work, house: &Arc<House>) -> Result<Thread, StartError> {
    let (stop, stopped) = oneshot::channel();
    let house = Arc::clone(house);
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let handle = std::thread::Builder::new().name("tokmark-play".to_owned()).spawn(move || {
        let serve = async {
            match Floor::new(Arc::clone(&house.stage), number, house.lateness.of(number)) {
                Ok(floor) => {
                    let floor = Rc::new(floor);
                    let _ = ready.send(Ok(()));
                    match work {
                        Work::Accept(listener, others) => {
                            drop(spawn_local(accept(listener, others, house, Rc::clone(&floor))));
                        }
                        Work::Take(given) => drop(spawn_local(take(given, house, Rc::clone(&floor)))),
                    }
                    spawn_local(async move { floor.keep_time().await });
                    // Stopped, or the handle is gone: either way it is over.
                    let _ = stopped.await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        LocalSet::new().block_on(&runtime, serve);
    })?;
    // The thread sends exactly once, before it can end.
    started.recv().map_err(io::Error::other)??;
    Ok(Thread { stop: Some(stop), handle })
}

/// Takes connections for ever, one for each thread in turn.
async fn accept(
    listener: TcpListener,
    others: Vec<mpsc::UnboundedSender<(std::net::TcpStream, SocketAddr)>>,
    house: Arc<House>,
    floor: Rc<Floor>,
) {
    for turn in (0..=others.len()).cycle() {
        let (stream, peer) = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                // Out of file descriptors: the next one may be free soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        house.connections.fetch_add(1, Ordering::Relaxed);
        match turn.checked_sub(1).and_then(|other| others.get(other)) {
            None => serve(stream, peer, &house, &floor),
            Some(other) => {
                // A thread that is gone has been stopped with its connections.
                let _ = stream.into_std().map(|stream| other.send((stream, peer)));
            }
        }
    }
}

/// Serves connections another thread accepted.
async fn take(
    mut given: mpsc::UnboundedReceiver<(std::net::TcpStream, SocketAddr)>,
    house: Arc<House>,
    floor: Rc<Floor>,
) {
    while let Some((stream, peer)) = given.recv().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            serve(stream, peer, &house, &floor);
        }
    }
}

fn serve(stream: TcpStream, peer: SocketAddr, house: &Arc<House>, floor: &Rc<Floor>) {
    // Tokens must not wait for each other. A socket that refuses is already closed.
    drop(stream.set_nodelay(true));
    let line = Rc::new(Line::new(Rc::clone(floor), stream));
    let desk =
        Desk { house: Arc::clone(house), floor: Rc::clone(floor), line: Rc::clone(&line), peer: peer.ip() };
    let socket = TokioIo::new(Socket::new(line));
    let serve = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(socket, service_fn(move |request| desk.clone().answer(request)));
    // Errors here are clients that went away, and connections dropped on purpose.
    spawn_local(async move { drop(serve.await) });
}
