//! Cells, tables, wrapped lines and colours: how numbers look, the same in every form.

use std::fmt::{self, Write as _};

use comfy_table::{CellAlignment, ContentArrangement, Table};
use tokmark_base::units::significant;
use tokmark_measure::summary::{Amount, Distribution, Percentile, Summary};
use tokmark_measure::verdict::State;

use crate::Style;

/// Everything on a terminal fits this many columns.
pub(crate) const WIDTH: usize = 100;

/// Appends formatted text.
pub(crate) fn put(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// What is not there.
pub(crate) const NONE: &str = "–";

/// Colours by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Bad,
    Faint,
    Good,
    Strong,
    Warn,
}

/// `text` in a colour, if the style allows it.
pub(crate) fn paint(style: Style, colour: Colour, text: &str) -> String {
    if !style.colour {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Bad => "31;1",
        Colour::Faint => "2",
        Colour::Good => "32;1",
        Colour::Strong => "1",
        Colour::Warn => "33;1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The word and colour of a state.
pub(crate) fn state(state: State) -> (&'static str, Colour) {
    match state {
        State::Valid => ("VALID", Colour::Good),
        State::Degraded => ("DEGRADED", Colour::Warn),
        State::Invalid => ("INVALID", Colour::Bad),
    }
}

/// Three significant figures; nothing is just `0`.
pub(crate) fn number(x: f64) -> String {
    if x == 0.0 { "0".to_owned() } else { significant(x) }
}

/// A number, or `∞ (failed)` where failures reach.
pub(crate) fn amount(x: Option<Amount>) -> String {
    match x {
        None => NONE.to_owned(),
        Some(x) => x.finite().map_or_else(|| "∞ (failed)".to_owned(), number),
    }
}

/// A percentile: `12.3`, `10.0–25.0` where censoring leaves bounds, `~12.3` where values are missing.
pub(crate) fn percentile(values: &Distribution, p: f64) -> String {
    let Some(q) = values.percentile(p) else {
        return NONE.to_owned();
    };
    let text = match bounds(q) {
        Some((low, high)) if significant(low) != significant(high) => {
            format!("{}–{}", significant(low), significant(high))
        }
        _ => amount(Some(q.value)),
    };
    if q.missing_n > 0 { format!("~{text}") } else { text }
}

fn bounds(q: &Percentile) -> Option<(f64, f64)> {
    let (a, b) = (q.value.finite()?, q.bound?.finite()?);
    Some((a.min(b), a.max(b)))
}

/// `99.9`, `99`.
pub(crate) fn percentile_name(p: f64) -> String {
    format!("p{p}")
}

/// The line that explains `~`, if any percentile shown has it.
pub(crate) fn missing_note<'a>(
    shown: impl IntoIterator<Item = &'a Distribution>,
    percentiles: &[f64],
) -> Option<String> {
    let mut most: Vec<(f64, u64)> = percentiles.iter().map(|p| (*p, 0)).collect();
    for values in shown {
        for (p, missing) in &mut most {
            *missing = (*missing).max(values.percentile(*p).map_or(0, |q| q.missing_n));
        }
    }
    let list: Vec<String> = most
        .iter()
        .filter(|(_, missing)| *missing > 0)
        .map(|(p, missing)| format!("{} needs {missing} more", percentile_name(*p)))
        .collect();
    (!list.is_empty()).then(|| format!("~ too few values to rely on: {}", list.join(", ")))
}

/// A table without lines: the first `left` columns to the left, the others to the right; two blanks between columns where
/// they fit, else one.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], left: usize) -> String {
    let wide = with_gap(header, rows, left, 2);
    if wide.lines().all(|line| line.chars().count() <= WIDTH) {
        wide
    } else {
        with_gap(header, rows, left, 1)
    }
}

fn with_gap(header: &[&str], rows: &[Vec<String>], left: usize, gap: u16) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table.add_rows(rows.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, gap));
        if index >= left {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let mut out = String::new();
    for line in text.lines() {
        put(&mut out, format_args!("  {}\n", line.trim_end()));
    }
    out
}

/// `text` in lines of at most [`WIDTH`] columns, the first after `first`, the others after as many blanks.
pub(crate) fn wrap(first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let mut out = first.to_owned();
    let mut column = indent;
    for (index, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if index > 0 {
            if column + 1 + length > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

/// Foreign text on one line of at most `width` columns: control characters are blanks, what is cut is marked.
pub(crate) fn one_line(text: &str, width: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= width {
        return plain;
    }
    let kept: String = plain.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// Whether the numbers of a run may be shown.
pub(crate) fn shows_numbers(summary: &Summary, style: Style) -> bool {
    summary.verdict.state != State::Invalid || style.show_invalid
}
