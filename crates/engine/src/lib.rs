//! What would this engine have done, in virtual time?
