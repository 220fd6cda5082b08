//! Traffic scenarios: the mini-language of genai-bench 0.0.5 (`--traffic-scenario`) for texts, and two laws more.
//!
//! | written | input and output length |
//! |---|---|
//! | `D(in,out)` | always these |
//! | `N(mean,sd)/(mean,sd)` | normal, cut to the whole number below; at least 1 in, 2 out |
//! | `U(min,max)/(min,max)` | uniform between the two, cut likewise, so that `max` itself never comes (unless it is `min`) |
//! | `U(max,max)` | the same from 1 on: `U(1,in)/(1,out)` |
//! | `L(mean,sd)/(mean,sd)` | ours: log-normal with this mean and deviation, rounded, at least 1 |
//! | `P(mean)/(mean)` | ours: Poisson, at least 1 |
//!
//! The first four draw what genai-bench draws (`genai_bench/scenarios/text.py`). Refused here and not there: no tokens in or out, an
//! upper bound below the lower one. Taken here and not there: blanks, and decimals in means and deviations. Its `E`, `R`, `I` and
//! `A` ask for other endpoints, and its newer `P(prefix,suffix)/out` is said with `workload.prefix`.

use super::text::{Cursor, LengthsError};
use super::{Fixed, Law, LogNormal, Normal, Pairs, Poisson, Rounding, Uniform};

/// How a scenario is written.
const HINT: &str = "write D(in,out), N(mean,sd)/(mean,sd), U(min,max)/(min,max), U(max,max), L(mean,sd)/(mean,sd), P(mean)/(mean), \
                    or a mixture of pairs: 256,128:40;512,256:60";

/// The shortest output that genai-bench draws.
const SHORTEST_OUTPUT: u32 = 2;

/// Reads a scenario.
pub fn parse(text: &str) -> Result<Pairs, LengthsError> {
    let mut cursor = Cursor::new(text, HINT);
    let letter = cursor.rest().chars().next();
    let start = cursor.at();
    if let Some(letter) = letter {
        cursor.take(letter);
    }
    let pairs = match letter {
        Some('D') => fixed(&mut cursor),
        Some('N') => both(&mut cursor, |cursor, side| {
            let (mean, stddev) = mean_and_deviation(cursor)?;
            let floor = if side == Side::Input { 1 } else { SHORTEST_OUTPUT };
            Ok(Law::Normal(Normal { mean, stddev, rounding: Rounding::Down, floor }))
        }),
        Some('U') => uniform(&mut cursor),
        Some('L') => both(&mut cursor, |cursor, _| {
            let (mean, stddev) = mean_and_deviation(cursor)?;
            Ok(Law::LogNormal(LogNormal { mean, stddev }))
        }),
        Some('P') => poisson(&mut cursor, start),
        Some(other @ ('E' | 'R' | 'I' | 'A')) => Err(cursor.wrong_at(
            start,
            format!("`{other}(…)` is a scenario of genai-bench for embeddings, ranking, images or audio, which cannot be sent yet"),
        )),
        Some(other) => Err(cursor.wrong_at(start, format!("no scenario begins with `{other}`"))),
        None => Err(cursor.wrong_at(start, "it is empty")),
    }?;
    cursor.end()?;
    Ok(pairs)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Input,
    Output,
}

/// `(…)/(…)`.
fn both(
    cursor: &mut Cursor<'_>,
    law: impl Fn(&mut Cursor<'_>, Side) -> Result<Law, LengthsError>,
) -> Result<Pairs, LengthsError> {
    cursor.need('(')?;
    let input = law(cursor, Side::Input)?;
    cursor.need(')')?;
    cursor.need('/')?;
    cursor.need('(')?;
    let output = law(cursor, Side::Output)?;
    cursor.need(')')?;
    Ok(Pairs::Apart { input, output: Some(output) })
}

fn mean_and_deviation(cursor: &mut Cursor<'_>) -> Result<(f64, f64), LengthsError> {
    let mean = cursor.number("the mean", 1.0)?;
    cursor.need(',')?;
    Ok((mean, cursor.number("the standard deviation", 0.0)?))
}

fn fixed(cursor: &mut Cursor<'_>) -> Result<Pairs, LengthsError> {
    cursor.need('(')?;
    let input = Law::Fixed(Fixed { tokens: cursor.whole("the input length", 1)? });
    cursor.need(',')?;
    let output = Law::Fixed(Fixed { tokens: cursor.whole("the output length", 1)? });
    cursor.need(')')?;
    Ok(Pairs::Apart { input, output: Some(output) })
}

fn uniform(cursor: &mut Cursor<'_>) -> Result<Pairs, LengthsError> {
    cursor.need('(')?;
    let start = cursor.at();
    let first = cursor.whole("the bound", 0)?;
    cursor.need(',')?;
    let second = cursor.whole("the bound", 1)?;
    cursor.need(')')?;
    if !cursor.take('/') {
        if first == 0 {
            return Err(cursor.wrong_at(start, "the longest input is 0, and must be at least 1"));
        }
        return Ok(Pairs::Apart {
            input: Law::Uniform(Uniform::half_open(1, first, 1)),
            output: Some(Law::Uniform(Uniform::half_open(1, second, SHORTEST_OUTPUT))),
        });
    }
    let input = range(cursor, start, first, second, 1)?;
    cursor.need('(')?;
    let start = cursor.at();
    let least = cursor.whole("the lower bound", 0)?;
    cursor.need(',')?;
    let most = cursor.whole("the upper bound", 1)?;
    let output = range(cursor, start, least, most, SHORTEST_OUTPUT)?;
    cursor.need(')')?;
    Ok(Pairs::Apart { input, output: Some(output) })
}

fn range(cursor: &Cursor<'_>, start: usize, from: u32, to: u32, floor: u32) -> Result<Law, LengthsError> {
    // genai-bench takes a lower bound of 0 for none, and begins at 1.
    let from = from.max(1);
    if from > to {
        let hint = format!("write the smaller one first: ({to},{from})");
        return Err(cursor.wrong_with(
            start,
            format!("the bounds {from} and {to} are the wrong way round"),
            hint,
        ));
    }
    Ok(Law::Uniform(Uniform::half_open(from, to, floor)))
}

fn poisson(cursor: &mut Cursor<'_>, start: usize) -> Result<Pairs, LengthsError> {
    if let Some(hint) = prefix_repetition(cursor.rest()) {
        return Err(cursor.wrong_with(
            start,
            "`P(prefix,suffix)/out` is genai-bench's prefix repetition",
            hint,
        ));
    }
    both(cursor, |cursor, _| {
        let mean = cursor.number("the mean", 1.0)?;
        Ok(Law::Poisson(Poisson { mean }))
    })
}

/// What to say instead of genai-bench's `(prefix,suffix)/out`, if this is one.
fn prefix_repetition(text: &str) -> Option<String> {
    let (lengths, output) = text.strip_prefix('(')?.split_once(")/")?;
    let (prefix, suffix) = lengths.split_once(',')?;
    let [prefix, suffix, output] = [prefix, suffix, output].map(|n| n.trim().parse::<u32>().ok());
    let (prefix, suffix, output) = (prefix?, suffix?, output?);
    Some(format!(
        "set workload.lengths: \"D({suffix},{output})\" and workload.prefix.length: {prefix}; P(mean)/(mean) is Poisson"
    ))
}
