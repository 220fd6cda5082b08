//! Whole runs, built from exact arithmetic, against numbers worked out by hand and against brute force.

mod aiperf;
mod build;
mod censored;
mod closed;
mod failures;
mod groups;
mod open;
mod oracle;
mod schema;
mod server;
mod tokens;
mod window;
