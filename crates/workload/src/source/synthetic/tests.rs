//! Synthetic prompts against brute force over their words and segments.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokmark_base::{Phase, Segment, Stream};

use super::*;
use crate::course::{Course, Numbering, index_of};
use crate::plan::{Inputs, Plan, Requests};
use crate::quantity::Duration;
use crate::spec::{DelayLaw, History, PrefixChoice, PrefixSpec, SessionSpec};

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
    let source = Synthetic::new(&spec, Seed(1), Arc::new(Letters), None, None, None).unwrap();
    let mut bodies = BTreeSet::new();
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
    let error = Synthetic::new(&spec, Seed(1), Arc::new(Even), None, None, None).err().unwrap();
    let want = WorkloadError::Inexact { asked: 7, got: 6, lexicon: "even".to_owned() };
    assert_eq!(error, want);
}

#[test]
fn output_lengths_do_not_change_the_words() {
    let spec = WorkloadSpec { isl: 9, ..WorkloadSpec::default() };
    let other = WorkloadSpec { osl: Some(7), osl_stddev: 3.0, ..spec.clone() };
    let [a, b] =
        [&spec, &other].map(|s| Synthetic::new(s, Seed(1), Arc::new(Letters), None, None, None).unwrap());
    assert!((0..50).all(|i| a.turn(i, 0).prompt == b.turn(i, 0).prompt));
    assert!((0..50).any(|i| b.turn(i, 0).osl != Some(7)));
}

/// All of a prompt's letters. With [`Letters`] a letter is a token.
fn letters(prompt: &Prompt) -> Vec<u8> {
    match prompt {
        Prompt::Text(text) => text.clone().into_bytes(),
        Prompt::System { system, text } => format!("{system}{text}").into_bytes(),
        other => panic!("{other:?}"),
    }
}

fn segments(content: Content) -> Vec<Segment> {
    let Content::Segments(segments) = content else { panic!() };
    segments
}

/// How many tokens two prompts share from their start, by their segments.
fn shared(a: &[Segment], b: &[Segment]) -> u32 {
    let mut tokens = 0;
    for (one, other) in a.iter().zip(b) {
        if one.id != other.id {
            break;
        }
        tokens += one.tokens.min(other.tokens);
        if one.tokens != other.tokens {
            break;
        }
    }
    tokens
}

/// How many letters two prompts share from their start.
fn alike(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).take_while(|(one, other)| one == other).count() as u32
}

fn plan_with(spec: &WorkloadSpec, salt: Option<u64>) -> Plan {
    let inputs = Inputs { salt, ..Inputs::synthetic(Arc::new(Letters)) };
    Plan::new(spec, Seed(spec.seed), inputs).unwrap_or_else(|e| panic!("{e}"))
}

fn plan(spec: &WorkloadSpec) -> Plan {
    plan_with(spec, None)
}

fn prefixes() -> impl Strategy<Value = PrefixSpec> {
    let zipf = prop_oneof![Just(PrefixChoice::Uniform), Just(PrefixChoice::Zipf)];
    let none = PrefixSpec::default();
    prop_oneof![
        Just(none.clone()),
        (1_u32..40, 1_u32..5, zipf, prop::option::of(1_u32..4)).prop_map(
            |(length, pool, choice, prompts)| {
                PrefixSpec { length, pool, choice, prompts, ..PrefixSpec::default() }
            }
        ),
        (0_u32..20, 0_u32..20).prop_map(move |(system, user_context)| PrefixSpec {
            system,
            user_context,
            ..none.clone()
        }),
        (0.0..0.9, 1_u32..5).prop_map(|(r, pool)| PrefixSpec {
            ratio: Some(r),
            pool,
            ..PrefixSpec::default()
        }),
        (0.0..0.9, 1_u32..5).prop_map(|(h, pool)| PrefixSpec {
            hit_rate: Some(h),
            pool,
            ..PrefixSpec::default()
        }),
    ]
}

fn session_specs() -> impl Strategy<Value = SessionSpec> {
    (1_u32..5, 0.0..2.0, prop::bool::ANY, prop::bool::ANY).prop_map(
        |(turns, turns_stddev, none, exponential)| SessionSpec {
            turns,
            turns_stddev,
            delay: if turns > 1 { Duration(Micros(2_000)) } else { Duration::default() },
            delay_law: if exponential { DelayLaw::Exponential } else { DelayLaw::Normal },
            history: if none { History::None } else { History::Reply },
            ..SessionSpec::default()
        },
    )
}

fn workloads() -> impl Strategy<Value = WorkloadSpec> {
    let bust = prop_oneof![Just(CacheBust::None), Just(CacheBust::Prefix), Just(CacheBust::Suffix)];
    let lengths = prop::option::of(prop_oneof![
        Just("N(20,9)/(5,2)"),
        Just("U(3,30)/(2,9)"),
        Just("L(20,20)/(5,5)"),
        Just("P(20)/(5)"),
        Just("20|5,7:50;30,9|2:50"),
    ]);
    (prefixes(), session_specs(), bust, lengths, 0.0..20.0, prop::option::of(1_u64..6), 0_u64..9).prop_map(
        |(prefix, sessions, cache_bust, lengths, spread, entries, offset)| WorkloadSpec {
            isl: 24,
            isl_stddev: if lengths.is_some() { 0.0 } else { spread },
            lengths: lengths.map(str::to_owned),
            prefix,
            sessions,
            cache_bust,
            entries,
            offset,
            ..WorkloadSpec::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is asked and not refused: a shape is its request without words, and segments are shared where letters are.
    #[test]
    fn a_shape_is_its_request(spec in workloads(), salt in prop::option::of(0_u64..3)) {
        prop_assume!(spec.check().is_ok());
        let plan = plan_with(&spec, salt);
        let numbering = Requests::numbering(&plan);
        prop_assert_eq!(numbering == Numbering::Turns, spec.sessions.has_turns());
        let mut seen = Vec::new();
        for (phase, item) in [(Phase::Profiling, 0), (Phase::Profiling, 1), (Phase::Profiling, 6), (Phase::Warmup, 0), (Phase::Warmup, 1)] {
            let turns = plan.turns(numbering.index(phase, item, 0));
            for turn in 0..turns.min(3) {
                let index = numbering.index(phase, item, turn);
                let (request, shape) = (plan.request(index), plan.shape(index));
                prop_assert_eq!((shape.isl, shape.osl), (request.isl, request.osl));
                prop_assert_eq!((shape.history, shape.session), (request.history, request.session));
                let text = letters(&request.prompt);
                prop_assert_eq!(request.isl, Some(text.len() as u32));
                prop_assert_eq!(shape.content.tokens(), text.len() as u64);
                prop_assert_eq!(&plan.request(index), &request);
                seen.push((text, segments(shape.content)));
            }
        }
        for (text, parts) in &seen {
            for (other, others) in &seen {
                prop_assert!(alike(text, other) >= shared(parts, others));
            }
        }
    }
}

#[test]
fn a_ratio_cuts_the_prompt_as_dynamo_does() {
    for (ratio, prefix, own) in [
        (0.1, 1_400, 12_600),
        (0.3, 4_200, 9_800),
        (0.5, 7_000, 7_000),
        (0.7, 9_800, 4_200),
        (0.9, 12_600, 1_400),
    ] {
        let spec = PrefixSpec { ratio: Some(ratio), pool: 20, ..PrefixSpec::default() };
        assert_eq!(spec.split(14_000), Some((prefix, own)), "{ratio}");
        let spec = WorkloadSpec { isl: 14_000, prefix: spec, ..WorkloadSpec::default() };
        let parts = segments(plan(&spec).shape(3).content);
        assert_eq!(parts.iter().map(|part| part.tokens).collect::<Vec<_>>(), [prefix, own]);
    }
    // Both parts are cut: a token is lost.
    assert_eq!(PrefixSpec { ratio: Some(0.5), ..PrefixSpec::default() }.split(7), Some((3, 3)));
    // No ratio at all is a point of the sweep.
    let none = WorkloadSpec {
        prefix: PrefixSpec { ratio: Some(0.0), ..PrefixSpec::default() },
        ..WorkloadSpec::default()
    };
    assert_eq!((plan(&none).shape(0).isl, segments(plan(&none).shape(0).content).len()), (Some(512), 1));
}

#[test]
fn a_hit_rate_is_what_a_large_cache_finds() {
    for (isl, rate, bust, offset, choice) in [
        (100, 0.5, CacheBust::None, 0, PrefixChoice::Uniform),
        (100, 0.29, CacheBust::Suffix, 5, PrefixChoice::Zipf),
        (77, 0.9, CacheBust::None, 1_000, PrefixChoice::Uniform),
    ] {
        let prefix = PrefixSpec { hit_rate: Some(rate), pool: 6, choice, ..PrefixSpec::default() };
        let spec = WorkloadSpec { isl, prefix, cache_bust: bust, offset, ..WorkloadSpec::default() };
        assert_eq!(spec.prime_requests(), Some(6));
        let plan = plan(&spec);
        let parts = |index| segments(plan.shape(index).content);
        // The cache holds all that was ever sent: the warm-up's prompts, then each measured one.
        let mut cache: Vec<_> = (0..6).map(|n| parts(index_of(Phase::Warmup, n))).collect();
        let want = (f64::from(isl) * rate + 1e-6).floor() as u32;
        for index in 0..300 {
            let sent = parts(index);
            let found = cache.iter().map(|other| shared(other, &sent)).max();
            assert_eq!(found, Some(want), "request {index} of {isl} tokens at {rate}");
            cache.push(sent);
        }
    }
    assert_eq!(WorkloadSpec::default().prime_requests(), None);
    let nothing = PrefixSpec { hit_rate: Some(0.0), ..PrefixSpec::default() };
    assert_eq!(WorkloadSpec { prefix: nothing, ..WorkloadSpec::default() }.prime_requests(), None);
}

#[test]
fn words_of_its_own_in_front_leave_nothing_to_be_found() {
    let prefix = PrefixSpec { length: 40, pool: 1, ..PrefixSpec::default() };
    let spec = WorkloadSpec {
        isl: 30,
        prefix,
        entries: Some(3),
        cache_bust: CacheBust::Prefix,
        ..WorkloadSpec::default()
    };
    // Two runs of one seed, in which items come again.
    let runs = [plan_with(&spec, Some(1)), plan_with(&spec, Some(2))];
    assert_eq!(runs[0].distinct(), None);
    let mut seen = BTreeSet::new();
    for run in &runs {
        for index in (0..40).chain((0..9).map(|n| index_of(Phase::Warmup, n))) {
            let text = letters(&run.request(index).prompt);
            assert_eq!(text.len(), 70, "counted within isl");
            assert!(seen.insert(text[..8].to_vec()), "the words in front are another prompt's");
            let sent = segments(run.shape(index).content);
            assert!((0..index.min(40)).all(|i| shared(&segments(run.shape(i).content), &sent) == 0));
        }
    }
    // Behind them items come again, and the same in both runs.
    let rest = |run: &Plan, index| letters(&run.request(index).prompt)[8..].to_vec();
    assert_eq!(rest(&runs[0], 0), rest(&runs[1], 3));
    assert_ne!(rest(&runs[0], 0), rest(&runs[0], 1));
}

#[test]
fn words_of_its_own_behind_the_prefix_leave_the_prefix_to_be_found() {
    let prefix = PrefixSpec { length: 40, pool: 1, ..PrefixSpec::default() };
    let spec = WorkloadSpec {
        isl: 30,
        prefix,
        entries: Some(3),
        cache_bust: CacheBust::Suffix,
        ..WorkloadSpec::default()
    };
    let runs = [plan_with(&spec, Some(1)), plan_with(&spec, Some(2))];
    let texts: Vec<_> =
        runs.iter().flat_map(|run| (0..30).map(|i| letters(&run.request(i).prompt))).collect();
    for (at, text) in texts.iter().enumerate() {
        // Eight letters are never all the same by chance, a few are.
        assert!(texts[..at].iter().all(|other| (40..48).contains(&alike(text, other))));
    }
    let parts = |i| segments(runs[0].shape(i).content);
    assert_eq!(shared(&parts(0), &parts(3)), 40);
    // A prompt shorter than the words is all words.
    let short = WorkloadSpec { isl: 8, isl_stddev: 6.0, ..spec };
    let short = plan_with(&short, None);
    assert!((0..50).all(|i| short.request(i).isl.unwrap() > 40));
}

#[test]
fn groups_and_prompts_make_so_many_prompts() {
    let prefix = PrefixSpec { length: 10, pool: 4, prompts: Some(3), ..PrefixSpec::default() };
    let spec = WorkloadSpec { isl: 20, isl_stddev: 5.0, prefix, ..WorkloadSpec::default() };
    let plan = plan(&spec);
    let (mut prompts, mut groups) = (BTreeMap::<_, u32>::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for index in 0..6_000 {
        let text = letters(&plan.request(index).prompt);
        groups.entry(text[..10].to_vec()).or_default().insert(text[10..].to_vec());
        *prompts.entry(text).or_default() += 1;
    }
    assert_eq!((prompts.len(), groups.len()), (12, 4));
    // An own part belongs to one prefix, and all are drawn alike: five standard deviations of 6,000 draws at 1/12.
    let own: BTreeSet<_> = groups.values().flatten().collect();
    assert!(groups.values().all(|own| own.len() == 3) && own.len() == 12);
    assert!(prompts.values().all(|n| (393..607).contains(n)), "{prompts:?}");
}

#[test]
fn a_system_prompt_is_everybodys_and_a_context_one_sessions() {
    let prefix = PrefixSpec { system: 12, user_context: 7, ..PrefixSpec::default() };
    let sessions = SessionSpec { turns: 3, history: History::None, ..SessionSpec::default() };
    let spec = WorkloadSpec { isl: 20, prefix, sessions, ..WorkloadSpec::default() };
    let none = plan(&spec);
    let said = |plan: &Plan, item, turn| match plan
        .request(Numbering::Turns.index(Phase::Profiling, item, turn))
        .prompt
    {
        Prompt::System { system, text } => (system, text),
        Prompt::Text(text) => (String::new(), text),
        other => panic!("{other:?}"),
    };
    let (system, text) = said(&none, 0, 0);
    assert_eq!((system.len(), text.len()), (12, 27));
    let (again, other) = said(&none, 0, 2);
    assert_eq!((&again, &other[..7]), (&system, &text[..7]));
    assert_ne!(other[7..], text[7..]);
    let (again, other) = said(&none, 1, 0);
    assert_eq!(again, system);
    assert_ne!(other[..7], text[..7]);
    // With the history in front a later turn says its own words alone, which are the same.
    let kept = plan(&WorkloadSpec { sessions: SessionSpec { turns: 3, ..SessionSpec::default() }, ..spec });
    assert_eq!(said(&kept, 0, 0), said(&none, 0, 0));
    assert_eq!(said(&kept, 0, 2), (String::new(), said(&none, 0, 2).1[7..].to_owned()));
    let request = kept.request(Numbering::Turns.index(Phase::Profiling, 0, 2));
    assert_eq!((request.history, request.isl, request.session.unwrap().turns), (true, Some(20), 3));
}

#[test]
fn sessions_open_with_a_prefix_and_primes_are_sent_once() {
    let prefix = PrefixSpec { hit_rate: Some(0.5), pool: 3, ..PrefixSpec::default() };
    let sessions = SessionSpec { turns: 4, history: History::None, ..SessionSpec::default() };
    let spec = WorkloadSpec { isl: 20, prefix, sessions, ..WorkloadSpec::default() };
    let plan = plan(&spec);
    let index = |phase, item, turn| Numbering::Turns.index(phase, item, turn);
    assert_eq!((plan.turns(index(Phase::Warmup, 0, 0)), plan.turns(index(Phase::Profiling, 0, 0))), (1, 4));
    let parts = |phase, item, turn| segments(plan.shape(index(phase, item, turn)).content);
    let first = parts(Phase::Profiling, 5, 0);
    assert!((1..4).all(|turn| shared(&first, &parts(Phase::Profiling, 5, turn)) == 10));
    let primes: BTreeSet<_> = (0..3).map(|item| parts(Phase::Warmup, item, 0)[0].id).collect();
    assert!(primes.len() == 3 && primes.contains(&first[0].id));
}

#[test]
fn delays_are_between_turns() {
    let sessions = SessionSpec { turns: 3, delay: Duration(Micros(500)), ..SessionSpec::default() };
    let plan = plan(&WorkloadSpec { isl: 9, sessions, ..WorkloadSpec::default() });
    let delay = |turn| plan.delay(Numbering::Turns.index(Phase::Profiling, 4, turn)).0;
    assert_eq!((delay(0), delay(1), delay(2)), (0, 500, 500));
}

#[test]
fn pairs_of_a_file_are_drawn_together() {
    let spec = WorkloadSpec { lengths_file: Some("l.csv".to_owned()), ..WorkloadSpec::default() };
    let inputs = || Inputs::synthetic(Arc::new(Letters));
    assert_eq!(Plan::new(&spec, Seed(1), inputs()).err(), Some(WorkloadError::LengthsFile));
    let pairs = Empirical::new(vec![(11, 2), (30, 5)]);
    let plan = Plan::new(&spec, Seed(1), Inputs { lengths: pairs.clone(), ..inputs() }).unwrap();
    let seen: BTreeSet<_> =
        (0..100).map(|i| (plan.shape(i).isl.unwrap(), plan.shape(i).osl.unwrap())).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [(11, 2), (30, 5)]);
    let without = WorkloadSpec::default();
    let error = Plan::new(&without, Seed(1), Inputs { lengths: pairs, ..inputs() }).err();
    assert_eq!(error, Some(WorkloadError::LengthsFile));
}

#[test]
fn the_ten_millionth_request_is_as_near_as_the_first() {
    let prefix = PrefixSpec { length: 50, pool: 1_000, choice: PrefixChoice::Zipf, ..PrefixSpec::default() };
    let spec =
        WorkloadSpec { lengths: Some("L(200,300)/(50,20)".to_owned()), prefix, ..WorkloadSpec::default() };
    let (one, other) = (plan(&spec), plan(&spec));
    let last = 9_999_999;
    assert_eq!(one.request(last), other.request(last));
    assert_eq!(one.shape(last).isl, one.request(last).isl);
}

/// Four letters in front of a text, three behind it, two around a system prompt.
struct Brackets;

impl Frame for Brackets {
    fn id(&self) -> String {
        "brackets".to_owned()
    }

    fn count(&self, system: Option<&str>, user: &str) -> Option<u32> {
        Some(user.len() as u32 + 7 + system.map_or(0, |system| system.len() as u32 + 2))
    }
}

#[test]
fn a_chat_template_is_part_of_the_length_asked() {
    for (system, framing) in [(0, 7), (20, 9)] {
        let spec = WorkloadSpec {
            isl: 100,
            prefix: PrefixSpec { system, ..PrefixSpec::default() },
            apply_chat_template: true,
            ..WorkloadSpec::default()
        };
        let inputs = Inputs { frame: Some(Arc::new(Brackets)), ..Inputs::synthetic(Arc::new(Letters)) };
        let plan = Plan::new(&spec, Seed(1), inputs).unwrap();
        for index in 0..20 {
            let request = plan.request(index);
            let counted = count(&Brackets, &request.prompt).unwrap();
            // The system prompt stands beside `isl`, what the template adds to both is within it.
            assert_eq!((request.isl, counted), (Some(100 + system), 100 + system));
            let shape = plan.shape(index);
            assert_eq!((shape.isl, shape.content.tokens()), (request.isl, u64::from(100 + system)));
            let Content::Segments(parts) = shape.content else { panic!() };
            assert_eq!(parts[0].tokens, framing);
        }
    }
    let missing = WorkloadSpec { apply_chat_template: true, ..WorkloadSpec::default() };
    let error = Plan::new(&missing, Seed(1), Inputs::synthetic(Arc::new(Letters))).err();
    assert_eq!(error, Some(WorkloadError::NoFrame));
}
