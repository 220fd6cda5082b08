//! Pure rooms touch nothing outside themselves; clocks, the environment and unsafe code have their homes.

use super::Problem;
use super::rust::{code_only, without_tests};
use crate::tree::{SourceFile, Tree};

/// Rooms without tokio, file system, clock or global state. A name here need not be open yet.
const PURE: &[&str] = &[
    "base", "tokens", "workload", "record", "wire", "kv", "perf", "engine", "measure", "advise", "figure",
    "report",
];
/// Rooms whose `clock.rs` may ask the machine for the time. The metronome shares no room with the client, so it has
/// its own.
const CLOCK_ROOMS: &[&str] = &["drive", "watch", "play", "metronome"];
/// The room that may read the environment.
const ENVIRONMENT_ROOM: &str = "cli";

/// What pure rooms may not say outside tests, and what is wrong with it.
const IMPURE: &[(&str, &str)] = &[
    ("std::fs", "the file system: take a Read or Write instead"),
    ("TcpStream", "the network"),
    ("TcpListener", "the network"),
    ("UdpSocket", "the network"),
    ("ToSocketAddrs", "the network"),
    ("std::process", "other processes"),
    ("std::thread", "threads: they belong to drive, play and store"),
    ("tokio", "an async runtime"),
    ("println!", "the terminal"),
    ("eprintln!", "the terminal"),
    ("print!", "the terminal"),
    ("libc", "system calls"),
    ("static mut", "global state"),
    ("thread_local!", "global state"),
];
/// Asking for the time.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];
/// Asking the environment.
const ENVIRONMENT: &[&str] =
    &["env::var", "env::vars", "env::var_os", "env::vars_os", "env::args", "env::current_dir"];

/// The files that may call the system without a safe wrapper.
const UNSAFE_HOMES: &[&str] =
    &["crates/drive/src/socket.rs", "crates/metronome/src/socket.rs", "xtask/src/selfbench/system.rs"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = impure(tree);
    let unsafe_files = tree.rust().filter(|file| code_only(&file.text).contains("(unsafe_code)"));
    let strangers = unsafe_files.filter(|file| !UNSAFE_HOMES.contains(&file.path.as_str()));
    problems.extend(strangers.map(|file| Problem::of(&file.path, "unsafe code outside of its homes")));
    problems
}

fn impure(tree: &Tree) -> Vec<Problem> {
    tree.rust().filter(|file| file.room().is_some() && !file.is_test()).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Problem> {
    let room = file.room().unwrap_or_default();
    let (code, _) = without_tests(&code_only(&file.text));
    let pure = PURE.contains(&room);
    let clock_home = CLOCK_ROOMS.contains(&room) && file.path.ends_with("/clock.rs");
    let mut problems = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut found = |text: String| problems.push(Problem::at(&file.path, number + 1, text));
        for (word, why) in IMPURE.iter().filter(|_| pure) {
            if says(line, word) {
                found(format!("`{word}` in the pure room `{room}`: {why}"));
            }
        }
        for word in CLOCKS.iter().filter(|_| !clock_home) {
            if says(line, word) {
                found(format!(
                    "`{word}` outside a clock.rs\n  hint: take a Clock, or the time as an argument"
                ));
            }
        }
        for word in ENVIRONMENT.iter().filter(|_| room != ENVIRONMENT_ROOM) {
            if says(line, word) {
                found(format!(
                    "`{word}` outside `{ENVIRONMENT_ROOM}`\n  hint: take the value as an argument"
                ));
            }
        }
    }
    problems
}

/// Whether `line` holds `word` as a whole word.
fn says(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn pure_rooms_open_no_files() {
        assert_eq!(count("crates/measure/src/a.rs", "use std::fs::File;\n"), 1);
        assert_eq!(count("crates/store/src/a.rs", "use std::fs::File;\n"), 0);
        assert_eq!(
            count("crates/measure/src/a.rs", "// std::fs\n#[cfg(test)]\nmod tests { use std::fs; }\n"),
            0
        );
        assert_eq!(count("crates/measure/tests/it/main.rs", "use std::fs::File;\n"), 0);
    }

    #[test]
    fn time_has_one_home_a_room() {
        let asks = "let now = Instant::now();\n";
        assert_eq!(count("crates/drive/src/clock.rs", asks), 0);
        assert_eq!(count("crates/drive/src/reactor.rs", asks), 1);
        assert_eq!(count("crates/cli/src/clock.rs", asks), 1);
    }

    #[test]
    fn unsafe_code_has_its_homes() {
        assert_eq!(count("crates/drive/src/reactor.rs", "#![allow(unsafe_code)]\n"), 1);
        assert_eq!(count("crates/drive/src/socket.rs", "#![allow(unsafe_code)]\n"), 0);
    }

    #[test]
    fn the_environment_is_read_by_cli() {
        assert_eq!(count("crates/store/src/a.rs", "std::env::var(name)\n"), 1);
        assert_eq!(count("crates/cli/src/a.rs", "std::env::var(name)\n"), 0);
        assert_eq!(count("crates/store/src/a.rs", "std::env::temp_dir()\n"), 0);
    }
}
