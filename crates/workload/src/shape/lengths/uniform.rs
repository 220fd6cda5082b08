//! Every length of a range as often as any other: genai-bench's `U(50,100)/(200,250)`, which draws a real number between the two
//! and cuts it to the whole number below, so that the upper one never comes (unless both are the same).

use tokmark_base::Stream;

use super::{Distribution, MOST_TOKENS, Moments};

/// See the module. `least` ≤ `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uniform {
    /// The shortest, tokens.
    pub least: u32,
    /// The longest, inclusive, tokens.
    pub most: u32,
    /// What is shorter than this becomes this.
    pub floor: u32,
}

impl Uniform {
    /// As genai-bench draws between `from` and `to`, `from` ≤ `to`.
    pub fn half_open(from: u32, to: u32, floor: u32) -> Self {
        Self { least: from, most: if to > from { to - 1 } else { to }, floor }
    }

    fn width(&self) -> u64 {
        u64::from(self.most.saturating_sub(self.least)) + 1
    }

    fn bounded(&self, length: u32) -> u32 {
        length.clamp(self.floor, MOST_TOKENS)
    }
}

impl Distribution for Uniform {
    fn draw(&self, stream: &mut Stream) -> u32 {
        self.bounded(self.least + stream.below(self.width()) as u32)
    }

    /// Of n = most − least + 1 lengths those below the floor count as the floor, the others are floor + 1, floor + 2, …, whose sums
    /// and sums of squares are k (k + 1) / 2 and k (k + 1) (2k + 1) / 6.
    fn moments(&self) -> Moments {
        let (least, most) = (self.bounded(self.least), self.bounded(self.most));
        let n = self.width() as f64;
        // Counted from the shortest: what is lifted to it adds nothing, then come 1, 2, …
        let top = f64::from(most - least);
        let first = top * (top + 1.0) / 2.0 / n;
        let second = top * (top + 1.0) * (2.0 * top + 1.0) / 6.0 / n;
        Moments {
            mean: f64::from(least) + first,
            stddev: libm::sqrt((second - first * first).max(0.0)),
            least,
            most,
        }
    }

    fn canonical(&self) -> String {
        format!("uniform least={} most={} floor={}", self.least, self.most, self.floor)
    }
}
