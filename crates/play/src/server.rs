//! The server as a value: what it is made of, its thread, and the handle that ends it.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};
use tokmark_base::{Lexicon, Secret};
use tokmark_engine::{Census, Engine};

use crate::answer::Desk;
use crate::clock::unix_seconds;
use crate::fault::{FaultError, FaultRule, check};
use crate::floor::Floor;
use crate::lateness::{Gauge, Lateness};
use crate::line::{Line, Socket};

/// What a server is made of.
pub struct Config {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// Names of the models served, the first for requests that name none.
    pub models: Vec<String>,
    /// What answers.
    pub engine: Box<dyn Engine>,
    /// What the replies say. One token a word under its tokenizer.
    pub lexicon: Arc<dyn Lexicon>,
    /// Asked for as `Authorization: Bearer …`, except by `/health`.
    pub api_key: Option<Secret>,
    /// How it behaves before it is ready.
    pub health: Health,
    /// What goes wrong.
    pub faults: Vec<FaultRule>,
}

/// What `/health` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// So many checks are answered 503 before the first 200.
    pub refuse_first: u32,
    /// JSON to answer with; empty as vLLM's unless given.
    pub body: Option<String>,
}

impl Config {
    /// A server of one model on a free port of the loopback, answered by `engine`, without faults.
    pub fn new(model: &str, engine: impl Engine + 'static) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            models: vec![model.to_owned()],
            engine: Box::new(engine),
            lexicon: Arc::new(tokmark_tokens::o200k::words()),
            api_key: None,
            health: Health::default(),
            faults: Vec::new(),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error(
        "cannot listen on {address}: {source}\nhint: another process may hold the port; port 0 takes a free one"
    )]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No thread, timer or poll set.
    #[error(
        "cannot start the server: {0}\nhint: the limit of threads or open files may be reached (ulimit -u, ulimit -n)"
    )]
    System(#[from] io::Error),
    /// Nothing to serve.
    #[error("the server has no model\nhint: give at least one model name")]
    NoModel,
    /// A fault that cannot happen.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

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
}

/// Starts servers.
pub struct Server;

/// A running server. Dropping it stops it.
pub struct Handle {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server's thread and the handle share.
pub(crate) struct Shared {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) lateness: Gauge,
    census: Mutex<Census>,
}

/// What every connection needs to know.
pub(crate) struct House {
    pub(crate) models: Vec<String>,
    pub(crate) lexicon: Arc<dyn Lexicon>,
    pub(crate) api_key: Option<Secret>,
    pub(crate) health: Health,
    pub(crate) health_checks: Cell<u64>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) started: i64,
    pub(crate) shared: Arc<Shared>,
}

impl Server {
    /// Listens, and serves from a thread of its own until the handle is stopped or dropped.
    pub fn start(config: Config) -> Result<Handle, StartError> {
        check(&config.faults)?;
        if config.models.is_empty() {
            return Err(StartError::NoModel);
        }
        // Many connections wake at one moment; looking at the timer in between keeps the next moment on time.
        let runtime = Builder::new_current_thread().enable_all().event_interval(8).build()?;
        let listener = listen(&runtime, config.address)
            .map_err(|source| StartError::Bind { address: config.address, source })?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            lateness: Gauge::new(),
            census: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("tokmark-play".to_owned()).spawn(move || {
            let serve = async {
                match open(config, for_thread) {
                    Ok((house, floor)) => {
                        let _ = ready.send(Ok(()));
                        spawn_local(accept(listener, house, Rc::clone(&floor)));
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
        Ok(Handle { address, shared, stop: Some(stop), thread: Some(thread) })
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
        Stats {
            connections: self.shared.connections.load(Ordering::Relaxed),
            requests: self.shared.requests.load(Ordering::Relaxed),
            census: *self.shared.census.lock().unwrap_or_else(PoisonError::into_inner),
            lateness: self.shared.lateness.read(),
        }
    }

    /// Closes every connection, waits for the thread, and tells what was done.
    pub fn stop(mut self) -> Stats {
        self.end();
        self.stats()
    }

    fn end(&mut self) {
        // A receiver that is gone has stopped already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the thread itself.
            drop(thread.join());
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Notes where the engine's requests are.
    pub(crate) fn count(&self, census: Census) {
        *self.census.lock().unwrap_or_else(PoisonError::into_inner) = census;
    }
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

fn open(config: Config, shared: Arc<Shared>) -> io::Result<(Rc<House>, Rc<Floor>)> {
    let floor = Floor::new(config.engine, Arc::clone(&shared))?;
    let house = House {
        models: config.models,
        lexicon: config.lexicon,
        api_key: config.api_key,
        health: config.health,
        health_checks: Cell::new(0),
        faults: config.faults,
        started: unix_seconds(),
        shared,
    };
    Ok((Rc::new(house), Rc::new(floor)))
}

/// Takes connections for ever.
async fn accept(listener: TcpListener, house: Rc<House>, floor: Rc<Floor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: the next one may be free soon.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        house.shared.connections.fetch_add(1, Ordering::Relaxed);
        // Tokens must not wait for each other. A socket that refuses is already closed.
        drop(stream.set_nodelay(true));
        let line = Rc::new(Line::new(Rc::clone(&floor)));
        let desk = Desk { house: Rc::clone(&house), floor: Rc::clone(&floor), line: Rc::clone(&line) };
        let socket = TokioIo::new(Socket::new(stream, line));
        let serve = http1::Builder::new()
            .auto_date_header(false)
            .serve_connection(socket, service_fn(move |request| desk.clone().answer(request)));
        // Errors here are clients that went away, and connections dropped on purpose.
        spawn_local(async move { drop(serve.await) });
    }
}
