//! A row as a line of Mooncake's layout.

use tokmark_base::Micros;

use super::row::TraceRow;

/// Adds `row` to `out` as one line. Times are milliseconds with as many places as they need; what a row has not is left out.
pub fn row_line(row: &TraceRow, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(at) = row.at {
        member(out, b"\"timestamp\":");
        millis(at, out);
    }
    if let Some(delay) = row.delay {
        member(out, b"\"delay\":");
        millis(delay, out);
    }
    if let Some(session) = &row.session {
        member(out, b"\"session_id\":");
        out.extend_from_slice(serde_json::Value::from(session.as_str()).to_string().as_bytes());
    }
    if let Some(input) = row.input {
        member(out, b"\"input_length\":");
        decimal(u64::from(input), out);
    }
    if let Some(output) = row.output {
        member(out, b"\"output_length\":");
        decimal(u64::from(output), out);
    }
    if !row.ids.is_empty() {
        member(out, b"\"hash_ids\":[");
        for (place, id) in row.ids.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            decimal(*id, out);
        }
        out.push(b']');
    }
    // The first member has no comma before it.
    let rest = row.rest.as_bytes();
    let bare = out.last() == Some(&b'{');
    out.extend_from_slice(if bare { rest.strip_prefix(b",").unwrap_or(rest) } else { rest });
    out.extend_from_slice(b"}\n");
}

fn member(out: &mut Vec<u8>, key: &[u8]) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(key);
}

/// Whole milliseconds bare, others with up to three places.
fn millis(at: Micros, out: &mut Vec<u8>) {
    let micros = at.0.unsigned_abs();
    if at.0 < 0 {
        out.push(b'-');
    }
    decimal(micros / 1_000, out);
    let part = micros % 1_000;
    if part == 0 {
        return;
    }
    let digits = [b'0' + (part / 100) as u8, b'0' + (part / 10 % 10) as u8, b'0' + (part % 10) as u8];
    let places = if part.is_multiple_of(100) {
        1
    } else if part.is_multiple_of(10) {
        2
    } else {
        3
    };
    out.push(b'.');
    out.extend_from_slice(&digits[..places]);
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Two digits at a time: ids are most of what a trace is made of.
fn decimal(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    while n >= 100 {
        from -= 2;
        digits[from..from + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
    if n >= 10 {
        from -= 2;
        digits[from..from + 2].copy_from_slice(&PAIRS[n as usize]);
    } else {
        from -= 1;
        digits[from] = b'0' + n as u8;
    }
    out.extend_from_slice(&digits[from..]);
}
