//! The referee of the server's own stamps: a raw capture of the loopback device, which neither side knows of.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread;
use std::time::Duration;

use tokmark_metronome::compare::Spread;
use tokmark_metronome::{Config, Schedule, Truth, pin, socket};

use super::Fallible;
use super::lab::Lab;
use super::records;
use super::system;
use super::table::Line;

/// The server's word about its own sends, ns.
const BAR_NS: f64 = 50_000.0;
/// Unread packets the socket may hold, bytes: looking at them must not hurry anyone.
const ROOM: i32 = 256 << 20;
/// Bytes looked at of each packet; the head of a request and any event fit.
const LOOK: usize = 2_048;
/// A load at which reading the capture leaves both cores idle most of the time.
const LOAD: &str =
    "--rate 50 --arrival poisson --requests 1000 --isl 16 --osl 64 --reactors 1 --validity report";

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let packets =
        system::loopback_packets(ROOM).map_err(|e| format!("no AF_PACKET socket (root only): {e}"))?;
    socket::enable_stamps(&packets)?;
    let schedule = Schedule::from_micros(100_000, 10_000, 64);
    let server = lab.server(Config { schedule, ..Config::default() })?;
    let mut capture = Capture::new(server.port());
    let started = lab.start_bench(&server, LOAD)?;
    // Reading costs the client a little, the server nothing.
    let before = pin::allowed()?;
    pin::this_thread(&[lab.client_core])?;
    let ran = loop {
        if let Some(ran) = started.ended()? {
            break ran;
        }
        capture.drain(&packets);
        thread::sleep(Duration::from_millis(50));
    };
    capture.drain(&packets);
    pin::this_thread(&before)?;
    ran.good()?.discard();
    told(&capture, &records::by_index(server.truths()?), schedule)
}

fn told(capture: &Capture, truths: &[Truth], schedule: Schedule) -> Fallible<Vec<Line>> {
    let (mut received, mut sent, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for truth in truths {
        let Some(seen) = capture.requests.get(&truth.id) else { continue };
        received.push((truth.rx_ns - seen.last_in_ns).abs());
        if let Some((tx, out)) = truth.tx_ns.zip(seen.out_ns.first()) {
            sent.push((tx - out).abs());
        }
        for (k, out) in seen.out_ns.iter().enumerate() {
            late.push(out - seen.last_in_ns - schedule.offset_ns(k as u32));
        }
    }
    let joined = received.len();
    let line = |what: &str, values: &[i64]| -> Fallible<Line> {
        let s = Spread::of_ns_in_ms(values).ok_or("nothing was captured")?;
        let us = |ms: f64| format!("{:.1}", ms * 1e3);
        let seen = format!("p50 {} µs, p99 {} µs, max {} µs, n = {}", us(s.p50), us(s.p99), us(s.max), s.n);
        Ok(Line::new(what, "p99 ≤ 50 µs", seen, s.p99 * 1e6 <= BAR_NS))
    };
    Ok(vec![
        Line::plain("requests found in the capture", format!("{joined} of {}", truths.len())),
        line("|receive stamp of the last request byte − capture|", &received)?,
        line("|transmit stamp of the first content − capture|", &sent)?,
        line("content packets − their schedule, by the capture alone", &late)?,
    ])
}

/// What the capture says of each request.
struct Capture {
    port: u16,
    seen: HashSet<(u16, u16, u32)>,
    /// The request that is going on, by client port.
    current: HashMap<u16, String>,
    requests: HashMap<String, Seen>,
    buffer: Vec<u8>,
}

#[derive(Debug, Default)]
struct Seen {
    last_in_ns: i64,
    out_ns: Vec<i64>,
}

/// A TCP segment with a payload.
struct Segment<'a> {
    from: u16,
    to: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl Capture {
    fn new(port: u16) -> Self {
        Self {
            port,
            seen: HashSet::new(),
            current: HashMap::new(),
            requests: HashMap::new(),
            buffer: vec![0; LOOK],
        }
    }

    fn drain(&mut self, packets: &OwnedFd) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Ok((n, stamp)) = socket::receive_stamped(packets.as_raw_fd(), &mut buffer) {
            if let (Some(segment), Some(ns)) = (Segment::parse(&buffer[..n]), stamp) {
                self.take(&segment, ns);
            }
        }
        self.buffer = buffer;
    }

    fn take(&mut self, segment: &Segment<'_>, ns: i64) {
        // The loopback device shows every packet twice, leaving and arriving: the first sight counts.
        if !self.seen.insert((segment.from, segment.to, segment.sequence)) {
            return;
        }
        if segment.to == self.port {
            if let Some(index) = request_index(segment.payload) {
                self.requests.insert(index.clone(), Seen::default());
                self.current.insert(segment.from, index);
            }
            if let Some(seen) = self.current.get(&segment.from).and_then(|id| self.requests.get_mut(id)) {
                seen.last_in_ns = ns;
            }
        } else if segment.from == self.port
            && contains(segment.payload, b"tick\"")
            && let Some(seen) = self.current.get(&segment.to).and_then(|id| self.requests.get_mut(id))
        {
            seen.out_ns.push(ns);
        }
    }
}

impl<'a> Segment<'a> {
    fn parse(packet: &'a [u8]) -> Option<Self> {
        let header = usize::from(packet.first()? & 0x0f) * 4;
        if packet[0] >> 4 != 4 || *packet.get(9)? != 6 {
            return None;
        }
        let tcp = packet.get(header..)?;
        let port = |at: usize| Some(u16::from_be_bytes([*tcp.get(at)?, *tcp.get(at + 1)?]));
        let data = usize::from(*tcp.get(12)? >> 4) * 4;
        let payload = tcp.get(data..).filter(|payload| !payload.is_empty())?;
        let sequence = u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?);
        Some(Self { from: port(0)?, to: port(2)?, sequence, payload })
    }
}

/// The index of the request whose head this is: the last part of `x-request-id`.
fn request_index(payload: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(payload).to_lowercase();
    let value = text.split_once("x-request-id:")?.1.lines().next()?;
    Some(value.trim().rsplit('-').next()?.to_owned())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(from: u16, to: u16, sequence: u32, payload: &str) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        bytes.extend(from.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
        bytes.extend(payload.as_bytes());
        bytes
    }

    #[test]
    fn a_request_is_followed_through_the_capture() {
        let mut capture = Capture::new(80);
        let mut take = |from, to, sequence, payload: &str, ns| {
            let bytes = packet(from, to, sequence, payload);
            if let Some(segment) = Segment::parse(&bytes) {
                capture.take(&segment, ns);
            }
        };
        take(5000, 80, 1, "POST / HTTP/1.1\r\nX-Request-Id: run-7\r\n\r\n", 10);
        take(5000, 80, 1, "POST / HTTP/1.1\r\nX-Request-Id: run-7\r\n\r\n", 11);
        take(5000, 80, 50, "the rest", 20);
        take(80, 5000, 1, "", 25);
        take(80, 5000, 1, "HTTP/1.1 200 OK", 30);
        take(80, 5000, 20, "{\"content\":\"tick\"}", 120);
        take(80, 5000, 40, "{\"content\":\" tick\"}", 130);
        take(80, 6000, 40, "{\"content\":\" tick\"}", 140);
        let seen = &capture.requests["7"];
        assert_eq!((seen.last_in_ns, seen.out_ns.as_slice()), (20, &[120, 130][..]));
        assert!(Segment::parse(&[0x60; 40]).is_none() && Segment::parse(&[]).is_none());
    }
}
