//! vLLM's scheduler by hand; over random workloads in `tests/properties.rs`.

use tokmark_base::{Content, Seed, Segment};
use tokmark_perf::{StepTime, Timing};

use super::*;
use crate::{Breakdown, Carried, Engine, FinishReason, Length, Lifecycle, Rejection, Worker};
use Lifecycle::{
    Admitted, Cancelled, Failed, Finished, FirstToken, Preempted, PrefillChunk, Queued, Rejected, Tokens,
};

mod handoff;
mod properties;
mod tiers;

/// A millisecond for each prompt token, ten for the decode of any number of sequences.
pub(crate) struct Linear;

impl Timing for Linear {
    fn step(&self, step: &Step) -> StepTime {
        let decode_ms = if step.decode_sequences > 0 { 10.0 } else { 0.0 };
        StepTime { prefill_ms: step.prefill_tokens as f64, decode_ms, overhead_ms: 0.0 }
    }
}

/// A prompt made of segments (id, tokens).
pub(crate) fn content(parts: &[(u64, u32)]) -> Content {
    Content::Segments(parts.iter().map(|&(id, tokens)| Segment { id, tokens }).collect())
}

pub(crate) fn arrival(id: u64, parts: &[(u64, u32)], output: u32) -> Arrival {
    let content = content(parts);
    Arrival {
        id: RequestId(id),
        input: Some(content.tokens() as u32),
        content,
        length: Length::exactly(output),
        ..Arrival::default()
    }
}

pub(crate) fn worker<S: Scheduler>(scheduler: S) -> Worker<S, Linear> {
    Worker::new(scheduler, Linear, Seed(1).stream("noise", 0))
}

/// Plays arrivals (milliseconds) to the end: (milliseconds, request, what), stretches token by token.
pub(crate) fn play(worker: &mut dyn Engine, arrivals: &[(i64, Arrival)]) -> Vec<(i64, u64, Lifecycle)> {
    let mut out = Out::default();
    for (at, arrival) in arrivals {
        worker.arrive(Micros::from_millis(*at), arrival.clone(), &mut out);
    }
    while let Some(due) = worker.next_due() {
        worker.advance(due, &mut out);
    }
    let mut events = expanded(&out);
    assert!(events.iter().all(|event| event.0.0 % 1_000 == 0));
    events.sort_by_key(|event| event.0);
    events.into_iter().map(|(at, id, what)| (at.0 / 1_000, id.0, what)).collect()
}

/// The same events with stretches token by token.
pub(crate) fn expanded(out: &Out) -> Vec<(Micros, RequestId, Lifecycle)> {
    let mut events = Vec::new();
    for event in &out.events {
        match event.what {
            Lifecycle::Stretch { from, len } => {
                let stamps = &out.stamps[from as usize..(from + len) as usize];
                events.extend(stamps.iter().map(|at| (*at, event.request, Tokens(1))));
            }
            what => events.push((event.at, event.request, what)),
        }
    }
    events
}

fn small() -> VllmParams {
    VllmParams {
        block_size: 4,
        num_gpu_blocks: 9,
        max_num_batched_tokens: 16,
        max_num_seqs: 4,
        ..VllmParams::default()
    }
}

fn engine(params: &VllmParams) -> Worker<Vllm, Linear> {
    worker(Vllm::new(params).unwrap())
}

fn hit(tokens: u32) -> Lifecycle {
    Admitted { cached: Some(tokens) }
}

const LENGTH: Lifecycle = Finished(FinishReason::Length);

/// Five requests in nine blocks of four tokens, sixteen tokens a pass. Two prompt chunks for request 0; request 1 finds the eight
/// tokens it shares with it; at 68 ms request 0 needs an eighth block and request 1 is thrown out; at 78 ms request 1 finds
/// three of its four complete blocks again, and computes the five tokens behind them; request 3 gets what is left of the pass.
#[test]
fn five_requests_by_hand() {
    let arrivals = [
        (0, arrival(0, &[(1, 8), (10, 16)], 6)),
        (0, arrival(1, &[(1, 8), (11, 4)], 8)),
        (20, arrival(2, &[(12, 8)], 3)),
        (40, arrival(3, &[(13, 4)], 1)),
        (41, arrival(4, &[(1, 8), (14, 4)], 2)),
    ];
    let expected = [
        (0, 0, Queued),
        (0, 1, Queued),
        (0, 0, hit(0)),
        (16, 0, PrefillChunk(16)),
        (16, 1, hit(8)),
        (20, 2, Queued),
        (28, 0, FirstToken),
        (28, 1, FirstToken),
        (38, 0, Tokens(1)),
        (38, 1, Tokens(1)),
        (40, 3, Queued),
        (41, 4, Queued),
        (48, 0, Tokens(1)),
        (48, 1, Tokens(1)),
        (58, 0, Tokens(1)),
        (58, 1, Tokens(1)),
        (68, 0, Tokens(1)),
        (68, 1, Tokens(1)),
        (68, 1, Preempted),
        (78, 0, Tokens(1)),
        (78, 0, LENGTH),
        (78, 1, hit(12)),
        (78, 2, hit(0)),
        (78, 3, hit(0)),
        // Eight tokens of request 2, three of request 3, and a decode step for request 1.
        (99, 1, Tokens(1)),
        (99, 2, FirstToken),
        (99, 3, PrefillChunk(3)),
        (110, 1, Tokens(1)),
        (110, 2, Tokens(1)),
        (110, 3, FirstToken),
        (110, 3, LENGTH),
        (110, 4, hit(8)),
        (124, 1, Tokens(1)),
        (124, 1, LENGTH),
        (124, 2, Tokens(1)),
        (124, 2, LENGTH),
        (124, 4, FirstToken),
        (134, 4, Tokens(1)),
        (134, 4, LENGTH),
    ];
    for look_ahead in [false, true] {
        let mut worker = engine(&small());
        worker.look_ahead(look_ahead);
        assert_eq!(play(&mut worker, &arrivals), expected, "look ahead: {look_ahead}");
        let census = worker.census();
        // 24 + 4 + 8 + 4 + 4 prompt tokens; 5 + 7 + 2 + 0 + 1 decoded; thrown out at 68 ms: 4 prompt and 4 reply tokens of
        // request 1, of which 5 known ones are computed again instead of 1.
        assert_eq!((census.finished, census.tokens_finished), (5, 20));
        assert_eq!((census.work_scheduled, census.work_lost, census.work_running), (44 + 15 + 4, 8, 0));
        assert_eq!((census.blocks_total, census.blocks_used), (9, 0));
        let gauges = worker.gauges();
        assert_eq!((gauges.preemptions, gauges.passes, gauges.prompt_tokens), (1, 11, 60));
        assert_eq!((gauges.prefix_queries, gauges.prefix_hits, gauges.block_tokens), (60, 16, 4));
    }
}

/// A prompt of two blocks that is in the cache as a whole is computed again from its last block on.
#[test]
fn a_full_hit_computes_its_last_block_again() {
    let arrivals = [(0, arrival(0, &[(1, 8)], 1)), (20, arrival(1, &[(1, 8)], 1))];
    let seen = play(&mut engine(&small()), &arrivals);
    assert_eq!(seen[4..], [(20, 1, Queued), (20, 1, hit(4)), (24, 1, FirstToken), (24, 1, LENGTH)]);
}

#[test]
fn without_chunks_a_prompt_waits_for_a_pass_with_room() {
    let params = VllmParams { enable_chunked_prefill: false, num_gpu_blocks: 64, ..small() };
    let arrivals = [
        (0, arrival(0, &[(1, 10)], 2)),
        (0, arrival(1, &[(2, 12)], 1)),
        (0, arrival(2, &[(3, 2)], 1)),
        (0, arrival(3, &[(4, 17)], 1)),
    ];
    let seen = play(&mut engine(&params), &arrivals);
    let refused = Rejection::PassTooSmall { input: 17, pass: 16, limit: "max_num_batched_tokens" };
    assert_eq!(
        seen[3..],
        [
            (0, 3, Rejected(refused)),
            (0, 0, hit(0)),
            (10, 0, FirstToken),
            (10, 1, hit(0)),
            (10, 2, hit(0)),
            (34, 0, Tokens(1)),
            (34, 0, LENGTH),
            (34, 1, FirstToken),
            (34, 1, LENGTH),
            (34, 2, FirstToken),
            (34, 2, LENGTH),
        ]
    );
}

/// While somebody else is there, four tokens of a long prompt a pass; alone, all of it.
#[test]
fn long_prompts_are_capped_while_others_wait() {
    let params = VllmParams { long_prefill_token_threshold: 4, ..small() };
    let alone = play(&mut engine(&params), &[(0, arrival(0, &[(1, 12)], 1))]);
    assert_eq!(alone[2], (12, 0, FirstToken));
    let arrivals = [(0, arrival(0, &[(1, 12)], 1)), (0, arrival(1, &[(2, 3)], 1))];
    let seen = play(&mut engine(&params), &arrivals);
    assert_eq!(
        seen[4..],
        [(7, 0, PrefillChunk(4)), (7, 1, FirstToken), (7, 1, LENGTH), (15, 0, FirstToken), (15, 0, LENGTH)]
    );
}

/// One at a time: the smaller priority goes first, whenever it came.
#[test]
fn priorities_go_before_arrival() {
    let policy = SchedulingPolicy::Priority;
    let params = VllmParams { scheduling_policy: policy, max_num_seqs: 1, ..small() };
    let with = |id, priority| Arrival { priority, ..arrival(id, &[(id, 4)], 1) };
    let arrivals = [(0, with(0, 5)), (1, with(1, 7)), (2, with(2, -1)), (3, with(3, 7))];
    let seen = play(&mut engine(&params), &arrivals);
    let order: Vec<_> = seen.iter().filter(|event| event.2 == FirstToken).map(|event| event.1).collect();
    assert_eq!(order, [0, 2, 1, 3]);
}

/// Three blocks, two requests of one block each that both need a second: the worse one is thrown out though it was first.
#[test]
fn the_worst_priority_is_thrown_out() {
    let policy = SchedulingPolicy::Priority;
    let params = VllmParams { scheduling_policy: policy, num_gpu_blocks: 3, ..small() };
    let with = |id, priority| Arrival { priority, ..arrival(id, &[(id, 4)], 3) };
    let seen = play(&mut engine(&params), &[(0, with(0, 9)), (1, with(1, 1))]);
    assert_eq!(
        seen[3..],
        [
            (4, 0, FirstToken),
            (4, 1, hit(0)),
            (18, 0, Tokens(1)),
            (18, 1, FirstToken),
            (18, 0, Preempted),
            (28, 1, Tokens(1)),
            (38, 1, Tokens(1)),
            (38, 1, LENGTH),
            (38, 0, hit(4)),
            (48, 0, Tokens(1)),
            (48, 0, LENGTH),
        ]
    );
}

/// One adapter a pass: the second one's request is passed over, not waited for.
#[test]
fn adapters_beyond_max_loras_are_passed_over() {
    let with = |id, adapter| Arrival { adapter, ..arrival(id, &[(1, 4)], 2) };
    let arrivals = [(0, with(0, Some(1))), (0, with(1, Some(2))), (0, with(2, None)), (0, with(3, Some(1)))];
    let seen = play(&mut engine(&small()), &arrivals);
    let admitted: Vec<_> = seen
        .iter()
        .filter_map(|event| match event.2 {
            Admitted { cached } => Some((event.0, event.1, cached)),
            _ => None,
        })
        .collect();
    // The same prompt under another adapter is another prompt; under the same one its only block is computed again.
    assert_eq!(admitted, [(0, 0, Some(0)), (0, 2, Some(0)), (0, 3, Some(0)), (22, 1, Some(0))]);
}

/// Two drafts that always hold: three tokens a step, the last step cut at what was asked for.
#[test]
fn drafts_that_hold_come_out_together() {
    let stream = Seed(7).stream("speculation", 0);
    let speculative = Speculative { num_speculative_tokens: 2, acceptance: Acceptance::Length(3.0), stream };
    let params = VllmParams { speculative: Some(speculative), ..small() };
    let mut worker = engine(&params);
    let seen = play(&mut worker, &[(0, arrival(0, &[(1, 4)], 6))]);
    assert_eq!(seen[2..], [(4, 0, FirstToken), (14, 0, Tokens(3)), (24, 0, Tokens(2)), (24, 0, LENGTH)]);
    // Four prompt tokens; one sure token a step, two drafts that were of use in the first and one in the second.
    assert_eq!(worker.census().work_scheduled, 4 + 2 + 2 + 1);
}

#[test]
fn a_step_verifies_the_drafts_it_can_use() {
    let stream = Seed(7).stream("speculation", 0);
    let speculative = Speculative { num_speculative_tokens: 3, acceptance: Acceptance::Length(1.0), stream };
    let params = VllmParams { speculative: Some(speculative), max_model_len: Some(8), ..small() };
    let mut vllm = Vllm::new(&params).unwrap();
    let mut out = Out::default();
    vllm.arrive(Micros(0), arrival(0, &[(1, 4)], 4), &mut out);
    let steps: Vec<_> = std::iter::from_fn(|| {
        let step = vllm.begin(Micros(0), &mut out)?;
        vllm.end(Micros(0), &mut out);
        Some((step.prefill_tokens, step.decode_sequences, step.decode_tokens, step.decode_context))
    })
    .collect();
    // A context of 5, 6 and 7 of 8 tokens leaves room for two, one and no drafts.
    assert_eq!(steps, [(4, 0, 0, 0), (0, 1, 3, 5), (0, 1, 2, 6), (0, 1, 1, 7)]);
}

#[test]
fn what_can_never_be_served_is_refused_or_fails() {
    let params = VllmParams { max_model_len: Some(40), ..small() };
    let unknown = Arrival { input: None, ..arrival(2, &[], 1) };
    let nothing = Arrival { length: Length::exactly(0), ..arrival(3, &[(1, 1)], 1) };
    let done = Arrival { carried: Carried { emitted: 3, cached: false }, ..arrival(4, &[(1, 1)], 3) };
    let arrivals = [
        (0, arrival(0, &[(1, 40)], 1)),
        (0, arrival(1, &[(1, 37)], 1)),
        (0, unknown),
        (0, nothing),
        (0, done),
        (0, arrival(5, &[(1, 35)], 4)),
        (0, arrival(5, &[(1, 35)], 4)),
    ];
    let mut worker = engine(&params);
    let seen = play(&mut worker, &arrivals);
    assert_eq!(
        seen,
        [
            (0, 0, Rejected(Rejection::TooLong { input: 40, context: 40 })),
            (0, 1, Rejected(Rejection::CacheTooSmall { needed: 37, cache: 36 })),
            (0, 2, Rejected(Rejection::UnknownLength)),
            (0, 3, Rejected(Rejection::NothingAsked)),
            (0, 4, Rejected(Rejection::NothingAsked)),
            (0, 5, Queued),
            (0, 5, Rejected(Rejection::DuplicateId)),
            (0, 5, hit(0)),
            (16, 5, PrefillChunk(16)),
            (32, 5, PrefillChunk(16)),
            // 35 tokens of prompt and one of reply fill the cache; the next one has no place.
            (35, 5, FirstToken),
            (45, 5, Tokens(1)),
            (45, 5, Failed(Breakdown::OutOfMemory)),
        ]
    );
    let census = worker.census();
    assert_eq!((census.arrived, census.rejected, census.failed, census.tokens_cancelled), (7, 6, 1, 2));
}

/// The end of the context ends a reply; without a length the model ends by itself.
#[test]
fn replies_end_where_they_must() {
    let params = VllmParams { max_model_len: Some(10), natural_output: 3, ..small() };
    let open = Arrival { length: Length::default(), ..arrival(1, &[(2, 4)], 1) };
    let seen = play(&mut engine(&params), &[(0, arrival(0, &[(1, 8)], 9)), (0, open)]);
    let ends: Vec<_> = seen.iter().filter(|event| event.2.is_end()).copied().collect();
    assert_eq!(ends, [(22, 0, LENGTH), (32, 1, Finished(FinishReason::Stop))]);
}

/// Cancelled in the pass that computes it, in the queue, and once more.
#[test]
fn cancelled_requests_bring_nothing() {
    let mut worker = engine(&VllmParams { max_num_seqs: 1, ..small() });
    let mut out = Out::default();
    worker.arrive(Micros(0), arrival(0, &[(1, 8)], 4), &mut out);
    worker.arrive(Micros(0), arrival(1, &[(2, 8)], 4), &mut out);
    worker.advance(Micros(0), &mut out);
    worker.cancel(Micros(5_000), RequestId(0), &mut out);
    worker.cancel(Micros(6_000), RequestId(1), &mut out);
    worker.cancel(Micros(6_000), RequestId(1), &mut out);
    worker.advance(Micros(50_000), &mut out);
    let seen: Vec<_> = out.events.iter().map(|event| (event.at.0, event.request.0, event.what)).collect();
    assert_eq!(
        seen,
        [(0, 0, Queued), (0, 1, Queued), (0, 0, hit(0)), (5_000, 0, Cancelled), (6_000, 1, Cancelled),]
    );
    let census = worker.census();
    assert_eq!((census.cancelled, census.work_ended, census.blocks_used), (2, 8, 0));
    assert_eq!(worker.next_due(), None);
}

#[test]
fn a_crash_hands_everything_over_in_the_order_of_arrival() {
    let mut worker = engine(&small());
    worker.tell_kv(true);
    let mut out = Out::default();
    worker.arrive(Micros(0), arrival(0, &[(1, 8)], 4), &mut out);
    worker.arrive(Micros(0), arrival(1, &[(2, 20)], 4), &mut out);
    worker.advance(Micros(30_000), &mut out);
    let mut lost = Vec::new();
    worker.crash(Micros(31_000), &mut lost, &mut out);
    let carried: Vec<_> = lost.iter().map(|arrival| (arrival.id.0, arrival.carried.emitted)).collect();
    assert_eq!(carried, [(0, 1), (1, 0)]);
    let census = worker.census();
    assert_eq!(census.check(), Ok(()));
    assert_eq!((census.handed_over, census.tokens_finished, census.blocks_used), (2, 1, 0));
    let mut events = Vec::new();
    worker.kv_events(&mut events);
    assert_eq!(events.last(), Some(&(Micros(31_000), KvEvent::Cleared)));
}

/// A reply that came elsewhere so far is context here: prompt and emitted tokens are computed, the next one is no first one.
#[test]
fn a_migrated_request_goes_on() {
    let carried = Carried { emitted: 3, cached: false };
    let moved = Arrival { carried, ..arrival(0, &[(1, 5)], 5) };
    let mut worker = engine(&small());
    let seen = play(&mut worker, &[(0, moved)]);
    assert_eq!(seen[1..], [(0, 0, hit(0)), (8, 0, Tokens(1)), (18, 0, Tokens(1)), (18, 0, LENGTH)]);
    assert_eq!(worker.census().tokens_finished, 2);
}

#[test]
fn parameters_that_cannot_work_are_named() {
    let named = |params: VllmParams| params.check().unwrap_err().to_string();
    for (name, params) in [
        ("max_num_seqs", VllmParams { max_num_seqs: 0, ..small() }),
        ("max_num_batched_tokens", VllmParams { max_num_batched_tokens: 0, ..small() }),
        ("block_size", VllmParams { block_size: 0, ..small() }),
        ("num_gpu_blocks_override", VllmParams { num_gpu_blocks: 0, ..small() }),
        ("max_model_len", VllmParams { max_model_len: Some(0), ..small() }),
        ("max_loras", VllmParams { max_loras: 0, ..small() }),
        ("natural_output", VllmParams { natural_output: 0, ..small() }),
    ] {
        let text = named(params);
        assert!(text.starts_with(&format!("{name} is 0")) && text.contains("hint:"), "{text}");
    }
    let text = named(VllmParams { max_num_batched_tokens: 3, ..small() });
    assert!(text.starts_with("max_num_batched_tokens is 3: it must be at least max_num_seqs"), "{text}");
    let text = named(VllmParams { enable_chunked_prefill: false, max_model_len: Some(17), ..small() });
    assert!(text.contains("at least max_model_len"), "{text}");
    let stream = Seed(1).stream("speculation", 0);
    let acceptance = Acceptance::Rates(vec![1.5]);
    let speculative = Some(Speculative { num_speculative_tokens: 1, acceptance, stream });
    assert!(named(VllmParams { speculative, ..small() }).starts_with("acceptance rate is 1.5"));
    assert_eq!(VllmParams::default().check(), Ok(()));
}
