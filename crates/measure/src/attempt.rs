//! One attempt as metrics see it: the record, and its content events as intervals on the time line.
//!
//! `tokmark_record::Reads` says what interval an event has; which of them are censored is decided here and nowhere else
//! (METHOD "Clocks and stamps").

use tokmark_record::{Outcome, Record};

/// A content event: it arrived after `after` and not later than `at` (microseconds). Equal: known exactly enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Not before this.
    pub after: i64,
    /// The stamp every latency uses.
    pub at: i64,
}

impl Event {
    /// Whether it is known only as an interval wider than the limit.
    pub fn censored(self) -> bool {
        self.after < self.at
    }
}

/// An interval up to this wide is never censored …
const LIMIT_US: i64 = 1_000;
/// … nor one up to the median gap divided by this (5 %).
const LIMIT_OF_MEDIAN_GAP: i64 = 20;

/// A record and its content events.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The facts.
    pub record: &'a Record,
    /// Its content events, in order, never going back. Without streaming: one, at the last byte.
    pub events: &'a [Event],
}

/// Room for the events of one attempt after another.
#[derive(Debug, Default)]
pub struct Scratch {
    events: Vec<Event>,
    gaps: Vec<i64>,
}

impl Scratch {
    /// The record with its events.
    pub fn view<'a>(&'a mut self, record: &'a Record) -> Attempt<'a> {
        self.events.clear();
        self.events.reserve(record.reads.0.len());
        let (mut last, mut plain) = (i64::MIN, true);
        record.reads.content_events().for_each(|event| {
            let (after, at) = (event.after.0, event.at.0);
            plain &= after == at && at >= last;
            last = at;
            self.events.push(Event { after, at });
        });
        // Points in order are what both would leave as they are.
        if !plain {
            self.tighten();
            self.censor();
        }
        Attempt { record, events: &self.events }
    }

    /// Bytes arrive in order: an event cannot arrive later than its successor, nor before its predecessor could have.
    fn tighten(&mut self) {
        let mut next = i64::MAX;
        for event in self.events.iter_mut().rev() {
            event.at = event.at.min(next);
            next = event.at;
        }
        let mut last = i64::MIN;
        for event in &mut self.events {
            event.after = event.after.max(last).min(event.at);
            last = event.after;
        }
    }

    /// Narrow intervals become points, wide ones stay.
    fn censor(&mut self) {
        self.gaps.clear();
        self.gaps.extend(self.events.windows(2).map(|pair| pair[1].at - pair[0].at));
        let median = if self.gaps.is_empty() {
            0
        } else {
            let middle = (self.gaps.len() - 1) / 2;
            *self.gaps.select_nth_unstable(middle).1
        };
        let limit = LIMIT_US.max(median / LIMIT_OF_MEDIAN_GAP);
        for event in &mut self.events {
            if event.at - event.after <= limit {
                event.after = event.at;
            }
        }
    }
}

impl Attempt<'_> {
    /// First byte handed to the kernel.
    pub fn sent(&self) -> Option<i64> {
        self.record.sent_us.map(|t| t.0)
    }

    /// When the plan wanted it to start (open loop only).
    pub fn intended(&self) -> Option<i64> {
        self.record.intended_us.map(|t| t.0)
    }

    /// When it was due: as the plan wanted it (open loop), else its release (closed loop), else its first action. Decides
    /// which window it belongs to; `None` if it had neither.
    pub fn due(&self) -> Option<i64> {
        let r = self.record;
        r.intended_us.or(r.released_us).or(r.acted_us).map(|t| t.0)
    }

    /// Whether it was due at `from` or later; what was never due is.
    pub fn is_due_from(&self, from: Option<i64>) -> bool {
        from.is_none_or(|from| self.due().is_none_or(|due| due >= from))
    }

    /// The first content event of a stream; `None` without streaming, where it says nothing about a first token.
    pub fn first(&self) -> Option<Event> {
        self.events.first().copied().filter(|_| self.record.streamed)
    }

    /// The second content event of a stream.
    pub fn second(&self) -> Option<Event> {
        self.events.get(1).copied().filter(|_| self.record.streamed)
    }

    /// The first content event of a stream that is not reasoning.
    pub fn first_output(&self) -> Option<Event> {
        let at = self.record.first_output?;
        self.events.get(at as usize).copied().filter(|_| self.record.streamed)
    }

    /// The last content event.
    pub fn last(&self) -> Option<Event> {
        self.events.last().copied()
    }

    /// Output tokens by the asked source.
    pub fn osl(&self) -> Option<u32> {
        self.record.output.map(|c| c.tokens)
    }

    /// Input tokens by the asked source.
    pub fn isl(&self) -> Option<u32> {
        self.record.input.map(|c| c.tokens)
    }

    /// Tokens of the first content event: as the server tells, else 1.
    pub fn first_tokens(&self) -> u32 {
        self.record.first_event_tokens.unwrap_or(1).max(1)
    }

    /// Whether it ended well.
    pub fn succeeded(&self) -> bool {
        self.record.outcome.is_success()
    }

    /// Whether AIPerf calls it valid: it ended well and had content.
    pub fn valid_for_aiperf(&self) -> bool {
        matches!(self.record.outcome, Outcome::Success) && !self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Micros;
    use tokmark_record::{Read, Reads};

    use super::*;

    fn read(user: i64, kernel: Option<i64>, open: i64, content: u32, tail: bool) -> Read {
        Read {
            user: Micros(user),
            kernel: kernel.map(Micros),
            open: Micros(open),
            bytes: 100,
            events: content,
            content,
            tail,
        }
    }

    fn events(reads: Vec<Read>) -> Vec<(i64, i64)> {
        let record = Record { streamed: true, reads: Reads(reads), ..Record::default() };
        let mut scratch = Scratch::default();
        let attempt = scratch.view(&record);
        attempt.events.iter().map(|e| (e.after, e.at)).collect()
    }

    #[test]
    fn a_kernel_stamp_is_a_point() {
        assert_eq!(events(vec![read(10_050, Some(10_000), 0, 1, true)]), [(10_000, 10_000)]);
    }

    #[test]
    fn a_narrow_interval_is_a_point_and_a_wide_one_is_not() {
        assert_eq!(events(vec![read(10_000, None, 9_000, 1, true)]), [(10_000, 10_000)]);
        assert_eq!(events(vec![read(10_000, None, 8_999, 1, true)]), [(8_999, 10_000)]);
    }

    #[test]
    fn a_burst_after_a_stall_is_censored_but_for_its_kernel_stamped_end() {
        // Ten-millisecond gaps, then 50 ms of silence and five events in one read.
        let reads = vec![
            read(10_000, Some(10_000), 9_900, 1, true),
            read(20_000, Some(20_000), 19_900, 1, true),
            read(70_100, Some(70_000), 20_100, 5, true),
        ];
        assert_eq!(
            events(reads),
            [
                (10_000, 10_000),
                (20_000, 20_000),
                (20_100, 70_000),
                (20_100, 70_000),
                (20_100, 70_000),
                (20_100, 70_000),
                (70_000, 70_000)
            ]
        );
    }

    #[test]
    fn five_percent_of_a_long_median_gap_is_allowed() {
        let reads = vec![
            read(100_000, None, 97_000, 1, true),
            read(200_000, None, 197_000, 1, true),
            read(300_000, None, 290_000, 1, true),
        ];
        // Median gap 100 ms: up to 5 ms is exact.
        assert_eq!(events(reads), [(100_000, 100_000), (200_000, 200_000), (290_000, 300_000)]);
    }
}
