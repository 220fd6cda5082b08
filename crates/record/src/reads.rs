//! Reads as parallel delta-coded arrays, and the one place where an event becomes an interval.
//!
//! A read is kept if it completed an event. The kernel stamps a read with the arrival of its last segment, so every event of a
//! read had arrived at that stamp (without one: at the user's), and none before the socket was last known empty (`open`). An
//! event whose last byte ends a draining read arrived at the kernel's stamp, exactly.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokmark_base::Micros;

/// One read that completed at least one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// User-space stamp, taken as the read returned, before parsing.
    pub user: Micros,
    /// Kernel receive stamp of the read's last segment, mapped to the run's time line.
    pub kernel: Option<Micros>,
    /// The socket was known to be empty at this moment: nothing of this read had arrived before it.
    pub open: Micros,
    /// Bytes this read brought, plus those of earlier reads that completed nothing.
    pub bytes: u32,
    /// Events completed, of any kind.
    pub events: u32,
    /// Content events completed.
    pub content: u32,
    /// The read drained the socket and its last byte is the last byte of its last content event.
    pub tail: bool,
}

/// The reads of one attempt, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads(pub Vec<Read>);

/// One content event on the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentEvent {
    /// It had not arrived before this moment; equal to `at` if the arrival is known exactly.
    pub after: Micros,
    /// It had arrived at this moment: the stamp every latency uses.
    pub at: Micros,
}

impl Reads {
    /// No read completed anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content events, in order. Those of one read share its interval, except that a last one which ends a draining
    /// read arrived exactly at the kernel's stamp.
    pub fn content_events(&self) -> impl Iterator<Item = ContentEvent> + '_ {
        self.0.iter().flat_map(|read| {
            let at = read.kernel.unwrap_or(read.user);
            let exact = read.tail && read.kernel.is_some();
            (1..=read.content).map(move |n| {
                let after = if exact && n == read.content { at } else { read.open.min(at) };
                ContentEvent { after, at }
            })
        })
    }

    /// Number of content events.
    pub fn content_count(&self) -> u64 {
        self.0.iter().map(|read| u64::from(read.content)).sum()
    }
}

/// How [`Reads`] lie in a file: `user_us` as differences (the first from 0), `lag_us` = user − kernel (−1: no kernel
/// stamp), `open_us` = user − open. An array whose every element is 1 is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    user_us: Vec<i64>,
    lag_us: Vec<i64>,
    open_us: Vec<i64>,
    bytes: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    content: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tail: Vec<u8>,
}

fn unless_all_one<T: Copy + PartialEq + From<u8>>(values: Vec<T>) -> Vec<T> {
    if values.iter().all(|v| *v == T::from(1)) { Vec::new() } else { values }
}

impl Serialize for Reads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut last = 0;
        let user_us = self
            .0
            .iter()
            .map(|r| {
                let d = r.user.0 - last;
                last = r.user.0;
                d
            })
            .collect();
        // A kernel stamp after the user's is clock-mapping noise of a microsecond or two: it is kept as lag 0.
        let lag = |r: &Read| r.kernel.map_or(-1, |k| (r.user - k).0.max(0));
        Columns {
            user_us,
            lag_us: self.0.iter().map(lag).collect(),
            open_us: self.0.iter().map(|r| (r.user - r.open).0).collect(),
            bytes: self.0.iter().map(|r| r.bytes).collect(),
            events: unless_all_one(self.0.iter().map(|r| r.events).collect()),
            content: unless_all_one(self.0.iter().map(|r| r.content).collect()),
            tail: unless_all_one(self.0.iter().map(|r| u8::from(r.tail)).collect()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let c = Columns::deserialize(deserializer)?;
        let n = c.user_us.len();
        let optional = |len: usize| len == n || len == 0;
        let same = c.lag_us.len() == n && c.open_us.len() == n && c.bytes.len() == n;
        if !same || !optional(c.events.len()) || !optional(c.content.len()) || !optional(c.tail.len()) {
            return Err(D::Error::custom(format!("reads: arrays of different lengths (user_us has {n})")));
        }
        let mut user = 0_i64;
        let reads = (0..n).map(|i| {
            user = user.saturating_add(c.user_us[i]);
            Read {
                user: Micros(user),
                kernel: (c.lag_us[i] >= 0).then(|| Micros(user) - Micros(c.lag_us[i])),
                open: Micros(user) - Micros(c.open_us[i]),
                bytes: c.bytes[i],
                events: c.events.get(i).copied().unwrap_or(1),
                content: c.content.get(i).copied().unwrap_or(1),
                tail: c.tail.get(i).copied().unwrap_or(1) != 0,
            }
        });
        Ok(Self(reads.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(user: i64, kernel: Option<i64>, open: i64, content: u32, tail: bool) -> Read {
        let kernel = kernel.map(Micros);
        Read {
            user: Micros(user),
            kernel,
            open: Micros(open),
            bytes: 200,
            events: content.max(1),
            content,
            tail,
        }
    }

    #[test]
    fn the_kernel_stamp_belongs_to_the_event_that_ends_a_draining_read() {
        let reads =
            Reads(vec![read(1_000, Some(950), 400, 2, true), read(2_000, Some(1_900), 1_000, 1, false)]);
        let events: Vec<_> = reads.content_events().map(|e| (e.after.0, e.at.0)).collect();
        assert_eq!(events, [(400, 950), (950, 950), (1_000, 1_900)]);
    }

    #[test]
    fn round_trip_and_size() {
        let reads =
            (0..64).map(|i| read(10_000 * (i + 10) + i, Some(10_000 * (i + 10)), 10_000 * (i + 9), 1, true));
        let reads = Reads(reads.collect());
        let text = serde_json::to_string(&reads).unwrap();
        assert_eq!(serde_json::from_str::<Reads>(&text).unwrap(), reads);
        assert!(text.len() <= 1_500, "{} bytes for 64 events", text.len());
    }

    #[test]
    fn arrays_of_different_lengths_are_refused() {
        let text = r#"{"user_us":[1,2],"lag_us":[0],"open_us":[1,1],"bytes":[1,1]}"#;
        assert!(serde_json::from_str::<Reads>(text).unwrap_err().to_string().contains("different lengths"));
    }
}
