//! Lengths: normal with a mean and a deviation, rounded, never below one token.

use tokmark_base::Stream;

/// A distribution of lengths, tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lengths {
    /// Mean, before the floor at one token.
    pub mean: u32,
    /// Standard deviation; 0: every length is the mean.
    pub stddev: f64,
}

impl Lengths {
    /// One length. What the normal distribution puts below one token becomes one token, so a deviation near the mean lifts the
    /// mean a little (at deviation = mean / 2 by 0.4 %).
    pub fn draw(&self, stream: &mut Stream) -> u32 {
        if self.stddev == 0.0 {
            return self.mean.max(1);
        }
        let length = f64::from(self.mean) + self.stddev * stream.normal();
        // Saturates at the ends of u32.
        length.round().max(1.0) as u32
    }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Seed;

    use super::*;

    #[test]
    fn no_deviation_is_the_mean_and_draws_nothing() {
        let mut stream = Seed(1).stream("lengths", 0);
        let mut untouched = stream.clone();
        assert_eq!(Lengths { mean: 512, stddev: 0.0 }.draw(&mut stream), 512);
        assert_eq!(stream.bits(), untouched.bits());
    }

    #[test]
    fn mean_and_deviation_are_those_asked() {
        let mut stream = Seed(2).stream("lengths", 0);
        let lengths = Lengths { mean: 2_000, stddev: 10.0 };
        let drawn: Vec<f64> = (0..100_000).map(|_| f64::from(lengths.draw(&mut stream))).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let var = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 2_000.0).abs() < 0.2, "mean {mean}");
        assert!((var.sqrt() - 10.0).abs() < 0.2, "deviation {}", var.sqrt());
    }

    #[test]
    fn never_below_one() {
        let mut stream = Seed(3).stream("lengths", 0);
        let lengths = Lengths { mean: 3, stddev: 50.0 };
        assert!((0..10_000).all(|_| lengths.draw(&mut stream) >= 1));
    }
}
