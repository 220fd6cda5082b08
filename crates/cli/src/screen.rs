//! The one place that prints: results on stdout, everything for people on stderr when `--json` asks for one object.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something asked for on stdout did not get there. There is one stdout a process, so there is one of these.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether a result could not be printed; it was said on stderr when it happened, and the process must not end with 0.
pub fn lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Where text goes, and in what dress.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // Four independent facts, each asked for by its name.
pub struct Screen {
    /// `--json`: stdout carries one object, all human text goes to stderr.
    pub json: bool,
    /// `-q`: no progress, no notes; errors and the result stay.
    pub quiet: bool,
    /// Stderr is a terminal, so a line may be rewritten in place.
    pub live: bool,
    /// Colours are wanted: a terminal without `NO_COLOR`.
    pub colour: bool,
}

impl Screen {
    /// What this process's streams allow. `no_color` is whether `NO_COLOR` is set to anything.
    pub fn of_this_process(json: bool, quiet: bool, no_color: bool) -> Self {
        let out = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        Self { json, quiet, live: io::stderr().is_terminal() && !quiet, colour: out && !no_color }
    }

    /// The result, as people read it: stdout, or stderr beside `--json`.
    pub fn result(&self, text: &str) {
        if self.json {
            print_err(text);
        } else {
            print_out(text, Loss::IfRefused);
        }
    }

    /// The result, as programs read it: one object on stdout.
    pub fn object(&self, value: &serde_json::Value) {
        if self.json {
            print_out(&format!("{value:#}\n"), Loss::Always);
        }
    }

    /// A result of any length on stdout, written by `fill` bit by bit.
    pub fn pour(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut out = io::stdout().lock();
        if let Err(error) = fill(&mut out).and_then(|()| out.flush()) {
            out_failed(&error, Loss::IfRefused);
        }
    }

    /// A note or progress line on stderr, left out by `-q`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            print_err(&format!("{text}\n"));
        }
    }

    /// A warning or an error on stderr, always.
    pub fn alarm(&self, text: &str) {
        print_err(&format!("{text}\n"));
    }

    /// Rewrites the live line in place; an empty text clears it. Nothing off a terminal.
    pub fn rewrite(&self, text: &str) {
        if self.live {
            print_err(&format!("\r\x1b[K{text}"));
        }
    }
}

/// Which failure of stdout loses a result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Any: a program reads it.
    Always,
    /// All but a reader that went away (`tokmark … | head`): a person who saw enough.
    IfRefused,
}

fn print_out(text: &str, loss: Loss) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        out_failed(&error, loss);
    }
}

fn out_failed(error: &io::Error, loss: Loss) {
    if loss == Loss::IfRefused && error.kind() == ErrorKind::BrokenPipe {
        return;
    }
    // Said once: what follows on the same stdout fails for the same reason.
    if !LOST.swap(true, Ordering::Relaxed) {
        print_err(&format!(
            "error: the result could not be printed on stdout: {error}\nhint: send stdout to where it can be written; what a run measured is in its directory\n"
        ));
    }
}

/// Prints help, the version, or what was wrong with the command line, each where it belongs.
pub fn answer(answer: &clap::Error) {
    if let Err(error) = answer.print()
        && !answer.use_stderr()
    {
        out_failed(&error, Loss::IfRefused);
    }
}

// What stderr does not take has nowhere else to go.
fn print_err(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
