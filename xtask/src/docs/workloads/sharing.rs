//! What prompts share: which of their tokens an earlier request has said from its beginning on.

use std::collections::BTreeMap;

use tokmark_base::{Content, Phase};
use tokmark_figure::{Axis, Figure, Plot, Surface};
use tokmark_workload::{Numbering, Requests, WorkloadSpec};

use super::{Case, SEED, Told, number, part, plan};

pub(super) const TEXT: &str = "Each picture has the first 32 requests, one a row, from below; from left to right the tokens of the prompt. The colour says how \
many earlier requests began with the same tokens up to there, so that a cache could have them: dark has never been said. The \
share of tokens said before is what a cache of any size can find at most, to the token; real caches find whole blocks.";

/// Requests in the picture, and those that are counted.
const SHOWN: u64 = 32;
const COUNTED: u64 = 1_000;
/// Cells a row.
const CELLS: usize = 64;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "prefix-none",
        title: "Nothing",
        text: "Without any of the keys below every prompt is new.",
        spec: r#"{"workload": {"isl": 512}}"#,
    },
    Case {
        name: "prefix-pool",
        title: "Pool of prefixes",
        text: "Each request draws one of the pool's prefixes, each as often as any other. It stands in front of `isl` tokens of the request's \
               own. In the long run length / (length + isl) of all tokens were said before.",
        spec: r#"{"workload": {"isl": 256, "prefix": {"length": 768, "pool": 4}}}"#,
    },
    Case {
        name: "prefix-zipf",
        title: "Pool drawn by Zipf's law",
        text: "Prefix k of the pool, from 1, is drawn in proportion to k^−alpha.",
        spec: r#"{"workload": {"isl": 256, "prefix": {"length": 768, "pool": 16, "choice": "zipf", "zipf_alpha": 1.2}}}"#,
    },
    Case {
        name: "prefix-groups",
        title: "Groups × prompts",
        text: "Each prefix goes with so many different own parts: 4 groups of 8 prompts, which come again whole.",
        spec: r#"{"workload": {"isl": 256, "prefix": {"length": 768, "pool": 4, "prompts": 8}}}"#,
    },
    Case {
        name: "prefix-context",
        title: "System prompt and user's context",
        text: "A system prompt that all share, then a context that the turns of one session share, then each turn's own words.",
        spec: r#"{"workload": {"isl": 256, "prefix": {"system": 384, "user_context": 384}, "sessions": {"turns": 4, "history": "none"}}}"#,
    },
    Case {
        name: "prefix-ratio",
        title: "Prefix ratio",
        text: "A share of each prompt of `isl` tokens is its prefix, of which there are `pool`. A list of ratios is a sweep \
               (`--prefix-ratio 0.1,0.3,0.5,0.7,0.9`). In the long run the ratio is the share of tokens said before.",
        spec: r#"{"workload": {"isl": 1024, "prefix": {"ratio": 0.5, "pool": 8}}}"#,
    },
    Case {
        name: "prefix-hit-rate",
        title: "Hit rate with a prime phase",
        text: "A ratio whose prefixes are all sent once before the measured part, so that the first measured request finds its own already. \
               The picture counts what the prime phase said.",
        spec: r#"{"workload": {"isl": 1024, "prefix": {"hit_rate": 0.5, "pool": 8}}}"#,
    },
    Case {
        name: "prefix-bust",
        title: "Cache busting in front",
        text: "Words of its own in front of each prompt: nothing is found, though the prefixes are the same.",
        spec: r#"{"workload": {"isl": 256, "prefix": {"length": 768, "pool": 4}, "cache_bust": "prefix"}}"#,
    },
    Case {
        name: "prefix-bust-suffix",
        title: "Cache busting behind the prefix",
        text: "Words of its own behind the shared prefix: the prefix is found, own parts that come again are not.",
        spec: r#"{"workload": {"isl": 256, "prefix": {"length": 768, "pool": 4, "prompts": 8}, "cache_bust": "suffix"}}"#,
    },
    Case {
        name: "prefix-entries",
        title: "Prompts that come again",
        text: "So many distinct prompts, used again from the first when they run out. `offset` says where to begin, and `never_repeat` lets each \
               point of a sweep take them up where the last one ended.",
        spec: r#"{"workload": {"isl": 1024, "entries": 10}}"#,
    },
];

/// How often a beginning was said: by the ids of its segments and the tokens of the last one.
#[derive(Default)]
struct Said(BTreeMap<Vec<u64>, Vec<u32>>);

impl Said {
    /// How many earlier requests have said token `at` of these segments' last one, after all before it.
    fn count(&self, ids: &[u64], at: u32) -> usize {
        self.0.get(ids).map_or(0, |said| said.iter().filter(|tokens| **tokens > at).count())
    }

    fn add(&mut self, content: &Content) {
        let Content::Segments(segments) = content else { return };
        let mut ids = Vec::new();
        for segment in segments {
            ids.push(segment.id);
            self.0.entry(ids.clone()).or_default().push(segment.tokens);
        }
    }
}

/// For each token range of a request how many earlier ones said it: from, to, how many.
fn spans(content: &Content, said: &Said) -> Vec<(u64, u64, usize)> {
    let Content::Segments(segments) = content else { return Vec::new() };
    let (mut ids, mut from) = (Vec::new(), 0_u64);
    let mut spans = Vec::new();
    for segment in segments {
        ids.push(segment.id);
        // Segments of one id are of one length here, so its first token stands for all.
        spans.push((from, from + u64::from(segment.tokens), said.count(&ids, 0)));
        from += u64::from(segment.tokens);
    }
    spans
}

pub(super) fn tell(case: &Case) -> Result<Told, String> {
    let spec: WorkloadSpec = part(case, "workload")?;
    let plan = plan(&spec)?;
    let numbering = Requests::numbering(&plan);
    let turns = u64::from(spec.sessions.turns);
    let index = |n: u64| match numbering {
        Numbering::Single => n,
        Numbering::Turns => numbering.index(Phase::Profiling, n / turns, (n % turns) as u32),
    };
    let mut said = Said::default();
    if spec.prefix.hit_rate.is_some() {
        for n in 0..u64::from(spec.prefix.pool) {
            said.add(&plan.shape(numbering.index(Phase::Warmup, n, 0)).content);
        }
    }
    let (mut rows, mut before, mut all) = (Vec::new(), 0, 0);
    for n in 0..COUNTED {
        let content = plan.shape(index(n)).content;
        let spans = spans(&content, &said);
        said.add(&content);
        before += spans.iter().filter(|(.., n)| *n > 0).map(|(from, to, _)| to - from).sum::<u64>();
        all += content.tokens();
        if n < SHOWN {
            rows.push(spans);
        }
    }
    let share = before as f64 / all.max(1) as f64;
    let facts = vec![("tokens said before", format!("{} of {COUNTED} requests' tokens", number(share)))];
    Ok(Told { facts, figure: figure(case, &rows) })
}

fn figure(case: &Case, rows: &[Vec<(u64, u64, usize)>]) -> Figure {
    let longest = rows.iter().flatten().map(|(_, to, _)| *to).max().unwrap_or(1) as f64;
    let cell = longest / CELLS as f64;
    let value = |spans: &[(u64, u64, usize)], at: f64| {
        let here = spans.iter().find(|(from, to, _)| *from as f64 <= at && at < *to as f64);
        here.map(|(.., n)| *n as f64)
    };
    let values = rows.iter().flat_map(|spans| (0..CELLS).map(move |i| value(spans, (i as f64 + 0.5) * cell)));
    let x: Vec<f64> = (0..=CELLS).map(|i| i as f64 * cell).collect();
    let y: Vec<f64> = (0..=rows.len()).map(|i| i as f64).collect();
    let plot = Plot::new("", Axis::linear("Token of the prompt"), Axis::linear("Request"))
        .height(160)
        .mark(Surface::new("Said by so many earlier requests", "", x, y, values));
    Figure::new(case.title).subtitle(format!("{SHOWN} requests, seed {}", SEED.0)).width(520).panel(plot)
}
