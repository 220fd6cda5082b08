//! Linear interpolation over one axis and over two, going on along the outermost segment beyond the ends.

use super::error::{Named, TableError, ascending, numbers, same_length};

/// Values over one ascending axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    axis: Vec<f64>,
    values: Vec<f64>,
}

/// Values over two ascending axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    rows: Vec<f64>,
    columns: Vec<f64>,
    /// Row by row.
    values: Vec<f64>,
}

impl Curve {
    /// At least two points.
    pub(super) fn new(axis: Named<'_>, values: Named<'_>) -> Result<Self, TableError> {
        same_length(values, axis)?;
        ascending(axis, 2)?;
        numbers(values.0, values.1)?;
        Ok(Self { axis: axis.1.to_vec(), values: values.1.to_vec() })
    }

    pub(super) fn len(&self) -> usize {
        self.axis.len()
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        let (i, part) = place(&self.axis, x);
        between(self.values[i], self.values[i + 1], part)
    }
}

impl Grid {
    /// At least two rows and two columns.
    pub(super) fn new(
        rows: Named<'_>,
        columns: Named<'_>,
        (key, values): (&'static str, &[Vec<f64>]),
    ) -> Result<Self, TableError> {
        ascending(rows, 2)?;
        ascending(columns, 2)?;
        let wide = columns.1.len();
        if values.len() != rows.1.len() || values.iter().any(|row| row.len() != wide) {
            let width = values.iter().map(Vec::len).find(|len| *len != wide).unwrap_or(wide);
            return Err(TableError::Shape {
                key,
                shape: format!("({}, {width})", values.len()),
                axes: format!("{} and {}", rows.0, columns.0),
                expected: format!("({}, {wide})", rows.1.len()),
            });
        }
        for (i, row) in values.iter().enumerate() {
            if let Some(j) = row.iter().position(|value| !(value.is_finite() && *value >= 0.0)) {
                return Err(TableError::Value { key, at: format!("{i}, {j}"), value: row[j] });
            }
        }
        Ok(Self { rows: rows.1.to_vec(), columns: columns.1.to_vec(), values: values.concat() })
    }

    /// `100 × 100 points`.
    pub(super) fn size(&self) -> String {
        format!("{} × {} points", self.rows.len(), self.columns.len())
    }

    pub(super) fn at(&self, row: f64, column: f64) -> f64 {
        let (i, down) = place(&self.rows, row);
        let (j, across) = place(&self.columns, column);
        let wide = self.columns.len();
        let of_row = |i: usize| between(self.values[i * wide + j], self.values[i * wide + j + 1], across);
        between(of_row(i), of_row(i + 1), down)
    }
}

/// The segment that `x` lies on or is nearest to, and how far along it, below 0 or above 1 beyond the ends.
fn place(axis: &[f64], x: f64) -> (usize, f64) {
    let i = axis.partition_point(|value| *value <= x).saturating_sub(1).min(axis.len() - 2);
    (i, (x - axis[i]) / (axis[i + 1] - axis[i]))
}

fn between(a: f64, b: f64, part: f64) -> f64 {
    a + (b - a) * part
}
