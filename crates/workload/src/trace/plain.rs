//! The fast way to read a row: the four keys nearly every row of a trace has, in any order, with plain numbers.
//!
//! What it does not understand it leaves to [`crate::source::Mooncake`], which says what a row means and what is wrong with one.
//! A property test holds the two together.

use tokmark_base::Micros;

use super::row::TraceRow;

/// Digits of the largest number of 64 bits. One digit less certainly fits.
const MOST_DIGITS: usize = 20;
/// Times above this, milliseconds, are left to the careful way, which refuses them.
const MOST_MILLIS: u64 = 9_000_000_000_000;

/// Reads `line` into `row` (cleared before) if it is plain. Otherwise `false`, and `row` is in no particular state.
pub fn read(line: &[u8], row: &mut TraceRow) -> bool {
    let mut text = Text { rest: line };
    whole(&mut text, row).is_some()
}

fn whole(text: &mut Text<'_>, row: &mut TraceRow) -> Option<()> {
    text.expect(b'{')?;
    loop {
        member(text, row)?;
        match text.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    text.skip_space();
    if !text.rest.is_empty() || row.input.is_none() {
        return None;
    }
    Some(())
}

fn member(text: &mut Text<'_>, row: &mut TraceRow) -> Option<()> {
    text.expect(b'"')?;
    if text.literal(b"hash_ids\"") {
        text.expect(b':')?;
        ids(text, &mut row.ids)
    } else if text.literal(b"timestamp\"") {
        text.expect(b':')?;
        text.skip_space();
        once(&mut row.at, millis(text)?)
    } else if text.literal(b"input_length\"") {
        text.expect(b':')?;
        text.skip_space();
        once(&mut row.input, length(text)?)
    } else if text.literal(b"output_length\"") {
        text.expect(b':')?;
        text.skip_space();
        once(&mut row.output, length(text)?)
    } else {
        None
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn length(text: &mut Text<'_>) -> Option<u32> {
    let length = u32::try_from(text.whole_number()?).ok().filter(|n| *n > 0)?;
    text.ends_here().then_some(length)
}

fn millis(text: &mut Text<'_>) -> Option<Micros> {
    let whole = text.whole_number().filter(|ms| *ms < MOST_MILLIS)?;
    let mut micros = whole * 1_000;
    if text.literal(b".") {
        let digits = text.digits();
        if digits.is_empty() || digits.len() > 3 {
            return None;
        }
        let scale = [100, 10, 1][digits.len() - 1];
        micros += digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')) * scale;
    }
    text.ends_here().then_some(Micros(micros as i64))
}

fn ids(text: &mut Text<'_>, ids: &mut Vec<u64>) -> Option<()> {
    if !ids.is_empty() {
        return None;
    }
    text.expect(b'[')?;
    loop {
        text.skip_space();
        ids.push(text.whole_number()?);
        match text.next()? {
            b',' => {}
            b']' => return Some(()),
            _ => return None,
        }
    }
}

/// What is left of a line.
struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    #[inline]
    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// The next byte that is no space.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    #[inline]
    fn literal(&mut self, word: &[u8]) -> bool {
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        self.rest = rest;
        true
    }

    #[inline]
    fn digits(&mut self) -> &'a [u8] {
        let n = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(n);
        self.rest = rest;
        digits
    }

    /// Digits as a number of 64 bits, without a zero in front.
    #[inline]
    fn whole_number(&mut self) -> Option<u64> {
        let (mut value, mut before) = (0_u64, 0_u64);
        let mut n = 0;
        while let Some(digit) = self.rest.get(n).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            before = value;
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            n += 1;
        }
        if n == 0 || n > MOST_DIGITS || (n > 1 && self.rest[0] == b'0') {
            return None;
        }
        if n == MOST_DIGITS {
            let last = u64::from(self.rest[n - 1] - b'0');
            value = before.checked_mul(10)?.checked_add(last)?;
        }
        self.rest = &self.rest[n..];
        Some(value)
    }

    /// Whether a number ends here, and does not go on with an exponent or a fraction.
    #[inline]
    fn ends_here(&self) -> bool {
        matches!(self.rest.first(), Some(b',' | b'}' | b' ' | b'\t'))
    }
}
