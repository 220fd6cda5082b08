//! Reads as parallel delta-coded arrays, and the one place where an event becomes an interval.
//!
//! A read is kept if it completed an event. The kernel stamps a read with the arrival of its last segment, so every event of a
//! read had arrived at that stamp (without one: at the user's), and none before the socket was last known empty (`open`). An
//! event whose last byte ends a draining read arrived at the kernel's stamp, exactly.
//!
//! How they lie in a file is said once, by [`Columns`]; [`text`] writes and reads the same bytes without going through serde,
//! because these arrays are nearly all of a record.

mod text;

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
            let wide = ContentEvent { after: read.open.min(at), at };
            let exact = read.tail && read.kernel.is_some();
            let last = if exact { ContentEvent { after: at, at } } else { wide };
            let others = (1..read.content).map(move |_| wide);
            others.chain((read.content > 0).then_some(last))
        })
    }

    /// Adds them to `out` as they lie in a file.
    pub(crate) fn append_text(&self, out: &mut Vec<u8>) {
        text::append(self, out);
    }

    /// What [`Reads::append_text`] wrote at the start of `text`, and how long it is; `None` if it has another form. Room for
    /// `likely` reads is made at once.
    pub(crate) fn parse_text(text: &[u8], likely: usize) -> Option<(Self, usize)> {
        text::parse(text, likely)
    }

    /// Number of content events.
    pub fn content_count(&self) -> u64 {
        self.0.iter().map(|read| u64::from(read.content)).sum()
    }
}

/// How [`Reads`] lie in a file: `user_us` as differences (the first from 0), `lag_us` = user − kernel (−1: no kernel
/// stamp), `open_us` = user − open.
///
/// An array is left out where all its elements are what they are by nature: 0 in `lag_us`, `open_us` and `bytes`, 1 in
/// `events`, `content` and `tail`. So a simulated token, which is read the moment it comes, is one number. Files in which the
/// first three are always there (written before they could be left out) read on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    user_us: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lag_us: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open_us: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bytes: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    content: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tail: Vec<u8>,
}

/// The column, or nothing where all its elements are `natural`.
fn unless_all<T: Copy + PartialEq>(natural: T, values: impl Iterator<Item = T> + Clone) -> Vec<T> {
    if values.clone().all(|v| v == natural) { Vec::new() } else { values.collect() }
}

impl Read {
    /// User − kernel, −1 without a kernel stamp. A kernel stamp after the user's is clock-mapping noise of a microsecond or two:
    /// it is kept as lag 0.
    fn lag_us(&self) -> i64 {
        self.kernel.map_or(-1, |kernel| (self.user - kernel).0.max(0))
    }

    /// User − open.
    fn open_us(&self) -> i64 {
        (self.user - self.open).0
    }
}

impl Serialize for Reads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut last = 0;
        let user_us = self.0.iter().map(|r| r.user.0 - std::mem::replace(&mut last, r.user.0)).collect();
        let reads = self.0.iter();
        Columns {
            user_us,
            lag_us: unless_all(0, reads.clone().map(Read::lag_us)),
            open_us: unless_all(0, reads.clone().map(Read::open_us)),
            bytes: unless_all(0, reads.clone().map(|r| r.bytes)),
            events: unless_all(1, reads.clone().map(|r| r.events)),
            content: unless_all(1, reads.clone().map(|r| r.content)),
            tail: unless_all(1, reads.map(|r| u8::from(r.tail))),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let c = Columns::deserialize(deserializer)?;
        let n = c.user_us.len();
        let fits = |len: usize| len == n || len == 0;
        let lengths =
            [c.lag_us.len(), c.open_us.len(), c.bytes.len(), c.events.len(), c.content.len(), c.tail.len()];
        if !lengths.into_iter().all(fits) {
            return Err(D::Error::custom(format!("reads: arrays of different lengths (user_us has {n})")));
        }
        let mut user = 0_i64;
        let reads = (0..n).map(|i| {
            user = user.saturating_add(c.user_us[i]);
            let lag = c.lag_us.get(i).copied().unwrap_or(0);
            Read {
                user: Micros(user),
                kernel: (lag >= 0).then(|| Micros(user) - Micros(lag)),
                open: Micros(user) - Micros(c.open_us.get(i).copied().unwrap_or(0)),
                bytes: c.bytes.get(i).copied().unwrap_or(0),
                events: c.events.get(i).copied().unwrap_or(1),
                content: c.content.get(i).copied().unwrap_or(1),
                tail: c.tail.get(i).copied().unwrap_or(1) != 0,
            }
        });
        Ok(Self(reads.collect()))
    }
}

#[cfg(test)]
mod tests;
