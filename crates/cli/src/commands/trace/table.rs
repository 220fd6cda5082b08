//! Numbers for people.

use std::fmt::Write as _;

/// `1,234,567.89`: with a comma every three digits.
pub(super) fn grouped(x: f64, places: usize) -> String {
    let text = format!("{:.places$}", x.abs());
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if x < 0.0 {
        out.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + part
}

/// Rows of cells, the first column to the left, the others to the right.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let wide = widths[column];
            if column == 0 {
                let _ = write!(line, "{cell:<wide$}");
            } else {
                let _ = write!(line, "  {cell:>wide$}");
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_groups_of_three() {
        for (x, places, want) in
            [(0.0, 2, "0.00"), (999.0, 0, "999"), (1_000.0, 0, "1,000"), (-1_234_567.891, 2, "-1,234,567.89")]
        {
            assert_eq!(grouped(x, places), want);
        }
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        assert_eq!(aligned(&[row(&["a", "bb"]), row(&["ccc", "d"])]), "a    bb\nccc   d\n");
    }
}
