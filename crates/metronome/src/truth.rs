//! What really happened to a request, as one JSON line.

use std::fmt::{self, Write as _};

/// The server's side of one request. Stamps are nanoseconds of CLOCK_REALTIME, the clock of kernel stamps; only their
/// differences mean something beside a client's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// The client's `x-request-id`; empty if it sent none.
    pub id: String,
    /// Last byte of the request in.
    pub rx_ns: i64,
    /// Whether `rx_ns` is the kernel's receive stamp (else it is the user's).
    pub rx_kernel: bool,
    /// First content event out: the kernel's transmit stamp. `None` if the kernel gave none.
    pub tx_ns: Option<i64>,
    /// User stamp right before the send of the first content event; `None` if the client left before it.
    pub send_ns: Option<i64>,
    /// Time to first token asked for, nanoseconds.
    pub ttft_ns: u64,
    /// Gap asked for, nanoseconds.
    pub itl_ns: u64,
    /// Content events sent.
    pub events: u32,
    /// The largest lateness of its sends, microseconds.
    pub late_max_us: u64,
    /// Sends that found the socket's buffer full, so that the kernel took the bytes later.
    pub blocked: u32,
    /// User stamp right before each content send, nanoseconds after `rx_ns`. Empty unless asked for.
    pub sends_ns: Vec<i64>,
}

/// A line that is not a truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTruthError {
    /// 1-based line.
    pub line: usize,
    /// The key that is missing or unreadable.
    pub key: &'static str,
}

impl fmt::Display for ParseTruthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "truth line {}: no readable `{}`\nhint: the server and the reader must be the same version of tokmark",
            self.line, self.key
        )
    }
}

impl std::error::Error for ParseTruthError {}

impl Truth {
    /// The server's own time to first token, nanoseconds: first content out − last request byte in. By the kernel's
    /// stamps where it gave them.
    pub fn ttft_ns(&self) -> Option<i64> {
        Some(self.tx_ns.or(self.send_ns)? - self.rx_ns)
    }

    /// Notes a content send, `after_ns` after the last request byte and `late_ns` after its due time.
    pub(crate) fn sent(&mut self, after_ns: i64, late_ns: i64, first: bool, keep: bool) {
        self.events += 1;
        self.late_max_us = self.late_max_us.max((late_ns / 1_000) as u64);
        if first {
            self.send_ns = Some(self.rx_ns + after_ns);
        }
        if keep {
            self.sends_ns.push(after_ns);
        }
    }

    /// Its line, with the newline.
    pub fn line(&self) -> String {
        let optional = |v: Option<i64>| v.map_or_else(|| "null".to_owned(), |v| v.to_string());
        let mut line = format!(
            "{{\"id\":\"{}\",\"rx_ns\":{},\"rx_kernel\":{},\"tx_ns\":{},\"send_ns\":{},\"ttft_ns\":{},\"itl_ns\":{},\
             \"events\":{},\"late_max_us\":{},\"blocked\":{}",
            self.id,
            self.rx_ns,
            self.rx_kernel,
            optional(self.tx_ns),
            optional(self.send_ns),
            self.ttft_ns,
            self.itl_ns,
            self.events,
            self.late_max_us,
            self.blocked
        );
        if !self.sends_ns.is_empty() {
            line.push_str(",\"sends_ns\":[");
            for (i, ns) in self.sends_ns.iter().enumerate() {
                // Writing to a String cannot fail.
                let _ = write!(line, "{}{ns}", if i == 0 { "" } else { "," });
            }
            line.push(']');
        }
        line.push_str("}\n");
        line
    }

    /// Reads the lines of [`Truth::line`] and of `GET /truth`.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, ParseTruthError> {
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(i, line)| Self::parse(line).map_err(|key| ParseTruthError { line: i + 1, key }))
            .collect()
    }

    fn parse(line: &str) -> Result<Self, &'static str> {
        let number = |key: &'static str| value(line, key).and_then(|v| v.parse::<i64>().ok()).ok_or(key);
        let unsigned = |key| number(key).and_then(|n| u64::try_from(n).map_err(|_| key));
        let small = |key| number(key).and_then(|n| u32::try_from(n).map_err(|_| key));
        let optional = |key: &'static str| match value(line, key).ok_or(key)? {
            "null" => Ok(None),
            text => text.parse().map(Some).map_err(|_| key),
        };
        let sends_ns = match value(line, "sends_ns") {
            None => Vec::new(),
            Some(list) => {
                list.split(',').map(|n| n.parse().map_err(|_| "sends_ns")).collect::<Result<_, _>>()?
            }
        };
        Ok(Self {
            id: value(line, "id").ok_or("id")?.to_owned(),
            rx_ns: number("rx_ns")?,
            rx_kernel: value(line, "rx_kernel").ok_or("rx_kernel")? == "true",
            tx_ns: optional("tx_ns")?,
            send_ns: optional("send_ns")?,
            ttft_ns: unsigned("ttft_ns")?,
            itl_ns: unsigned("itl_ns")?,
            events: small("events")?,
            late_max_us: unsigned("late_max_us")?,
            blocked: small("blocked")?,
            sends_ns,
        })
    }
}

/// The text of `key`'s value: without quotes or brackets. Ids hold no quote, bracket or comma, so no escapes exist.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let start = line.find(&format!("\"{key}\":"))? + key.len() + 3;
    let rest = &line[start..];
    let (open, close): (usize, &[char]) = match rest.as_bytes().first()? {
        b'"' => (1, &['"']),
        b'[' => (1, &[']']),
        _ => (0, &[',', '}']),
    };
    let rest = &rest[open..];
    Some(&rest[..rest.find(close)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_round_trip() {
        let full = Truth {
            id: "run-17:a.b_c".to_owned(),
            rx_ns: 1_800_000_000_123_456_789,
            rx_kernel: true,
            tx_ns: Some(1_800_000_000_223_460_000),
            send_ns: Some(1_800_000_000_223_457_000),
            ttft_ns: 100_000_000,
            itl_ns: 10_000_000,
            events: 3,
            late_max_us: 12,
            blocked: 1,
            sends_ns: vec![100_000_211, -5, 120_000_001],
        };
        let truths = vec![full.clone(), Truth::default()];
        let text: String = truths.iter().map(Truth::line).collect();
        assert_eq!(Truth::parse_lines(&text), Ok(truths));
        assert_eq!(full.ttft_ns(), Some(100_003_211));
        assert_eq!(Truth::default().ttft_ns(), None);
    }

    #[test]
    fn a_foreign_line_is_named() {
        let good = Truth::default().line();
        let error = Truth::parse_lines(&format!("{good}{{\"id\":\"a\",\"rx_ns\":1}}\n")).unwrap_err();
        assert_eq!(error, ParseTruthError { line: 2, key: "rx_kernel" });
        assert!(error.to_string().contains("hint:"));
        assert!(Truth::parse_lines("not json").is_err());
    }
}
