//! Normal lengths, rounded, with a floor: `isl`/`osl` with their deviations (rounded to the nearest, at least 1), and genai-bench's
//! `N(480,240)/(300,150)` (cut to the whole number below; at least 1 in and 2 out).

use tokmark_base::Stream;

use super::moments::{self, FAR, Reach};
use super::{Distribution, Fixed, MOST_TOKENS, Moments};

/// Input or output lengths as `isl`/`isl_stddev` and `osl`/`osl_stddev` say them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lengths {
    /// Mean, before the floor at one token.
    pub mean: u32,
    /// Standard deviation; 0: every length is the mean.
    pub stddev: f64,
}

impl Lengths {
    /// The law.
    pub fn law(self) -> Normal {
        Normal { mean: f64::from(self.mean), stddev: self.stddev, rounding: Rounding::Nearest, floor: 1 }
    }

    /// One length. What the normal distribution puts below one token becomes one token, so a deviation near the mean lifts the
    /// mean a little (at deviation = mean / 2 by 0.4 %).
    pub fn draw(&self, stream: &mut Stream) -> u32 {
        self.law().draw(stream)
    }
}

/// How a real number becomes a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, halves away from zero: does not move the mean.
    Nearest,
    /// To the whole number below: moves the mean by −½.
    Down,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// Mean before rounding and floor, tokens.
    pub mean: f64,
    /// Standard deviation before rounding and floor, tokens; 0: every length is the mean, and nothing is drawn.
    pub stddev: f64,
    /// How lengths become whole.
    pub rounding: Rounding,
    /// Shortest length; what falls below becomes this.
    pub floor: u32,
}

impl Normal {
    fn whole(&self, length: f64) -> u32 {
        let whole = match self.rounding {
            Rounding::Nearest => length.round(),
            Rounding::Down => length.floor(),
        };
        whole.clamp(f64::from(self.floor), f64::from(MOST_TOKENS)) as u32
    }
}

impl Distribution for Normal {
    fn draw(&self, stream: &mut Stream) -> u32 {
        if self.stddev == 0.0 {
            return self.whole(self.mean);
        }
        self.whole(self.mean + self.stddev * stream.normal())
    }

    /// P(X > k) = Q((k + ½ − μ) / σ) rounded to the nearest, Q((k + 1 − μ) / σ) cut, with Q the normal tail.
    fn moments(&self) -> Moments {
        if self.stddev == 0.0 {
            return Fixed { tokens: self.whole(self.mean) }.moments();
        }
        let edge = match self.rounding {
            Rounding::Nearest => 0.5,
            Rounding::Down => 1.0,
        };
        let far = FAR * self.stddev + 1.0;
        moments::of_tail(
            self.floor,
            &Reach { low: self.mean - far, high: self.mean + far },
            |k| moments::beyond((k + edge - self.mean) / self.stddev),
            |_| self.stddev,
        )
    }

    fn canonical(&self) -> String {
        let Self { mean, stddev, rounding, floor } = self;
        format!("normal mean={mean:?} stddev={stddev:?} rounding={rounding:?} floor={floor}")
    }
}
