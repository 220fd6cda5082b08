//! Arithmetic by hand, and the numbers of the unit tests of `dynamo-kv-router` 1.6.1 (`scheduling/selector/reference.rs`, named
//! `reference::…` below).

use tokmark_base::Seed;

use super::super::kv_v1::KvV1;
use super::*;
use crate::router::WorkerId;
use crate::router::spec::PolicyKind;
use crate::router::tracker::Load;
use tokmark_kv::index::Overlap;

fn ask(input: u64, block_tokens: u32) -> Ask {
    Ask { input, block_tokens }
}

fn candidate(overlap: (u32, u32, u32), cached: u64, load: (u64, u64, u64, u64)) -> Candidate {
    let (device, host, disk) = overlap;
    let (prefill_tokens, active_blocks, additional_blocks, requests) = load;
    Candidate {
        worker: WorkerId(0),
        overlap: Overlap { device, host, disk },
        cached,
        load: Load { prefill_tokens, active_blocks, additional_blocks, requests },
    }
}

fn kv(change: impl FnOnce(&mut RouterSpec)) -> Kv {
    let mut spec = RouterSpec { policy: PolicyKind::Kv, ..RouterSpec::default() };
    change(&mut spec);
    Kv::new(&spec)
}

/// That two costs are the same to the last bit.
#[track_caller]
fn same(cost: f64, expected: f64) {
    assert_eq!(cost.to_bits(), expected.to_bits(), "{cost} instead of {expected}");
}

fn cost(policy: &Kv, ask: Ask, candidate: &Candidate) -> f64 {
    policy.cost(ask, candidate, 0)
}

#[test]
fn the_logged_example() {
    // 1,024 tokens in blocks of 64, 8 cached: (16 − 8) + 16 = 24; idle and cold: 16 + 16 = 32. Source: shared reference, run.
    let policy = kv(|_| {});
    same(cost(&policy, ask(1_024, 64), &candidate((8, 0, 0), 512, (0, 0, 16, 0))), 24.0);
    same(cost(&policy, ask(1_024, 64), &candidate((0, 0, 0), 0, (0, 0, 16, 0))), 32.0);
}

#[test]
fn every_term_counts_as_the_formula_says() {
    // 200 tokens in blocks of 16 on a worker with 120 more to prefill: 320 / 16 = 20 blocks. Credit 0.5 · 4 + 0.75 · 2 + 0.25 · 2 = 4.
    // 3 · (20 − 4) + 7 + 5 + 2 · 6 = 72.
    let policy = kv(|spec| {
        spec.overlap_score_credit = 0.5;
        spec.prefill_load_scale = 3.0;
        spec.active_request_weight = 2.0;
    });
    let warm = candidate((4, 2, 2), 96, (120, 7, 5, 6));
    same(cost(&policy, ask(200, 16), &warm), 72.0);
    // The tiers' weights: 1 · 2 + 0.5 · 2 = 3 instead of 2 on top of 0.5 · 4 = 2: 3 · (20 − 5) + 24 = 69.
    let weighted = Kv { host: 1.0, disk: 0.5, ..policy };
    same(cost(&weighted, ask(200, 16), &warm), 69.0);
}

#[test]
fn the_credit_fades_with_the_backlog_above_the_least() {
    // Backlog 128 tokens against 64: 64 / 16 = 4 blocks of excess over a prompt of 8 blocks: 1 / (1 + 2 · 0.5) = 0.5.
    // (128 + 128) / 16 − 0.5 · 6 = 13.
    let policy = kv(|spec| spec.overlap_score_credit_decay = 2.0);
    let warm = candidate((6, 0, 0), 96, (128, 0, 0, 0));
    same(policy.cost(ask(128, 16), &warm, 64), 13.0);
    // At the least backlog nothing fades: 16 − 6 = 10.
    same(policy.cost(ask(128, 16), &warm, 128), 10.0);
    // An empty prompt has one block to be measured by, and nothing to divide by zero: 128 / 16 = 8.
    same(policy.cost(ask(0, 16), &candidate((0, 0, 0), 0, (128, 0, 0, 0)), 64), 8.0);
}

#[test]
fn the_numbers_of_the_reference() {
    // reference::test_worker_logit_clamps_non_decode_overlap_credit: 2 · max(0, (16 + 96) / 16 − 6) + 5 = 7; without tracking 5.
    let warm = candidate((6, 0, 0), 96, (16, 2, 3, 0));
    same(cost(&kv(|spec| spec.prefill_load_scale = 2.0), ask(64, 16), &warm), 7.0);
    let untracked = kv(|spec| {
        spec.prefill_load_scale = 2.0;
        spec.track_prefill_tokens = false;
    });
    same(cost(&untracked, ask(64, 16), &warm), 5.0);
    // reference::test_worker_logit_can_charge_active_requests: 100, and 100 + 32 · 4 = 228.
    let active = candidate((0, 0, 0), 0, (0, 100, 0, 4));
    same(cost(&kv(|_| {}), ask(0, 16), &active), 100.0);
    same(cost(&kv(|spec| spec.active_request_weight = 32.0), ask(0, 16), &active), 228.0);
    // reference::test_decode_worker_logit_credits_overlap_without_prefill_tracking: 10 − 3 = 7.
    let decode = kv(|spec| {
        spec.track_prefill_tokens = false;
        spec.decode_pool = true;
    });
    same(cost(&decode, ask(64, 16), &candidate((3, 0, 0), 0, (0, 10, 0, 0))), 7.0);
    same(cost(&decode, ask(64, 16), &candidate((12, 0, 0), 0, (0, 10, 0, 0))), 0.0);
}

/// Which of two candidates a policy picks when it does not have to draw.
fn picks(mut policy: Kv, ask: Ask, candidates: [Candidate; 2]) -> usize {
    policy.pick(ask, &candidates, &mut Seed(1).stream("test", 0))
}

#[test]
fn the_choices_of_the_reference() {
    // reference::test_prefill_load_scale_applies_after_overlap_credits: 2 · (4 − 2) + 3 = 7 against 2 · 4 = 8.
    let two = [candidate((2, 0, 0), 32, (0, 3, 0, 0)), candidate((0, 0, 0), 0, (0, 0, 0, 0))];
    assert_eq!(picks(kv(|spec| spec.prefill_load_scale = 2.0), ask(64, 16), two), 0);
    // reference::test_overlap_credit_above_one_can_prefer_colocated_worker: 8 − 4 + 5 = 9 against 8; with 1.5: 8 − 6 + 5 = 7.
    let two = [candidate((4, 0, 0), 64, (0, 5, 0, 0)), candidate((0, 0, 0), 0, (0, 0, 0, 0))];
    assert_eq!(picks(kv(|_| {}), ask(128, 16), two), 1);
    assert_eq!(picks(kv(|spec| spec.overlap_score_credit = 1.5), ask(128, 16), two), 0);
    // reference::test_overlap_credit_decay_can_prefer_less_loaded_cold_worker: 3 + 4 − 4 = 3 against 4; with decay 1 the excess is
    // 3 / 4 of the prompt, the credit 4 / 1.75, and the cost 4.71.
    let two = [candidate((4, 0, 0), 64, (48, 0, 0, 0)), candidate((0, 0, 0), 0, (0, 0, 0, 0))];
    assert_eq!(picks(kv(|_| {}), ask(64, 16), two), 0);
    assert_eq!(picks(kv(|spec| spec.overlap_score_credit_decay = 1.0), ask(64, 16), two), 1);
    // reference::empty_prompt_routes_by_load: 1,600 tokens and 50 blocks against 1,616 tokens and none.
    let two = [candidate((0, 0, 0), 0, (1_600, 50, 0, 0)), candidate((0, 0, 0), 0, (1_616, 0, 0, 0))];
    for decay in [0.0, 1.0] {
        assert_eq!(picks(kv(|spec| spec.overlap_score_credit_decay = decay), ask(0, 16), two), 1);
    }
}

#[test]
fn the_earlier_formula() {
    // 1,024 tokens in blocks of 64, 512 cached, 128 more to prefill: 2 · (128 + 512) / 64 + 30 + 8 = 58.
    let spec = RouterSpec { policy: PolicyKind::KvV1, overlap_score_weight: 2.0, ..RouterSpec::default() };
    let warm = candidate((8, 0, 0), 512, (128, 30, 8, 9));
    same(KvV1::new(&spec).cost(ask(1_024, 64), &warm), 58.0);
    // Without tracking only blocks count, and a cache that holds more than the prompt saves no more than it: 2 · 128 / 64 + 38 = 42.
    let untracked = RouterSpec { track_prefill_tokens: false, ..spec };
    same(KvV1::new(&untracked).cost(ask(1_024, 64), &warm), 38.0);
    same(KvV1::new(&spec).cost(ask(256, 64), &warm), 42.0);
}
