//! Which core a process runs on. A measurement of a client wants the server on another core.

use std::io;
use std::process::{Child, Command};

use crate::socket;

/// The cores this thread may run on, ascending.
pub fn allowed() -> io::Result<Vec<usize>> {
    socket::affinity()
}

/// Keeps this thread, and every thread and process it starts from now on, on `cores`.
pub fn this_thread(cores: &[usize]) -> io::Result<()> {
    socket::set_affinity(cores)
}

/// Starts `command` on `cores` and leaves this thread where it was: a child inherits the affinity of the thread that
/// starts it, before any thread of its own exists.
pub fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    let before = allowed()?;
    this_thread(cores)?;
    let child = command.spawn();
    this_thread(&before)?;
    child
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_runs_where_it_was_put() {
        let cores = allowed().unwrap();
        let last = *cores.last().unwrap();
        let mut command = Command::new("cat");
        command.arg("/proc/self/status").stdout(std::process::Stdio::piped());
        let out = spawn_on(&[last], &mut command).unwrap().wait_with_output().unwrap();
        let status = String::from_utf8(out.stdout).unwrap();
        let line = status.lines().find(|l| l.starts_with("Cpus_allowed_list")).unwrap();
        assert_eq!(line.split_whitespace().last(), Some(last.to_string().as_str()));
        assert_eq!(allowed().unwrap(), cores);
    }
}
