//! Pick: from the costs of the candidates to one of them.

use tokmark_base::Stream;

/// The candidate with the lowest cost; among equals any, each as likely as the other (as Dynamo 1.6.1 at temperature 0).
pub(super) fn lowest(costs: &[f64], draws: &mut Stream) -> usize {
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let mut ties = (0..costs.len()).filter(|i| costs[*i] <= least);
    let count = ties.clone().count() as u64;
    let nth = if count > 1 { draws.below(count) } else { 0 };
    ties.nth(nth as usize).unwrap_or(0)
}

/// A candidate drawn with probability ∝ exp(−(cost − min) / ((max − min) · temperature)), uniformly if all costs are equal; at
/// temperature 0 as [`lowest`]. Source: shared facts on the reference scorer of `dynamo-kv-router` 1.6.1.
pub(super) fn softmax(costs: &[f64], temperature: f64, draws: &mut Stream) -> usize {
    if temperature <= 0.0 {
        return lowest(costs, draws);
    }
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = costs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if least >= most {
        return draws.below(costs.len() as u64) as usize;
    }
    let weight = |cost: &f64| libm::exp(-((cost - least) / (most - least)) / temperature);
    let sum: f64 = costs.iter().map(weight).sum();
    let mut left = draws.unit() * sum;
    for (i, cost) in costs.iter().enumerate() {
        left -= weight(cost);
        if left < 0.0 {
            return i;
        }
    }
    costs.len() - 1
}

#[cfg(test)]
mod tests {
    use tokmark_base::Seed;

    use super::*;

    /// How often each candidate is picked in 100,000 draws.
    fn counts(costs: &[f64], temperature: f64) -> Vec<f64> {
        let mut draws = Seed(7).stream("pick", 0);
        let mut counts = vec![0.0; costs.len()];
        (0..100_000).for_each(|_| counts[softmax(costs, temperature, &mut draws)] += 1e-5);
        counts
    }

    /// Four standard deviations of a share of 100,000 draws are at most 0.0063.
    fn close(seen: &[f64], expected: &[f64]) -> bool {
        seen.iter().zip(expected).all(|(seen, expected)| (seen - expected).abs() < 0.0065)
    }

    #[test]
    fn shares_follow_the_softmax_of_the_range() {
        // Normalised costs 0, 0.25, 1 whatever the unit: weights 1, e^(−0.25/T), e^(−1/T).
        for (temperature, scale) in [(0.5, 1.0), (1.0, 4_000.0), (2.0, 1e-3)] {
            let weights = [1.0, (-0.25_f64 / temperature).exp(), (-1.0_f64 / temperature).exp()];
            let sum: f64 = weights.iter().sum();
            let costs = [8.0, 9.0, 12.0].map(|cost| cost * scale);
            let seen = counts(&costs, temperature);
            assert!(close(&seen, &weights.map(|weight| weight / sum)), "{temperature}: {seen:?}");
        }
    }

    #[test]
    fn equal_costs_are_equally_likely_at_any_temperature() {
        for temperature in [0.0, 0.3] {
            let seen = counts(&[5.0; 4], temperature);
            assert!(close(&seen, &[0.25; 4]), "{temperature}: {seen:?}");
        }
        let seen = counts(&[2.0, 1.0, 3.0, 1.0], 0.0);
        assert!(close(&seen, &[0.0, 0.5, 0.0, 0.5]) && seen[0] + seen[2] == 0.0, "{seen:?}");
    }

    #[test]
    fn extremes_do_not_derail_it() {
        // Nearly cold: the lowest always, as the others' weights vanish.
        assert!(counts(&[3.0, 1.0, 2.0], 1e-300)[1] > 0.999_9);
        // Nearly infinitely hot: all alike.
        assert!(close(&counts(&[0.0, 1e12], 1e12), &[0.5, 0.5]));
        assert!(close(&counts(&[9.0], 0.7), &[1.0]));
    }

    #[test]
    fn a_single_lowest_costs_no_draw() {
        let (mut a, mut b) = (Seed(1).stream("pick", 0), Seed(1).stream("pick", 0));
        assert_eq!(lowest(&[2.0, 1.0], &mut a), 1);
        assert_eq!(a.bits(), b.bits());
    }
}
