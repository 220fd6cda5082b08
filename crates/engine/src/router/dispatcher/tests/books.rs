//! Whatever happens, every request is accounted for, and at the end nothing is left in the books.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive { family: u64, tokens: u32, session: Option<u64>, priority: i32 },
    Prefilled(usize),
    Gone(usize),
    Cached { worker: u32, family: u64, blocks: u32 },
    Reported { worker: u32, blocks: u64 },
    Down(u32),
    Up(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let arrive = (0..4_u64, 0..300_u32, proptest::option::of(0..3_u64), -1..2_i32)
        .prop_map(|(family, tokens, session, priority)| Step::Arrive { family, tokens, session, priority });
    prop_oneof![
        8 => arrive,
        5 => any::<usize>().prop_map(Step::Prefilled),
        5 => any::<usize>().prop_map(Step::Gone),
        2 => (0..3_u32, 0..4_u64, 0..12_u32)
            .prop_map(|(worker, family, blocks)| Step::Cached { worker, family, blocks }),
        1 => (0..3_u32, 0..100_u64).prop_map(|(worker, blocks)| Step::Reported { worker, blocks }),
        1 => (0..3_u32).prop_map(Step::Down),
        1 => (0..3_u32).prop_map(Step::Up),
    ]
}

fn spec() -> impl Strategy<Value = RouterSpec> {
    let policies = [PolicyKind::RoundRobin, PolicyKind::PowerOfTwo, PolicyKind::Kv, PolicyKind::TwoTier];
    let queues = [QueuePolicy::Fcfs, QueuePolicy::Lcfs, QueuePolicy::Wspt];
    let affinities = [Affinity::None, Affinity::Soft, Affinity::Hard];
    let limits = (proptest::option::of(0.0..0.4_f64), proptest::option::of(0.0..0.4_f64), any::<bool>());
    (0..4_usize, 0..3_usize, 0..3_usize, limits, any::<u64>()).prop_map(
        move |(policy, queue, affinity, (threshold, busy, events), seed)| {
            let policy = policies[policy];
            RouterSpec {
                policy,
                queue_threshold: threshold,
                queue_policy: if threshold.is_some() { queues[queue] } else { QueuePolicy::Fcfs },
                busy_decode_blocks: busy,
                affinity: affinities[affinity],
                kv_events: events || !policy.asks_caches(),
                seed: Some(seed),
                ..RouterSpec::default()
            }
        },
    )
}

/// Where every request is, as the cluster would know it.
struct Cluster {
    router: Dispatcher,
    up: [bool; 3],
    /// By number: on a worker, or waiting.
    at: BTreeMap<u64, Option<u32>>,
    arrived: u64,
    now: i64,
}

impl Cluster {
    /// Notes what a call placed and what it refused.
    fn note(&mut self, placed: Vec<(RequestId, WorkerId)>) {
        for (request, worker) in placed {
            assert_eq!(self.at.insert(request.0, Some(worker.0)), Some(None), "{request:?} was not waiting");
            assert!(self.up[worker.0 as usize], "{request:?} went to a worker that is down");
        }
        for (request, why) in refused(&mut self.router) {
            assert_eq!(self.at.remove(&request), Some(None), "{request} was not waiting: {why}");
        }
    }

    fn nth(&self, index: usize) -> Option<RequestId> {
        let ids: Vec<&u64> = self.at.keys().collect();
        (!ids.is_empty()).then(|| RequestId(*ids[index % ids.len()]))
    }

    fn gone(&mut self, request: RequestId) {
        let mut placed = Vec::new();
        self.at.remove(&request.0);
        self.router.gone(ms(self.now), request, &mut placed);
        self.note(placed);
    }

    fn arrive(&mut self, query: Query) {
        let id = query.id.0;
        match self.router.arrive(ms(self.now), query) {
            Verdict::To(worker) => {
                assert!(self.up[worker.0 as usize]);
                self.at.insert(id, Some(worker.0));
            }
            Verdict::Queued => _ = self.at.insert(id, None),
            Verdict::Refused(_) => {}
        }
    }

    fn step(&mut self, step: Step) {
        self.now += 7;
        let now = ms(self.now);
        let mut placed = Vec::new();
        match step {
            Step::Arrive { family, tokens, session, priority } => {
                self.arrived += 1;
                self.arrive(Query { session, priority, ..query(self.arrived, family, tokens) });
            }
            Step::Prefilled(index) => {
                if let Some(request) = self.nth(index).filter(|request| self.at[&request.0].is_some()) {
                    self.router.prefilled(now, request, &mut placed);
                }
            }
            Step::Gone(index) => {
                if let Some(request) = self.nth(index) {
                    self.gone(request);
                }
            }
            Step::Cached { worker, family, blocks } => {
                self.router.observe_kv(
                    now,
                    WorkerId(worker),
                    stored(Tier::Device, &query(0, family, blocks * BLOCK)),
                );
            }
            Step::Reported { worker, blocks } => {
                let gauges = Gauges { blocks_used: blocks, ..Gauges::default() };
                self.router.observe_load(now, WorkerId(worker), &gauges);
            }
            Step::Down(worker) => {
                self.up[worker as usize] = false;
                self.router.down(now, WorkerId(worker));
                self.note(Vec::new());
                let there = |at: &Option<u32>| *at == Some(worker);
                let lost: Vec<u64> = self.at.iter().filter(|(_, at)| there(at)).map(|(id, _)| *id).collect();
                for id in lost {
                    self.gone(RequestId(id));
                }
            }
            Step::Up(worker) => {
                // A worker that is up has nothing to come up from.
                if !std::mem::replace(&mut self.up[worker as usize], true) {
                    self.router.up(now, WorkerId(worker), FACTS, &mut placed);
                }
            }
        }
        self.note(placed);
    }

    /// Whether the books hold as many requests as there are.
    fn agrees(&self) {
        if let Some(tracker) = &self.router.tracker {
            for worker in 0..3 {
                let there = self.at.values().filter(|at| **at == Some(worker)).count() as u64;
                assert_eq!(tracker.load(WorkerId(worker), &Footprint::default()).requests, there);
            }
        }
        let waiting = self.at.values().filter(|at| at.is_none()).count();
        assert_eq!(self.router.waiting.as_ref().map_or(0, Waiting::len), waiting);
    }
}

proptest! {
    #[test]
    fn every_request_is_somewhere_and_at_the_end_nothing_is_left(spec in spec(), steps in vec(step(), 0..120)) {
        prop_assert_eq!(spec.check(), Ok(()));
        let router = Dispatcher::new(&spec, &[FACTS; 3], BLOCK, Seed(1).stream("router", 0));
        let mut cluster = Cluster { router, up: [true; 3], at: BTreeMap::new(), arrived: 0, now: 0 };
        for step in steps {
            cluster.step(step);
            cluster.agrees();
        }
        while let Some(request) = cluster.nth(0) {
            cluster.gone(request);
        }
        cluster.agrees();
        for worker in 0..3 {
            let load = cluster.router.tracker.as_ref().map(|t| t.load(WorkerId(worker), &Footprint::default()));
            prop_assert_eq!(load.unwrap_or_default(), Load::default());
        }
        prop_assert!(cluster.router.sessions.as_ref().is_none_or(Sessions::is_idle));
    }
}
