//! A simulated engine behind real HTTP.
