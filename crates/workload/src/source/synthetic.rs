//! Synthetic prompts: random words of an exact number of tokens, behind a shared prefix if one is asked.

use std::sync::Arc;

use tokmark_base::content::segment_id;
use tokmark_base::{Content, Lexicon, Seed, Segment};

use super::{Outline, Source, Turn};
use crate::plan::Prompt;
use crate::shape::{Lengths, Prefix};
use crate::spec::{WorkloadError, WorkloadSpec};

/// Tokens of prompts made before the run to see whether the tokenizer can make their lengths (a millisecond's worth).
const LOOKED_AT: u64 = 20_000;

/// See the module.
pub struct Synthetic {
    seed: Seed,
    input: Lengths,
    output: Option<Lengths>,
    prefix: Option<Prefix>,
    entries: Option<u64>,
    lexicon: Arc<dyn Lexicon>,
}

impl Synthetic {
    /// Prompts as `spec` asks. Fails if the lexicon cannot make the lengths of the first prompts.
    pub fn new(spec: &WorkloadSpec, seed: Seed, lexicon: Arc<dyn Lexicon>) -> Result<Self, WorkloadError> {
        let synthetic = Self {
            seed,
            input: Lengths { mean: spec.isl, stddev: spec.isl_stddev },
            output: spec.osl.map(|mean| Lengths { mean, stddev: spec.osl_stddev }),
            prefix: Prefix::new(&spec.prefix, seed),
            entries: spec.entries,
            lexicon,
        };
        let mut looked_at = 0_u64;
        for item in 0..spec.entries.unwrap_or(u64::MAX) {
            if looked_at >= LOOKED_AT {
                break;
            }
            let asked = synthetic.length(item) + synthetic.prefix.map_or(0, |p| p.length());
            looked_at += u64::from(asked);
            let (_, got) = synthetic.text(item);
            if got != asked {
                return Err(WorkloadError::Inexact { asked, got, lexicon: synthetic.lexicon.id() });
            }
        }
        Ok(synthetic)
    }

    /// Tokens of item `item`'s own words.
    fn length(&self, item: u64) -> u32 {
        self.input.draw(&mut self.seed.stream("isl", item))
    }

    /// The prompt of item `item`, and its tokens.
    fn text(&self, item: u64) -> (String, u32) {
        let mut text = String::new();
        let shared = self.prefix.map_or(0, |prefix| prefix.append(item, &mut text, &*self.lexicon));
        let own = self.lexicon.extend(&mut text, self.length(item), &mut self.seed.stream("text", item));
        (text, shared + own)
    }
}

/// The output length of item `item`: drawn from a stream of its own, so that it does not depend on the words.
pub(super) fn output_length(output: Option<Lengths>, seed: Seed, item: u64) -> Option<u32> {
    output.map(|lengths| lengths.draw(&mut seed.stream("osl", item)))
}

impl Source for Synthetic {
    fn turn(&self, item: u64, _turn: u32) -> Turn {
        let (text, isl) = self.text(item);
        Turn {
            isl: Some(isl),
            osl: output_length(self.output, self.seed, item),
            prompt: Prompt::Text(text),
            extra: None,
            priority: None,
        }
    }

    /// Lengths and segments alone: a lexicon whose words came out otherwise was refused when the source was made.
    fn outline(&self, item: u64, _turn: u32) -> Outline {
        let own = Segment { id: segment_id("text", item), tokens: self.length(item) };
        let shared = self.prefix.map(|prefix| prefix.segment(item));
        let content = Content::Segments(shared.into_iter().chain([own]).collect());
        Outline {
            isl: Some(content.tokens() as u32),
            osl: output_length(self.output, self.seed, item),
            content,
        }
    }

    fn distinct(&self) -> Option<u64> {
        self.entries
    }

    fn canonical(&self) -> Vec<(&'static str, String)> {
        let mut parts = vec![
            ("source", "synthetic".to_owned()),
            ("lexicon", self.lexicon.id()),
            ("isl", self.input.mean.to_string()),
            ("isl_stddev", format!("{:?}", self.input.stddev)),
        ];
        if let Some(output) = self.output {
            parts.push(("osl", output.mean.to_string()));
            parts.push(("osl_stddev", format!("{:?}", output.stddev)));
        }
        if let Some(prefix) = self.prefix {
            parts.push(("prefix", prefix.canonical()));
        }
        if let Some(entries) = self.entries {
            parts.push(("entries", entries.to_string()));
        }
        parts
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tokmark_base::Stream;

    use super::*;
    use crate::spec::PrefixSpec;

    /// One letter a token.
    pub(crate) struct Letters;

    impl Lexicon for Letters {
        fn id(&self) -> String {
            "letters".to_owned()
        }

        fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
            (0..tokens).for_each(|_| text.push(char::from(b'a' + stream.below(26) as u8)));
            tokens
        }
    }

    /// Can make even lengths only.
    struct Even;

    impl Lexicon for Even {
        fn id(&self) -> String {
            "even".to_owned()
        }

        fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
            Letters.extend(text, tokens & !1, stream)
        }
    }

    #[test]
    fn prefix_and_body_add_up() {
        let spec = WorkloadSpec {
            isl: 100,
            isl_stddev: 10.0,
            prefix: PrefixSpec { length: 30, pool: 2, ..PrefixSpec::default() },
            ..WorkloadSpec::default()
        };
        let source = Synthetic::new(&spec, Seed(1), Arc::new(Letters)).unwrap();
        let mut bodies = std::collections::BTreeSet::new();
        for item in 0..500 {
            let request = source.turn(item, 0);
            let Prompt::Text(text) = &request.prompt else { panic!() };
            let shape = source.outline(item, 0);
            assert_eq!((shape.isl, shape.osl), (request.isl, request.osl));
            let Content::Segments(parts) = shape.content else { panic!() };
            assert_eq!((parts.len(), parts[0].tokens), (2, 30));
            assert_eq!(request.isl, Some(text.len() as u32));
            assert_eq!(request, source.turn(item, 0));
            bodies.insert(text[30..].to_owned());
        }
        assert_eq!(bodies.len(), 500);
    }

    #[test]
    fn a_length_the_lexicon_cannot_make_is_refused_before_the_run() {
        let spec = WorkloadSpec { isl: 7, ..WorkloadSpec::default() };
        let error = Synthetic::new(&spec, Seed(1), Arc::new(Even)).err().unwrap();
        let want = WorkloadError::Inexact { asked: 7, got: 6, lexicon: "even".to_owned() };
        assert_eq!(error, want);
    }

    #[test]
    fn output_lengths_do_not_change_the_words() {
        let spec = WorkloadSpec { isl: 9, ..WorkloadSpec::default() };
        let other = WorkloadSpec { osl: Some(7), osl_stddev: 3.0, ..spec.clone() };
        let [a, b] = [&spec, &other].map(|s| Synthetic::new(s, Seed(1), Arc::new(Letters)).unwrap());
        assert!((0..50).all(|i| a.turn(i, 0).prompt == b.turn(i, 0).prompt));
        assert!((0..50).any(|i| b.turn(i, 0).osl != Some(7)));
    }
}
