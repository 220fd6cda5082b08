//! The tokmark binary: what did the user type, and which rooms does that wire together?
fn main() {}
