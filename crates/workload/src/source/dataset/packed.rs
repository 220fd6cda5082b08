//! A row in few bytes: a byte that says what there is, numbers in as many bytes as they need, hash ids as steps from the one before.

use serde_json::{Map, Value};
use tokmark_base::Micros;

use crate::source::row::{Row, Said};

const AT: u8 = 1 << 3;
const DELAY: u8 = 1 << 4;
const INPUT: u8 = 1 << 5;
const OUTPUT: u8 = 1 << 6;
const MORE: u8 = 1 << 7;
/// In the second byte.
const PRIORITY: u8 = 1;
const EXTRA: u8 = 1 << 1;

/// What said is, in the lowest three bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Length,
    Blocks,
    Text,
    Messages,
    Payload,
}

impl Kind {
    fn of(said: &Said) -> Self {
        match said {
            Said::Length => Self::Length,
            Said::Blocks(_) => Self::Blocks,
            Said::Text(_) => Self::Text,
            Said::Messages(_) => Self::Messages,
            Said::Payload(_) => Self::Payload,
        }
    }
}

/// Appends `row` to `bytes`. Its session and its block size are kept elsewhere.
pub(super) fn pack(row: &Row, bytes: &mut Vec<u8>) {
    let flag = |given: bool, bit: u8| if given { bit } else { 0 };
    let more = flag(row.priority.is_some(), PRIORITY) | flag(row.extra.is_some(), EXTRA);
    bytes.push(
        Kind::of(&row.said) as u8
            | flag(row.at.is_some(), AT)
            | flag(row.delay.is_some(), DELAY)
            | flag(row.input_length.is_some(), INPUT)
            | flag(row.output_length.is_some(), OUTPUT)
            | flag(more != 0, MORE),
    );
    if more != 0 {
        bytes.push(more);
    }
    for time in [row.at, row.delay].into_iter().flatten() {
        put(bytes, zigzag(time.0));
    }
    for length in [row.input_length, row.output_length].into_iter().flatten() {
        put(bytes, u64::from(length));
    }
    if let Some(priority) = row.priority {
        put(bytes, zigzag(i64::from(priority)));
    }
    if let Some(extra) = &row.extra {
        let json = json(extra);
        put(bytes, json.len() as u64);
        bytes.extend_from_slice(&json);
    }
    match &row.said {
        Said::Length => {}
        Said::Blocks(ids) => {
            let mut before = 0_u64;
            for id in ids {
                put(bytes, zigzag(id.wrapping_sub(before) as i64));
                before = *id;
            }
        }
        Said::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        Said::Messages(messages) => bytes.extend_from_slice(&json(messages)),
        Said::Payload(body) => bytes.extend_from_slice(&json(body)),
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value can always be written")
}

/// What stands before the words of a packed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// When, on the trace's own time line.
    pub(super) at: Option<Micros>,
    /// How long after the turn before.
    pub(super) delay: Option<Micros>,
    pub(super) input_length: Option<u32>,
    pub(super) output_length: Option<u32>,
    pub(super) priority: Option<i32>,
    kind: u8,
    extra: &'a [u8],
    words: &'a [u8],
}

impl<'a> Head<'a> {
    /// Of what [`pack`] wrote.
    pub(super) fn of(mut bytes: &'a [u8]) -> Self {
        let from = &mut bytes;
        let flags = byte(from);
        let more = if flags & MORE == 0 { 0 } else { byte(from) };
        let mut number = |given: bool| given.then(|| take(from));
        let at = number(flags & AT != 0).map(|n| Micros(unzigzag(n)));
        let delay = number(flags & DELAY != 0).map(|n| Micros(unzigzag(n)));
        let input_length = number(flags & INPUT != 0).map(|n| n as u32);
        let output_length = number(flags & OUTPUT != 0).map(|n| n as u32);
        let priority = number(more & PRIORITY != 0).map(|n| unzigzag(n) as i32);
        let extra = number(more & EXTRA != 0).unwrap_or(0) as usize;
        let (extra, words) = bytes.split_at(extra.min(bytes.len()));
        Self { at, delay, input_length, output_length, priority, kind: flags & 7, extra, words }
    }

    pub(super) fn extra(&self) -> Option<Map<String, Value>> {
        (!self.extra.is_empty()).then(|| value(self.extra))
    }

    /// Whether its words are the whole of what the request says, not only what it adds to the turns before it.
    pub(super) fn says_all(&self) -> bool {
        [Kind::Blocks, Kind::Messages, Kind::Payload].iter().any(|kind| self.kind == *kind as u8)
    }

    pub(super) fn said(&self) -> Said {
        match self.kind {
            kind if kind == Kind::Blocks as u8 => Said::Blocks(self.ids().collect()),
            kind if kind == Kind::Text as u8 => Said::Text(String::from_utf8_lossy(self.words).into_owned()),
            kind if kind == Kind::Messages as u8 => Said::Messages(value(self.words)),
            kind if kind == Kind::Payload as u8 => Said::Payload(value(self.words)),
            _ => Said::Length,
        }
    }

    /// The hash ids, if it has any.
    fn ids(&self) -> impl Iterator<Item = u64> + 'a {
        let (mut bytes, mut before) = (self.words, 0_u64);
        std::iter::from_fn(move || {
            (!bytes.is_empty()).then(|| {
                before = before.wrapping_add(unzigzag(take(&mut bytes)) as u64);
                before
            })
        })
    }
}

fn value<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).expect("`pack` wrote this JSON")
}

/// Appends `n`, seven bits a byte, the lowest first.
pub(super) fn put(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}

/// Takes what [`put`] wrote off the front of `bytes`.
pub(super) fn take(bytes: &mut &[u8]) -> u64 {
    let (mut n, mut shift) = (0, 0);
    loop {
        let next = byte(bytes);
        n |= u64::from(next & 0x7f) << shift;
        shift += 7;
        if next < 0x80 || shift >= 64 {
            return n;
        }
    }
}

fn byte(bytes: &mut &[u8]) -> u8 {
    match bytes.split_first() {
        Some((first, rest)) => {
            *bytes = rest;
            *first
        }
        None => 0,
    }
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said() -> impl Strategy<Value = Said> {
        prop_oneof![
            Just(Said::Length),
            proptest::collection::vec(any::<u64>(), 1..40).prop_map(Said::Blocks),
            ".*".prop_map(Said::Text),
            ".*".prop_map(|text| Said::Messages(vec![json!({"role": "user", "content": text})])),
            any::<i64>().prop_map(|n| Said::Payload(json!({"prompt": "x", "seed": n}))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_is_what_comes_out(
            at in proptest::option::of(any::<i64>()),
            delay in proptest::option::of(any::<i64>()),
            lengths in proptest::option::of((1_u32.., 1_u32..)),
            priority in proptest::option::of(any::<i32>()),
            extra in proptest::option::of(any::<bool>()),
            said in said(),
        ) {
            let row = Row {
                at: at.map(Micros),
                delay: delay.map(Micros),
                input_length: lengths.map(|l| l.0),
                output_length: lengths.map(|l| l.1),
                priority,
                extra: extra.map(|x| json!({"ignore_eos": x}).as_object().unwrap().clone()),
                said,
                ..Row::default()
            };
            let mut bytes = Vec::new();
            pack(&row, &mut bytes);
            let head = Head::of(&bytes);
            let back = Row {
                at: head.at,
                delay: head.delay,
                input_length: head.input_length,
                output_length: head.output_length,
                priority: head.priority,
                extra: head.extra(),
                said: head.said(),
                ..Row::default()
            };
            prop_assert_eq!(back, row);
        }
    }
}
