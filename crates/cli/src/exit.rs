//! What the exit code says.

use std::process::ExitCode;

/// The exit codes, as the documentation lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: the work is done; a measurement was VALID or DEGRADED.
    Good,
    /// 1: tokmark itself failed (a write, a bug).
    Internal,
    /// 2: usage or configuration.
    Usage,
    /// 3: an SLO or a threshold was missed.
    Threshold,
    /// 4: the measurement is INVALID.
    Invalid,
    /// 6: the target is unreachable or unhealthy, or no attempt succeeded.
    Target,
    /// 130: interrupted; partial results are kept and reported.
    Interrupted,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Threshold => 3,
            Self::Invalid => 4,
            Self::Target => 6,
            Self::Interrupted => 130,
        }
    }

    /// The one to end with when several apply: the first of 2, 130, 6, 4, 3 (5 is `compare`'s), with 1 before all but
    /// 2, because a run that could not be written has nothing else to say.
    pub fn first(apply: impl IntoIterator<Item = Self>) -> Self {
        apply.into_iter().min_by_key(|exit| exit.rank()).unwrap_or(Self::Good)
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Usage => 0,
            Self::Internal => 1,
            Self::Interrupted => 2,
            Self::Target => 3,
            Self::Invalid => 4,
            Self::Threshold => 5,
            Self::Good => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_list_wins() {
        use Exit::{Good, Interrupted, Invalid, Target, Threshold, Usage};
        assert_eq!(Exit::first([]), Good);
        assert_eq!(Exit::first([Threshold, Invalid, Good]), Invalid);
        assert_eq!(Exit::first([Invalid, Target]), Target);
        assert_eq!(Exit::first([Target, Interrupted]), Interrupted);
        assert_eq!(Exit::first([Interrupted, Usage]), Usage);
    }
}
