//! The system calls behind the metronome and the bare reader, as safe functions.
//!
//! Reason for unsafe code: std offers neither epoll nor ancillary data (SO_TIMESTAMPING), nor CPU affinity, and a library
//! that does would be shared with the client, whose judge this server is. Every pointer handed to the kernel below is
//! to memory owned by the calling function, with its true length; every buffer the kernel fills is plain data.
#![allow(unsafe_code)]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// Nanoseconds of CLOCK_MONOTONIC.
pub fn monotonic_ns() -> i64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds of CLOCK_REALTIME.
pub fn realtime_ns() -> i64 {
    clock_ns(libc::CLOCK_REALTIME)
}

/// Both clocks at the same moment, (monotonic, realtime): the tightest of three attempts, since a thread can lose its core
/// between two readings.
pub fn clock_pair() -> (i64, i64) {
    let mut best = (i64::MAX, 0, 0);
    for _ in 0..3 {
        let before = monotonic_ns();
        let real = realtime_ns();
        let after = monotonic_ns();
        best = best.min((after - before, i64::midpoint(before, after), real));
        if best.0 < 1_000 {
            break;
        }
    }
    (best.1, best.2)
}

fn clock_ns(clock: libc::clockid_t) -> i64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid timespec; both clocks exist on every Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    timespec_ns(&t)
}

fn timespec_ns(t: &libc::timespec) -> i64 {
    t.tv_sec * 1_000_000_000 + t.tv_nsec
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Makes room for `backlog` connections that wait to be accepted on a socket that already listens.
pub fn set_backlog(listener: &impl AsRawFd, backlog: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::listen(listener.as_raw_fd(), backlog) }).map(drop)
}

/// Raises the soft limit of open files to the hard one; the limit in force.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// Lets this thread's timers fire within a nanosecond of what was asked, instead of the usual 50 µs later.
pub fn tighten_timers() -> io::Result<()> {
    // SAFETY: PR_SET_TIMERSLACK takes a number.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0_u64, 0_u64, 0_u64) }).map(drop)
}

/// The cores this thread may run on, ascending.
pub fn affinity() -> io::Result<Vec<usize>> {
    // SAFETY: a cpu_set_t is plain bits; all zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: `set` has the size given.
    check(unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) })?;
    // SAFETY: CPU_ISSET only reads a bit below CPU_SETSIZE.
    Ok((0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect())
}

/// Keeps this thread and what it starts on `cores`.
pub fn set_affinity(cores: &[usize]) -> io::Result<()> {
    // SAFETY: as in `affinity`.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    for core in cores.iter().filter(|core| **core < libc::CPU_SETSIZE as usize) {
        // SAFETY: the index is below CPU_SETSIZE.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: `set` has the size given.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) }).map(drop)
}

/// Asks for kernel receive stamps on this socket and, if it listens, on every connection it accepts; transmit stamps are
/// reported too, for the sends that ask for one.
pub fn enable_stamps(socket: &impl AsRawFd) -> io::Result<()> {
    let flags: u32 = libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    // SAFETY: `flags` has the size given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            (&raw const flags).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Room for the ancillary data of one message, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; 256]);

/// Reads without blocking: bytes read, and the kernel's receive stamp of the last segment among them (CLOCK_REALTIME).
pub fn receive_stamped(fd: RawFd, into: &mut [u8]) -> io::Result<(usize, Option<i64>)> {
    receive_message(fd, into, libc::MSG_DONTWAIT)
}

/// The transmit stamp of the latest send that asked for one, if the kernel has given it by now.
pub fn transmit_stamp(fd: RawFd) -> Option<i64> {
    let mut last = None;
    // Older stamps belong to sends nobody asks about any more.
    while let Ok((_, stamp)) = receive_message(fd, &mut [0; 1], libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE) {
        last = stamp.or(last);
    }
    last
}

fn receive_message(fd: RawFd, into: &mut [u8], flags: libc::c_int) -> io::Result<(usize, Option<i64>)> {
    let mut control = Control([0; 256]);
    let mut part = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: a msghdr of zeros is valid: no name, no parts, no control.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: `message` points to `part` (over `into`) and `control`, all alive and of the lengths given.
    let read = check_size(unsafe { libc::recvmsg(fd, &raw mut message, flags) })?;
    // SAFETY: the kernel filled `control` up to `msg_controllen`, which the CMSG functions respect.
    Ok((read, unsafe { software_stamp(&message) }))
}

/// # Safety
/// `message` must be as `recvmsg` left it, its control buffer alive.
unsafe fn software_stamp(message: &libc::msghdr) -> Option<i64> {
    // SAFETY: the caller's promise.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give null or a whole header inside the control buffer.
        let h = unsafe { &*header };
        if h.cmsg_level == libc::SOL_SOCKET && h.cmsg_type == libc::SO_TIMESTAMPING {
            // SAFETY: an SCM_TIMESTAMPING message holds three timespecs, the first being the software stamp.
            let stamp: libc::timespec = unsafe { ptr::read_unaligned(libc::CMSG_DATA(header).cast()) };
            let ns = timespec_ns(&stamp);
            return (ns != 0).then_some(ns);
        }
        // SAFETY: as above.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

/// Reads without blocking and without stamps.
pub fn receive(fd: RawFd, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `into` is writable for its length.
    check_size(unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) })
}

/// Sends without blocking and without a signal on a broken connection; bytes taken by the kernel.
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `bytes` is readable for its length.
    check_size(unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Like [`send`], and asks for a transmit stamp of the last byte, to be taken with [`transmit_stamp`].
pub fn send_stamped(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let mut control = Control([0; 256]);
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: as in `receive_message`.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE and CMSG_LEN only compute; the first header lies inside `control`, which has room for it, and
    // the kernel reads but does not write what `part` points to.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(size_of::<u32>() as u32) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SO_TIMESTAMPING;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u32>() as u32) as _;
        ptr::write_unaligned(libc::CMSG_DATA(header).cast::<u32>(), libc::SOF_TIMESTAMPING_TX_SOFTWARE);
        check_size(libc::sendmsg(fd, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL))
    }
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The token it was added with.
    pub token: u64,
    /// Bytes, a connection, the end, or an error that a read will tell.
    pub readable: bool,
    /// Room to write.
    pub writable: bool,
    /// Something in the error queue: a transmit stamp, or a broken connection.
    pub error: bool,
}

/// A level-triggered epoll set.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
    /// Whether the kernel takes time-outs in nanoseconds (Linux 5.11).
    fine: bool,
}

impl Epoll {
    /// An empty set that reports at most `batch` descriptors at a time.
    pub fn new(batch: usize) -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self {
            // SAFETY: `fd` was just opened and belongs to nobody else.
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
            events: vec![libc::epoll_event { events: 0, u64: 0 }; batch.max(1)],
            fine: true,
        })
    }

    /// Watches `socket` for reading.
    pub fn add(&self, socket: &impl AsRawFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), token, false)
    }

    /// Watches it for writing as well, or no longer.
    pub fn set_writable(&self, socket: &impl AsRawFd, token: u64, writable: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket.as_raw_fd(), token, writable)
    }

    /// No longer watches it.
    pub fn remove(&self, socket: &impl AsRawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, socket.as_raw_fd(), 0, false)
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, token: u64, writable: bool) -> io::Result<()> {
        let interest = libc::EPOLLIN | if writable { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event { events: interest as u32, u64: token };
        // SAFETY: `event` is valid for the call.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &raw mut event) }).map(drop)
    }

    /// Waits until something is ready or `timeout_ns` has passed (`None`: for ever) and tells how many are.
    pub fn wait(&mut self, timeout_ns: Option<i64>) -> io::Result<usize> {
        let waited = match timeout_ns {
            Some(ns) if ns > 0 && self.fine => self.wait_fine(ns),
            // Rounded down, so that the caller comes back early and polls for the rest.
            Some(ns) => self.wait_millis((ns / 1_000_000).clamp(0, i64::from(i32::MAX)) as i32),
            None => self.wait_millis(-1),
        };
        match waited {
            Err(e) if e.raw_os_error() == Some(libc::ENOSYS) => {
                self.fine = false;
                Ok(0)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }

    fn wait_fine(&mut self, ns: i64) -> io::Result<usize> {
        let timeout = libc::timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 };
        // SAFETY: `events` has room for the number given, `timeout` is valid, and no signal mask is passed.
        let n = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                &raw const timeout,
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        check(n as libc::c_int).map(|n| n as usize)
    }

    fn wait_millis(&mut self, timeout: i32) -> io::Result<usize> {
        // SAFETY: `events` has room for the number given.
        let n = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                timeout,
            )
        };
        check(n).map(|n| n as usize)
    }

    /// Report `i` of the last wait.
    pub fn ready(&self, i: usize) -> Ready {
        let event = self.events[i];
        let bits = event.events;
        let any = |mask: libc::c_int| bits & mask as u32 != 0;
        Ready {
            token: event.u64,
            readable: any(libc::EPOLLIN | libc::EPOLLHUP),
            writable: any(libc::EPOLLOUT),
            error: any(libc::EPOLLERR),
        }
    }
}
