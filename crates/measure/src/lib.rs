//! What do the facts mean, how sure are we, is it good enough?
