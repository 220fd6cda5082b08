//! Send it for real: plan, target, sinks.
