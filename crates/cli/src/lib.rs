//! **What did the user type, and which rooms does that wire together?**
//!
//! In: arguments, environment, files. Out: a [`spec::Spec`] a run, a run directory, text on the screen, an exit code.
//! Invariant: every value of a spec has one key, one flag, one variable and one origin; nothing is printed outside of
//! `screen.rs`; only `main` ends the process.
//! Start reading at [`spec`]; a verb is one file in `commands/`. One more key is one line in `spec/keys.rs` and one field in
//! the room that owns it.

pub mod aiperf;
pub mod args;
pub mod calibration;
pub mod commands;
pub mod data_home;
pub mod environment;
pub mod exit;
pub mod failure;
pub mod machine;
pub mod masked;
pub mod screen;
pub mod secret_fields;
pub mod session;
pub mod source;
pub mod spec;
pub mod tokenizer_home;
