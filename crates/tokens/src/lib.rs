//! How many tokens is this text, and which text has exactly n?
