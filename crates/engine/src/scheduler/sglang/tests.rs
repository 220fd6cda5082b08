use std::collections::BTreeSet;

use proptest::prelude::*;
use tokmark_base::{Content, Seed, Segment};
use tokmark_perf::{StepTime, Timing};

use super::*;
use crate::{Engine, FinishReason, Length, Worker};

mod random;

/// A prefill pass takes 1 ms and 100 µs a token, a decode pass 1 ms and 100 µs a sequence.
struct Linear;

impl Timing for Linear {
    fn step(&self, step: &Step) -> StepTime {
        assert!(step.prefill_sequences == 0 || step.decode_sequences == 0, "a pass does one of the two");
        StepTime {
            prefill_ms: if step.prefill_sequences > 0 { 1.0 + 0.1 * step.prefill_tokens as f64 } else { 0.0 },
            decode_ms: if step.decode_sequences > 0 {
                1.0 + 0.1 * f64::from(step.decode_sequences)
            } else {
                0.0
            },
            overhead_ms: 0.0,
        }
    }
}

/// A request of `shared` tokens of segment `id`, `own` tokens of its own and a reply of `output`.
fn request(n: u64, id: u64, shared: u32, own: u32, output: u32) -> Arrival {
    Arrival {
        id: RequestId(n),
        input: Some(shared + own),
        content: Content::Segments(vec![Segment { id, tokens: shared }]),
        length: Length::exactly(output),
        ..Arrival::default()
    }
}

fn worker(params: SglangParams) -> Worker<Sglang, Linear> {
    Worker::new(Sglang::new(params).unwrap(), Linear, Seed(0).stream("noise", 0))
}

type Line = (i64, u64, Lifecycle);

/// What happens if these arrive.
fn timeline(params: &SglangParams, arrivals: &[(i64, Arrival)]) -> Vec<Line> {
    let mut worker = worker(params.clone());
    let mut out = Out::default();
    for (at, arrival) in arrivals {
        worker.arrive(Micros(*at), arrival.clone(), &mut out);
    }
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    let census = worker.census();
    assert_eq!((census.check(), census.in_flight(), census.blocks_used), (Ok(()), 0, 0));
    out.events.iter().map(|event| (event.at.0, event.request.0, event.what)).collect()
}

use Lifecycle::{FirstToken, Preempted, PrefillChunk, Queued, Rejected, Tokens};

const LENGTH: Lifecycle = Lifecycle::Finished(FinishReason::Length);

fn admitted(cached: u32) -> Lifecycle {
    Lifecycle::Admitted { cached: Some(cached) }
}

/// Longest prefix first, a prompt in parts, a prefix found, and one that waits for the prefix another is computing.
#[test]
fn five_requests_by_longest_prefix() {
    let params = SglangParams {
        max_total_tokens: 1_000,
        chunked_prefill_size: Some(100),
        schedule_policy: SchedulePolicy::Lpm,
        ..SglangParams::default()
    };
    let arrivals = [
        (0, request(0, 1, 40, 20, 3)),
        (100, request(1, 2, 250, 0, 2)),
        (200, request(2, 5, 35, 15, 2)),
        (300, request(3, 1, 40, 10, 2)),
        (400, request(4, 5, 35, 5, 1)),
    ];
    let expected = vec![
        (0, 0, Queued),
        // Pass 1: 60 tokens, 7,000 µs.
        (0, 0, admitted(0)),
        (100, 1, Queued),
        (200, 2, Queued),
        (300, 3, Queued),
        (400, 4, Queued),
        (7_000, 0, FirstToken),
        // Pass 2: 3 has 40 tokens in the cache and is first, its 10 leave 90 for 1. 4 begins like 2 and goes last. Prompts go before
        // decoding. 100 tokens, 11,000 µs.
        (7_000, 3, admitted(40)),
        (7_000, 1, admitted(0)),
        (18_000, 1, PrefillChunk(90)),
        (18_000, 3, FirstToken),
        // Pass 3: 100 of 1's other 160.
        (29_000, 1, PrefillChunk(100)),
        // Pass 4: the last 60 of 1, and 40 of 2.
        (29_000, 2, admitted(0)),
        (40_000, 2, PrefillChunk(40)),
        (40_000, 1, FirstToken),
        // Pass 5: the last 10 of 2, and 5 of 4, which finds the 35 that 2 has left: 2,500 µs.
        (40_000, 4, admitted(35)),
        (42_500, 4, FirstToken),
        (42_500, 2, FirstToken),
        (42_500, 4, LENGTH),
        // Pass 6: four decode, 1,400 µs.
        (43_900, 0, Tokens(1)),
        (43_900, 3, Tokens(1)),
        (43_900, 1, Tokens(1)),
        (43_900, 2, Tokens(1)),
        (43_900, 3, LENGTH),
        (43_900, 1, LENGTH),
        (43_900, 2, LENGTH),
        // Pass 7: one does.
        (45_000, 0, Tokens(1)),
        (45_000, 0, LENGTH),
    ];
    assert_eq!(timeline(&params, &arrivals), expected);
}

/// A bet that is lost: two replies grow until 40 tokens are full, one of them goes back to the queue and finds its own tokens there.
#[test]
fn five_requests_in_a_cache_too_small() {
    let params =
        SglangParams { max_total_tokens: 40, schedule_conservativeness: 0.5, ..SglangParams::default() };
    let arrivals = [
        (0, request(0, 1, 8, 0, 16)),
        (2_000, request(1, 2, 8, 0, 12)),
        (4_000, request(2, 3, 6, 0, 2)),
        (4_500, request(3, 4, 5, 0, 1)),
        (5_000, request(4, 5, 39, 0, 1)),
    ];
    let mut expected = vec![
        (0, 0, Queued),
        (0, 0, admitted(0)),
        (1_800, 0, FirstToken),
        (2_000, 1, Queued),
        (2_900, 0, Tokens(1)),
        // 10 of 40 in use, 14 × 0.3495 = 4.9 kept for 0: 25.1 are left, and 1 wants 8 + 12.
        (2_900, 1, admitted(0)),
        (4_000, 2, Queued),
        (4_500, 3, Queued),
        (4_700, 1, FirstToken),
        // 19 in use, 25 × 0.3495 = 8.7 kept: 12.3 are left. 2 wants 6 + 2; then 3 wants 5 + 1 of 4.3 and does not get them.
        (4_700, 2, admitted(0)),
        // The last token of a prompt has to be computed, and its reply to be put somewhere: 39 + 1 + 1.
        (5_000, 4, Rejected(Rejection::CacheTooSmall { needed: 41, cache: 40 })),
        (6_300, 2, FirstToken),
        // 26 in use, 26 × 0.3495 = 9.1 kept: 4.9 are left, 3 waits on, and three decode.
        (7_600, 0, Tokens(1)),
        (7_600, 1, Tokens(1)),
        (7_600, 2, Tokens(1)),
        (7_600, 2, LENGTH),
        // 21 in use, 23 × 0.349 = 8.0 kept: 11 are left.
        (7_600, 3, admitted(0)),
        (9_100, 3, FirstToken),
        (9_100, 3, LENGTH),
    ];
    // 21 in use: nine passes of two make them 39. What 2 and 3 left goes meanwhile.
    for pass in 1..=9 {
        expected.extend([(9_100 + 1_200 * pass, 0, Tokens(1)), (9_100 + 1_200 * pass, 1, Tokens(1))]);
    }
    expected.extend([
        // 0 has 12 tokens out, 1 has 11: 1 goes. 20 are expected of 0, of which (12 + 20) / 17 is more than all: the share is 1.
        (19_900, 1, Preempted),
        (21_000, 0, Tokens(1)),
        // All 19 tokens of 1 are still there; the last is computed again, in its own place. Its last reply takes none.
        (21_000, 1, admitted(18)),
        (22_100, 1, Tokens(1)),
        (22_100, 1, LENGTH),
        (23_200, 0, Tokens(1)),
        (24_300, 0, Tokens(1)),
        (25_400, 0, Tokens(1)),
        (25_400, 0, LENGTH),
    ]);
    assert_eq!(timeline(&params, &arrivals), expected);
}

#[test]
fn a_request_with_its_cache_decodes_at_once() {
    let mut worker = worker(SglangParams::default());
    let mut out = Out::default();
    worker.reserve(Micros(0), request(7, 1, 10, 0, 4), &mut out);
    assert_eq!(worker.census().blocks_used, 10);
    let carried = Carried { emitted: 1, cached: true };
    worker.arrive(Micros(500), Arrival { carried, ..request(7, 1, 10, 0, 4) }, &mut out);
    assert_eq!(worker.census().blocks_used, 11, "the token that is out came with it");
    // Without a reservation it looks for room itself.
    worker.arrive(Micros(500), Arrival { carried, ..request(8, 1, 10, 0, 2) }, &mut out);
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    let lines: Vec<Line> = out.events.iter().map(|event| (event.at.0, event.request.0, event.what)).collect();
    let expected = [
        (0, 7, Lifecycle::Reserved),
        (500, 7, Queued),
        (500, 8, Queued),
        (500, 7, admitted(0)),
        (500, 8, admitted(0)),
        (1_700, 7, Tokens(1)),
        (1_700, 8, Tokens(1)),
        (1_700, 8, LENGTH),
        (2_800, 7, Tokens(1)),
        (3_900, 7, Tokens(1)),
        (3_900, 7, LENGTH),
    ];
    assert_eq!(lines, expected);
    assert_eq!((worker.census().check(), worker.census().blocks_used), (Ok(()), 0));
}

#[test]
fn room_is_given_in_order_as_it_becomes_free() {
    let mut engine = Sglang::new(SglangParams { max_total_tokens: 30, ..SglangParams::default() }).unwrap();
    let mut out = Out::default();
    for n in 0..3 {
        engine.reserve(Micros(0), request(n, n, 12, 0, 2), &mut out);
    }
    let reserved = |out: &Out| out.events.iter().map(|event| event.request.0).collect::<Vec<_>>();
    assert_eq!(reserved(&out), [0, 1]);
    // While somebody waits for room nobody fresh is admitted.
    engine.arrive(Micros(1), request(9, 9, 3, 0, 1), &mut out);
    assert_eq!(engine.census().blocks_used, 24);
    engine.release(Micros(2), RequestId(1), &mut out);
    assert_eq!(reserved(&out), [0, 1, 9, 2]);
    engine.release(Micros(3), RequestId(0), &mut out);
    engine.release(Micros(3), RequestId(2), &mut out);
    engine.release(Micros(3), RequestId(2), &mut out);
    assert_eq!(engine.census().blocks_used, 0);
    assert!(engine.begin(Micros(4), &mut out).is_some());
}

#[test]
fn a_cache_to_be_fetched_is_kept() {
    let mut worker = worker(SglangParams::default());
    let mut out = Out::default();
    worker.arrive(Micros(0), Arrival { keep: true, ..request(1, 1, 10, 0, 1) }, &mut out);
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    assert_eq!((worker.census().finished, worker.census().blocks_used), (1, 10));
    assert_eq!(worker.cached(&request(2, 1, 10, 5, 1)), 0, "not for others before it is released");
    worker.tell_kv(true);
    worker.release(Micros(5_000), RequestId(1), &mut out);
    assert_eq!((worker.census().check(), worker.census().blocks_used), (Ok(()), 0));
    let mut told = Vec::new();
    worker.kv_events(&mut told);
    assert!(matches!(&told[..], [(Micros(5_000), KvEvent::Stored { blocks, .. })] if blocks.len() == 10));
    assert_eq!(worker.cached(&request(2, 1, 10, 5, 1)), 10);
    assert_eq!(worker.cached(&request(2, 1, 10, 0, 1)), 9, "the last token is always computed");
}

#[test]
fn the_share_falls_with_every_decode_pass_and_stays() {
    let mut engine = Sglang::new(SglangParams::default()).unwrap();
    let mut out = Out::default();
    // From 0.7 to 0.14 of it in 600 passes.
    for (passes, share) in [(100, 0.7 - 0.602 / 6.0), (1_000, 0.098)] {
        engine.arrive(Micros(0), request(0, 0, 20, 0, passes + 1), &mut out);
        while engine.begin(Micros(0), &mut out).is_some() {
            engine.end(Micros(0), &mut out);
        }
        assert!((engine.new_token_ratio() - share).abs() < 1e-9);
    }
}

#[test]
fn a_cancelled_prompt_in_parts_leaves_the_next_one_alone() {
    let params = SglangParams { chunked_prefill_size: Some(100), ..SglangParams::default() };
    let mut worker = worker(params);
    let mut out = Out::default();
    worker.arrive(Micros(0), request(0, 1, 250, 0, 1), &mut out);
    worker.arrive(Micros(10), request(1, 2, 20, 0, 1), &mut out);
    worker.cancel(Micros(5_000), RequestId(0), &mut out);
    assert_eq!(worker.census().blocks_used, 0);
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    let lines: Vec<Line> = out.events.iter().map(|event| (event.at.0, event.request.0, event.what)).collect();
    let expected = [
        (0, 0, Queued),
        (0, 0, admitted(0)),
        (10, 1, Queued),
        (5_000, 0, Lifecycle::Cancelled),
        (11_000, 1, admitted(0)),
        (14_000, 1, FirstToken),
        (14_000, 1, LENGTH),
    ];
    assert_eq!(lines, expected);
    assert_eq!(worker.census().check(), Ok(()));
}

#[test]
fn who_is_cancelled_meanwhile_takes_nobodys_token() {
    let mut worker = worker(SglangParams::default());
    let mut out = Out::default();
    worker.arrive(Micros(0), request(0, 1, 20, 0, 9), &mut out);
    worker.arrive(Micros(2_000), request(1, 2, 20, 0, 1), &mut out);
    worker.arrive(Micros(2_000), request(2, 3, 20, 0, 2), &mut out);
    worker.cancel(Micros(5_000), RequestId(0), &mut out);
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    let after = out.events.iter().filter(|event| event.at >= Micros(5_000));
    let lines: Vec<Line> = after.map(|event| (event.at.0, event.request.0, event.what)).collect();
    let expected = [
        (5_000, 0, Lifecycle::Cancelled),
        (8_000, 1, FirstToken),
        (8_000, 2, FirstToken),
        (8_000, 1, LENGTH),
        (9_100, 2, Tokens(1)),
        (9_100, 2, LENGTH),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn refusals() {
    let params = SglangParams {
        max_total_tokens: 100,
        context_length: 80,
        max_queued_requests: Some(1),
        ..SglangParams::default()
    };
    let refused = |arrival: Arrival| {
        let mut engine = Sglang::new(params.clone()).unwrap();
        let mut out = Out::default();
        engine.arrive(Micros(0), arrival, &mut out);
        engine.census().check().unwrap();
        match out.events[..] {
            [event] => event.what,
            _ => panic!("{out:?}"),
        }
    };
    let too_long = Rejection::TooLong { input: 80, context: 80 };
    assert_eq!(refused(request(0, 0, 80, 0, 1)), Rejected(too_long));
    assert_eq!(refused(request(0, 0, 79, 0, 9)), Queued);
    assert_eq!(refused(request(0, 0, 9, 0, 0)), Rejected(Rejection::NothingAsked));
    let unknown = Arrival { input: None, ..request(0, 0, 9, 0, 1) };
    assert_eq!(refused(unknown), Rejected(Rejection::UnknownLength));
    let over = Arrival { carried: Carried { emitted: 2, cached: false }, ..request(0, 0, 9, 0, 2) };
    assert_eq!(refused(over), Rejected(Rejection::NothingAsked));

    let mut engine = Sglang::new(params).unwrap();
    let mut out = Out::default();
    for n in [0, 0, 1] {
        engine.arrive(Micros(0), request(n, 0, 9, 0, 1), &mut out);
    }
    let whats: Vec<Lifecycle> = out.events.iter().map(|event| event.what).collect();
    let full = Rejected(Rejection::QueueFull { limit: 1 });
    assert_eq!(whats, [Queued, Rejected(Rejection::DuplicateId), full]);
}

#[test]
fn a_reply_ends_with_the_cache() {
    // 20 tokens of prompt, 79 of reply: one page is left at the end.
    let params = SglangParams { max_total_tokens: 100, ..SglangParams::default() };
    let lines = timeline(&params, &[(0, request(0, 0, 20, 0, 500))]);
    assert_eq!(lines.iter().filter(|line| matches!(line.2, FirstToken | Tokens(1))).count(), 79);
    assert_eq!(lines.last().unwrap().2, LENGTH);
}

#[test]
fn a_long_prompt_runs_alone() {
    let params =
        SglangParams { chunked_prefill_size: None, max_prefill_tokens: 50, ..SglangParams::default() };
    let arrivals = [(0, request(0, 0, 30, 0, 1)), (0, request(1, 1, 60, 0, 1)), (0, request(2, 2, 10, 0, 1))];
    let lines = timeline(&params, &arrivals);
    let admissions: Vec<(i64, u64)> =
        lines.iter().filter(|line| line.2 == admitted(0)).map(|line| (line.0, line.1)).collect();
    assert_eq!(admissions, [(0, 0), (4_000, 1), (11_000, 2)]);
}

#[test]
fn parameters_that_cannot_be_are_named() {
    type Change = fn(&mut SglangParams);
    let check = |change: Change| {
        let mut params = SglangParams::default();
        change(&mut params);
        params.check().map_err(|error| error.to_string())
    };
    assert_eq!(check(|_| {}), Ok(()));
    let named: [(Change, &str); 7] = [
        (|p| p.page_size = 0, "page_size"),
        (|p| p.max_total_tokens = 0, "max_total_tokens"),
        (|p| (p.max_total_tokens, p.page_size) = (100, 64), "max_total_tokens is 100"),
        (|p| (p.chunked_prefill_size, p.page_size) = (Some(100), 64), "chunked_prefill_size is 100"),
        (|p| p.schedule_conservativeness = f64::NAN, "schedule_conservativeness is NaN"),
        (|p| p.schedule_conservativeness = -1.0, "schedule_conservativeness is -1"),
        (|p| p.min_new_token_ratio_factor = 1.5, "min_new_token_ratio_factor is 1.5"),
    ];
    for (change, name) in named {
        let text = check(change).unwrap_err();
        assert!(text.starts_with(name) && text.contains("\nhint: "), "{text}");
    }
}

#[test]
fn a_crash_hands_everybody_over() {
    let mut worker = worker(SglangParams { max_running_requests: Some(1), ..SglangParams::default() });
    worker.tell_kv(true);
    let mut out = Out::default();
    worker.arrive(Micros(0), request(0, 0, 10, 0, 5), &mut out);
    worker.arrive(Micros(0), request(1, 1, 10, 0, 5), &mut out);
    let mut lost = Vec::new();
    worker.crash(Micros(4_500), &mut lost, &mut out);
    let emitted: Vec<(u64, u32)> = lost.iter().map(|lost| (lost.id.0, lost.carried.emitted)).collect();
    assert_eq!(emitted, [(0, 3), (1, 0)]);
    let census = worker.census();
    assert_eq!((census.check(), census.handed_over, census.blocks_used), (Ok(()), 2, 0));
    let mut told = Vec::new();
    worker.kv_events(&mut told);
    assert_eq!(told.last(), Some(&(Micros(4_500), KvEvent::Cleared)));
    // Where it goes on, its three tokens are context.
    worker.arrive(Micros(5_000), lost[0].clone(), &mut out);
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    let after: Vec<Line> = out
        .events
        .iter()
        .skip_while(|event| event.at < Micros(5_000))
        .map(|event| (event.at.0, 0, event.what))
        .collect();
    let expected = [
        (5_000, 0, Queued),
        (5_000, 0, admitted(0)),
        (7_300, 0, Tokens(1)),
        (8_400, 0, Tokens(1)),
        (8_400, 0, LENGTH),
    ];
    assert_eq!(after, expected);
}
