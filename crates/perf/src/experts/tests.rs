#![expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]

use proptest::prelude::*;

use super::*;
use crate::polynomial::Polynomial;

fn near(got: f64, want: f64, part: f64) {
    assert!((got - want).abs() <= part * want.abs(), "{got}, not {want}");
}

/// Mean of the bounded power law on 1…r, in closed form.
fn mean(alpha: f64, r: f64) -> f64 {
    let moment = |k: f64| {
        if (k - alpha + 1.0).abs() < 1e-9 {
            r.ln()
        } else {
            (r.powf(k - alpha + 1.0) - 1.0) / (k - alpha + 1.0)
        }
    };
    moment(1.0) / moment(0.0)
}

#[test]
fn the_law_has_its_ends_and_its_mean() {
    for alpha in [0.5, 1.0, 1.01, 1.2, 2.0, 3.0] {
        let r = 200.0;
        near(inverse_cdf(alpha, r, 0.0), 1.0, 1e-9);
        near(inverse_cdf(alpha, r, 1.0), r, 1e-9);
        let n = 200_000;
        let sum: f64 = (0..n).map(|i| inverse_cdf(alpha, r, (f64::from(i) + 0.5) / f64::from(n))).sum();
        near(sum / f64::from(n), mean(alpha, r), 1e-4);
    }
    // Worked out in Python: ((6553.6^-0.01 − 1)·0.25 + 1)^(1/-0.01).
    near(inverse_cdf(1.01, 6553.6, 0.25), 8.378_004_761_839_799, 1e-9);
}

#[test]
fn without_skew_or_without_choice_nothing_is_out_of_balance() {
    let spread = Spread { experts: 256, ranks: 32, ..Spread::default() };
    for even in [
        Spread { alpha: 0.0, ..spread },
        Spread { bound: 1.0, ..spread },
        Spread { ranks: 1, ..spread },
        Spread { ranks: 1, eplb_slots: Some(5), ..spread },
        Spread::default(),
    ] {
        near(even.imbalance(Seed(7)).unwrap(), 1.0, 1e-12);
    }
    // Copies of equals make some ranks lighter: with 256 experts and 32 copies on 32 ranks of 9 slots, half-loaded slots are
    // packed last and the busiest rank holds at most 9 whole ones.
    let copied = Spread { alpha: 0.0, eplb_slots: Some(32), ..spread }.imbalance(Seed(7)).unwrap();
    assert!((1.0..=9.0 / 8.0).contains(&copied), "{copied}");
}

#[test]
fn a_seed_gives_the_same_skew_and_another_seed_another() {
    // Two experts a rank: the busiest alone has more than a rank's mean, which only copies mend.
    let spread = Spread { experts: 64, ranks: 32, ..Spread::default() };
    let of = |seed| spread.imbalance(Seed(seed)).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    for seed in 0..20 {
        let with = |slots| Spread { eplb_slots: Some(slots), ..spread }.imbalance(Seed(seed)).unwrap();
        let (moved, copied) = (with(0), with(64));
        assert!(of(seed) > 2.0 && moved <= of(seed) && copied < 1.2, "{} {moved} {copied}", of(seed));
    }
}

#[test]
fn experts_in_order_and_copies_by_hand() {
    assert_eq!(in_order(&[1.0, 2.0, 3.0, 6.0], 2), [3.0, 9.0]);
    // 12 gets a copy (6, 6), then the first of the 6s again (4, 4, 4); 5 stays.
    assert_eq!(copied(&[12.0, 5.0], 1), [6.0, 6.0, 5.0]);
    assert_eq!(copied(&[12.0, 5.0], 2), [4.0, 4.0, 4.0, 5.0]);
    assert_eq!(copied(&[4.0, 4.0], 1), [2.0, 2.0, 4.0]);
    // 5 → 0, 4 → 1, 3 → 1 (4 < 5), 1 → 0: 6 and 7.
    assert_eq!(packed(vec![1.0, 5.0, 3.0, 4.0], 2), [6.0, 7.0]);
    // Rank 0 is full after two.
    assert_eq!(packed(vec![9.0, 1.0, 1.0, 1.0], 2), [10.0, 2.0]);
}

/// The least possible load of the busiest rank, by trying everything.
fn best_packing(slots: &[f64], loads: &mut [(f64, usize)], room: usize) -> f64 {
    let Some((first, rest)) = slots.split_first() else {
        return loads.iter().map(|(load, _)| *load).fold(0.0, f64::max);
    };
    let mut best = f64::INFINITY;
    for rank in 0..loads.len() {
        if loads[rank].1 < room {
            let before = loads[rank];
            loads[rank] = (before.0 + first, before.1 + 1);
            best = best.min(best_packing(rest, loads, room));
            loads[rank] = before;
        }
    }
    best
}

/// The least possible load of the busiest copy, by trying everything.
fn best_copies(weights: &[f64], held: &mut Vec<u32>, copies: usize) -> f64 {
    if copies == 0 {
        return weights.iter().zip(held).map(|(w, n)| w / f64::from(*n)).fold(0.0, f64::max);
    }
    (0..weights.len())
        .map(|i| {
            held[i] += 1;
            let best = best_copies(weights, held, copies - 1);
            held[i] -= 1;
            best
        })
        .fold(f64::INFINITY, f64::min)
}

proptest! {
    #[test]
    fn packing_is_near_the_best_there_is(slots in prop::collection::vec(0.1_f64..100.0, 6)) {
        let got = packed(slots.clone(), 2).into_iter().fold(0.0, f64::max);
        let best = best_packing(&slots, &mut [(0.0, 0); 2], 3);
        // Kellerer and Woeginger 1993: with three slots a rank this greedy packing is at most 4/3 − 1/(3·ranks) of the best.
        prop_assert!(got >= best * (1.0 - 1e-12) && got <= best * (4.0 / 3.0 - 1.0 / 6.0) * (1.0 + 1e-12), "{} {}", got, best);
    }

    #[test]
    fn copies_go_where_they_help_most(weights in prop::collection::vec(0.1_f64..100.0, 4), copies in 0_usize..5) {
        let slots = copied(&weights, copies);
        prop_assert_eq!(slots.len(), 4 + copies);
        let all: f64 = weights.iter().sum();
        prop_assert!((slots.iter().sum::<f64>() - all).abs() < 1e-9 * all);
        let got = slots.into_iter().fold(0.0, f64::max);
        let best = best_copies(&weights, &mut vec![1; 4], copies);
        prop_assert!((got - best).abs() <= 1e-12 * best, "{} {}", got, best);
    }

    #[test]
    fn imbalance_is_between_one_and_the_number_of_ranks(
        per_rank in 1_u32..6, ranks in 1_u32..6, alpha in 0.0_f64..3.0, bound in 1.0_f64..1e4, seed in 0_u64..1000,
    ) {
        let spread = Spread { experts: per_rank * ranks, alpha, bound, ranks, eplb_slots: None };
        for slots in [None, Some(0), Some(ranks)] {
            let got = Spread { eplb_slots: slots, ..spread }.imbalance(Seed(seed)).unwrap();
            prop_assert!((1.0..=f64::from(ranks) * (1.0 + 1e-12)).contains(&got), "{}", got);
        }
    }
}

#[test]
fn the_share_of_the_experts_is_stretched() {
    let step = Step { prefill_sequences: 1, prefill_tokens: 512, decode_sequences: 1, ..Step::default() };
    let plain = Polynomial.step(&step);
    let time = Experts::new(Polynomial, 0.5, 3.0).unwrap().step(&step);
    assert_eq!((time.prefill_ms, time.decode_ms), (plain.prefill_ms * 2.0, plain.decode_ms * 2.0));
    assert_eq!(Experts::new(Polynomial, 0.0, 3.0).unwrap().step(&step), plain);
}

#[test]
fn what_cannot_be_spread_is_refused() {
    let spread = Spread { experts: 256, ranks: 32, ..Spread::default() };
    for (bad, words) in [
        (Spread { experts: 0, ..spread }, "timing.experts is 0"),
        (Spread { ranks: 0, ..spread }, "timing.expert_parallel is 0"),
        (Spread { ranks: 3, ..spread }, "256 slots of experts (experts 256) cannot be spread evenly"),
        (Spread { eplb_slots: Some(5), ..spread }, "261 slots of experts (experts 256 + eplb_slots 5)"),
        (Spread { eplb_slots: Some(u32::MAX), ..spread }, "timing.eplb_slots is 4294967295"),
        (Spread { alpha: -1.0, ..spread }, "timing.expert_alpha is -1"),
        (Spread { bound: f64::NAN, ..spread }, "timing.expert_bound is NaN"),
    ] {
        let text = bad.imbalance(Seed(0)).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
    }
}
