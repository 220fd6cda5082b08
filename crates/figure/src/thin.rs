//! Long series thinned out to what can be seen: of consecutive points in one column of pixels the first, the least, the
//! greatest and the last are kept, so that no extreme is lost and the line looks the same.

use std::collections::BTreeSet;

/// The column of pixels that a place lies in.
fn column_of(x: f64) -> i64 {
    libm::floor(x) as i64
}

/// A line thinned out, in order.
pub(crate) fn line(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| column_of(a.0) == column_of(b.0)) {
        if column.len() <= 4 {
            kept.extend_from_slice(column);
            continue;
        }
        let indices = 0..column.len();
        let least = indices.clone().min_by(|a, b| column[*a].1.total_cmp(&column[*b].1)).unwrap_or(0);
        let most = indices.max_by(|a, b| column[*a].1.total_cmp(&column[*b].1)).unwrap_or(0);
        let chosen = BTreeSet::from([0, least, most, column.len() - 1]);
        kept.extend(chosen.into_iter().map(|i| column[i]));
    }
    kept
}

/// Points of which no two lie in the same quarter of a pixel.
pub(crate) fn points(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut seen = BTreeSet::new();
    let cell = |(x, y): &(f64, f64)| (libm::floor(x * 2.0) as i64, libm::floor(y * 2.0) as i64);
    points.iter().copied().filter(|point| seen.insert(cell(point))).collect()
}

/// A band thinned out: its least low and greatest high in each column.
pub(crate) fn band(points: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| column_of(a.0) == column_of(b.0)) {
        if column.len() <= 2 {
            kept.extend_from_slice(column);
            continue;
        }
        let low = column.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        let high = column.iter().map(|p| p.2).fold(f64::INFINITY, f64::min);
        kept.extend([(column[0].0, low, high), (column[column.len() - 1].0, low, high)]);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_and_ends_stay_in_order() {
        let points: Vec<(f64, f64)> = (0..1000)
            .map(|i| (f64::from(i) / 100.0, if i == 437 { 99.0 } else { f64::from(i % 7) }))
            .collect();
        let thin = line(&points);
        assert!(thin.len() <= 40, "{}", thin.len());
        assert!(thin.contains(&(4.37, 99.0)));
        assert_eq!((thin[0], thin[thin.len() - 1]), (points[0], points[999]));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(line(&points[..3]), &points[..3]);
    }

    #[test]
    fn a_band_keeps_its_widest() {
        // Pixels grow downwards: the least value has the greatest pixel.
        let points = [(0.1, 50.0, 40.0), (0.2, 60.0, 45.0), (0.3, 52.0, 30.0), (1.5, 50.0, 49.0)];
        assert_eq!(band(&points), [(0.1, 60.0, 30.0), (0.3, 60.0, 30.0), (1.5, 50.0, 49.0)]);
    }
}
