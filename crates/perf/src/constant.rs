//! The constant model: the same TTFT and ITL for every request, whatever the load.
