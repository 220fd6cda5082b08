//! The socket calls: the one file of the client with `unsafe` in it.
//!
//! Why not a safe wrapper: receive stamps come as an SCM_TIMESTAMPING control message of recvmsg(2), which no maintained
//! safe crate reads without an allocation a call, and the read path's cost per event is what this tool is judged by.
//! Every function here takes and returns plain values; each `unsafe` block names why it is sound.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_void};

/// Wake-ups an epoll_wait may report at once. When it reports this many, silence of the others means nothing.
pub(crate) const WAKE_CAPACITY: usize = 256;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// CLOCK_MONOTONIC in nanoseconds.
pub(crate) fn monotonic_ns() -> i64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// CLOCK_REALTIME in nanoseconds since the epoch.
pub(crate) fn realtime_ns() -> i64 {
    clock_ns(libc::CLOCK_REALTIME)
}

fn clock_ns(clock: libc::clockid_t) -> i64 {
    // SAFETY: `ts` is a valid timespec to write to; both clocks exist on every Linux.
    let ts = unsafe {
        let mut ts: libc::timespec = zeroed();
        libc::clock_gettime(clock, &raw mut ts);
        ts
    };
    ts.tv_sec * 1_000_000_000 + ts.tv_nsec
}

/// The soft limit of open files, after raising it to the hard one.
pub(crate) fn raise_file_limit() -> io::Result<u64> {
    // SAFETY: `limit` is a valid rlimit for both calls.
    unsafe {
        let mut limit: libc::rlimit = zeroed();
        check(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit))?;
        if limit.rlim_cur < limit.rlim_max {
            let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) == 0 {
                return Ok(raised.rlim_cur);
            }
        }
        Ok(limit.rlim_cur)
    }
}

/// The kernel's id of the calling thread.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: gettid takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// Starts a non-blocking TCP connection with TCP_NODELAY and kernel receive stamps. Returns the socket and whether it is
/// connected already.
pub(crate) fn connect(address: &SocketAddr) -> io::Result<(OwnedFd, bool)> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: plain socket(2); the descriptor is owned at once, so it is closed on every path.
    let socket = unsafe {
        let fd =
            check(libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0))?;
        OwnedFd::from_raw_fd(fd)
    };
    set_option(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    // A kernel without the stamps still measures: reads then carry the user's stamp only.
    let flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    let _ = set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags as c_int);
    let (storage, length) = sockaddr(address);
    // SAFETY: `storage` holds a sockaddr of `length` bytes.
    let result = unsafe { libc::connect(socket.as_raw_fd(), (&raw const storage).cast(), length) };
    match check(result) {
        Ok(_) => Ok((socket, true)),
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => Ok((socket, false)),
        Err(e) => Err(e),
    }
}

fn sockaddr(address: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: sockaddr_storage is plain data, large and aligned enough for both families by definition.
    unsafe {
        let mut storage: libc::sockaddr_storage = zeroed();
        match address {
            SocketAddr::V4(a) => {
                let out = (&raw mut storage).cast::<libc::sockaddr_in>();
                (*out).sin_family = libc::AF_INET as libc::sa_family_t;
                (*out).sin_port = a.port().to_be();
                (*out).sin_addr.s_addr = u32::from_ne_bytes(a.ip().octets());
                (storage, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(a) => {
                let out = (&raw mut storage).cast::<libc::sockaddr_in6>();
                (*out).sin6_family = libc::AF_INET6 as libc::sa_family_t;
                (*out).sin6_port = a.port().to_be();
                (*out).sin6_addr.s6_addr = a.ip().octets();
                (*out).sin6_scope_id = a.scope_id();
                (storage, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }
}

fn set_option(fd: RawFd, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the option value is a c_int of the stated size.
    let result = unsafe {
        libc::setsockopt(fd, level, name, (&raw const value).cast(), size_of::<c_int>() as libc::socklen_t)
    };
    check(result).map(drop)
}

/// The outcome of a connection in progress (SO_ERROR).
pub(crate) fn connect_result(fd: RawFd) -> io::Result<()> {
    let mut error: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `error` and `length` are valid for the call.
    check(unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut error).cast(), &raw mut length)
    })?;
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Sends what the kernel takes. Never raises SIGPIPE.
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice.
    let n = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

/// Receives into `buffer`; with it the kernel's CLOCK_REALTIME stamp (ns) of the last segment, if it gave one. `Ok((0, _))` is
/// the peer's close.
pub(crate) fn receive(fd: RawFd, buffer: &mut [u8]) -> io::Result<(usize, Option<i64>)> {
    // Room for SCM_TIMESTAMPING (three timespecs) and a header; u64s keep it aligned for cmsghdr.
    let mut control = [0_u64; 16];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast::<c_void>(), iov_len: buffer.len() };
    // SAFETY: msghdr points at `part` and `control`, which outlive the call; the CMSG walk stays inside what the kernel
    // says it wrote, and the stamp is copied out unaligned.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let n = libc::recvmsg(fd, &raw mut message, 0);
        if n < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut stamp = None;
        let mut cmsg = libc::CMSG_FIRSTHDR(&raw const message);
        while !cmsg.is_null() {
            if (*cmsg).cmsg_level == libc::SOL_SOCKET && (*cmsg).cmsg_type == libc::SCM_TIMESTAMPING {
                let ts = libc::CMSG_DATA(cmsg).cast::<libc::timespec>().read_unaligned();
                if ts.tv_sec != 0 {
                    stamp = Some(ts.tv_sec * 1_000_000_000 + ts.tv_nsec);
                }
            }
            cmsg = libc::CMSG_NXTHDR(&raw const message, cmsg);
        }
        Ok((n as usize, stamp))
    }
}

/// What a descriptor is watched for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadWrite,
}

/// One report of [`Poller::wait`].
#[derive(Clone, Copy)]
pub(crate) struct Wake {
    pub(crate) token: u64,
    /// Error or hang-up, beside readability and writability which a call finds out.
    pub(crate) writable: bool,
    pub(crate) readable: bool,
}

/// Level-triggered epoll.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Box<[libc::epoll_event]>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain epoll_create1(2); owned at once.
        let epoll = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Self {
            epoll,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; WAKE_CAPACITY].into_boxed_slice(),
        })
    }

    fn control(&self, operation: c_int, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        let events = match interest {
            Interest::Read => libc::EPOLLIN | libc::EPOLLRDHUP,
            Interest::ReadWrite => libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP,
        };
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` is valid for the call; a bad descriptor is an error, not undefined.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) }).map(drop)
    }

    pub(crate) fn add(&self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    pub(crate) fn change(&self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    /// Blocks until something is ready. Returns how many reports there are; 0 if a signal came first.
    pub(crate) fn wait(&mut self) -> io::Result<usize> {
        // SAFETY: the array has WAKE_CAPACITY entries and lives as long as self.
        let n = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), WAKE_CAPACITY as c_int, -1)
        };
        match check(n) {
            Ok(n) => Ok(n as usize),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(e) => Err(e),
        }
    }

    pub(crate) fn report(&self, index: usize) -> Wake {
        let event = self.events[index];
        let flags = event.events as c_int;
        let broken = flags & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
        Wake {
            token: event.u64,
            writable: broken || flags & libc::EPOLLOUT != 0,
            readable: broken || flags & (libc::EPOLLIN | libc::EPOLLRDHUP) != 0,
        }
    }
}

/// A timer on CLOCK_MONOTONIC that makes a descriptor readable at an absolute time; no slack is added to it.
pub(crate) struct Timer {
    fd: OwnedFd,
    armed_ns: i64,
}

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain timerfd_create(2); owned at once.
        let fd = unsafe {
            let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
            OwnedFd::from_raw_fd(check(libc::timerfd_create(libc::CLOCK_MONOTONIC, flags))?)
        };
        Ok(Self { fd, armed_ns: 0 })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Fires at `at_ns` (monotonic); 0 disarms. Costs nothing if that is how it is set already.
    pub(crate) fn arm(&mut self, at_ns: i64) -> io::Result<()> {
        if at_ns == self.armed_ns {
            return Ok(());
        }
        self.armed_ns = at_ns;
        // SAFETY: itimerspec is plain data; the pointers are valid for the call.
        check(unsafe {
            let mut spec: libc::itimerspec = zeroed();
            spec.it_value.tv_sec = at_ns / 1_000_000_000;
            spec.it_value.tv_nsec = at_ns % 1_000_000_000;
            libc::timerfd_settime(
                self.fd.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &raw const spec,
                std::ptr::null_mut(),
            )
        })
        .map(drop)
    }

    /// Takes note that it fired.
    pub(crate) fn clear(&mut self) {
        self.armed_ns = 0;
        drain(self.fd.as_raw_fd());
    }
}

/// A descriptor that another thread can make readable.
pub(crate) struct Bell {
    fd: OwnedFd,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain eventfd(2); owned at once.
        let fd =
            unsafe { OwnedFd::from_raw_fd(check(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))?) };
        Ok(Self { fd })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn ring(&self) {
        let one = 1_u64;
        // SAFETY: eight bytes from a live u64. A full counter (EAGAIN) means it rings already.
        unsafe { libc::write(self.fd.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    pub(crate) fn clear(&self) {
        drain(self.fd.as_raw_fd());
    }
}

/// Reads the eight-byte counter of a timerfd or eventfd.
fn drain(fd: RawFd) {
    let mut count = 0_u64;
    // SAFETY: eight bytes into a live u64; nothing to read is EAGAIN.
    unsafe { libc::read(fd, (&raw mut count).cast(), size_of::<u64>()) };
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_sends_and_receives_with_a_kernel_stamp() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (socket, _) = connect(&listener.local_addr().unwrap()).unwrap();
        let mut peer = listener.accept().unwrap().0;
        let mut poller = Poller::new().unwrap();
        poller.add(socket.as_raw_fd(), 7, Interest::Read).unwrap();
        let mut buffer = [0; 64];
        // The kernel begins to stamp a little after the first socket of the machine has asked for it.
        let stamped = (0..100_000).any(|_| {
            peer.write_all(b"hello").unwrap();
            assert_eq!(poller.wait().unwrap(), 1);
            assert!(poller.report(0).token == 7 && poller.report(0).readable);
            let (n, kernel) = receive(socket.as_raw_fd(), &mut buffer).unwrap();
            let after = realtime_ns();
            assert_eq!(&buffer[..n], b"hello");
            kernel.is_some_and(|k| k <= after)
        });
        assert!(stamped);
        drop(peer);
        poller.wait().unwrap();
        assert_eq!(receive(socket.as_raw_fd(), &mut buffer).unwrap().0, 0);
    }

    #[test]
    fn a_bell_and_a_timer_wake_the_poller() {
        let mut poller = Poller::new().unwrap();
        let bell = Bell::new().unwrap();
        let mut timer = Timer::new().unwrap();
        poller.add(bell.fd(), 1, Interest::Read).unwrap();
        poller.add(timer.fd(), 2, Interest::Read).unwrap();
        bell.ring();
        assert_eq!((poller.wait().unwrap(), poller.report(0).token), (1, 1));
        bell.clear();
        timer.arm(monotonic_ns() + 1).unwrap();
        assert_eq!((poller.wait().unwrap(), poller.report(0).token), (1, 2));
        timer.clear();
    }

    #[test]
    fn refused_is_an_error_of_its_own() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let outcome = connect(&closed).and_then(|(socket, connected)| {
            if !connected {
                let mut poller = Poller::new()?;
                poller.add(socket.as_raw_fd(), 0, Interest::ReadWrite)?;
                poller.wait()?;
            }
            connect_result(socket.as_raw_fd())
        });
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
