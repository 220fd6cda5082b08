//! A Mooncake trace as the source of a plan. Whatever the bytes are, its rows come out in the order of their times, each session
//! whole, and every turn can be asked for, with and without its words.

use std::io::Cursor;
use std::sync::Arc;

use tokmark_base::{Lexicon, Seed, Stream};
use tokmark_workload::source::{Source, With};
use tokmark_workload::{Dataset, FileFormat, WorkloadSpec};

/// Longest input whose words are made: the fuzzer need not write ten million tokens.
const MOST_WORDS: u32 = 10_000;

/// One letter a token.
struct Letters;

impl Lexicon for Letters {
    fn id(&self) -> String {
        "letters".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, stream: &mut Stream) -> u32 {
        (0..tokens).for_each(|_| text.push(char::from(b'a' + stream.below(26) as u8)));
        tokens
    }
}

/// See the file.
pub fn dataset(input: &[u8]) {
    let spec = WorkloadSpec { skip_bad_rows: true, ..WorkloadSpec::default() };
    let read = Dataset::read(
        FileFormat::Mooncake,
        "fuzz",
        Box::new(Cursor::new(input.to_vec())),
        &spec,
        With::default(),
    );
    let data = match read {
        Ok(data) => data,
        Err(error) => return assert!(error.to_string().contains("hint: "), "{error}"),
    };
    let requests = data.requests();
    let Ok(source) = data.source(&spec, Seed(1), Arc::new(Letters), None) else { return };
    assert_eq!(turns(&*source), requests);
}

/// Asks for every turn; how many there are.
fn turns(source: &dyn Source) -> u64 {
    let (mut before, mut turns) = (None, 0);
    for item in 0..source.distinct().unwrap_or(0) {
        let at = source.at(item, 0);
        assert!(at.is_some() == source.is_timed() && at >= before, "item {item} is not in order");
        before = at;
        for turn in 0..source.turns(item) {
            let outline = source.outline(item, turn);
            assert_eq!(outline.content.tokens(), u64::from(outline.isl.unwrap_or(0)));
            let _ = source.delay(item, turn);
            if outline.isl.unwrap_or(0) <= MOST_WORDS {
                let said = source.turn(item, turn);
                assert_eq!((said.isl, said.osl), (outline.isl, outline.osl));
            }
            turns += 1;
        }
    }
    turns
}
