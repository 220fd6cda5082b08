//! Least squares on relative errors, with no coefficient below zero.
//!
//! A pass gets slower with more tokens, never faster, and a fit that says otherwise beyond its points would be worse than none.
//! With three terms the best such fit is found by trying every choice of terms: 7 small systems of linear equations. Errors are
//! weighed by the measured time, so that 1 ms counts more where a pass takes 4 ms than where it takes 400.

use std::fmt;

use super::error::{Named, TableError, numbers, same_length};

/// a + b·x + c·x².
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quadratic([f64; 3]);

/// a + b·sequences + c·context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plane([f64; 3]);

impl Quadratic {
    /// At least three different x.
    pub(super) fn fit(x: Named<'_>, ms: Named<'_>) -> Result<Self, TableError> {
        points(ms, &[x])?;
        different(x, 3)?;
        let rows = x.1.iter().map(|x| [1.0, *x, x * x]);
        Ok(Self(least_squares(&rows.collect::<Vec<_>>(), ms.1)))
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        let [a, b, c] = self.0;
        a + b * x + c * x * x
    }
}

impl Plane {
    /// At least two different numbers of sequences, and three points.
    pub(super) fn fit(sequences: Named<'_>, context: Named<'_>, ms: Named<'_>) -> Result<Self, TableError> {
        points(ms, &[sequences, context])?;
        different(sequences, 2)?;
        if ms.1.len() < 3 {
            let points = format!("{} value(s)", ms.1.len());
            return Err(TableError::TooFew { key: ms.0, points, needed: 3 });
        }
        let rows = sequences.1.iter().zip(context.1).map(|(sequences, context)| [1.0, *sequences, *context]);
        Ok(Self(least_squares(&rows.collect::<Vec<_>>(), ms.1)))
    }

    pub(super) fn at(&self, sequences: f64, context: f64) -> f64 {
        let [a, b, c] = self.0;
        a + b * sequences + c * context
    }
}

impl fmt::Display for Quadratic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a:.4} + {b:.4e}·tokens + {c:.4e}·tokens² ms")
    }
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a:.4} + {b:.4e}·sequences + {c:.4e}·context tokens ms")
    }
}

fn points(ms: Named<'_>, axes: &[Named<'_>]) -> Result<(), TableError> {
    for axis in axes {
        numbers(axis.0, axis.1)?;
        same_length(ms, *axis)?;
    }
    numbers(ms.0, ms.1)?;
    match ms.1.iter().position(|ms| *ms == 0.0) {
        Some(at) => Err(TableError::Zero { key: ms.0, at }),
        None => Ok(()),
    }
}

fn different((key, values): Named<'_>, needed: usize) -> Result<(), TableError> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    if sorted.len() < needed {
        let points = format!("{} different value(s)", sorted.len());
        return Err(TableError::TooFew { key, points, needed });
    }
    Ok(())
}

/// The coefficients, none negative, with the least sum of ((fit − ms) ÷ ms)². All `ms` above zero.
fn least_squares(rows: &[[f64; 3]], ms: &[f64]) -> [f64; 3] {
    // Columns of like size keep the equations well-conditioned; tokens² is a million times tokens.
    let mut largest = [0.0_f64; 3];
    for row in rows {
        for (largest, value) in largest.iter_mut().zip(row) {
            *largest = largest.max(value.abs());
        }
    }
    let scaled: Vec<[f64; 3]> = rows
        .iter()
        .zip(ms)
        .map(|(row, ms)| {
            std::array::from_fn(|k| if largest[k] > 0.0 { row[k] / largest[k] / ms } else { 0.0 })
        })
        .collect();
    let mut best: Option<(f64, [f64; 3])> = None;
    // Fewer terms first: more of them have to earn their place.
    for chosen in [0b001, 0b010, 0b100, 0b011, 0b101, 0b110, 0b111_u32] {
        let terms: Vec<usize> = (0..3).filter(|k| chosen & (1 << k) != 0).collect();
        let Some(solution) = solve(&scaled, &terms) else { continue };
        let error: f64 = scaled
            .iter()
            .map(|row| {
                let off = row.iter().zip(solution).map(|(x, c)| x * c).sum::<f64>() - 1.0;
                off * off
            })
            .sum();
        if best.is_none_or(|(least, _)| error < least * (1.0 - 1e-9)) {
            best = Some((error, solution));
        }
    }
    let (_, solution) = best.unwrap_or_default();
    std::array::from_fn(|k| if largest[k] > 0.0 { solution[k] / largest[k] } else { 0.0 })
}

/// The least-squares solution of rows·c = 1 with the `terms` alone; `None` if they say the same twice or one comes out negative.
fn solve(rows: &[[f64; 3]], terms: &[usize]) -> Option<[f64; 3]> {
    let n = terms.len();
    let mut equations = vec![vec![0.0; n + 1]; n];
    for row in rows {
        for (i, &p) in terms.iter().enumerate() {
            for (j, &q) in terms.iter().enumerate() {
                equations[i][j] += row[p] * row[q];
            }
            equations[i][n] += row[p];
        }
    }
    let size = equations.iter().flat_map(|row| &row[..n]).fold(0.0_f64, |size, value| size.max(value.abs()));
    for i in 0..n {
        let pivot = (i..n).max_by(|&a, &b| equations[a][i].abs().total_cmp(&equations[b][i].abs()))?;
        equations.swap(i, pivot);
        if equations[i][i].abs() <= 1e-13 * size {
            return None;
        }
        let (done, rest) = equations.split_at_mut(i + 1);
        let above = &done[i];
        for row in rest {
            let factor = row[i] / above[i];
            for (value, above) in row.iter_mut().zip(above).skip(i) {
                *value -= factor * above;
            }
        }
    }
    let mut solution = [0.0; 3];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| equations[i][j] * solution[terms[j]]).sum();
        solution[terms[i]] = (equations[i][n] - known) / equations[i][i];
    }
    solution.iter().all(|c| *c >= 0.0).then_some(solution)
}
