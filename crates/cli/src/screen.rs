//! The one place that prints: results on stdout, everything for people on stderr when `--json` asks for one object.

use std::io::{IsTerminal, Write};

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
        let out = if json { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
        Self { json, quiet, live: std::io::stderr().is_terminal() && !quiet, colour: out && !no_color }
    }

    /// The result, as people read it: stdout, or stderr beside `--json`.
    pub fn result(&self, text: &str) {
        if self.json {
            print_err(text);
        } else {
            print_out(text);
        }
    }

    /// The result, as programs read it: one object on stdout.
    pub fn object(&self, value: &serde_json::Value) {
        if self.json {
            print_out(&format!("{value:#}\n"));
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

// A reader that went away (`tokmark … | head`) must not become a panic: what cannot be printed is dropped.
fn print_out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn print_err(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
