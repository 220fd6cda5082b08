use super::*;

const FACTS: WorkerFacts = WorkerFacts { blocks: 100, batch_tokens: Some(1_000) };

fn error(change: impl FnOnce(&mut RouterSpec)) -> String {
    let mut spec = RouterSpec::default();
    change(&mut spec);
    let error = spec.check().expect_err("this is to be refused").to_string();
    assert!(error.contains("\nhint: "), "{error}");
    error
}

fn refusal(spec: &RouterSpec, workers: &[WorkerFacts], block_tokens: u32) -> RouterError {
    build(spec, workers, block_tokens, Seed(1)).err().expect("this is to be refused")
}

#[test]
fn the_defaults_are_good_and_are_dynamos() {
    let spec = RouterSpec::default();
    assert_eq!(spec.check(), Ok(()));
    // Source: shared reference, defaults of the config object of 1.6.1.
    let weights = (spec.overlap_score_credit, spec.overlap_score_credit_decay, spec.prefill_load_scale);
    assert_eq!(weights, (1.0, 0.0, 1.0));
    assert_eq!((spec.host_weight, spec.disk_weight, spec.temperature), (0.75, 0.25, 0.0));
    assert_eq!(
        (spec.kv_events, spec.ttl.0, spec.queue_policy),
        (true, Micros(120_000_000), QueuePolicy::Fcfs)
    );
}

#[test]
fn a_number_out_of_range_is_named() {
    let kv = |spec: &mut RouterSpec| spec.policy = PolicyKind::Kv;
    let cases = [
        error(|spec| {
            kv(spec);
            spec.temperature = -0.5;
        }),
        error(|spec| {
            kv(spec);
            spec.overlap_score_credit = f64::NAN;
        }),
        error(|spec| {
            kv(spec);
            spec.prefill_load_scale = f64::INFINITY;
        }),
        error(|spec| spec.queue_threshold = Some(-1.0)),
        error(|spec| spec.busy_decode_blocks = Some(1.5)),
        error(|spec| spec.busy_prefill_tokens_frac = Some(f64::NAN)),
        error(|spec| spec.busy_status = 200),
        error(|spec| spec.balance_rel_threshold = 0.9),
    ];
    let heads: Vec<&str> = cases.iter().filter_map(|case| case.lines().next()).collect();
    assert_eq!(
        heads,
        [
            "router.temperature is -0.5",
            "router.overlap_score_credit is NaN",
            "router.prefill_load_scale is inf",
            "router.queue_threshold is -1",
            "router.busy_decode_blocks is 1.5",
            "router.busy_prefill_tokens_frac is NaN",
            "router.busy_status is 200",
            "router.balance_rel_threshold is 0.9",
        ]
    );
}

#[test]
fn a_key_that_would_do_nothing_is_refused() {
    let head = |change: fn(&mut RouterSpec)| error(change).lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        head(|spec| spec.temperature = 0.5),
        "router.temperature is given, but router.policy round_robin does not use it"
    );
    assert_eq!(
        head(|spec| {
            spec.policy = PolicyKind::Kv;
            spec.cache_threshold = 0.7;
        }),
        "router.cache_threshold is given, but router.policy kv does not use it"
    );
    assert_eq!(
        head(|spec| spec.queue_policy = QueuePolicy::Lcfs),
        "router.queue_policy is given, but nothing ever waits in the router"
    );
    assert_eq!(
        head(|spec| {
            spec.policy = PolicyKind::Kv;
            spec.ttl = Duration(Micros(5));
        }),
        "router.ttl is given, but router.kv_events is on"
    );
    assert_eq!(
        head(|spec| {
            spec.policy = PolicyKind::TwoTier;
            spec.kv_events = false;
            spec.event_lag = Duration(Micros(5));
        }),
        "router.event_lag is given, but router.kv_events is off"
    );
    assert_eq!(
        head(|spec| spec.affinity_ttl = Duration(Micros(5))),
        "router.affinity_ttl is given, but router.affinity is none"
    );
    assert_eq!(
        head(|spec| {
            spec.track_prefill_tokens = false;
            spec.busy_prefill_tokens = Some(5);
        }),
        "router.busy_prefill_tokens is given, but router.track_prefill_tokens is off"
    );
}

#[test]
fn a_pool_that_cannot_be_routed_to_is_refused() {
    let plain = RouterSpec::default();
    assert_eq!(refusal(&plain, &[], 16), RouterError::NoWorkers);
    assert_eq!(refusal(&plain, &[FACTS], 0), RouterError::NoBlockTokens);
    let blocks = RouterSpec { busy_decode_blocks: Some(0.9), ..plain };
    let empty = WorkerFacts { blocks: 0, ..FACTS };
    assert_eq!(refusal(&blocks, &[FACTS, empty], 16), RouterError::NoBlocks { worker: 1 });
    let queue = RouterSpec { queue_threshold: Some(1.0), ..plain };
    let unlimited = WorkerFacts { batch_tokens: None, ..FACTS };
    let key = "queue_threshold";
    assert_eq!(refusal(&queue, &[unlimited], 16), RouterError::NoBatchLimit { key, worker: 0 });
}

#[test]
fn every_policy_can_be_built_and_goes_before_a_decode_pool() {
    use PolicyKind::{Kv, KvV1, LeastLoaded, PowerOfTwo, Random, RoundRobin, TwoTier};
    for policy in [RoundRobin, Random, PowerOfTwo, LeastLoaded, Kv, KvV1, TwoTier] {
        let spec = RouterSpec { policy, queue_threshold: Some(1.0), ..RouterSpec::default() };
        assert!(build(&spec, &[FACTS; 2], 16, Seed(1)).is_ok(), "{policy}");
        assert_eq!(spec.for_decode().check(), Ok(()), "{policy}");
    }
}

#[test]
fn a_spec_is_read_strictly_and_written_whole() {
    let text = r#"{"policy":"kv","temperature":0.5,"event_lag":"50ms","queue_threshold":2,"affinity":"soft","seed":7}"#;
    let spec: RouterSpec = serde_json::from_str(text).expect("every key is known");
    let expected = RouterSpec {
        policy: PolicyKind::Kv,
        temperature: 0.5,
        event_lag: Duration(Micros(50_000)),
        queue_threshold: Some(2.0),
        affinity: Affinity::Soft,
        seed: Some(7),
        ..RouterSpec::default()
    };
    assert_eq!(spec, expected);
    let written = serde_json::to_string(&spec).expect("a spec is plain data");
    assert_eq!(serde_json::from_str::<RouterSpec>(&written).expect("it was just written"), spec);
    let unknown = serde_json::from_str::<RouterSpec>(r#"{"router_temperature":0.5}"#);
    assert!(unknown.is_err_and(|error| error.to_string().contains("router_temperature")));
}
