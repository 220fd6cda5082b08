//! Both capacity schedulers on the same five requests, by hand. Random workloads are with vLLM's.

use super::*;
use crate::Lifecycle::{self, Admitted, Finished, FirstToken, Preempted, Queued, Rejected, Tokens};
use crate::scheduler::vllm::tests::{arrival, play, worker};
use crate::{Engine, FinishReason, Rejection};

fn small(policy: CapacityPolicy) -> TrtLlmParams {
    TrtLlmParams {
        max_batch_size: 8,
        max_num_tokens: 16,
        tokens_per_block: 4,
        num_gpu_blocks: 8,
        capacity_scheduler_policy: policy,
        ..TrtLlmParams::default()
    }
}

fn hit(tokens: u32) -> Lifecycle {
    Admitted { cached: Some(tokens) }
}

const LENGTH: Lifecycle = Finished(FinishReason::Length);

/// Eight blocks of four tokens; the first eight tokens of requests 0, 1 and 2 are the same.
fn run(policy: CapacityPolicy, look_ahead: bool) -> Vec<(i64, u64, Lifecycle)> {
    let mut worker = worker(TrtLlm::new(&small(policy)).unwrap());
    worker.look_ahead(look_ahead);
    let arrivals = [
        (0, arrival(0, &[(1, 8)], 5)),
        (0, arrival(1, &[(1, 8), (11, 4)], 4)),
        (5, arrival(2, &[(1, 8)], 2)),
        (6, arrival(3, &[(13, 10)], 2)),
        (7, arrival(4, &[(14, 4)], 12)),
    ];
    let seen = play(&mut worker, &arrivals);
    assert_eq!((worker.census().finished, worker.census().blocks_used), (5, 0));
    seen
}

/// The last of eleven decode steps of request 4 alone, and what is before.
fn alone(from: i64) -> impl Iterator<Item = (i64, u64, Lifecycle)> {
    let tokens = (1..=11).map(move |n| (from + 10 * n, 4, Tokens(1)));
    tokens.chain([(from + 110, 4, LENGTH)])
}

/// A life of requests 0 to 4 takes 4, 4, 3, 3 and 4 blocks. Request 2 finds its whole prompt and decodes at once; request 3 waits
/// until three blocks are free that are promised to nobody, request 4 behind it for four.
#[test]
fn guaranteed_no_evict_by_hand() {
    let mut expected = vec![
        (0, 0, Queued),
        (0, 1, Queued),
        (0, 0, hit(0)),
        (0, 1, hit(8)),
        (5, 2, Queued),
        (6, 3, Queued),
        (7, 4, Queued),
        (12, 0, FirstToken),
        (12, 1, FirstToken),
        (12, 2, hit(8)),
        (22, 0, Tokens(1)),
        (22, 1, Tokens(1)),
        (22, 2, FirstToken),
        (32, 0, Tokens(1)),
        (32, 1, Tokens(1)),
        (32, 2, Tokens(1)),
        (32, 2, LENGTH),
        (42, 0, Tokens(1)),
        (42, 1, Tokens(1)),
        (42, 1, LENGTH),
        (42, 3, hit(0)),
        (62, 0, Tokens(1)),
        (62, 0, LENGTH),
        (62, 3, FirstToken),
        (62, 4, hit(0)),
        (76, 3, Tokens(1)),
        (76, 3, LENGTH),
        (76, 4, FirstToken),
    ];
    expected.extend(alone(76));
    for look_ahead in [false, true] {
        assert_eq!(run(CapacityPolicy::GuaranteedNoEvict, look_ahead), expected);
    }
}

/// Request 3 starts as soon as its context fits, and is paused when request 2 needs a block; it finds its two complete blocks again
/// and computes the rest of its prompt, two tokens.
#[test]
fn max_utilization_by_hand() {
    let mut expected = vec![
        (0, 0, Queued),
        (0, 1, Queued),
        (0, 0, hit(0)),
        (0, 1, hit(8)),
        (5, 2, Queued),
        (6, 3, Queued),
        (7, 4, Queued),
        (12, 0, FirstToken),
        (12, 1, FirstToken),
        (12, 2, hit(8)),
        (12, 3, hit(0)),
        (32, 0, Tokens(1)),
        (32, 1, Tokens(1)),
        (32, 2, FirstToken),
        (32, 3, FirstToken),
        (32, 3, Preempted),
        (42, 0, Tokens(1)),
        (42, 1, Tokens(1)),
        (42, 2, Tokens(1)),
        (42, 2, LENGTH),
        (42, 3, hit(8)),
        (54, 0, Tokens(1)),
        (54, 1, Tokens(1)),
        (54, 1, LENGTH),
        (54, 3, Tokens(1)),
        (54, 3, LENGTH),
        (54, 4, hit(0)),
        (68, 0, Tokens(1)),
        (68, 0, LENGTH),
        (68, 4, FirstToken),
    ];
    expected.extend(alone(68));
    for look_ahead in [false, true] {
        assert_eq!(run(CapacityPolicy::MaxUtilization, look_ahead), expected);
    }
}

/// A prompt beyond a pass is refused without chunks; a reply is cut where it fills the cache.
#[test]
fn limits_are_those_of_pass_and_cache() {
    let mut trtllm = worker(TrtLlm::new(&small(CapacityPolicy::GuaranteedNoEvict)).unwrap());
    let arrivals = [(0, arrival(0, &[(1, 17)], 1)), (0, arrival(1, &[(1, 16)], 99))];
    let seen = play(&mut trtllm, &arrivals);
    let refused = Rejection::PassTooSmall { input: 17, pass: 16, limit: "max_num_tokens" };
    assert_eq!(seen[0], (0, 0, Rejected(refused)));
    let limit = "16 at most (max_num_tokens without enable_chunked_prefill)";
    assert_eq!(refused.to_string(), format!("the prompt has 17 tokens, a pass computes {limit}"));
    let cause =
        "the prompt does not fit into a pass of 16 tokens (max_num_tokens without enable_chunked_prefill)";
    assert_eq!((refused.cause().as_str(), refused.status()), (cause, 400));
    assert_eq!(*seen.last().unwrap(), (16 + 150, 1, LENGTH));
    let chunked = TrtLlmParams { enable_chunked_prefill: true, ..small(CapacityPolicy::MaxUtilization) };
    let mut trtllm = worker(TrtLlm::new(&chunked).unwrap());
    let arrivals = [(0, arrival(0, &[(1, 17)], 1)), (0, arrival(1, &[(1, 32)], 1))];
    let seen = play(&mut trtllm, &arrivals);
    assert_eq!(seen[1], (0, 1, Rejected(Rejection::CacheTooSmall { needed: 33, cache: 32 })));
    assert_eq!(seen[3..], [(16, 0, Lifecycle::PrefillChunk(16)), (17, 0, FirstToken), (17, 0, LENGTH)]);
}

#[test]
fn parameters_that_cannot_work_are_named() {
    let ok = small(CapacityPolicy::MaxUtilization);
    for (name, params) in [
        ("max_batch_size", TrtLlmParams { max_batch_size: 0, ..ok.clone() }),
        ("max_num_tokens", TrtLlmParams { max_num_tokens: 0, ..ok.clone() }),
        ("tokens_per_block", TrtLlmParams { tokens_per_block: 0, ..ok.clone() }),
        ("num_gpu_blocks", TrtLlmParams { num_gpu_blocks: 0, ..ok.clone() }),
        ("max_seq_len", TrtLlmParams { max_seq_len: Some(0), ..ok.clone() }),
        ("natural_output", TrtLlmParams { natural_output: 0, ..ok }),
    ] {
        let text = params.check().unwrap_err().to_string();
        assert!(text.starts_with(&format!("{name} is 0")), "{text}");
    }
    assert_eq!(TrtLlmParams::default().check(), Ok(()));
}
