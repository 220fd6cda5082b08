//! Closed loop: `concurrency` streams, each with one request in flight; the service sets the pace.

use tokmark_base::Stream;

use super::{Process, Step};

/// A closed loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Streams.
    pub concurrency: u32,
}

impl Process for Closed {
    fn describe(&self) -> String {
        let plural = if self.concurrency == 1 { "" } else { "s" };
        format!("closed loop, {} stream{plural}", self.concurrency)
    }

    fn gap_cv(&self) -> Option<f64> {
        None
    }

    fn step(&self, _position: f64, _stream: &mut Stream) -> Option<Step> {
        None
    }

    fn canonical(&self) -> String {
        format!("closed concurrency={}", self.concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_no_starts_of_its_own() {
        let closed = Closed { concurrency: 8 };
        let mut stream = tokmark_base::Seed(1).stream("arrival", 0);
        assert_eq!(closed.step(0.0, &mut stream), None);
        assert_eq!(closed.describe(), "closed loop, 8 streams");
        assert_eq!(Closed { concurrency: 1 }.describe(), "closed loop, 1 stream");
    }
}
