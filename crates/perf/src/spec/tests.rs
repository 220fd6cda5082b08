#![expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]

use std::path::PathBuf;

use tokmark_base::Seed;

use super::*;
use crate::error::TimingError;
use crate::table::{MockerGrid, Table};
use crate::timing::{Step, StepTime, Timing};

fn read(json: &str) -> TimingSpec {
    serde_json::from_str(json).unwrap()
}

fn time(json: &str, step: &Step) -> StepTime {
    read(json).build(None, Seed(1)).unwrap().step(step)
}

fn prefill(prefill_tokens: u64) -> Step {
    Step { prefill_sequences: 1, prefill_tokens, running: 1, slots: 3, ..Step::default() }
}

fn decode(decode_sequences: u32) -> Step {
    Step { decode_sequences, decode_tokens: decode_sequences, running: 1, slots: 3, ..Step::default() }
}

#[test]
fn empty_is_the_polynomial_and_every_key_reads_back() {
    assert_eq!(read("{}"), TimingSpec::default());
    let step = prefill(512);
    assert_eq!(time("{}", &step), crate::polynomial::Polynomial.step(&step));
    let text = r#"{"model":"per_token","preset":"8b-h100","itl":"9ms","prefill_time_per_token":"15.2us","load_factor":2.5,
        "speedup_ratio":2.0,"step_overhead":"0.1ms","cuda_graph_sizes":[1,2],"eager_factor":1.5,"experts":8,"expert_parallel":2,
        "moe_share":0.5}"#;
    let spec = read(text);
    assert_eq!(read(&serde_json::to_string(&spec).unwrap()), spec);
    assert_eq!(spec.prefill_time_per_token, Some(Nanos(15_200)));
    assert!(serde_json::from_str::<TimingSpec>(r#"{"modle": "table"}"#).is_err());
    assert!(serde_json::from_str::<TimingSpec>(r#"{"model": "linear"}"#).is_err());
}

#[test]
fn models_of_requests_take_what_is_given_then_the_preset_then_their_own() {
    let constant = r#"{"model":"constant"}"#;
    assert_eq!((time(constant, &prefill(7)).prefill_ms, time(constant, &decode(1)).decode_ms), (40.0, 8.0));
    let given = r#"{"model":"constant","ttft":"100ms","itl":"12.5ms","load_factor":3}"#;
    let busy = Step { running: 3, ..decode(1) };
    assert_eq!((time(given, &prefill(7)).prefill_ms, time(given, &busy).decode_ms), (100.0, 37.5));
    // (preset, constant TTFT and its deviation, TTFT of 100 tokens, ITL and its deviation, load factor), as published.
    for (preset, ttft, ttft_dev, per_100, itl, itl_dev, load) in [
        ("8b-h100", 100.0, 20.0, 55.0, 12.0, 2.0, 2.0),
        ("70b-8xh100", 200.0, 40.0, 130.0, 25.0, 4.0, 3.0),
        ("3b-l40s", 110.0, 15.0, 55.0, 15.0, 2.0, 1.5),
    ] {
        let constant = format!(r#"{{"model":"constant","preset":"{preset}"}}"#);
        let per_token = format!(r#"{{"model":"per_token","preset":"{preset}"}}"#);
        let loud = |step: Step| Step { noise: 1.0, ..step };
        assert_eq!(time(&constant, &prefill(9)).prefill_ms, ttft);
        assert_eq!(time(&constant, &loud(prefill(9))).prefill_ms, ttft + ttft_dev);
        assert_eq!(time(&per_token, &prefill(100)).prefill_ms, per_100);
        assert_eq!(time(&per_token, &loud(prefill(100))).prefill_ms, per_100);
        assert_eq!(time(&per_token, &loud(decode(1))).decode_ms, itl + itl_dev);
        assert_eq!(time(&per_token, &busy).decode_ms, itl * load);
    }
    let own = r#"{"model":"per_token","preset":"8b-h100","prefill_overhead":"1ms","prefill_time_per_token":"15.2us","itl":"10ms"}"#;
    assert!((time(own, &prefill(1000)).prefill_ms - 16.2).abs() < 1e-12);
    assert_eq!(time(own, &decode(1)).decode_ms, 10.0);
}

#[test]
fn what_goes_around_a_model_is_asked_by_the_spec() {
    let spec = r#"{"model":"constant","ttft":"20ms","itl":"10ms","speedup_ratio":2,"decode_speedup_ratio":2.5,
        "step_overhead":"1ms","overhead_per_sequence":"250us","cuda_graph_sizes":"4","eager_factor":2,"step_floor":"15ms",
        "experts":8,"expert_parallel":4,"expert_alpha":0,"moe_share":1}"#;
    let part = |prefill_ms, decode_ms, overhead_ms| StepTime { prefill_ms, decode_ms, overhead_ms };
    assert_eq!(time(spec, &prefill(1)), part(10.0, 0.0, 1.25));
    assert_eq!(time(spec, &decode(4)), part(0.0, 3.0, 2.0));
    assert_eq!(time(spec, &decode(8)), part(0.0, 4.0, 3.0));
}

#[test]
fn experts_grow_by_the_seeds_skew() {
    let spec = read(r#"{"model":"constant","experts":64,"expert_parallel":8,"moe_share":0.5}"#);
    let spread = crate::experts::Spread { experts: 64, ranks: 8, ..crate::experts::Spread::default() };
    let grown = |seed| 8.0 * (1.0 + 0.5 * (spread.imbalance(Seed(seed)).unwrap() - 1.0));
    for seed in [1, 2] {
        assert_eq!(spec.build(None, Seed(seed)).unwrap().step(&decode(1)).decode_ms, grown(seed));
    }
}

#[test]
fn automatic_sizes_need_the_engines_limits() {
    let spec = read(r#"{"cuda_graph_sizes":"auto"}"#);
    assert_eq!(spec.check(), Ok(()));
    assert_eq!(spec.build(None, Seed(1)).err(), Some(TimingError::UnresolvedSizes));
    let spec = spec.resolved(3, Some(2048));
    assert_eq!(spec.cuda_graph_sizes, Some(CaptureSizes::List(vec![1, 2, 3, 4])));
    assert!(spec.build(None, Seed(1)).is_ok());
    assert_eq!(read("{}").resolved(3, None), TimingSpec::default());
}

#[test]
fn a_table_is_read_by_the_caller_and_asked_for_by_the_spec() {
    let table = || {
        Table::grid(&MockerGrid {
            prefill_isl: vec![0.0, 100.0],
            prefill_ttft_ms: vec![0.0, 10.0],
            decode_active_kv_tokens: vec![0.0, 100.0],
            decode_context_length: vec![0.0, 100.0],
            decode_itl: vec![vec![5.0, 5.0], vec![5.0, 5.0]],
        })
        .unwrap()
    };
    let spec = read(r#"{"model":"table","table":"a.npz","speedup_ratio":2}"#);
    assert_eq!(spec.table, Some(PathBuf::from("a.npz")));
    assert_eq!(spec.build(Some(table()), Seed(1)).unwrap().step(&prefill(50)).prefill_ms, 2.5);
    let text = spec.build(None, Seed(1)).err().unwrap().to_string();
    assert!(text.contains("timing.table is a.npz, but nobody read it"), "{text}");
    assert!(matches!(read("{}").build(Some(table()), Seed(1)).err(), Some(TimingError::OtherModel { .. })));
}

#[test]
fn what_cannot_be_is_refused_by_key_with_a_way_out() {
    for (json, words) in [
        (
            r#"{"ttft":"1ms"}"#,
            "timing.ttft is given, but timing.model is polynomial|set timing.model to constant",
        ),
        (r#"{"preset":"8b-h100"}"#, "timing.preset is given|constant or per_token"),
        (
            r#"{"model":"per_token","preset":"8b-h100","ttft":"1ms"}"#,
            "timing.ttft|is per_token|prefill_time_per_token",
        ),
        (r#"{"model":"constant","prefill_overhead":"1ms"}"#, "timing.prefill_overhead|is constant|ttft"),
        (r#"{"model":"table","table":"x","load_factor":2}"#, "timing.load_factor|is table"),
        (r#"{"table":"x"}"#, "timing.table is given|set timing.model to table"),
        (r#"{"model":"table"}"#, "timing.model is table, but timing.table is not given"),
        (r#"{"model":"per_token"}"#, "timing.model is per_token, but timing.itl is not given|preset"),
        (r#"{"model":"per_token","itl":"1ms"}"#, "timing.prefill_time_per_token is not given|preset"),
        (r#"{"model":"constant","load_factor":0.5}"#, "timing.load_factor is 0.5|1 or more"),
        (r#"{"model":"constant","ttft":"2h"}"#, "timing.ttft is 7200000 ms|an hour"),
        (r#"{"model":"constant","ttft_stddev":"13ms"}"#, "timing.ttft_stddev is 13 ms|at most 12 ms"),
        (r#"{"speedup_ratio":-1}"#, "timing.speedup_ratio is -1"),
        (r#"{"step_overhead":"2h"}"#, "timing.step_overhead is 7200000 ms"),
        (r#"{"step_floor":"2h"}"#, "timing.step_floor is 7200000 ms"),
        (r#"{"eager_factor":2}"#, "timing.eager_factor is given without timing.cuda_graph_sizes|auto"),
        (r#"{"cuda_graph_sizes":"0"}"#, "timing.cuda_graph_sizes is 0 among others"),
        (r#"{"cuda_graph_sizes":"1","eager_factor":0.5}"#, "timing.eager_factor is 0.5"),
        (r#"{"eplb_slots":2}"#, "timing.eplb_slots is given without timing.experts"),
        (r#"{"experts":8,"moe_share":0.5}"#, "timing.experts is given without timing.expert_parallel"),
        (r#"{"experts":8,"expert_parallel":2}"#, "timing.experts is given without timing.moe_share"),
        (r#"{"experts":8,"expert_parallel":3,"moe_share":0.5}"#, "8 slots of experts|3 ranks"),
        (r#"{"experts":8,"expert_parallel":2,"moe_share":1.5}"#, "timing.moe_share is 1.5|from 0 to 1"),
        (r#"{"experts":8,"expert_parallel":2,"moe_share":1,"expert_alpha":-1}"#, "timing.expert_alpha is -1"),
    ] {
        let text = read(json).check().unwrap_err().to_string();
        for word in words.split('|').chain(["\nhint: "]) {
            assert!(text.contains(word), "`{word}` not in: {text}");
        }
        assert!(read(json).build(None, Seed(1)).is_err(), "{json}");
    }
}
