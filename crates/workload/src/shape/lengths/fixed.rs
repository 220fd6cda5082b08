//! A length that is always the same: genai-bench's `D(100,100)`, and every mean without a deviation.

use tokmark_base::Stream;

use super::{Distribution, MOST_TOKENS, Moments};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Tokens.
    pub tokens: u32,
}

impl Distribution for Fixed {
    fn draw(&self, _stream: &mut Stream) -> u32 {
        self.tokens.clamp(1, MOST_TOKENS)
    }

    fn moments(&self) -> Moments {
        let tokens = self.tokens.clamp(1, MOST_TOKENS);
        Moments { mean: f64::from(tokens), stddev: 0.0, least: tokens, most: tokens }
    }

    fn canonical(&self) -> String {
        format!("fixed {}", self.tokens)
    }
}
