//! The quantile rules: nearest rank for ours, linear interpolation where another tool's numbers must be matched.

/// Nearest rank: the smallest value with at least `q·n` values at or below it. `sorted` ascending; `None` if empty.
///
/// This is the rule behind every percentile of ours, because it stays defined when failures count as +∞.
pub fn nearest_rank(sorted: &[f64], q: f64) -> Option<f64> {
    rank(sorted.len(), q).map(|i| sorted[i])
}

/// The zero-based index that nearest rank picks among `n` values.
pub fn rank(n: usize, q: f64) -> Option<usize> {
    if n == 0 || !(0.0..=1.0).contains(&q) {
        return None;
    }
    // The subtraction keeps 0.95 · 100 = 95.00000000000001 from becoming rank 96.
    let at = (q * n as f64 - 1e-9).ceil() as usize;
    Some(at.clamp(1, n) - 1)
}

/// Linear interpolation between closest ranks, numpy's default and AIPerf's rule. `None` if empty.
pub fn linear(sorted: &[f64], q: f64) -> Option<f64> {
    if sorted.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let at = q * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let weight = at - low as f64;
    // numpy's lerp: exact at both ends and monotone.
    let (a, b) = (sorted[low], sorted[high]);
    Some(if weight < 0.5 { a + (b - a) * weight } else { b - (b - a) * (1.0 - weight) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank_on_one_to_hundred() {
        let v: Vec<f64> = (1..=100).map(f64::from).collect();
        for (q, want) in [(0.0, 1.0), (0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
            assert_eq!(nearest_rank(&v, q), Some(want), "q={q}");
        }
        assert_eq!(nearest_rank(&[], 0.5), None);
        assert_eq!(nearest_rank(&[1.0, f64::INFINITY], 0.99), Some(f64::INFINITY));
    }

    #[test]
    fn linear_as_numpy_does() {
        let v = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(linear(&v, 0.5), Some(2.5));
        assert_eq!(linear(&v, 0.25), Some(1.75));
        assert_eq!(linear(&v, 1.0), Some(4.0));
    }
}
