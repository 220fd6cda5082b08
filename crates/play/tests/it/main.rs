//! The simulated server as a client meets it: over a plain socket, byte by byte.

// A client that cannot do its part ends the test where it stands.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod breakdown;
mod client;
mod control;
mod conversation;
mod faults;
mod native;
mod refused;
mod scrape;
mod served;
mod usage;
