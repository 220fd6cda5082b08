//! Cells, tables, wrapped lines and colours: how numbers look, the same in every form.

use std::fmt::{self, Write as _};

use comfy_table::{CellAlignment, ContentArrangement, Table};
use tokmark_base::units::significant;
use tokmark_measure::summary::{Amount, Distribution, Summary};
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

/// A value that failures push beyond all bounds.
const FAILED: &str = "∞ (failed)";

/// A number, or `∞ (failed)` where failures reach.
pub(crate) fn amount(x: Option<Amount>) -> String {
    match x {
        None => NONE.to_owned(),
        Some(x) => x.finite().map_or_else(|| FAILED.to_owned(), number),
    }
}

/// A percentile: `12.3`, `10.0–25.0` where censoring leaves bounds, `~12.3` where values are missing.
pub(crate) fn percentile(values: &Distribution, p: f64) -> String {
    let Some(q) = values.percentile(p) else {
        return NONE.to_owned();
    };
    let text = range(q.value, q.bound);
    if q.missing_n > 0 { format!("~{text}") } else { text }
}

/// The largest value: `50.0`, or `50.0–80.0` where censoring leaves open how large it is.
pub(crate) fn most(values: &Distribution) -> String {
    values.max.map_or_else(|| NONE.to_owned(), |max| range(max, values.max_bound))
}

/// `a–b`, the smaller first, if the two differ in what is shown.
fn range(value: Amount, bound: Option<Amount>) -> String {
    let both = value.finite().zip(bound.and_then(Amount::finite));
    match both.map(|(a, b)| (significant(a.min(b)), significant(a.max(b)))) {
        Some((low, high)) if low != high => format!("{low}–{high}"),
        _ => amount(Some(value)),
    }
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

/// A table without lines, at most [`WIDTH`] columns wide: the first `left` columns to the left, the others to the right. As
/// roomy as fits; where nothing else helps, the widest of the left columns is cut.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], left: usize) -> String {
    let own: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let two_lines: Vec<String> = header.iter().map(|cell| cell.replacen(' ', "\n", 1)).collect();
    let each = |f: &dyn Fn(&str) -> String| -> Vec<Vec<String>> {
        let cells = |row: &Vec<String>| {
            row.iter().enumerate().map(|(i, c)| if i < left { c.clone() } else { f(c) }).collect()
        };
        rows.iter().map(cells).collect()
    };
    let short = |cell: &str| cell.replace(FAILED, "∞");
    let (short, broken) = (each(&short), each(&|cell| short(cell).replace('–', "–\n")));
    for (header, rows, gap) in [
        (&own, rows, 2),
        (&own, rows, 1),
        (&own, &short, 1),
        (&two_lines, &short, 2),
        (&two_lines, &short, 1),
        (&two_lines, &broken, 1),
    ] {
        let text = with_gap(header, rows, left, gap);
        if width(&text) <= WIDTH {
            return text;
        }
    }
    let over = width(&with_gap(&two_lines, &broken, left, 1)).saturating_sub(WIDTH);
    let cut = cut_widest(broken, left, over);
    with_gap(&two_lines, &cut, left, 1)
}

fn width(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Takes `over` columns off the widest of the first `left` columns.
fn cut_widest(mut rows: Vec<Vec<String>>, left: usize, over: usize) -> Vec<Vec<String>> {
    let widest = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let Some((column, most)) = (0..left).map(|c| (c, widest(c))).max_by_key(|(_, most)| *most) else {
        return rows;
    };
    for row in &mut rows {
        let cell = &mut row[column];
        let keep = most.saturating_sub(over).max(1);
        if cell.chars().count() > keep {
            *cell = cell.chars().take(keep - 1).chain(['…']).collect();
        }
    }
    rows
}

fn with_gap(header: &[String], rows: &[Vec<String>], left: usize, gap: u16) -> String {
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

/// `text` in lines of at most [`WIDTH`] columns, the first after `first`, the others after as many blanks. A word longer than a
/// line goes on in the next.
pub(crate) fn wrap(first: &str, text: &str) -> String {
    let room = WIDTH - first.chars().count();
    let words = text.split_whitespace().flat_map(|word| pieces(word, room)).collect();
    fill(first, words)
}

/// Like [`wrap`], for text whose parts are separated by ` · `: a part is kept whole where a line can hold it.
pub(crate) fn wrap_parts(text: &str) -> String {
    let separator = " ·";
    let parts: Vec<&str> = text.split(" · ").collect();
    let last = parts.len() - 1;
    let mut whole = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let part = if index < last { format!("{part}{separator}") } else { part.to_owned() };
        if part.chars().count() <= WIDTH {
            whole.push(part);
        } else {
            whole.extend(part.split_whitespace().flat_map(|word| pieces(word, WIDTH)));
        }
    }
    fill("", whole)
}

/// A word in pieces that fit.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars.chunks(room.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Items one behind the other, as many a line as fit.
fn fill(first: &str, items: Vec<String>) -> String {
    let indent = first.chars().count();
    let mut out = first.to_owned();
    let mut column = indent;
    for (index, item) in items.into_iter().enumerate() {
        let length = item.chars().count();
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
        out.push_str(&item);
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
