//! What routing by cache is worth: the same plan behind round robin and behind the KV router, with ever more shared.

use std::sync::Arc;

use serde_json::json;
use tokmark_base::{Lexicon, Seed, Stream};
use tokmark_engine::router::{PolicyKind, RouterSpec};
use tokmark_engine::spec::EngineKind;
use tokmark_engine::{EngineSpec, Limits, simulate};
use tokmark_perf::{Deployment, Polynomial};
use tokmark_record::sink::Kept;
use tokmark_workload::{Course, Inputs, LoadSpec, Pacer, Plan, WorkloadSpec};

/// Words of one letter: lengths and shared prefixes do not depend on them.
pub(crate) struct Letters;

impl Lexicon for Letters {
    fn id(&self) -> String {
        "letters".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, _stream: &mut Stream) -> u32 {
        (0..tokens).for_each(|_| text.push('a'));
        tokens
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Share of the prompts' tokens that were in a cache.
    cached: f64,
    /// Mean, milliseconds.
    ttft: f64,
}

/// Four workers whose caches hold half of the prefixes each, 3,000 tokens in of which `shared` are one of 20 prefixes, 60 out.
fn run(shared: u32, policy: PolicyKind, seed: u64) -> Run {
    let spec = json!({"isl": 3_000 - shared, "osl": 60, "prefix": {"length": shared, "pool": 20}});
    let spec: WorkloadSpec = serde_json::from_value(spec).unwrap();
    let plan = Arc::new(Plan::new(&spec, Seed(seed), Inputs::synthetic(Arc::new(Letters))).unwrap());
    let engine = EngineSpec {
        kind: Some(EngineKind::Vllm),
        block_size: Some(64),
        num_gpu_blocks_override: Some(640),
        max_num_seqs: Some(32),
        ..EngineSpec::default()
    };
    let deployment = Deployment { workers: Some(4), ..Deployment::default() };
    let router = RouterSpec { policy, ..RouterSpec::default() };
    let mut cluster =
        tokmark_engine::cluster::build(&engine, &deployment, &router, Arc::new(Polynomial), &[], Seed(seed))
            .unwrap();
    let load: LoadSpec = serde_json::from_value(json!({"rate": 20.0, "requests": 600})).unwrap();
    let course: Arc<dyn Course> = plan.clone();
    let mut pacer = Pacer::alone(&load.resolve().unwrap(), Seed(seed), &course);
    let mut kept = Kept::default();
    simulate(&mut pacer, &*plan, &mut cluster, Limits::default(), &mut kept, &|| false).unwrap();
    assert_eq!(kept.records.len(), 600);
    let (mut cached, mut prompt, mut ttft) = (0, 0, 0);
    for record in &kept.records {
        let usage = record.usage.unwrap();
        cached += usage.cached.unwrap();
        prompt += usage.prompt.unwrap();
        ttft += (record.reads.0[0].user - record.sent_us.unwrap()).0;
    }
    Run { cached: f64::from(cached) / f64::from(prompt), ttft: ttft as f64 / 600.0 / 1e3 }
}

/// More sharing, more cached and sooner first tokens; the KV router gets more of both than round robin, and its lead grows.
#[test]
fn more_sharing_is_worth_more_with_the_kv_router() {
    for seed in [1, 2, 3] {
        let mut before: Option<(Run, Run)> = None;
        for shared in [900, 1_500, 2_100, 2_700] {
            let plain = run(shared, PolicyKind::RoundRobin, seed);
            let by_cache = run(shared, PolicyKind::Kv, seed);
            let told = format!("seed {seed}, {shared} shared: {plain:?} against {by_cache:?} by cache");
            assert!(by_cache.cached > plain.cached && by_cache.ttft < plain.ttft, "{told}");
            if let Some((plain_before, by_cache_before)) = before {
                assert!(by_cache.cached > by_cache_before.cached, "{told}, before {by_cache_before:?}");
                assert!(by_cache.ttft < by_cache_before.ttft, "{told}, before {by_cache_before:?}");
                let (gain, gain_before) =
                    (by_cache.cached - plain.cached, by_cache_before.cached - plain_before.cached);
                assert!(gain > gain_before, "{told}: {gain} after {gain_before}");
            }
            before = Some((plain, by_cache));
        }
    }
}
