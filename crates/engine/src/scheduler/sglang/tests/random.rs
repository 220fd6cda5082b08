//! Random workloads: nothing gets lost, everything ends, and skipping ahead changes nothing.

use super::*;

#[derive(Clone, Debug)]
enum Op {
    /// Prefix, its length, own tokens, reply, and whether its cache stays.
    Arrive {
        prefix: u64,
        shared: u32,
        own: u32,
        output: u32,
        keep: bool,
    },
    /// One with its cache, with or without having asked for room; so many tokens are out.
    Deliver {
        own: u32,
        output: u32,
        emitted: u32,
    },
    /// Room for one that may come.
    Reserve {
        own: u32,
        output: u32,
    },
    Release(usize),
    Cancel(usize),
    /// So many passes.
    Passes(u8),
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..3u64, 0..50u32, 0..40u32, 1..30u32, prop::bool::weighted(0.1)).prop_map(
            |(prefix, shared, own, output, keep)| Op::Arrive { prefix, shared, own, output, keep }
        ),
        2 => (1..30u32, 2..20u32, 0..2u32)
            .prop_map(|(own, output, emitted)| Op::Deliver { own, output, emitted }),
        2 => (1..30u32, 2..20u32).prop_map(|(own, output)| Op::Reserve { own, output }),
        2 => any::<usize>().prop_map(Op::Release),
        2 => any::<usize>().prop_map(Op::Cancel),
        12 => (1..40u8).prop_map(Op::Passes),
        1 => Just(Op::Crash),
    ]
}

fn params() -> impl Strategy<Value = SglangParams> {
    let sizes = (1..4u32, 60..300u64, prop::option::of(1..8u32), prop::option::of(1..20u32));
    (sizes, any::<[bool; 2]>(), 0.0..1.5f64).prop_map(
        |((page_size, max_total_tokens, max_running_requests, chunk), [lpm, disabled], care)| SglangParams {
            page_size,
            max_total_tokens,
            max_running_requests,
            chunked_prefill_size: chunk.map(|chunk| chunk * page_size * 2),
            max_prefill_tokens: 60,
            schedule_policy: if lpm { SchedulePolicy::Lpm } else { SchedulePolicy::Fcfs },
            disable_radix_cache: disabled,
            schedule_conservativeness: care,
            ..SglangParams::default()
        },
    )
}

/// A scheduler driven pass by pass, one time unit each.
struct Run {
    engine: Sglang,
    out: Out,
    now: i64,
    flying: bool,
    skips: bool,
    /// Requests that came or asked for room.
    known: u64,
}

impl Run {
    fn new(params: &SglangParams, skips: bool, telling: bool) -> Self {
        let mut engine = Sglang::new(params.clone()).unwrap();
        engine.tell_kv(telling);
        Self { engine, out: Out::default(), now: 0, flying: false, skips, known: 0 }
    }

    fn next(&mut self) -> u64 {
        self.known += 1;
        self.known - 1
    }

    fn apply(&mut self, op: &Op) {
        let now = Micros(self.now);
        match *op {
            Op::Arrive { prefix, shared, own, output, keep } => {
                let arrival = Arrival { keep, ..request(self.next(), prefix, shared, own, output) };
                self.engine.arrive(now, arrival, &mut self.out);
            }
            Op::Deliver { own, output, emitted } => {
                let held = self.engine.handoffs.held.keys().next().copied();
                let id = held.unwrap_or_else(|| RequestId(self.next()));
                let carried = Carried { emitted, cached: true };
                let arrival = Arrival { id, carried, ..request(0, 7, 3, own, output) };
                self.engine.arrive(now, arrival, &mut self.out);
            }
            Op::Reserve { own, output } => {
                let arrival = request(self.next(), 7, 3, own, output);
                self.engine.reserve(now, arrival, &mut self.out);
            }
            Op::Release(n) => {
                self.engine.release(now, RequestId(n as u64 % self.known.max(1)), &mut self.out);
            }
            Op::Cancel(n) => {
                self.engine.cancel(now, RequestId(n as u64 % self.known.max(1)), &mut self.out);
            }
            Op::Passes(passes) => self.passes(i64::from(passes)),
            Op::Crash => {
                self.engine.crash(now, &mut Vec::new(), &mut self.out);
                self.flying = false;
            }
        }
        self.audit();
    }

    fn passes(&mut self, mut passes: i64) {
        if !self.flying {
            self.flying = self.engine.begin(Micros(self.now), &mut self.out).is_some();
        }
        while self.flying && passes > 0 {
            let steady = i64::from(self.engine.steady()).min(passes);
            if self.skips && steady > 0 {
                let stamps: Vec<Micros> = (1..=steady).map(|n| Micros(self.now + n)).collect();
                self.engine.repeat(&stamps, &mut self.out);
                (self.now, passes) = (self.now + steady, passes - steady);
            } else {
                (self.now, passes) = (self.now + 1, passes - 1);
                self.engine.end(Micros(self.now), &mut self.out);
                self.flying = self.engine.begin(Micros(self.now), &mut self.out).is_some();
            }
            self.audit();
        }
    }

    /// Every request, token and page is somewhere, once.
    fn audit(&self) {
        let engine = &self.engine;
        engine.census().check().unwrap();
        assert!(engine.cache.adds_up());
        let begun = engine.waiting.iter().filter(|job| job.lease.is_some()).count();
        assert_eq!(begun, engine.begun);
        let handoffs = &engine.handoffs;
        let jobs = engine.running.iter().chain(&engine.waiting);
        let leases = jobs.chain(&handoffs.ready).chain(handoffs.kept.values());
        let leases = leases.filter_map(|job| job.lease.as_ref()).chain(handoffs.held.values());
        let later = handoffs.later.iter().filter_map(|later| match later {
            handoff::Later::Activate(job) | handoff::Later::LetGo(job) => job.lease.as_ref(),
        });
        let own: u64 = leases.chain(later).map(|lease| lease.pages() - lease.shared()).sum();
        assert_eq!(own, engine.cache.owned());
        assert_eq!(engine.ids.len() as u64, engine.census().in_flight());
        assert!(engine.running.len() <= engine.params.slots());
    }

    /// Nobody holds anything without being here; then everything that is here ends.
    fn drain(&mut self) {
        for n in 0..self.known {
            self.engine.release(Micros(self.now), RequestId(n), &mut self.out);
        }
        for _ in 0..100_000 {
            self.passes(1);
            let kept: Vec<RequestId> = self.engine.handoffs.kept.keys().copied().collect();
            for id in &kept {
                self.engine.release(Micros(self.now), *id, &mut self.out);
            }
            if !self.flying && kept.is_empty() {
                break;
            }
        }
        let census = self.engine.census();
        assert_eq!(
            (census.in_flight(), census.blocks_used, census.work_running),
            (0, 0, 0),
            "{:?}",
            self.engine
        );
    }

    /// Events with stretches written out; of one stamp in the order of requests.
    fn events(&self) -> Vec<(i64, u64, String)> {
        let mut lines = Vec::new();
        for event in &self.out.events {
            if let Lifecycle::Stretch { from, len } = event.what {
                let stamps = &self.out.stamps[from as usize..(from + len) as usize];
                lines.extend(stamps.iter().map(|at| (at.0, event.request.0, format!("{:?}", Tokens(1)))));
            } else {
                lines.push((event.at.0, event.request.0, format!("{:?}", event.what)));
            }
        }
        lines.sort_by_key(|line| (line.0, line.1));
        lines
    }
}

/// Every life begins and ends once, and every token that was promised is told.
fn lives(events: &[(i64, u64, String)], census: &Census) {
    let count = |word: &str| events.iter().filter(|line| line.2.starts_with(word)).count() as u64;
    assert_eq!(count("FirstToken") + count("Tokens"), census.tokens_emitted);
    assert_eq!(count("Finished"), census.finished);
    assert_eq!(count("Failed"), census.failed);
    assert_eq!(count("Cancelled"), census.cancelled);
    let queued: BTreeSet<u64> = events.iter().filter(|line| line.2 == "Queued").map(|line| line.1).collect();
    assert_eq!(queued.len() as u64, census.arrived - census.rejected);
}

proptest! {
    #[test]
    fn nothing_is_lost_and_skipping_ahead_changes_nothing(
        params in params(),
        telling in any::<bool>(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut slow = Run::new(&params, false, telling);
        let mut fast = Run::new(&params, true, telling);
        for op in &ops {
            slow.apply(op);
            fast.apply(op);
            prop_assert_eq!(format!("{:?}", slow.engine), format!("{:?}", fast.engine));
        }
        slow.drain();
        fast.drain();
        prop_assert_eq!(slow.events(), fast.events());
        lives(&slow.events(), &slow.engine.census());
    }

    #[test]
    fn a_worker_tells_the_same_with_and_without_looking_ahead(
        params in params(),
        arrivals in prop::collection::vec((0..30_000i64, 0..3u64, 0..50u32, 0..40u32, 1..40u32), 1..30),
    ) {
        let mut sorted = arrivals;
        sorted.sort_unstable();
        let run = |look_ahead: bool| {
            let mut worker = worker(params.clone());
            worker.look_ahead(look_ahead);
            let mut out = Out::default();
            for (n, (at, prefix, shared, own, output)) in (0..).zip(&sorted) {
                worker.arrive(Micros(*at), request(n, *prefix, *shared, *own, *output), &mut out);
            }
            while let Some(due) = worker.next_due() {
                worker.advance(due, &mut out);
            }
            let run = Run { out, ..Run::new(&params, false, false) };
            (run.events(), worker.census(), worker.gauges())
        };
        let (slow, fast) = (run(false), run(true));
        prop_assert_eq!(slow.1.in_flight(), 0);
        prop_assert_eq!(slow, fast);
    }
}
