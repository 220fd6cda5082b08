//! System calls that std does not offer: what a child used, signals, raw packets.
//!
//! Reason for unsafe code: `wait4` is the one source of a child's CPU time in microseconds with all its threads, a stopped
//! client needs `kill`, a stopped thread `ptrace`, and the referee of kernel stamps needs an AF_PACKET socket. Every pointer is to a local value of
//! the right type.
#![allow(unsafe_code)]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// What a process used until it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    /// Exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// User and system time of all threads, seconds.
    pub(crate) cpu_s: f64,
}

/// Waits for child `pid` to end. It must not be waited for elsewhere.
pub(crate) fn wait(pid: u32) -> io::Result<Used> {
    loop {
        match wait_once(pid, 0) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(Some(used)) => return Ok(used),
            Ok(None) => {}
            Err(e) => return Err(e),
        }
    }
}

/// What child `pid` used, if it has ended.
pub(crate) fn try_wait(pid: u32) -> io::Result<Option<Used>> {
    wait_once(pid, libc::WNOHANG)
}

fn wait_once(pid: u32, options: libc::c_int) -> io::Result<Option<Used>> {
    let mut status = 0;
    // SAFETY: a rusage of zeros is valid plain data.
    let mut usage: libc::rusage = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: both pointers are to locals of the right type.
    let waited = unsafe { libc::wait4(pid as libc::pid_t, &raw mut status, options, &raw mut usage) };
    match waited {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        _ => Ok(Some(Used {
            code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            cpu_s: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        })),
    }
}

fn seconds(t: libc::timeval) -> f64 {
    t.tv_sec as f64 + t.tv_usec as f64 / 1e6
}

/// A signal for a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Stop,
    Continue,
}

/// Sends `signal` to child `pid`.
pub(crate) fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let number = match signal {
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    // SAFETY: no pointers; `pid` is a child that has not been waited for.
    if unsafe { libc::kill(pid as libc::pid_t, number) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// One thread of another process, held still until this value is dropped. The process's other threads run on.
pub(crate) struct Held(libc::pid_t);

impl Held {
    /// Holds thread `id`, as a debugger does.
    pub(crate) fn new(id: u32) -> io::Result<Self> {
        let id = id as libc::pid_t;
        ptrace(libc::PTRACE_SEIZE, id)?;
        let held = Self(id);
        ptrace(libc::PTRACE_INTERRUPT, id)?;
        // It is still once its stop has been reported; only then can it be let go again.
        // SAFETY: null is allowed for the status.
        if unsafe { libc::waitpid(id, std::ptr::null_mut(), libc::__WALL) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Fails if the thread has ended meanwhile, and then there is nothing to let go.
        let _ = ptrace(libc::PTRACE_DETACH, self.0);
    }
}

fn ptrace(request: libc::c_uint, thread: libc::pid_t) -> io::Result<()> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: these three requests read neither address nor data.
    if unsafe { libc::ptrace(request, thread, none, none) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A socket that sees every packet of the loopback device from its IP header on, with room for `bytes` unread. Needs
/// root.
pub(crate) fn loopback_packets(bytes: i32) -> io::Result<OwnedFd> {
    let everything = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: no pointers; the descriptor is owned at once.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, i32::from(everything));
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    // SAFETY: the name is a C string; `address` and `bytes` are locals of the sizes given.
    let bound = unsafe {
        let mut address: libc::sockaddr_ll = MaybeUninit::zeroed().assume_init();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = everything;
        address.sll_ifindex = libc::if_nametoindex(c"lo".as_ptr()) as i32;
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const bytes).cast(),
            size_of::<i32>() as libc::socklen_t,
        );
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if bound == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
}
