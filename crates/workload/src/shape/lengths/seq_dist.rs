//! Mixtures of pairs as AIPerf 0.13 writes them (`--seq-dist`), in its three layouts:
//!
//! - `256,128:40;512,256:60`, with deviations `256|10,128|5:40;512|20,256|10:60`
//! - `[(256,128):40,(512|20,256|10):60]`
//! - `{"pairs": [{"isl": 256, "isl_stddev": 10, "osl": 128, "osl_stddev": 5, "prob": 40}, …]}`
//!
//! Shares are per cent and must sum to 100, with AIPerf's tolerance of 1 in 10⁶ (and 10⁻⁶). Lengths with a deviation are drawn as AIPerf
//! draws them ([`super::Truncated`]). Refused here and not there: words between the pairs of the brackets, which AIPerf skips, and
//! lengths in JSON that are no whole numbers, which it cuts.

use serde::Deserialize;

use super::mixture::Part;
use super::text::{Cursor, LengthsError};
use super::{Fixed, Law, MOST_TOKENS, Mixture, Truncated};

/// How a mixture is written.
const HINT: &str = "write pairs as ISL,OSL:per cent, as in 256,128:40;512,256:60, with deviations 256|10,128|5:40;512|20,256|10:60";

/// How far the sum of all shares may be from 100.
const TOLERANCE: f64 = 1e-6 + 1e-6 * 100.0;

/// Reads a mixture.
pub fn parse(text: &str) -> Result<Mixture, LengthsError> {
    let mut cursor = Cursor::new(text, HINT);
    let parts = if cursor.rest().starts_with('{') {
        json(&cursor)?
    } else if cursor.take('[') {
        brackets(&mut cursor)?
    } else {
        semicolons(&mut cursor)?
    };
    if parts.is_empty() {
        return Err(cursor.wrong_at(0, "there is no pair in it"));
    }
    let sum: f64 = parts.iter().map(|part| part.weight).sum();
    if (sum - 100.0).abs() > TOLERANCE {
        let hint = if (sum - 1.0).abs() <= 0.1 {
            "shares are per cent: write 40 for 0.4"
        } else {
            "make the shares, in per cent, sum to 100"
        };
        return Err(cursor.wrong_with(0, format!("the shares sum to {sum} per cent"), hint));
    }
    Mixture::new(parts).ok_or_else(|| cursor.wrong_at(0, "no pair has a share"))
}

fn semicolons(cursor: &mut Cursor<'_>) -> Result<Vec<Part>, LengthsError> {
    let mut parts = Vec::new();
    loop {
        while cursor.take(';') {}
        if cursor.rest().is_empty() {
            return Ok(parts);
        }
        let (input, output) = pair(cursor)?;
        parts.push(Part { weight: share(cursor)?, input, output });
        if !cursor.rest().is_empty() {
            cursor.need(';')?;
        }
    }
}

fn brackets(cursor: &mut Cursor<'_>) -> Result<Vec<Part>, LengthsError> {
    let mut parts = Vec::new();
    loop {
        cursor.need('(')?;
        let (input, output) = pair(cursor)?;
        cursor.need(')')?;
        parts.push(Part { weight: share(cursor)?, input, output });
        if !cursor.take(',') {
            break;
        }
    }
    cursor.need(']')?;
    cursor.end()?;
    Ok(parts)
}

/// `ISL|sd,OSL|sd`.
fn pair(cursor: &mut Cursor<'_>) -> Result<(Law, Law), LengthsError> {
    let input = length(cursor, "the input length")?;
    cursor.need(',')?;
    Ok((input, length(cursor, "the output length")?))
}

fn length(cursor: &mut Cursor<'_>, name: &str) -> Result<Law, LengthsError> {
    let mean = cursor.whole(name, 1)?;
    let stddev = if cursor.take('|') { cursor.number("the standard deviation", 0.0)? } else { 0.0 };
    Ok(law(mean, stddev))
}

fn law(mean: u32, stddev: f64) -> Law {
    if stddev > 0.0 {
        Law::Truncated(Truncated { mean: f64::from(mean), stddev })
    } else {
        Law::Fixed(Fixed { tokens: mean })
    }
}

/// `:per cent`.
fn share(cursor: &mut Cursor<'_>) -> Result<f64, LengthsError> {
    cursor.need(':')?;
    let start = cursor.at();
    let share = cursor.number("the share", 0.0)?;
    if share > 100.0 {
        return Err(
            cursor.wrong_at(start, format!("the share is {share} per cent, and must be from 0 to 100"))
        );
    }
    Ok(share)
}

#[derive(Deserialize)]
struct Written {
    pairs: Vec<WrittenPair>,
}

#[derive(Deserialize)]
struct WrittenPair {
    isl: u32,
    #[serde(default)]
    isl_stddev: f64,
    osl: u32,
    #[serde(default)]
    osl_stddev: f64,
    prob: f64,
}

fn json(cursor: &Cursor<'_>) -> Result<Vec<Part>, LengthsError> {
    const HINT: &str = "write {\"pairs\": [{\"isl\": 256, \"osl\": 128, \"prob\": 40}, …]}, with isl_stddev and osl_stddev where \
                        wanted";
    let text = cursor.rest();
    let written: Written = serde_json::from_str(text).map_err(|e| {
        let at = cursor.at() + offset(text, e.line(), e.column());
        let message = e.to_string();
        let what = message.rfind(" at line ").map_or(&*message, |end| &message[..end]);
        cursor.wrong_with(at, what, HINT)
    })?;
    let most = f64::from(MOST_TOKENS);
    let mut parts = Vec::new();
    for (n, pair) in written.pairs.iter().enumerate() {
        for (key, value, least, most) in [
            ("isl", f64::from(pair.isl), 1.0, most),
            ("osl", f64::from(pair.osl), 1.0, most),
            ("isl_stddev", pair.isl_stddev, 0.0, most),
            ("osl_stddev", pair.osl_stddev, 0.0, most),
            ("prob", pair.prob, 0.0, 100.0),
        ] {
            if !(least..=most).contains(&value) {
                let what = format!("pairs[{n}].{key} is {value}, and must be from {least} to {most}");
                return Err(cursor.wrong_with(cursor.at(), what, HINT));
            }
        }
        parts.push(Part {
            weight: pair.prob,
            input: law(pair.isl, pair.isl_stddev),
            output: law(pair.osl, pair.osl_stddev),
        });
    }
    Ok(parts)
}

/// The byte that serde_json calls `line` and `column` (1-based; the last byte read).
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = (before + column.saturating_sub(1)).min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
