//! User-centric rate: a fixed number of users, each served one turn at a time. User u of N comes round at u/λ, (u + N)/λ,
//! (u + 2N)/λ, …, or as soon as their last turn has ended if that is later: the time between two turns of a user is N/λ
//! (AIPerf's `--user-centric-rate` with `--num-users`).

use tokmark_base::Stream;

use super::{Process, Step};

/// Users who come back at equal gaps. The rate is that of all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Users {
    /// How many.
    pub users: u32,
}

impl Process for Users {
    fn describe(&self) -> String {
        let plural = if self.users == 1 { "" } else { "s" };
        format!("{} user{plural}", self.users)
    }

    /// The users together start at equal gaps.
    fn gap_cv(&self) -> Option<f64> {
        Some(0.0)
    }

    fn step(&self, _position: f64, _stream: &mut Stream) -> Option<Step> {
        None
    }

    fn canonical(&self) -> String {
        format!("users users={}", self.users)
    }
}
