//! What the server's metrics count, and how a scrape is answered: in the names of the server it plays, from the catalogue in
//! `record`. What the simulated engine has nothing to say about is absent.
//!
//! Start at [`Ledger`]: it follows every request from the engine's events. `scrape.rs` joins it with the engine's gauges.

mod family;
mod ledger;
mod scrape;

pub(crate) use ledger::{Ledger, Visit};
pub(crate) use scrape::Scrape;
