//! Hours of random load under random faults: nothing is lost, nothing is told twice, nothing hangs.
//!
//! A failure names its seed and its case; `SEEDS` makes it come again.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use tokmark_base::{Content, Micros, Seed, Segment, Stream};
use tokmark_engine::cluster::build;
use tokmark_engine::router::{PolicyKind, RouterSpec};
use tokmark_engine::spec::{EngineKind, OnCrash};
use tokmark_engine::{
    Arrival, Breakdown, Cluster, Engine, EngineSpec, FaultSpec, Length, Lifecycle, Out, RequestId,
};
use tokmark_perf::{Deployment, Mode, Polynomial, Role};
use tokmark_workload::Duration;

/// Of the long soak and of the short ones. One more may be added at any time.
const SEEDS: [u64; 3] = [3, 17, 2_026];

const SECOND: i64 = 1_000_000;

fn between(stream: &mut Stream, from: i64, to: i64) -> Duration {
    Duration(Micros(from + stream.below((to - from) as u64) as i64))
}

/// Faults of one worker after the other until `end`, so many an hour, and some that strike requests.
fn faults(seed: u64, workers: u32, an_hour: f64, end: i64) -> Vec<FaultSpec> {
    let mut faults = vec![
        FaultSpec::Cut { rate: 0.01, after_tokens: 3, from: Duration(Micros(0)), to: None },
        FaultSpec::Error { rate: 0.01, types: Vec::new(), from: Duration(Micros(0)), to: None },
    ];
    for index in 0..workers {
        let worker = Some(index);
        let mut stream = Seed(seed).stream("faults", u64::from(index));
        let mut at = 0;
        loop {
            at += (stream.exponential() / an_hour * 3_600e6) as i64;
            if at >= end {
                break;
            }
            let pool = None;
            let start = Duration(Micros(at));
            let stop = Duration(start.0 + between(&mut stream, SECOND / 10, 60 * SECOND).0);
            faults.push(match stream.below(4) {
                0 => FaultSpec::Slow {
                    pool,
                    worker,
                    from: start,
                    to: Some(stop),
                    factor: 0.5 + 4.0 * stream.unit(),
                },
                1 => FaultSpec::Stall { pool, worker, from: start, to: stop },
                2 => FaultSpec::Reject { rate: Some(0.5), status: None, from: start, to: Some(stop) },
                _ => {
                    let restart = Some(between(&mut stream, 1, 60 * SECOND));
                    FaultSpec::Crash { pool, worker, at: start, restart }
                }
            });
        }
    }
    faults
}

/// What a client saw of one request.
#[derive(Clone, Debug, Default)]
struct Life {
    wanted: u32,
    queued: bool,
    tokens: u32,
    last: Micros,
    end: Option<Lifecycle>,
}

struct Soak {
    name: String,
    cluster: Cluster,
    lives: BTreeMap<RequestId, Life>,
    out: Out,
}

impl Soak {
    fn heed(&mut self) {
        let name = &self.name;
        for event in &self.out.events {
            let life = self.lives.get_mut(&event.request).unwrap();
            let id = event.request.0;
            assert_eq!(life.end, None, "{name}: {event:?} after the end of {id}");
            assert!(event.at >= life.last, "{name}: {event:?} before {:?}", life.last);
            life.last = event.at;
            match event.what {
                Lifecycle::Queued => {
                    assert!(!std::mem::replace(&mut life.queued, true), "{name}: {id} queued twice");
                }
                Lifecycle::FirstToken => {
                    assert_eq!(life.tokens, 0, "{name}: {id}");
                    life.tokens = 1;
                }
                Lifecycle::Tokens(n) => {
                    assert!(life.tokens > 0, "{name}: {id}");
                    life.tokens += n;
                }
                Lifecycle::Stretch { len, .. } => life.tokens += len,
                Lifecycle::Reserved => panic!("{name}: {event:?}"),
                what if what.is_end() => life.end = Some(what),
                _ => {}
            }
            if event.what.is_end() {
                let Life { wanted, tokens, queued, .. } = *life;
                match event.what {
                    Lifecycle::Finished(_) => assert_eq!(tokens, wanted, "{name}: {id}"),
                    Lifecycle::Failed(Breakdown::Cut) => assert_eq!(tokens, 3, "{name}: {id}"),
                    Lifecycle::Rejected(_) => assert_eq!(tokens, 0, "{name}: {id}"),
                    _ => assert!(tokens < wanted, "{name}: {id}"),
                }
                assert!(queued || matches!(event.what, Lifecycle::Rejected(_)), "{name}: {id}");
            }
        }
        self.out.clear();
    }

    fn advance_to(&mut self, at: Micros) {
        while let Some(due) = self.cluster.next_due().filter(|due| *due <= at) {
            self.cluster.advance(due, &mut self.out);
            self.heed();
        }
    }

    /// `rate` requests a second until `end`, one in 50 given up by its client, then to the end of the last.
    fn run(&mut self, seed: u64, rate: f64, end: i64) {
        let mut stream = Seed(seed).stream("load", 0);
        let mut at = Micros(0);
        let mut id = 0;
        loop {
            at += Micros((stream.exponential() / rate * 1e6) as i64);
            if at.0 >= end {
                break;
            }
            self.advance_to(at);
            let own = 1 + stream.below(700) as u32;
            let wanted = 1 + stream.below(400) as u32;
            let segments =
                vec![Segment { id: stream.below(20), tokens: 256 }, Segment { id: 1_000 + id, tokens: own }];
            let arrival = Arrival {
                id: RequestId(id),
                input: Some(256 + own),
                content: Content::Segments(segments),
                length: Length::exactly(wanted),
                ..Arrival::default()
            };
            self.lives.insert(RequestId(id), Life { wanted, last: at, ..Life::default() });
            self.cluster.arrive(at, arrival, &mut self.out);
            self.heed();
            if stream.below(50) == 0 {
                let given_up = RequestId(id.saturating_sub(stream.below(4)));
                self.cluster.cancel(at, given_up, &mut self.out);
                self.heed();
            }
            id += 1;
        }
        self.advance_to(Micros::MAX);
        self.check();
    }

    fn check(&self) {
        let (name, census) = (&self.name, self.cluster.census());
        assert_eq!(census.check(), Ok(()), "{name}");
        assert_eq!(census.in_flight(), 0, "{name}: {census:?}");
        assert_eq!((census.blocks_used, census.tokens_running), (0, 0), "{name}: {census:?}");
        let count = |what: &dyn Fn(Lifecycle) -> bool| {
            self.lives.values().filter(|life| life.end.is_some_and(what)).count() as u64
        };
        assert_eq!(count(&|end| matches!(end, Lifecycle::Finished(_))), census.finished, "{name}");
        assert_eq!(count(&|end| matches!(end, Lifecycle::Failed(_))), census.failed, "{name}");
        assert_eq!(count(&|end| matches!(end, Lifecycle::Rejected(_))), census.rejected, "{name}");
        assert_eq!(count(&|end| end == Lifecycle::Cancelled), census.cancelled, "{name}");
        assert_eq!(self.lives.len() as u64, census.arrived, "{name}");
        let tokens: u64 = self.lives.values().map(|life| u64::from(life.tokens)).sum();
        assert_eq!(tokens, census.tokens_emitted, "{name}");
        assert!(
            census.moved > 0 && census.failed > 0 && census.finished > census.arrived / 2,
            "{name}: {census:?}"
        );
    }
}

/// What is soaked.
#[derive(Clone, Debug)]
struct Case {
    kind: EngineKind,
    disagg: bool,
    dp: u32,
    on_crash: OnCrash,
    policy: PolicyKind,
    look_ahead: bool,
}

impl Case {
    fn cluster(&self, seed: Seed, startup: i64, faults: &[FaultSpec]) -> Cluster {
        let cache = Some(6_000);
        let engine = EngineSpec {
            kind: Some(self.kind),
            on_crash: Some(self.on_crash),
            retry_started: (self.on_crash == OnCrash::Retry).then_some(true),
            startup_delay: Some(Duration(Micros(startup))),
            kv_transfer_bandwidth_gb_s: self.disagg.then_some(10.0),
            kv_transfer_bytes_per_token: self.disagg.then_some(131_072),
            // Small enough that requests wait and are thrown out now and then.
            num_gpu_blocks_override: (self.kind == EngineKind::Vllm).then_some(6_000 / 16),
            max_total_tokens: cache.filter(|_| self.kind == EngineKind::Sglang),
            max_tokens: cache.filter(|_| self.kind == EngineKind::Trtllm),
            ..EngineSpec::default()
        };
        let role = Some(Role { workers: Some(2), dp: Some(self.dp), ..Role::default() });
        let deployment = if self.disagg {
            Deployment { mode: Some(Mode::Disagg), prefill: role, decode: role, ..Deployment::default() }
        } else {
            Deployment { workers: Some(4), dp: Some(self.dp), ..Deployment::default() }
        };
        let router = RouterSpec { policy: self.policy, ..RouterSpec::default() };
        let mut cluster = build(&engine, &deployment, &router, Arc::new(Polynomial), faults, seed).unwrap();
        cluster.look_ahead(self.look_ahead);
        cluster
    }

    fn soak(&self, seed: u64, rate: f64, faults_an_hour: f64, end: i64) -> tokmark_engine::Census {
        let faults = faults(seed, if self.disagg { 2 } else { 4 }, faults_an_hour, end);
        let cluster = self.cluster(Seed(seed), 2 * SECOND, &faults);
        let name = format!("seed {seed}, {self:?}");
        let mut soak = Soak { name, cluster, lives: BTreeMap::new(), out: Out::default() };
        soak.run(seed, rate, end);
        soak.cluster.census()
    }
}

const VLLM: Case = Case {
    kind: EngineKind::Vllm,
    disagg: false,
    dp: 1,
    on_crash: OnCrash::Migrate,
    policy: PolicyKind::Kv,
    look_ahead: true,
};

#[test]
fn ten_hours_of_four_vllm_workers() {
    VLLM.soak(SEEDS[0], 0.5, 6.0, 36_000 * SECOND);
}

#[test]
fn every_engine_policy_and_pool() {
    let kinds = [EngineKind::Slots, EngineKind::Vllm, EngineKind::Sglang, EngineKind::Trtllm];
    let policies = [PolicyKind::PowerOfTwo, PolicyKind::Kv];
    let mut seeds = SEEDS.iter().cycle();
    for (kind, policy) in kinds.into_iter().flat_map(|kind| policies.map(|policy| (kind, policy))) {
        for disagg in [false, true] {
            let seed = *seeds.next().unwrap();
            let on_crash = if policy == PolicyKind::Kv { OnCrash::Retry } else { OnCrash::Migrate };
            let case =
                Case { kind, disagg, dp: 1 + (seed % 2) as u32, on_crash, policy, look_ahead: !disagg };
            case.soak(seed, 3.0, 150.0, 150 * SECOND);
        }
    }
}

/// The same seed gives the same census, and looking ahead changes nothing.
#[test]
fn a_soak_repeats_itself() {
    for disagg in [false, true] {
        let case = Case { disagg, ..VLLM };
        let end = 400 * SECOND;
        let first = case.soak(SEEDS[1], 2.0, 60.0, end);
        assert_eq!(case.soak(SEEDS[1], 2.0, 60.0, end), first);
        assert_eq!(
            Case { look_ahead: false, ..case }.soak(SEEDS[1], 2.0, 60.0, end),
            first,
            "disagg {disagg}"
        );
    }
}

/// What clients see of a small cluster in trouble, stamp by stamp: tokens of a stretch are shown one by one.
fn seen(
    case: &Case,
    arrivals: &[(i64, u32, u32)],
    faults: &[FaultSpec],
    steps: &[i64],
) -> BTreeMap<u64, Vec<(Micros, Lifecycle)>> {
    let mut cluster = case.cluster(Seed(5), 20_000, faults);
    let mut out = Out::default();
    let mut steps = steps.iter().copied().peekable();
    let mut at = Micros(0);
    for (id, (gap, input, output)) in (0..).zip(arrivals) {
        let next = at + Micros(*gap);
        while let Some(step) = steps.next_if(|step| *step < next.0) {
            if step > at.0 {
                cluster.advance(Micros(step), &mut out);
            }
        }
        while let Some(due) = cluster.next_due().filter(|due| *due <= next && next > at) {
            cluster.advance(due, &mut out);
        }
        at = next;
        let segments = vec![Segment { id: 7, tokens: 64.min(*input) }];
        let arrival = Arrival {
            id: RequestId(id),
            input: Some(*input),
            content: Content::Segments(segments),
            length: Length::exactly(*output),
            ..Arrival::default()
        };
        cluster.arrive(at, arrival, &mut out);
    }
    while let Some(due) = cluster.next_due() {
        cluster.advance(due, &mut out);
    }
    assert_eq!((cluster.census().check(), cluster.census().in_flight()), (Ok(()), 0));
    assert_eq!(cluster.census().blocks_used, 0);
    let mut seen: BTreeMap<u64, Vec<(Micros, Lifecycle)>> = BTreeMap::new();
    for event in &out.events {
        let entry = seen.entry(event.request.0).or_default();
        match event.what {
            Lifecycle::Stretch { from, len } => {
                let stamps = &out.stamps[from as usize..(from + len) as usize];
                entry.extend(stamps.iter().map(|at| (*at, Lifecycle::Tokens(1))));
            }
            what => entry.push((event.at, what)),
        }
    }
    seen
}

fn trouble() -> impl Strategy<Value = FaultSpec> {
    let ms = |range: std::ops::Range<i64>| range.prop_map(|ms| Duration(Micros(ms * 1_000)));
    let worker = || proptest::option::of(0_u32..2);
    prop_oneof![
        (worker(), ms(0..900), proptest::option::of(ms(0..200)))
            .prop_map(|(worker, at, restart)| FaultSpec::Crash { pool: None, worker, at, restart }),
        (worker(), ms(0..900), ms(1..300)).prop_map(|(worker, from, long)| {
            FaultSpec::Stall { pool: None, worker, from, to: Duration(from.0 + long.0) }
        }),
        (worker(), ms(0..900), ms(1..300), 0.25_f64..4.0).prop_map(|(worker, from, long, factor)| {
            FaultSpec::Slow { pool: None, worker, from, to: Some(Duration(from.0 + long.0)), factor }
        }),
        (worker(), ms(0..200)).prop_map(|(worker, delay)| FaultSpec::ColdStart { pool: None, worker, delay }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    /// Neither looking ahead nor the driver's rhythm changes what clients see, whatever goes wrong; and nothing gets lost.
    #[test]
    fn a_driver_changes_nothing(
        arrivals in proptest::collection::vec((0_i64..200_000, 1_u32..900, 1_u32..60), 1..25),
        faults in proptest::collection::vec(trouble(), 0..5),
        mut steps in proptest::collection::vec(0_i64..2_000_000, 0..40),
        kind in prop_oneof![Just(EngineKind::Slots), Just(EngineKind::Vllm), Just(EngineKind::Sglang), Just(EngineKind::Trtllm)],
        on_crash in prop_oneof![Just(OnCrash::Fail), Just(OnCrash::Retry), Just(OnCrash::Migrate)],
        policy in prop_oneof![Just(PolicyKind::RoundRobin), Just(PolicyKind::LeastLoaded), Just(PolicyKind::Kv)],
        disagg in any::<bool>(),
        dp in 1_u32..3,
    ) {
        steps.sort_unstable();
        let case = Case { kind, disagg, dp, on_crash, policy, look_ahead: false };
        let plain = seen(&case, &arrivals, &faults, &[]);
        prop_assert_eq!(&plain, &seen(&case, &arrivals, &faults, &steps));
        let ahead = Case { look_ahead: true, ..case };
        prop_assert_eq!(&plain, &seen(&ahead, &arrivals, &faults, &[]));
        prop_assert_eq!(&plain, &seen(&ahead, &arrivals, &faults, &steps));
    }
}
