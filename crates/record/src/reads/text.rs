//! The columns as JSON text and back, without a value in between.
//!
//! [`append`] writes the bytes that serde writes of [`super::Columns`]. [`parse`] reads exactly that form and gives `None`
//! for any other (other spacing, other order, a number out of range): the caller then asks serde, which reads whatever is
//! valid and finds the words for what is not. Tests hold both to serde's own answer.

use tokmark_base::Micros;

use super::{Read, Reads};

/// One column that may be left out.
struct Column {
    /// What stands before its first element.
    opening: &'static [u8],
    /// What every element is where it is left out.
    natural: i64,
    /// Its largest value; its smallest is 0, or any where this is [`i64::MAX`].
    most: i64,
}

const USER: &[u8] = b"{\"user_us\":[";
const LAG: Column = Column { opening: b",\"lag_us\":[", natural: 0, most: i64::MAX };
const OPEN: Column = Column { opening: b",\"open_us\":[", natural: 0, most: i64::MAX };
const BYTES: Column = Column { opening: b",\"bytes\":[", natural: 0, most: u32::MAX as i64 };
const EVENTS: Column = Column { opening: b",\"events\":[", natural: 1, most: u32::MAX as i64 };
const CONTENT: Column = Column { opening: b",\"content\":[", natural: 1, most: u32::MAX as i64 };
const TAIL: Column = Column { opening: b",\"tail\":[", natural: 1, most: u8::MAX as i64 };

/// Adds the columns of `reads` to `out`, byte for byte as serde does.
pub(crate) fn append(reads: &Reads, out: &mut Vec<u8>) {
    let reads = &reads.0;
    let mut digits = Digits::new(out);
    digits.text(USER);
    let mut last = 0;
    digits.numbers(reads.iter().map(|r| r.user.0 - std::mem::replace(&mut last, r.user.0)));
    // All columns in one go: a simulated record needs none of them.
    let mut needed = [false; 6];
    for read in reads {
        needed[0] |= read.lag_us() != LAG.natural;
        needed[1] |= read.open_us() != OPEN.natural;
        needed[2] |= i64::from(read.bytes) != BYTES.natural;
        needed[3] |= i64::from(read.events) != EVENTS.natural;
        needed[4] |= i64::from(read.content) != CONTENT.natural;
        needed[5] |= i64::from(read.tail) != TAIL.natural;
    }
    let [lag, open, bytes, events, content, tail] = needed;
    digits.column(lag, &LAG, reads.iter().map(Read::lag_us));
    digits.column(open, &OPEN, reads.iter().map(Read::open_us));
    digits.column(bytes, &BYTES, reads.iter().map(|r| i64::from(r.bytes)));
    digits.column(events, &EVENTS, reads.iter().map(|r| i64::from(r.events)));
    digits.column(content, &CONTENT, reads.iter().map(|r| i64::from(r.content)));
    digits.column(tail, &TAIL, reads.iter().map(|r| i64::from(r.tail)));
    digits.text(b"}");
    digits.flush();
}

/// Text on its way to the end of a line: collected on the stack, so that the line grows by pieces and not by numbers.
struct Digits<'a> {
    out: &'a mut Vec<u8>,
    piece: [u8; PIECE],
    len: usize,
}

const PIECE: usize = 512;
/// The longest number, −9223372036854775808, and the comma after it.
const NUMBER: usize = 21;

impl<'a> Digits<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, piece: [0; PIECE], len: 0 }
    }

    fn flush(&mut self) {
        self.out.extend_from_slice(&self.piece[..self.len]);
        self.len = 0;
    }

    fn text(&mut self, text: &[u8]) {
        self.flush();
        self.out.extend_from_slice(text);
    }

    /// A column, where it is needed.
    fn column(&mut self, needed: bool, column: &Column, numbers: impl Iterator<Item = i64>) {
        if needed {
            self.text(column.opening);
            self.numbers(numbers);
        }
    }

    /// The elements of an array, and its end.
    #[inline]
    fn numbers(&mut self, numbers: impl Iterator<Item = i64>) {
        let mut any = false;
        for n in numbers {
            if self.len > PIECE - NUMBER {
                self.flush();
            }
            if let Some((text, len)) = u64::try_from(n).ok().and_then(short_text) {
                self.piece[self.len..self.len + 8].copy_from_slice(&text);
                self.len += len;
            } else {
                self.long_number(n);
            }
            any = true;
        }
        // The last comma becomes the end; an empty array has none.
        self.len -= usize::from(any);
        if self.len == PIECE {
            self.flush();
        }
        self.piece[self.len] = b']';
        self.len += 1;
    }

    /// Needs [`NUMBER`] free bytes.
    #[cold]
    fn long_number(&mut self, n: i64) {
        if n < 0 {
            self.piece[self.len] = b'-';
            self.len += 1;
        }
        let mut rest = n.unsigned_abs();
        self.len += rest.checked_ilog10().unwrap_or(0) as usize + 2;
        let mut end = self.len - 1;
        self.piece[end] = b',';
        loop {
            end -= 1;
            self.piece[end] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
    }
}

/// A number of one to six digits with a comma after it, in the first bytes of eight, and how many they are. `None` for any
/// other.
#[inline]
fn short_text(n: u64) -> Option<([u8; 8], usize)> {
    let pair = |n: u64| u64::from(PAIRS[n as usize]);
    let digit = |n: u64| u64::from(b'0') + n;
    let comma = u64::from(b',');
    let (text, len) = match n {
        0..10 => (digit(n) | comma << 8, 2),
        10..100 => (pair(n) | comma << 16, 3),
        100..1_000 => (digit(n / 100) | pair(n % 100) << 8 | comma << 24, 4),
        1_000..10_000 => (pair(n / 100) | pair(n % 100) << 16 | comma << 32, 5),
        10_000..100_000 => {
            (digit(n / 10_000) | pair(n / 100 % 100) << 8 | pair(n % 100) << 24 | comma << 40, 6)
        }
        100_000..1_000_000 => {
            (pair(n / 10_000) | pair(n / 100 % 100) << 16 | pair(n % 100) << 32 | comma << 48, 7)
        }
        _ => return None,
    };
    Some((text.to_le_bytes(), len))
}

/// `00` to `99`, the first digit in the lower byte.
const PAIRS: [u16; 100] = {
    let mut pairs = [0; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = u16::from_le_bytes([b'0' + (n / 10) as u8, b'0' + (n % 10) as u8]);
        n += 1;
    }
    pairs
};

/// Reads what [`append`] writes from the start of `text`; the reads, and how many bytes they took. Room for `likely` reads is
/// made at once.
pub(crate) fn parse(text: &[u8], likely: usize) -> Option<(Reads, usize)> {
    let mut scan = Scan { rest: text.strip_prefix(USER)? };
    let mut reads = Vec::with_capacity(likely.min(MOST_LIKELY));
    let mut user = 0_i64;
    if scan.rest.first() == Some(&b']') {
        scan.rest = &scan.rest[1..];
    } else {
        loop {
            user = user.saturating_add(scan.number()?);
            let at = Micros(user);
            let simulated =
                Read { user: at, kernel: Some(at), open: at, bytes: 0, events: 1, content: 1, tail: true };
            reads.push(simulated);
            if !scan.goes_on()? {
                break;
            }
        }
    }
    scan.column(&mut reads, &LAG, |r, lag| r.kernel = (lag >= 0).then(|| r.user - Micros(lag)))?;
    scan.column(&mut reads, &OPEN, |r, us| r.open = r.user - Micros(us))?;
    scan.column(&mut reads, &BYTES, |r, n| r.bytes = n as u32)?;
    scan.column(&mut reads, &EVENTS, |r, n| r.events = n as u32)?;
    scan.column(&mut reads, &CONTENT, |r, n| r.content = n as u32)?;
    scan.column(&mut reads, &TAIL, |r, n| r.tail = n != 0)?;
    let rest = scan.rest.strip_prefix(b"}")?;
    Some((Reads(reads), text.len() - rest.len()))
}

/// A guess larger than this is not trusted with memory.
const MOST_LIKELY: usize = 1 << 16;

struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    /// The column, if it is there: one element a read.
    #[inline]
    fn column(&mut self, reads: &mut [Read], column: &Column, set: impl Fn(&mut Read, i64)) -> Option<()> {
        let Some(rest) = self.rest.strip_prefix(column.opening) else {
            return Some(());
        };
        self.rest = rest;
        let (last, others) = reads.split_last_mut()?;
        for read in others {
            set(read, self.element(column)?);
            if !self.goes_on()? {
                return None;
            }
        }
        set(last, self.element(column)?);
        (!self.goes_on()?).then_some(())
    }

    #[inline]
    fn element(&mut self, column: &Column) -> Option<i64> {
        let n = self.number()?;
        (column.most == i64::MAX || (0..=column.most).contains(&n)).then_some(n)
    }

    /// After an element: whether another one follows.
    #[inline]
    fn goes_on(&mut self) -> Option<bool> {
        let (end, rest) = self.rest.split_first()?;
        self.rest = rest;
        match end {
            b',' => Some(true),
            b']' => Some(false),
            _ => None,
        }
    }

    /// A whole number as JSON has it: no leading zero, no sign before a zero. At most 18 digits, so that nothing overflows.
    #[inline]
    fn number(&mut self) -> Option<i64> {
        if let Some((n, len)) = self.rest.first_chunk().copied().and_then(short_number) {
            self.rest = &self.rest[len..];
            return Some(n);
        }
        self.any_number()
    }

    #[cold]
    fn any_number(&mut self) -> Option<i64> {
        let negative = self.rest.first() == Some(&b'-');
        let digits = &self.rest[usize::from(negative)..];
        let mut n = 0_i64;
        let mut len = 0;
        while let Some(digit) = digits.get(len).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            n = n.wrapping_mul(10).wrapping_add(i64::from(digit));
            len += 1;
        }
        let zero_first = digits.first() == Some(&b'0') && (len > 1 || negative);
        if len == 0 || len > 18 || zero_first {
            return None;
        }
        self.rest = &digits[len..];
        Some(if negative { -n } else { n })
    }
}

/// A number of one to seven digits and its length, eight bytes at a time. `None` for any other.
#[inline]
fn short_number(text: [u8; 8]) -> Option<(i64, usize)> {
    // Digits become 0 to 9. The top bit then marks every byte that is none; a carry only reaches the bytes after such a one.
    let digits = u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    if others & 0xff_ffff_ffff == 0x80_0000_0000 && digits as u8 != 0 {
        // Four digits: gaps between tokens, mostly. Guessed by the processor, so that it need not wait for each length.
        let pairs = (digits & 0xffff_ffff).wrapping_mul(10 * 256 + 1) >> 8;
        return Some((((pairs & 0xff) * 100 + (pairs >> 16 & 0xff)) as i64, 4));
    }
    let len = others.trailing_zeros() / 8;
    if len == 0 || len == 8 || (len > 1 && digits as u8 == 0) {
        return None;
    }
    // Zeros in front, then neighbours are joined: digits to pairs, pairs to fours, fours to the number.
    let digits = digits << (64 - 8 * len);
    let pairs = (digits.wrapping_mul(10 * 256 + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 * 65_536 + 1) >> 16) & 0x0000_ffff_0000_ffff;
    let number = fours.wrapping_mul(10_000 * (1 << 32) + 1) >> 32;
    Some((number as i64, len as usize))
}
