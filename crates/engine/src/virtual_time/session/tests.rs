//! Sessions in virtual time: what later turns find in the caches, by hand and against a model of every token.

use std::sync::Arc;

use proptest::prelude::*;
use tokmark_base::{Content, Micros, Seed, Segment};
use tokmark_perf::{Constant, Deployment};
use tokmark_record::sink::Kept;
use tokmark_record::{Cut, Outcome, Record, SessionTurn};
use tokmark_workload::quantity::Count;
use tokmark_workload::{Class, Course, LoadSpec, Numbering, Pacer, Place, PlannedRequest};

use super::*;
use crate::router::RouterSpec;
use crate::spec::EngineKind;
use crate::{Cluster, EngineSpec, Limits, SimulateError, simulate};

/// What one turn says and how long its reply is.
#[derive(Clone, Debug)]
struct Line {
    content: Content,
    isl: u32,
    osl: u32,
    cancel_after: Option<Micros>,
}

/// Sessions of given turns, which say everything again.
#[derive(Clone, Debug, Default)]
struct Script {
    sessions: Vec<Vec<Line>>,
    classes: Vec<Class>,
    forgetful: bool,
}

impl Script {
    fn line(&self, request: u64) -> (&Line, Place) {
        let address = Numbering::Turns.address(request);
        let session = &self.sessions[address.item as usize];
        let turns = session.len() as u32;
        (&session[address.turn as usize], Place { session: address.item, turn: address.turn, turns })
    }
}

impl Requests for Script {
    fn request(&self, index: u64) -> PlannedRequest {
        PlannedRequest { index, ..PlannedRequest::default() }
    }

    fn shape(&self, index: u64) -> Shape {
        let (line, place) = self.line(index);
        let class = (!self.classes.is_empty()).then(|| place.session as u16 % self.classes.len() as u16);
        Shape {
            isl: Some(line.isl),
            osl: Some(line.osl),
            content: line.content.clone(),
            history: place.turn > 0 && !self.forgetful,
            session: Some(place),
            class,
            priority: None,
            cancel_after: line.cancel_after,
        }
    }

    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }

    fn classes(&self) -> &[Class] {
        &self.classes
    }
}

#[derive(Debug)]
struct Turns(Script);

impl Course for Turns {
    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }

    fn turns(&self, request: u64) -> u32 {
        self.0.line(request).1.turns
    }

    fn keeps_history(&self) -> bool {
        !self.0.forgetful
    }
}

fn cluster(spec: &EngineSpec) -> Cluster {
    let timing = Constant::new(Micros(10_000), Micros(1_000)).unwrap();
    let router = RouterSpec::default();
    crate::cluster::build(spec, &Deployment::default(), &router, Arc::new(timing), &[], Seed(1)).unwrap()
}

fn engine(kind: EngineKind, block: u32) -> EngineSpec {
    let plain = EngineSpec { kind: Some(kind), ..EngineSpec::default() };
    match kind {
        EngineKind::Sglang => EngineSpec {
            page_size: Some(block),
            chunked_prefill_size: Some(i64::from(4_096 * block)),
            ..plain
        },
        EngineKind::Trtllm => EngineSpec { tokens_per_block: Some(block), ..plain },
        _ => EngineSpec { block_size: Some(block), ..plain },
    }
}

/// Plays a script, `streams` sessions at a time.
fn play(script: &Script, spec: &EngineSpec, streams: u32) -> Result<Vec<Record>, SimulateError> {
    let load = LoadSpec {
        concurrency: Some(streams),
        sessions: Some(script.sessions.len() as u64),
        requests: Some(Count::Exactly(1 << 20)),
        ..LoadSpec::default()
    };
    let course: Arc<dyn Course> = Arc::new(Turns(script.clone()));
    let mut pacer = Pacer::alone(&load.resolve().unwrap(), Seed(1), &course);
    let mut kept = Kept::default();
    simulate(&mut pacer, script, &mut cluster(spec), Limits::default(), &mut kept, &|| false)?;
    Ok(kept.records)
}

fn words(id: u64, isl: u32, osl: u32) -> Line {
    let content = Content::Segments(vec![Segment { id, tokens: isl }]);
    Line { content, isl, osl, cancel_after: None }
}

/// (asked, cached) of every record.
fn found(records: &[Record]) -> Vec<(Option<u32>, Option<u32>)> {
    records.iter().map(|r| (r.asked.isl, r.usage.and_then(|usage| usage.cached))).collect()
}

/// A prompt of 100 and a reply of 30 leave 129 tokens in the cache, the last one never having been through the model; with the
/// next turn's 100 and 30 it is 259. Blocks of 16 hold 128 and 256 of them, pages of 1 all.
#[test]
fn later_turns_find_prompts_and_replies_of_earlier_ones() {
    use EngineKind::{Sglang, Trtllm, Vllm};
    for (kind, block, osl, second, third) in [
        (Vllm, 16, 30, (230, 128), (360, 256)),
        (Vllm, 64, 30, (230, 128), (360, 256)),
        // 127 and 255 tokens: the block that the last token would fill is not there.
        (Vllm, 16, 28, (228, 112), (356, 240)),
        // 128 and 257: it is.
        (Vllm, 16, 29, (229, 128), (358, 256)),
        (Trtllm, 32, 30, (230, 128), (360, 256)),
        (Trtllm, 32, 28, (228, 96), (356, 224)),
        (Sglang, 1, 30, (230, 129), (360, 259)),
        (Sglang, 16, 30, (230, 128), (360, 256)),
        (Sglang, 16, 28, (228, 112), (356, 240)),
    ] {
        let turns = |tokens: bool| -> Vec<Line> {
            (0..3)
                .map(|turn| {
                    let mut line = words(turn, 100, osl);
                    if tokens {
                        line.content = Content::Tokens((0..100).map(|n| turn as u32 * 1_000 + n).collect());
                    }
                    line
                })
                .collect()
        };
        for tokens in [false, true] {
            let script = Script { sessions: vec![turns(tokens)], ..Script::default() };
            let records = play(&script, &engine(kind, block), 1).unwrap();
            let expected =
                [(100, 0), second, third].map(|(asked, cached)| (Some(asked), Some(cached))).to_vec();
            assert_eq!(found(&records), expected, "{kind} in blocks of {block}, {osl} out, {tokens}");
            assert!(records.iter().all(|r| r.usage.unwrap().prompt == r.asked.isl));
        }
    }
}

#[test]
fn prompts_of_which_nothing_is_known_are_found_again_by_their_own_session_alone() {
    let unknown = || Line { content: Content::default(), ..words(0, 100, 29) };
    let script = Script { sessions: vec![vec![unknown(), unknown()]; 2], ..Script::default() };
    let records = play(&script, &engine(EngineKind::Vllm, 16), 1).unwrap();
    let cached: Vec<_> = found(&records).into_iter().map(|(_, cached)| cached.unwrap()).collect();
    assert_eq!(cached, [0, 128, 0, 128]);
}

#[test]
fn what_is_not_said_again_is_not_counted() {
    let script = Script { sessions: vec![vec![words(1, 100, 30); 3]], forgetful: true, ..Script::default() };
    let records = play(&script, &engine(EngineKind::Vllm, 16), 1).unwrap();
    assert_eq!(found(&records), [(Some(100), Some(0)), (Some(100), Some(96)), (Some(100), Some(96))]);
}

#[test]
fn a_record_names_session_turn_and_class() {
    let class = |name: &str| Class { name: name.to_owned(), ..Class::default() };
    let script = Script {
        sessions: vec![vec![words(1, 20, 3); 2]; 2],
        classes: vec![class("a"), class("b")],
        ..Script::default()
    };
    let records = play(&script, &engine(EngineKind::Vllm, 16), 1).unwrap();
    let seen: Vec<_> = records.iter().map(|r| (r.session.unwrap(), r.class.unwrap())).collect();
    let turn = |id, turn| SessionTurn { id, turn, of: 2 };
    assert_eq!(seen, [(turn(0, 0), 0), (turn(0, 1), 0), (turn(1, 0), 1), (turn(1, 1), 1)]);
}

/// 10 ms to the first token, 1 ms a token: a client that goes after 14.5 ms has five of its 30 tokens, and its session ends. The
/// pass it was in takes its time: the next client, who comes in the middle of it, waits for its end.
#[test]
fn a_client_that_goes_away_as_planned_is_cut_at_its_time() {
    let goes = Line { cancel_after: Some(Micros(14_500)), ..words(1, 20, 30) };
    let stays = Line { cancel_after: Some(Micros(60_000)), ..words(2, 20, 30) };
    let script = Script {
        sessions: vec![vec![goes, words(3, 20, 5)], vec![stays, words(4, 20, 5)]],
        ..Script::default()
    };
    let records = play(&script, &engine(EngineKind::Vllm, 16), 1).unwrap();
    let seen: Vec<_> = records
        .iter()
        .map(|r| {
            (r.request, r.reads.0.len(), (r.ended_us.unwrap() - r.sent_us.unwrap()).0, r.outcome.clone())
        })
        .collect();
    let first = Numbering::Turns.index(tokmark_base::Phase::Profiling, 1, 0);
    assert_eq!(
        seen,
        [
            (0, 5, 14_500, Outcome::Cut { by: Cut::Plan }),
            (first, 30, 39_500, Outcome::Success),
            (first + 1, 5, 14_000, Outcome::Success),
        ]
    );
}

#[test]
fn adapters_have_caches_of_their_own() {
    let class =
        |model: Option<&str>, adapter| Class { model: model.map(str::to_owned), adapter, ..Class::default() };
    let tuned = |name| class(Some(name), true);
    let script = Script {
        // Six sessions that say the same: of the base model, of two adapters, and of other models by name alone.
        sessions: vec![vec![words(1, 64, 3)]; 6],
        classes: vec![
            class(None, false),
            tuned("x"),
            tuned("y"),
            tuned("x"),
            class(Some("base"), false),
            class(None, false),
        ],
        forgetful: false,
    };
    let records = play(&script, &engine(EngineKind::Vllm, 16), 1).unwrap();
    let cached: Vec<_> = found(&records).into_iter().map(|(_, cached)| cached.unwrap()).collect();
    assert_eq!(cached, [0, 0, 0, 48, 48, 48]);
}

/// One sequence at a time: of those that wait, the smallest priority goes first; a row's own priority comes before its class's.
#[test]
fn classes_and_rows_have_priorities() {
    let class = |priority| Class { priority, ..Class::default() };
    let script = Script {
        sessions: vec![vec![words(1, 20, 3)]; 4],
        classes: vec![class(None), class(Some(5)), class(Some(-1)), class(Some(2))],
        ..Script::default()
    };
    let spec = EngineSpec {
        max_num_seqs: Some(1),
        scheduling_policy: Some(crate::spec::SchedulingPolicy::Priority),
        ..engine(EngineKind::Vllm, 16)
    };
    let records = play(&script, &spec, 4).unwrap();
    let order: Vec<u64> = records.iter().map(|r| r.session.unwrap().id).collect();
    assert_eq!(order, [2, 0, 3, 1]);
}

#[test]
fn nothing_stays_of_a_session_that_is_over() {
    let script = Script { sessions: vec![vec![words(1, 10, 2); 3]], ..Script::default() };
    let mut sessions = Sessions::default();
    for turn in 0..3 {
        let (id, mut shape) = (RequestId(turn), script.shape(turn));
        let said = sessions.start(&script, turn, id, &mut shape);
        assert_eq!((shape.isl, sessions.len()), (Some(10 + 12 * turn as u32), 0), "in flight");
        assert_eq!(said.is_some(), turn < 2);
        if let Some(said) = said {
            sessions.ended(id, said, 2);
            assert_eq!(sessions.len(), 1);
        }
    }
    // A phase that ends by its time takes its sessions along.
    let said = sessions.start(&script, 0, RequestId(5), &mut script.shape(0)).unwrap();
    sessions.ended(RequestId(5), said, 2);
    sessions.keep_only([1, 9].into_iter());
    assert_eq!(sessions.len(), 1);
    sessions.keep_only([9].into_iter());
    assert_eq!(sessions.len(), 0);
    // A turn that fails hands nothing back; after the end nothing is taken.
    let said = sessions.start(&script, 0, RequestId(7), &mut script.shape(0)).unwrap();
    sessions.end();
    sessions.ended(RequestId(7), said, 2);
    assert_eq!(sessions.len(), 0);
}

/// A turn's own words: token ids of a small alphabet, or segments, or nothing known.
fn line() -> impl Strategy<Value = Line> {
    let ids = prop::collection::vec(0..2_u32, 1..14).prop_map(|ids| Content::Tokens(ids.into()));
    let segments = prop::collection::vec((0..3_u64, 1..9_u32), 1..3).prop_map(|parts| {
        Content::Segments(parts.into_iter().map(|(id, tokens)| Segment { id, tokens }).collect())
    });
    (prop_oneof![3 => ids, 2 => segments], 0..3_u32, 1..9_u32).prop_map(|(content, unknown, osl)| {
        let isl = content.tokens() as u32 + unknown;
        Line { content, isl, osl, cancel_after: None }
    })
}

/// A token, as itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Id(u32),
    Of(u64, u32),
    Unknown(u64, u32),
    Reply(u64, u32),
}

fn tokens(line: &Line, turn: u64) -> Vec<Token> {
    let mut tokens: Vec<Token> = match &line.content {
        Content::Tokens(ids) => ids.iter().map(|id| Token::Id(*id)).collect(),
        Content::Segments(parts) => {
            parts.iter().flat_map(|s| (0..s.tokens).map(|n| Token::Of(s.id, n))).collect()
        }
        Content::Mixed(_) => unreachable!("lines are of one kind"),
    };
    let known = tokens.len() as u32;
    tokens.extend((0..line.isl - known).map(|n| Token::Unknown(turn, n)));
    tokens
}

/// What each turn of sessions played one after the other finds: as much as any context before it has in common with its prompt,
/// in whole blocks; the last token of a context is not there, and of its own prompt it computes at least one token.
fn model(script: &Script, block: usize, whole: bool) -> Vec<(u32, u32)> {
    let (mut contexts, mut found, mut attempt) = (Vec::<Vec<Token>>::new(), Vec::new(), 0);
    for session in &script.sessions {
        let mut context = Vec::new();
        for line in session {
            context.extend(tokens(line, attempt));
            let common = |other: &Vec<Token>| other.iter().zip(&context).take_while(|(a, b)| a == b).count();
            let most = contexts.iter().map(common).max().unwrap_or(0) / block * block;
            let limit = (context.len() - usize::from(!whole)) / block * block;
            found.push((context.len() as u32, most.min(limit) as u32));
            context.extend((0..line.osl).map(|n| Token::Reply(attempt, n)));
            contexts.push(context[..context.len() - 1].to_vec());
            attempt += 1;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Every engine finds exactly what is there, whatever prompts are made of.
    #[test]
    fn turns_find_what_a_model_of_every_token_finds(
        sessions in prop::collection::vec(prop::collection::vec(line(), 1..5), 1..6),
        block in 1..6_u32,
    ) {
        let script = Script { sessions, ..Script::default() };
        for kind in [EngineKind::Vllm, EngineKind::Trtllm, EngineKind::Sglang] {
            let records = play(&script, &engine(kind, block), 1).unwrap();
            let seen: Vec<_> = found(&records).into_iter().map(|(a, c)| (a.unwrap(), c.unwrap())).collect();
            let expected = model(&script, block as usize, kind == EngineKind::Trtllm);
            prop_assert_eq!(seen, expected, "{} in blocks of {}", kind, block);
        }
    }

    /// Sessions at once share a cache, and still none takes another's past for its own.
    #[test]
    fn sessions_at_once_keep_apart(
        sessions in prop::collection::vec(prop::collection::vec(line(), 1..5), 1..8),
        streams in 1..5_u32,
    ) {
        let script = Script { sessions, ..Script::default() };
        let records = play(&script, &engine(EngineKind::Vllm, 4), streams).unwrap();
        prop_assert_eq!(records.len(), script.sessions.iter().map(Vec::len).sum::<usize>());
        for record in records {
            let place = record.session.unwrap();
            let session = &script.sessions[place.id as usize];
            let turn = place.turn as usize;
            let past: u32 = session[..turn].iter().map(|line| line.isl + line.osl).sum();
            prop_assert_eq!(record.asked.isl, Some(past + session[turn].isl));
            // What it said and heard before is there but for the last token's block: nothing is thrown out of so large a cache.
            let least = past.saturating_sub(1) / 4 * 4;
            prop_assert!(record.usage.unwrap().cached.unwrap() >= least);
        }
    }
}
