//! Round numbers along an axis, and how they are written.
//!
//! A linear axis goes in steps of 1, 2, 2.5 or 5 times a power of ten; its first and last tick are the multiples of the step just
//! outside the data. A logarithmic one goes in powers of ten, or in 1, 2, 5 times those where there are few.

/// A place on an axis and its label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// `digits · 10^exponent`, rounded once.
fn decimal(digits: i64, exponent: i32) -> f64 {
    format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN)
}

/// Steps of a linear axis, as digits and what they are multiplied by: 1, 2, 2.5, 5.
const STEPS: [(i64, i32); 4] = [(1, 0), (2, 0), (25, -1), (5, 0)];

/// About `wanted` ticks that cover `low` to `high`, which lie apart.
pub(crate) fn linear(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let rough = (high - low) / wanted.max(1) as f64;
    let power = libm::floor(libm::log10(rough)) as i32;
    let steps =
        (power..=power + 1).flat_map(|p| STEPS.iter().map(move |(digits, shift)| (*digits, p + shift)));
    let (digits, exponent) = steps
        .filter(|(digits, exponent)| decimal(*digits, *exponent) >= rough * (1.0 - 1e-9))
        .min_by(|a, b| decimal(a.0, a.1).total_cmp(&decimal(b.0, b.1)))
        .unwrap_or((1, power + 1));
    let step = decimal(digits, exponent);
    let (mut first, mut last) = (libm::floor(low / step) as i64, libm::ceil(high / step) as i64);
    // The quotient is rounded: a multiple of the step just inside or outside is found out here.
    first -= i64::from(decimal(first * digits, exponent) > low);
    last += i64::from(decimal(last * digits, exponent) < high);
    if decimal((first + 1) * digits, exponent) <= low {
        first += 1;
    }
    if decimal((last - 1) * digits, exponent) >= high {
        last -= 1;
    }
    let values: Vec<f64> = (first..=last).map(|i| decimal(i * digits, exponent)).collect();
    label(&values)
}

/// At most about `wanted` ticks that cover `low` to `high`, both above 0.
pub(crate) fn logarithmic(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let of = |round: fn(f64) -> f64, v: f64| round(libm::log10(v)) as i32;
    let (mut from, mut to) = (of(libm::floor, low), of(libm::ceil, high));
    from -= i32::from(decimal(1, from) > low);
    to += i32::from(decimal(1, to) < high);
    let fine: Vec<f64> = (from..=to).flat_map(|e| [1, 2, 5].map(|digits| decimal(digits, e))).collect();
    let first = fine.iter().rposition(|v| *v <= low).unwrap_or(0);
    let last = fine.iter().position(|v| *v >= high).unwrap_or(fine.len() - 1);
    let (first, last) =
        if first == last { (first.saturating_sub(1), (last + 1).min(fine.len() - 1)) } else { (first, last) };
    if last - first < wanted.max(3) {
        return fine[first..=last].iter().map(|v| Tick { value: *v, label: alone(*v) }).collect();
    }
    let stride = ((to - from) as usize).div_ceil(wanted.max(1)).max(1);
    let count = ((to - from) as usize).div_ceil(stride);
    (0..=count)
        .map(|i| decimal(1, from + (i * stride) as i32))
        .map(|value| Tick { value, label: alone(value) })
        .collect()
}

/// Prefixes of large numbers.
const LARGE: [(f64, i32, &str); 4] = [(1e12, 12, "T"), (1e9, 9, "G"), (1e6, 6, "M"), (1e3, 3, "k")];

/// Labels that tell the values apart, all written the same way.
fn label(values: &[f64]) -> Vec<Tick> {
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let write = |scale: i32, suffix: &str, most: usize| -> Option<Vec<String>> {
        let scaled: Vec<f64> = values.iter().map(|v| shifted(*v, -scale)).collect();
        let decimals = (0..=most).find(|d| scaled.iter().all(|v| exact(*v, *d)))?;
        let one = |v: &f64| if *v == 0.0 { "0".to_owned() } else { plain(*v, decimals) + suffix };
        Some(scaled.iter().map(one).collect())
    };
    let large = || LARGE.iter().filter(|(from, ..)| largest >= *from);
    let labels = match largest {
        1e4..1e15 => {
            large().find_map(|(_, scale, suffix)| write(*scale, suffix, 2)).or_else(|| write(0, "", 9))
        }
        1e-2..1e4 => write(0, "", 9),
        _ => None,
    };
    let labels = labels.unwrap_or_else(|| values.iter().map(|v| alone(*v)).collect());
    values.iter().zip(labels).map(|(value, label)| Tick { value: *value, label }).collect()
}

/// `v · 10^by`, rounded once where `v` is a short decimal.
fn shifted(v: f64, by: i32) -> f64 {
    let text = format!("{v:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or(0) + by;
    format!("{digits}e{exponent}").parse().unwrap_or(v)
}

/// Whether so many decimals say it all.
fn exact(v: f64, decimals: usize) -> bool {
    let told: f64 = format!("{v:.decimals$}").parse().unwrap_or(f64::NAN);
    (told - v).abs() <= v.abs() * 1e-9
}

/// With so many decimals and a true minus.
fn plain(v: f64, decimals: usize) -> String {
    format!("{v:.decimals$}").replace('-', "\u{2212}")
}

/// One number by itself: as few characters as say it.
pub(crate) fn alone(v: f64) -> String {
    let size = v.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if (1e-3..1e4).contains(&size) {
        return short(v);
    }
    if let Some((_, scale, suffix)) =
        LARGE.iter().find(|(from, ..)| size >= *from).filter(|_| (1e4..1e15).contains(&size))
    {
        return format!("{}{suffix}", short(shifted(v, -scale)));
    }
    let text = format!("{v:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = short(digits.parse().unwrap_or(v));
    let raised: String = exponent.chars().map(raise).collect();
    if digits == "1" { format!("10{raised}") } else { format!("{digits}×10{raised}") }
}

/// Four digits that count, no zeros behind.
fn short(v: f64) -> String {
    let whole = libm::floor(libm::log10(v.abs())) as i32 + 1;
    let decimals = (4 - whole).clamp(0, 6) as usize;
    let text = plain(v, decimals);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn raise(c: char) -> char {
    match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32(0x2070 + u32::from(c) - u32::from('0')).unwrap_or(c),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn steps_are_round_and_labels_short() {
        assert_eq!(labels(&linear(0.1, 0.9, 5)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(0.0, 14_000.0, 4)), ["0", "5k", "10k", "15k"]);
        assert_eq!(labels(&linear(-3.0, 8.0, 4)), ["−5", "0", "5", "10"]);
        assert_eq!(labels(&linear(0.0, 1.0, 4)), ["0", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(labels(&linear(0.0, 2.2e6, 3)), ["0", "1M", "2M", "3M"]);
        assert_eq!(labels(&linear(0.0, 3e-5, 3)), ["0", "10⁻⁵", "2×10⁻⁵", "3×10⁻⁵"]);
        assert_eq!(labels(&logarithmic(1.0, 1000.0, 5)), ["1", "10", "100", "1000"]);
        assert_eq!(labels(&logarithmic(3.0, 90.0, 8)), ["2", "5", "10", "20", "50", "100"]);
        assert_eq!(labels(&logarithmic(1e-9, 1e9, 5)), ["10⁻⁹", "10⁻⁵", "0.1", "1000", "10M", "100G"]);
    }

    /// One, two, two and a half or five times a power of ten.
    fn is_round(step: f64) -> bool {
        let power = libm::pow(10.0, libm::floor(libm::log10(step) + 1e-9));
        [1.0, 2.0, 2.5, 5.0, 10.0].iter().any(|m| (step / power - m).abs() < 1e-6)
    }

    proptest! {
        #[test]
        fn linear_ticks_cover_and_are_round(
            low in -1e9_f64..1e9, span in 1e-3_f64..1e9, wanted in 2_usize..12
        ) {
            let high = low + span;
            prop_assume!(span > low.abs() * 1e-9);
            let ticks = linear(low, high, wanted);
            prop_assert!(ticks[0].value <= low && ticks[ticks.len() - 1].value >= high);
            prop_assert!((2..=wanted + 2).contains(&ticks.len()), "{}", ticks.len());
            let step = (ticks[ticks.len() - 1].value - ticks[0].value) / (ticks.len() - 1) as f64;
            prop_assert!(is_round(step), "{step}");
            prop_assert!(ticks[0].value + step > low && ticks[ticks.len() - 1].value - step < high);
            let mut said = labels(&ticks);
            said.dedup();
            prop_assert_eq!(said.len(), ticks.len());
        }

        #[test]
        fn logarithmic_ticks_cover_and_are_round(
            low in -12.0_f64..12.0, decades in 0.0_f64..15.0, wanted in 2_usize..10
        ) {
            let (low, high) = (libm::pow(10.0, low), libm::pow(10.0, low + decades));
            let ticks = logarithmic(low, high, wanted);
            prop_assert!(ticks.len() >= 2);
            prop_assert!(ticks[0].value <= low && ticks[ticks.len() - 1].value >= high);
            prop_assert!(ticks.iter().all(|tick| is_round(tick.value)));
        }
    }
}
