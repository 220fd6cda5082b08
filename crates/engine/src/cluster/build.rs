//! A cluster from its spec.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use tokmark_base::{Micros, Seed};
use tokmark_perf::{Deployment, DeploymentError, Mode, Role, Timing};

use super::pool::{Member, State};
use super::{Cluster, Lane, Pool};
use crate::fault::{Drag, Dragged, Fates, FaultError, FaultSpec, PoolName};
use crate::router::{self, PolicyKind, QueuePolicy, RouterError, RouterSpec, WorkerFacts};
use crate::spec::{EngineParams, SchedulerParams, SpecError};
use crate::{Census, Engine, EngineError, EngineSpec, Sglang, Slots, TrtLlm, Vllm, Worker};

/// Why a cluster cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What is wrong with `engine:`.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// What is wrong with the engine's parameters.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What is wrong with `deployment:`.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// What is wrong with `router:`.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// What is wrong with `faults:`.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// More than anybody wants to simulate.
    #[error(
        "the deployment has {lanes} workers and ranks\nhint: at most {MOST} are simulated; correct deployment.workers and deployment.dp"
    )]
    TooMany {
        /// How many.
        lanes: u64,
    },
}

/// Ranks of all workers.
const MOST: u64 = 65_536;

/// What a cluster is built from, nothing left open.
pub struct Blueprint<'a> {
    /// What every worker runs.
    pub engine: EngineParams,
    /// What decode workers run in its place.
    pub decode: Option<SchedulerParams>,
    /// How many there are.
    pub deployment: &'a Deployment,
    /// Before each pool.
    pub router: &'a RouterSpec,
    /// How long steps take.
    pub timing: Arc<dyn Timing>,
    /// How long those of decode workers take.
    pub decode_timing: Option<Arc<dyn Timing>>,
    /// What goes wrong, from t = 0.
    pub faults: &'a [FaultSpec],
    /// Of everything that is drawn.
    pub seed: Seed,
}

/// The cluster that a spec asks for: `engine` as often as `deployment` says, before `router`, each step as long as `timing` says,
/// with `faults` at their times. One worker if the deployment says nothing.
pub fn build(
    engine: &EngineSpec,
    deployment: &Deployment,
    router: &RouterSpec,
    timing: Arc<dyn Timing>,
    faults: &[FaultSpec],
    seed: Seed,
) -> Result<Cluster, BuildError> {
    let engine = engine.resolve(deployment.mode == Some(Mode::Disagg))?;
    Blueprint { engine, decode: None, deployment, router, timing, decode_timing: None, faults, seed }.build()
}

/// One pool.
struct PoolPlan<'a> {
    workers: usize,
    dp: usize,
    scheduler: &'a SchedulerParams,
    timing: &'a Arc<dyn Timing>,
    router: RouterSpec,
    seed: Seed,
}

impl Blueprint<'_> {
    /// The cluster.
    pub fn build(&self) -> Result<Cluster, BuildError> {
        self.deployment.validate()?;
        let roles = self.roles();
        let count = |role: &Role| u64::from(role.workers.unwrap_or(1)) * u64::from(role.dp.unwrap_or(1));
        let lanes: u64 = roles.iter().map(count).fold(0, u64::saturating_add);
        if lanes > MOST {
            return Err(BuildError::TooMany { lanes });
        }
        let mut cluster = Cluster {
            pools: Vec::new(),
            lanes: Vec::new(),
            handover: (roles.len() > 1).then_some(self.engine.handover),
            crash: self.engine.crash,
            fates: Fates::new(self.seed),
            agenda: BTreeMap::new(),
            transfers: BinaryHeap::new(),
            flows: BTreeMap::new(),
            ledger: Census::default(),
            todo: VecDeque::new(),
            tickets: 0,
            now: Micros(i64::MIN),
            look_ahead: false,
            kv: None,
            scratch: Vec::new(),
        };
        for (index, role) in roles.into_iter().enumerate() {
            cluster.add_pool(&self.pool(index, role), self.engine.startup_delay)?;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check(index)?;
            cluster.inject_nth(Micros::ZERO, fault, index)?;
        }
        cluster.start_all();
        Ok(cluster)
    }

    fn roles(&self) -> Vec<Role> {
        let told = self.deployment;
        if told.mode == Some(Mode::Disagg) {
            vec![told.prefill.unwrap_or_default(), told.decode.unwrap_or_default()]
        } else {
            vec![Role { tp: None, pp: None, dp: told.dp, workers: told.workers }]
        }
    }

    fn pool(&self, index: usize, role: Role) -> PoolPlan<'_> {
        let decode = index > 0;
        let (own, timing) =
            if decode { (self.decode.as_ref(), self.decode_timing.as_ref()) } else { (None, None) };
        PoolPlan {
            workers: role.workers.unwrap_or(1) as usize,
            dp: role.dp.unwrap_or(1) as usize,
            scheduler: own.unwrap_or(&self.engine.scheduler),
            timing: timing.unwrap_or(&self.timing),
            router: if decode { self.router.for_decode() } else { self.router.clone() },
            // Two routers of one seed would draw alike.
            seed: if decode { Seed(self.seed.stream("pool", index as u64).bits()) } else { self.seed },
        }
    }
}

impl Cluster {
    fn add_pool(&mut self, plan: &PoolPlan<'_>, startup: Micros) -> Result<(), BuildError> {
        let (pool, first) = (self.pools.len(), self.lanes.len());
        let PoolPlan { workers, dp, .. } = *plan;
        let mut members = Vec::with_capacity(workers);
        for _ in 0..workers {
            let drag = Drag::default();
            for _ in 0..dp {
                let timing = Dragged { timing: Arc::clone(plan.timing), drag: drag.clone() };
                let engine = plan.scheduler.engine(timing, self.lanes.len() as u64, plan.seed)?;
                self.lanes.push(Lane { engine, pool, due: None, prefill_tokens: 0 });
            }
            members.push(Member {
                state: State::Down,
                drag,
                slow: Vec::new(),
                stalled: Micros(i64::MIN),
                startup,
                turn: 0,
            });
        }
        let (facts, block_tokens) = (plan.scheduler.facts(), plan.scheduler.block_tokens());
        let route = |count| router::build(&plan.router, &vec![facts; count], block_tokens, plan.seed);
        let mut router = route(workers)?;
        let by_rank = dp > 1 && router.wants_kv();
        if by_rank {
            router = route(workers * dp)?;
        }
        if router.wants_kv() {
            self.lanes[first..].iter_mut().for_each(|lane| lane.engine.tell_kv(true));
        }
        if pool > 0 {
            // A KV cache that is there the moment a pass ends is used by the next.
            self.lanes[first..].iter_mut().for_each(|lane| lane.engine.stepwise(true));
        }
        self.pools.push(Pool {
            name: self.handover.is_some().then(|| PoolName::nth(pool)),
            tokens: router.wants_tokens(),
            router,
            chains: wants_chains(&plan.router),
            by_rank,
            facts,
            block_tokens,
            members,
            dp,
            lanes: first..first + workers * dp,
            lobby: VecDeque::new(),
        });
        Ok(())
    }

    /// Every worker is started at t = 0. Routers take all of theirs for up.
    fn start_all(&mut self) {
        for pool in 0..self.pools.len() {
            for member in 0..self.pools[pool].members.len() {
                if self.pools[pool].members[member].startup == Micros::ZERO {
                    self.pools[pool].members[member].state = State::Up;
                    continue;
                }
                for unit in self.pools[pool].units(member) {
                    self.pools[pool].router.down(Micros::ZERO, unit);
                }
                self.start_up(pool, member, Micros::ZERO);
            }
        }
    }
}

/// Whether a router looks at the blocks of a prompt.
fn wants_chains(spec: &RouterSpec) -> bool {
    let blind = [PolicyKind::RoundRobin, PolicyKind::Random, PolicyKind::PowerOfTwo, PolicyKind::LeastLoaded];
    !blind.contains(&spec.policy)
        || spec.busy_decode_blocks.is_some()
        || spec.queue_threshold.is_some() && spec.queue_policy == QueuePolicy::Wspt
}

impl SchedulerParams {
    /// What a router knows of such a worker.
    pub fn facts(&self) -> WorkerFacts {
        match self {
            Self::Slots(_) => WorkerFacts { blocks: 0, batch_tokens: None },
            Self::Vllm(params) => WorkerFacts {
                blocks: u64::from(params.num_gpu_blocks),
                batch_tokens: Some(params.max_num_batched_tokens),
            },
            Self::Sglang(params) => WorkerFacts {
                blocks: params.max_total_tokens / u64::from(params.page_size.max(1)),
                batch_tokens: Some(params.max_prefill_tokens),
            },
            Self::TrtLlm(params) => WorkerFacts {
                blocks: u64::from(params.num_gpu_blocks),
                batch_tokens: Some(params.max_num_tokens),
            },
        }
    }

    /// Tokens of a block of its cache; for an engine without one, vLLM's 16.
    pub fn block_tokens(&self) -> u32 {
        match self {
            Self::Slots(_) => 16,
            Self::Vllm(params) => params.block_size,
            Self::Sglang(params) => params.page_size,
            Self::TrtLlm(params) => params.tokens_per_block,
        }
    }

    /// The nth worker (or rank) of the cluster.
    fn engine(&self, timing: Dragged, nth: u64, seed: Seed) -> Result<Box<dyn Engine>, EngineError> {
        let noise = seed.stream("noise", nth);
        Ok(match self {
            Self::Slots(params) => {
                let slots = Slots::new(timing, params.slots as usize)?
                    .noise(noise)
                    .context(params.context_length)?
                    .natural_output(params.natural_output)?;
                match params.queue_limit {
                    Some(limit) => Box::new(slots.queue_limit(limit as usize)),
                    None => Box::new(slots),
                }
            }
            Self::Vllm(params) => {
                let mut params = params.clone();
                if let Some(speculative) = &mut params.speculative {
                    speculative.stream = seed.stream("speculation", nth);
                }
                let mut vllm = Vllm::new(&params)?;
                if let Some(tiers) = &params.tiers {
                    vllm = vllm.with_tiers(tiers)?;
                }
                Box::new(Worker::new(vllm, timing, noise))
            }
            Self::Sglang(params) => Box::new(Worker::new(Sglang::new(params.clone())?, timing, noise)),
            Self::TrtLlm(params) => Box::new(Worker::new(TrtLlm::new(params)?, timing, noise)),
        })
    }
}
