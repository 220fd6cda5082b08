//! A prompt is made of parts. Each is named, so that what is the same for many prompts is the same text for all of them, and the
//! same segment in a simulation.

use tokmark_base::content::segment_id;
use tokmark_base::{Lexicon, Seed, Segment};

/// Some words of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What kind of part it is: names a stream of random numbers.
    pub name: &'static str,
    /// Which of its kind: the same index, the same words.
    pub index: u64,
    /// How long it is.
    pub tokens: u32,
    /// The seed its words come from.
    pub seed: Seed,
}

impl Part {
    /// It without its words.
    pub fn segment(&self) -> Segment {
        Segment { id: segment_id(self.name, self.index), tokens: self.tokens }
    }

    /// Appends its words and returns by how many tokens the text grew.
    pub fn append(&self, text: &mut String, lexicon: &dyn Lexicon) -> u32 {
        lexicon.extend(text, self.tokens, &mut self.seed.stream(self.name, self.index))
    }
}
