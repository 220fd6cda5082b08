//! Who counts tokens: fills `Record.input`, `Record.output` and `Record.reasoning` by the rule of `--count-tokens`.
//!
//! There is no silent fallback: without the asked source a count stays `None`. The reply's text is dropped here.

use tokmark_record::{Count, CountSource, Record};

use crate::spec::CountTokens;

/// The number of tokens of a text; `None` if the tokenizer cannot split it.
pub type Counter<'a> = dyn Fn(&str) -> Option<u32> + 'a;

/// Counts the tokens of `record`. `counter` counts a text under the chosen tokenizer; needed for `tokenizer` only.
///
/// - `server`: `usage.completion_tokens` and `usage.prompt_tokens`.
/// - `tokenizer`: the reply's output text plus its tool calls plus its reasoning text, each counted alone (AIPerf's default); the input is
///   the plan's own count, made with the same tokenizer.
/// - `events`: content events of a streamed reply; the input is the plan's own count.
pub fn assign(record: &mut Record, mode: CountTokens, counter: Option<&Counter<'_>>) {
    let count = |tokens, source| Count { tokens, source };
    let text = record.text.take();
    let planned = record.asked.isl.map(|n| count(n, CountSource::Tokenizer));
    match mode {
        CountTokens::Server => {
            let server = |n: Option<u32>| n.map(|n| count(n, CountSource::Server));
            record.output = server(record.usage.and_then(|u| u.completion));
            record.reasoning = server(record.usage.and_then(|u| u.reasoning));
            record.input = server(record.usage.and_then(|u| u.prompt));
        }
        CountTokens::Tokenizer => {
            let words = text.as_ref().zip(counter).and_then(|(text, counter)| {
                let of = |s: &str| if s.is_empty() { Some(0) } else { counter(s) };
                Some((of(&text.output)? + of(&text.calls)?, of(&text.reasoning)?))
            });
            record.output = words.map(|(o, r)| count(o + r, CountSource::Tokenizer));
            record.reasoning = words.map(|(_, r)| count(r, CountSource::Tokenizer));
            record.input = planned;
        }
        CountTokens::Events => {
            let events = u32::try_from(record.reads.content_count()).unwrap_or(u32::MAX);
            record.output = (record.streamed && events > 0).then(|| count(events, CountSource::Events));
            record.reasoning = None;
            record.input = planned;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokmark_base::Micros;
    use tokmark_record::{Asked, Read, Reads, ReplyText, Usage};

    use super::*;

    fn record() -> Record {
        let read = Read {
            user: Micros(10),
            kernel: None,
            open: Micros(0),
            bytes: 1,
            events: 2,
            content: 2,
            tail: true,
        };
        Record {
            streamed: true,
            asked: Asked { isl: Some(7), osl: None },
            reads: Reads(vec![read]),
            text: Some(ReplyText { output: "a b c".into(), reasoning: "d".into(), ..ReplyText::default() }),
            ..Record::default()
        }
    }

    /// Blank text is beyond it.
    fn words(text: &str) -> Option<u32> {
        Some(text.split_whitespace().count() as u32).filter(|n| *n > 0)
    }

    #[test]
    fn each_source_says_only_what_it_knows() {
        let mut r = record();
        assign(&mut r, CountTokens::Server, Some(&words));
        assert_eq!((r.input, r.output, r.text.clone()), (None, None, None));

        let mut r = record();
        r.usage = Some(Usage { prompt: Some(9), completion: Some(5), reasoning: Some(2), cached: None });
        assign(&mut r, CountTokens::Server, None);
        let server = |tokens| Some(Count { tokens, source: CountSource::Server });
        assert_eq!((r.input, r.output, r.reasoning), (server(9), server(5), server(2)));

        let mut r = record();
        assign(&mut r, CountTokens::Tokenizer, Some(&words));
        let ours = |tokens| Some(Count { tokens, source: CountSource::Tokenizer });
        assert_eq!((r.input, r.output, r.reasoning), (ours(7), ours(4), ours(1)));

        // A text the tokenizer cannot split has no count, and 0 is one.
        let mut r = record();
        assign(&mut r, CountTokens::Tokenizer, Some(&|text| words(text).filter(|n| *n > 1)));
        assert_eq!((r.output, r.reasoning), (None, None));

        let mut r = record();
        assign(&mut r, CountTokens::Tokenizer, None);
        assert_eq!(r.output, None);

        let mut r = record();
        assign(&mut r, CountTokens::Events, None);
        assert_eq!(r.output, Some(Count { tokens: 2, source: CountSource::Events }));
        r.streamed = false;
        assign(&mut r, CountTokens::Events, None);
        assert_eq!(r.output, None);
    }
}
