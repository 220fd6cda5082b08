//! Where does the start-up end, and did the run hold still after it?

/// MSER-5 (White 1997): batches of five in start order, cut where the standard error of what is left is smallest.
///
/// The number of values to leave out; `None` if the cut would take more than half, or there is too little to tell.
pub(crate) fn mser5(series: &[f64]) -> Option<usize> {
    const BATCH: usize = 5;
    let means: Vec<f64> = series.chunks_exact(BATCH).map(mean).collect();
    let count = means.len();
    // With fewer batches every cut is noise.
    if count < 10 {
        return None;
    }
    // Centring keeps the sum of squares from losing the digits that matter.
    let centre = mean(&means);
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (left_out, z) in means.iter().enumerate().rev() {
        let x = z - centre;
        sum += x;
        squares += x * x;
        let kept = (count - left_out) as f64;
        // The last five batches always look quiet (Hoad et al. 2010).
        if count - left_out >= 5 {
            let error = (squares - sum * sum / kept).max(0.0) / (kept * kept);
            if error <= best.0 {
                best = (error, left_out);
            }
        }
    }
    (best.1 * 2 <= count).then_some(best.1 * BATCH)
}

/// Whether the run did not hold still: its second half differs from its first, or its start from the rest, by more than
/// can be noise and more than can be neglected (20 %, and five standard deviations of the means compared).
///
/// Halves are compared by twenty batch means (each at least one mean latency long when the window spans twenty of them);
/// the start is what MSER-5 would cut, compared with blocks of its own length. `None` below 100 values. The A/A test
/// beside this shows how seldom it is said of a run that held still.
pub(crate) fn drifts(series: &[f64]) -> Option<bool> {
    const BATCHES: usize = 20;
    if series.len() < 100 {
        return None;
    }
    let means: Vec<f64> = series.chunks_exact(series.len() / BATCHES).take(BATCHES).map(mean).collect();
    let (first, second) = means.split_at(BATCHES / 2);
    let error = ((variance(first) + variance(second)) / first.len() as f64).sqrt();
    let halves = apart(mean(first), mean(second), error);
    Some(halves || mser5(series).is_some_and(|cut| differs_at_the_start(series, cut)))
}

/// Whether the first `cut` values differ from blocks of the same length after them.
fn differs_at_the_start(series: &[f64], cut: usize) -> bool {
    let (start, rest) = series.split_at(cut);
    if start.is_empty() {
        return false;
    }
    let blocks: Vec<f64> = rest.chunks_exact(cut).map(mean).collect();
    // From fewer blocks a standard deviation says nothing; the halves are compared anyway.
    blocks.len() >= 5 && apart(mean(start), mean(&blocks), variance(&blocks).sqrt())
}

fn apart(a: f64, b: f64, deviation: f64) -> bool {
    let distance = (a - b).abs();
    distance > 0.2 * a.min(b) && distance > 5.0 * deviation
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// With n − 1.
fn variance(values: &[f64]) -> f64 {
    let m = mean(values);
    values.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / (values.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use tokmark_base::{Seed, Stream};

    use super::*;

    /// Exponential values with memory: AR(1) over the draws.
    fn draws(stream: &mut Stream, n: usize, memory: f64) -> Vec<f64> {
        let mut last = 1.0;
        (0..n)
            .map(|_| {
                last = memory * last + (1.0 - memory) * stream.exponential();
                100.0 * last
            })
            .collect()
    }

    #[test]
    fn a_slow_start_is_cut_and_a_flat_run_is_not() {
        let mut stream = Seed(3).stream("mser", 0);
        let mut series: Vec<f64> = (0..200).map(|_| 100.0 + stream.normal()).collect();
        assert!(mser5(&series).unwrap() <= 40);
        for (i, x) in series.iter_mut().take(50).enumerate() {
            *x += 20.0 * (50 - i) as f64;
        }
        let cut = mser5(&series).unwrap();
        assert!((45..=90).contains(&cut), "{cut}");
        assert_eq!(mser5(&[1.0; 60]), Some(0));
    }

    #[test]
    fn a_run_that_never_settles_has_no_steady_state() {
        let series: Vec<f64> = (0..200).map(|i| f64::from(i * i)).collect();
        assert_eq!(mser5(&series), None);
        assert_eq!(mser5(&[1.0; 49]), None);
    }

    #[test]
    fn drift_is_seen_and_noise_is_not() {
        let ramp: Vec<f64> = (0..400).map(|i| 100.0 + f64::from(i)).collect();
        assert_eq!(drifts(&ramp), Some(true));
        assert_eq!(drifts(&[5.0; 400]), Some(false));
        assert_eq!(drifts(&[5.0; 99]), None);
        // A/A: 2,000 stationary series, half of them strongly correlated, as queueing makes them.
        let mut alarms = 0;
        for i in 0..2_000 {
            let mut stream = Seed(11).stream("aa", i);
            let memory = if i % 2 == 0 { 0.0 } else { 0.8 };
            alarms += usize::from(drifts(&draws(&mut stream, 200, memory)) == Some(true));
        }
        assert!(alarms <= 10, "{alarms} false alarms in 2,000");
    }
}
