//! The target in virtual time: the engine a spec describes, and the plan played against it.

use std::sync::Arc;

use tokmark_base::{Content, Micros, Seed};
use tokmark_drive::{Control, Live, RunEnd, WallClock};
use tokmark_engine::spec::EngineKind;
use tokmark_engine::{Cluster, Limits, SimulateError, VllmParams};
use tokmark_measure::CountTokens;
use tokmark_perf::{Mode, Role, Timing};
use tokmark_record::header::Target;
use tokmark_record::{Record, Sample, Sink};
use tokmark_store::QueueSink;
use tokmark_workload::{
    Arrival, Class, Course, Load, Numbering, Pacer, Phased, Plan, PlannedRequest, Prompt, Requests, Shape,
};

use crate::failure::Failure;
pub use crate::session::idle::notes;
use crate::session::words::Vocabulary;
use crate::spec::Spec;
use crate::spec::resolve::Point;

/// One run about to be simulated.
pub struct Simulation<'a> {
    /// Its spec.
    pub spec: &'a Spec,
    /// Its load.
    pub load: &'a Load,
    /// What is sent.
    pub plan: &'a Arc<Plan>,
    /// What counts the tokens of prompts that come from a file.
    pub words: &'a Vocabulary,
    /// How long attempts may take after the last start.
    pub grace: Option<Micros>,
    /// Counters for the live line.
    pub live: &'a Live,
    /// Ends it early.
    pub control: &'a Control,
}

/// A simulation of which nobody said what engine is one of vLLM.
pub fn settle(point: &mut Point) {
    if point.spec.engine.kind.is_none() {
        point.spec.engine.kind = Some(EngineKind::Vllm);
        point.derive("engine.kind", "the engine that is simulated unless another is asked");
    }
}

/// Whether the spec describes an engine that can be built and a run that can be simulated.
pub fn check(spec: &Spec) -> Result<(), Failure> {
    if spec.measure.count_tokens == CountTokens::Tokenizer {
        return Err(Failure::usage(
            "measure.count_tokens is tokenizer, but a simulated reply has no words to count\nhint: leave --count-tokens out: the simulated engine counts exactly",
        ));
    }
    engine(spec).map(drop)
}

/// The engine that `spec` describes, with the workers and roles of its deployment.
pub fn engine(spec: &Spec) -> Result<Cluster, Failure> {
    engine_with(spec, timing(spec)?)
}

/// The same with a timing model of the caller's.
pub fn engine_with(spec: &Spec, timing: Arc<dyn Timing>) -> Result<Cluster, Failure> {
    let seed = Seed(spec.workload.seed);
    tokmark_engine::cluster::build(&spec.engine, &spec.deployment, &spec.router, timing, &spec.faults, seed)
        .map_err(|e| Failure::usage(e.to_string()))
}

/// The timing model that `spec` describes, its table read.
pub fn timing(spec: &Spec) -> Result<Arc<dyn Timing>, Failure> {
    let table = match &spec.timing.table {
        Some(path) => {
            let read = tokmark_store::import::timing::read_timing(path);
            Some(read.map_err(|e| Failure::usage(e.to_string()))?.table)
        }
        None => None,
    };
    let budget = spec.engine.max_num_batched_tokens.or(spec.engine.max_num_tokens);
    let timing = spec.timing.clone().resolved(batch(spec), budget);
    timing.build(table, Seed(spec.workload.seed)).map_err(|e| Failure::usage(e.to_string()))
}

/// Tokens of prompt and reply together at most.
pub fn context(spec: &Spec) -> u32 {
    let engine = &spec.engine;
    let asked = [engine.max_model_len, engine.context_length, engine.max_seq_len];
    asked.into_iter().flatten().next().unwrap_or(VllmParams::MODEL_LEN)
}

/// Sequences in a batch at most.
pub fn batch(spec: &Spec) -> u32 {
    let engine = &spec.engine;
    let asked = [engine.max_num_seqs, engine.max_running_requests, engine.max_batch_size, engine.slots];
    asked.into_iter().flatten().next().unwrap_or(USUAL_BATCH)
}

/// Unless somebody said otherwise: the engines' own defaults are this or more.
const USUAL_BATCH: u32 = 256;

/// The target as the run header names it.
pub fn header(spec: &Spec) -> Target {
    Target { url: format!("simulated in virtual time: {}", told(spec)), address: None }
}

/// Workers in all.
pub fn workers(spec: &Spec) -> u32 {
    let deployment = &spec.deployment;
    let count = |role: Option<Role>| role.and_then(|role| role.workers).unwrap_or(1);
    match deployment.mode {
        Some(Mode::Disagg) => count(deployment.prefill) + count(deployment.decode),
        _ => deployment.workers.unwrap_or(1),
    }
}

/// Engine and workers in a few words.
pub fn told(spec: &Spec) -> String {
    let kind = spec.engine.kind.unwrap_or_default();
    let deployment = &spec.deployment;
    let count = |role: Option<Role>| role.and_then(|role| role.workers).unwrap_or(1);
    let workers = if deployment.mode == Some(Mode::Disagg) {
        format!("{} prefill + {} decode workers", count(deployment.prefill), count(deployment.decode))
    } else {
        match deployment.workers.unwrap_or(1) {
            1 => "1 worker".to_owned(),
            workers => format!("{workers} workers, {}", spec.router.policy),
        }
    };
    format!("{kind}, {workers}")
}

impl Simulation<'_> {
    /// Plays the plan; records go to `sink`.
    pub fn play(&self, sink: QueueSink) -> Result<RunEnd, Failure> {
        let mut engine = engine(self.spec)?;
        let course: Arc<dyn Course> = self.plan.clone();
        let mut pacer = Pacer::alone(self.load, self.plan.seed(), &course);
        let mut counted = Counted { sink, live: self.live, handed_over: 0 };
        let limits = Limits {
            duration: self.load.duration.or_else(|| self.load.end()),
            grace: self.grace,
            timeout: self.spec.target.timeout.map(|t| t.0),
            whole: !self.spec.target.streaming,
            own_end: !self.spec.target.ignore_eos,
            timed: timed(self.load),
        };
        let tokenised = Tokenised { plan: self.plan, words: self.words };
        let requests: &dyn Requests = if self.spec.workload.wants_file() { &tokenised } else { &**self.plan };
        let stop = || self.control.interrupts() > 0;
        let clock = WallClock::start();
        let played = tokmark_engine::simulate(&mut pacer, requests, &mut engine, limits, &mut counted, &stop)
            .map_err(|e| stopped(&e))?;
        Ok(RunEnd {
            anchor_unix_ns: clock.anchor_unix_ns(),
            ended: played.ended,
            issued: played.issued,
            recorded: counted.handed_over,
            lost: 0,
            broken_sessions: pacer.broken_sessions(),
            interrupted: played.stopped,
        })
    }
}

/// Whether some part of the load ends by time alone. A trace ends by itself; what else has neither requests nor sessions to count
/// has a length.
fn timed(load: &Load) -> bool {
    let counted = load.requests.is_some() || load.sessions.is_some();
    let ends_by_itself = counted || matches!(load.arrival, Arrival::Trace(_));
    let phase = |phase: Option<Phased>| matches!(phase, Some(Phased::For(_)));
    load.duration.is_some() || !ends_by_itself || phase(load.warmup) || phase(load.cooldown)
}

/// What a simulation could not go on with: what was asked, unless tokmark lost count.
fn stopped(error: &SimulateError) -> Failure {
    match error {
        SimulateError::Leak(_) | SimulateError::Stuck { .. } => Failure::internal(error.to_string()),
        SimulateError::Starved { .. } | SimulateError::InPlace { .. } => Failure::usage(error.to_string()),
    }
}

/// Prompts of a file, whose lengths and shared beginnings only a tokenizer knows.
struct Tokenised<'a> {
    plan: &'a Plan,
    words: &'a Vocabulary,
}

impl Requests for Tokenised<'_> {
    fn request(&self, index: u64) -> PlannedRequest {
        self.plan.request(index)
    }

    fn shape(&self, index: u64) -> Shape {
        // A trace knows its lengths and what its rows share without any words.
        let shape = self.plan.shape(index);
        if shape.isl.is_some() {
            return shape;
        }
        let request = self.plan.request(index);
        let text = match &request.prompt {
            Prompt::Text(text) => text.clone(),
            Prompt::System { system, text } => format!("{system}{text}"),
            Prompt::Messages(messages) => {
                let texts: Vec<&str> = messages.iter().filter_map(|m| m.get("content")?.as_str()).collect();
                texts.join("\n")
            }
            // What a whole body says nobody but its endpoint knows.
            Prompt::Payload(_) => return shape,
        };
        // A text the tokenizer cannot split has no length: the engine refuses it, and the record says so.
        match self.words.tokenizer().ids(&text) {
            Ok(ids) => {
                let isl = Some(ids.len() as u32);
                Shape { isl, ..Shape::of(&request, Content::Tokens(ids.into())) }
            }
            Err(_) => Shape { isl: None, ..Shape::of(&request, Content::default()) },
        }
    }

    fn numbering(&self) -> Numbering {
        Requests::numbering(self.plan)
    }

    fn classes(&self) -> &[Class] {
        self.plan.classes()
    }
}

/// Counts for the live line.
struct Counted<'a> {
    sink: QueueSink,
    live: &'a Live,
    handed_over: u64,
}

impl Sink for Counted<'_> {
    fn record(&mut self, record: Record) -> bool {
        let lane = &self.live.lanes[0];
        lane.released.add(1);
        lane.completed.add(1);
        lane.content_events.add(record.reads.content_count());
        if !record.outcome.is_success() {
            lane.failed.add(1);
        }
        let taken = self.sink.record(record);
        self.handed_over += u64::from(taken);
        taken
    }

    fn sample(&mut self, sample: Sample) -> bool {
        self.sink.sample(sample)
    }
}
