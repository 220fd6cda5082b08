//! Random workloads: nothing gets lost, everything ends, and skipping ahead changes nothing.

use proptest::prelude::*;

use super::*;
use crate::{Gauges, TrtLlm, TrtLlmParams, spec::CapacityPolicy};

/// What can be told to a worker.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Arrive(Arrival),
    /// Arrives when blocks are set aside for it.
    Reserve(Arrival),
    Cancel(u64),
    Crash,
}

fn arrivals() -> impl Strategy<Value = Arrival> {
    let shape = (0_u64..3, 0_u32..30, 1_u32..30, 1_u32..40);
    let extras = (-1_i32..2, prop::option::weighted(0.3, 0_u64..3), 0_u32..3, 0_u8..10);
    (shape, extras).prop_map(|((group, shared, own, output), (priority, adapter, emitted, kind))| Arrival {
        priority,
        adapter,
        carried: Carried { emitted: if kind < 2 { emitted } else { 0 }, cached: kind == 0 },
        keep: kind == 2,
        ..arrival(0, &[(group, shared), (1_000, own)], output)
    })
}

/// Commands in the order of their moments, each request with content of its own behind what it shares.
pub(super) fn commands() -> impl Strategy<Value = Vec<(i64, Command)>> {
    let command = prop_oneof![
        12 => arrivals().prop_map(Command::Arrive),
        3 => arrivals().prop_map(|arrival| Command::Reserve(Arrival {
            carried: Carried { cached: true, ..arrival.carried },
            ..arrival
        })),
        2 => (0_u64..40).prop_map(Command::Cancel),
        1 => prop::bool::weighted(0.2).prop_map(|crash| if crash { Command::Crash } else { Command::Cancel(0) }),
    ];
    prop::collection::vec((0_i64..60, command), 1..40).prop_map(|mut commands| {
        let (mut now, mut id) = (0, 0);
        for (at, command) in &mut commands {
            now += *at;
            *at = now;
            if let Command::Arrive(arrival) | Command::Reserve(arrival) = command {
                arrival.id = RequestId(id);
                if let Content::Segments(segments) = &mut arrival.content {
                    segments[1].id += id;
                }
                id += 1;
            }
        }
        commands
    })
}

pub(super) fn params() -> impl Strategy<Value = VllmParams> {
    let sizes = (1_u32..9, 1_u32..40, 1_u32..8, 1_u32..40);
    let rules = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0_u32..12, 1_u32..3, 0_u32..4);
    (sizes, rules).prop_map(
        |((block, blocks, seqs, tokens), (cache, chunks, priority, oldest, long, loras, drafts))| {
            VllmParams {
                block_size: block,
                num_gpu_blocks: blocks,
                max_num_seqs: seqs,
                max_num_batched_tokens: tokens.max(seqs),
                enable_prefix_caching: cache,
                enable_chunked_prefill: chunks,
                scheduling_policy: if priority { SchedulingPolicy::Priority } else { SchedulingPolicy::Fcfs },
                preemption_mode: if oldest { PreemptionMode::Fifo } else { PreemptionMode::Lifo },
                long_prefill_token_threshold: if long > 8 { long } else { 0 },
                max_loras: loras,
                max_model_len: Some(80).filter(|_| chunks),
                natural_output: 7,
                tiers: None,
                speculative: (drafts == 3).then(|| Speculative {
                    num_speculative_tokens: 2,
                    acceptance: Acceptance::Length(1.8),
                    stream: Seed(3).stream("speculation", 0),
                }),
            }
        },
    )
}

/// Everything there is to see of a run.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    events: Vec<Vec<(Micros, Lifecycle)>>,
    pub(super) kv: Vec<(Micros, KvEvent)>,
    books: Vec<(Census, Gauges)>,
}

/// A worker and those around it: what is reserved arrives, what is kept is fetched.
struct Stage<S: Scheduler> {
    worker: Worker<S, Linear>,
    out: Out,
    heard: usize,
    coming: Vec<Arrival>,
}

impl<S: Scheduler> Stage<S> {
    fn tell(&mut self, now: Micros, command: &Command) {
        let Self { worker, out, .. } = self;
        match command {
            Command::Arrive(arrival) => worker.arrive(now, arrival.clone(), out),
            Command::Reserve(arrival) => {
                self.coming.push(arrival.clone());
                worker.reserve(now, arrival.clone(), out);
            }
            Command::Cancel(id) => {
                worker.cancel(now, RequestId(*id), out);
                self.coming.retain(|arrival| arrival.id.0 != *id);
            }
            Command::Crash => {
                let mut lost = Vec::new();
                worker.crash(now, &mut lost, out);
                for arrival in lost {
                    worker.arrive(now, arrival, out);
                }
                for arrival in &self.coming {
                    worker.reserve(now, arrival.clone(), out);
                }
            }
        }
    }

    /// What others do about what was heard since the last call.
    fn answer(&mut self, now: Micros) {
        while let Some(event) = self.out.events.get(self.heard).copied() {
            self.heard += 1;
            match event.what {
                Lifecycle::Reserved => {
                    let place = self.coming.iter().position(|arrival| arrival.id == event.request);
                    if let Some(place) = place {
                        let arrival = self.coming.remove(place);
                        self.worker.arrive(now, arrival, &mut self.out);
                    }
                }
                Rejected(_) => self.coming.retain(|arrival| arrival.id != event.request),
                Finished(_) => self.worker.release(now, event.request, &mut self.out),
                _ => {}
            }
        }
    }
}

pub(super) fn run<S: Scheduler>(
    scheduler: S,
    commands: &[(i64, Command)],
    look_ahead: bool,
) -> Result<Seen, TestCaseError> {
    let mut stage = Stage { worker: worker(scheduler), out: Out::default(), heard: 0, coming: Vec::new() };
    stage.worker.look_ahead(look_ahead);
    stage.worker.tell_kv(true);
    let mut books = Vec::new();
    for (at, command) in commands {
        let now = Micros::from_millis(*at);
        stage.tell(now, command);
        stage.answer(now);
        let census = stage.worker.census();
        prop_assert_eq!(census.check(), Ok(()));
        books.push((census, stage.worker.gauges()));
    }
    for _ in 0..20_000 {
        let Some(due) = stage.worker.next_due() else { break };
        stage.worker.advance(due, &mut stage.out);
        stage.answer(due);
        prop_assert_eq!(stage.worker.census().check(), Ok(()));
    }
    let census = stage.worker.census();
    prop_assert_eq!((census.in_flight(), census.blocks_used, stage.worker.next_due()), (0, 0, None));
    prop_assert_eq!(stage.coming.len(), 0);
    books.push((census, stage.worker.gauges()));
    let mut kv = Vec::new();
    stage.worker.kv_events(&mut kv);
    let mut events = vec![Vec::new(); commands.len()];
    for (at, id, what) in expanded(&stage.out) {
        if what != Lifecycle::Reserved {
            events[id.0 as usize].push((at, what));
        }
    }
    Ok(Seen { events, kv, books })
}

/// Two runs are the same to the last event; what differs first is shown.
pub(super) fn check_same(one: &Seen, other: &Seen) -> Result<(), TestCaseError> {
    for (id, (one, other)) in one.events.iter().zip(&other.events).enumerate() {
        prop_assert_eq!(one, other, "request {}", id);
    }
    for (one, other) in one.books.iter().zip(&other.books) {
        prop_assert_eq!(one, other);
    }
    prop_assert_eq!(&one.kv, &other.kv);
    prop_assert_eq!(one, other);
    Ok(())
}

/// A request's life: it starts as it must, ends once, brings the tokens it asked for, and its stamps do not go back.
pub(super) fn check_lives(seen: &Seen, commands: &[(i64, Command)]) -> Result<(), TestCaseError> {
    let arrivals = commands.iter().filter_map(|(_, command)| match command {
        Command::Arrive(arrival) | Command::Reserve(arrival) => Some(arrival),
        _ => None,
    });
    for (arrival, life) in arrivals.zip(&seen.events) {
        if life.is_empty() {
            // Given up before there was room for it.
            continue;
        }
        prop_assert!(matches!(life[0].1, Queued | Rejected(_)));
        prop_assert!(life.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        prop_assert_eq!(life.iter().filter(|event| event.1.is_end()).count(), 1);
        let end = life.last().unwrap().1;
        prop_assert!(end.is_end());
        let tokens: u32 = life
            .iter()
            .map(|event| match event.1 {
                FirstToken => 1,
                Tokens(tokens) => tokens,
                _ => 0,
            })
            .sum();
        let whole = arrival.length.max.unwrap();
        if end == LENGTH {
            let all = arrival.carried.emitted + tokens;
            prop_assert!(all <= whole);
            prop_assert_eq!(life.iter().any(|event| event.1 == FirstToken), arrival.carried.emitted == 0);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn vllm_loses_nothing_and_skips_without_a_trace(params in params(), commands in commands()) {
        let vllm = || Vllm::new(&params).unwrap();
        let seen = run(vllm(), &commands, false)?;
        check_lives(&seen, &commands)?;
        check_same(&seen, &run(vllm(), &commands, true)?)?;
        check_same(&seen, &run(vllm(), &commands, true)?)?;
    }

    #[test]
    fn tensorrt_llm_loses_nothing_and_skips_without_a_trace(
        sizes in (1_u32..9, 1_u32..40, 1_u32..8, 1_u32..40),
        rules in (any::<bool>(), any::<bool>(), any::<bool>()),
        commands in commands(),
    ) {
        let params = TrtLlmParams {
            tokens_per_block: sizes.0,
            num_gpu_blocks: sizes.1,
            max_batch_size: sizes.2,
            max_num_tokens: sizes.3,
            enable_block_reuse: rules.0,
            enable_chunked_prefill: rules.1,
            capacity_scheduler_policy: if rules.2 {
                CapacityPolicy::GuaranteedNoEvict
            } else {
                CapacityPolicy::MaxUtilization
            },
            max_seq_len: Some(80),
            natural_output: 7,
        };
        let trtllm = || TrtLlm::new(&params).unwrap();
        let seen = run(trtllm(), &commands, false)?;
        check_lives(&seen, &commands)?;
        let evicted = seen.events.iter().flatten().any(|event| event.1 == Preempted);
        prop_assert!(!(evicted && rules.2), "GUARANTEED_NO_EVICT evicted");
        check_same(&seen, &run(trtllm(), &commands, true)?)?;
    }
}
