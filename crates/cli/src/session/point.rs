//! One measured run, from its plan to its files: writer, load, analysis, publication.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokmark_base::{Clock, Micros, Phase};
use tokmark_drive::{Control, Job, RunEnd, WallClock};
use tokmark_measure::live::Live as Measured;
use tokmark_measure::{Analysis, CountTokens, RunFacts, tokens};
use tokmark_record::{Record, RunHeader, Sample, Sink};
use tokmark_report::{Style, markdown};
use tokmark_store::{Options, Publisher, QueueGauge, QueueSink, Run, RunDir, Written, rebuild, writer};
use tokmark_wire::EndpointKind;
use tokmark_workload::{Arrival, Class, Course, Load, Numbering, Plan, Prompt, Requests};

use crate::failure::Failure;
use crate::session::live::{Ticker, Watched};
use crate::session::words::Vocabulary;
use crate::session::{Means, Session, twin};
use crate::spec::Spec;

/// One run about to be made.
pub struct PointRun<'a> {
    /// How it is played.
    pub means: Means,
    /// What the points share.
    pub session: &'a Session<'a>,
    /// Its spec, target and model filled in.
    pub spec: &'a Spec,
    /// Its load.
    pub load: Load,
    /// Whether somebody gave `load.grace`.
    pub grace_asked: bool,
    /// What is sent.
    pub plan: Arc<Plan>,
    /// Its directory.
    pub dir: RunDir,
    /// What is written before the first request.
    pub header: RunHeader,
    /// In front of the live line.
    pub prefix: String,
}

/// A run made.
pub struct Finished {
    /// Its directory.
    pub dir: PathBuf,
    /// What it means.
    pub analysis: Analysis,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// Sessions that ended before their last turn, because a turn of theirs had failed or was given up.
    pub broken_sessions: u64,
    /// What of its records is not on disk, and why.
    pub written: Written,
    /// How long it lasted, if that was virtual time.
    pub simulated: Option<Simulated>,
}

/// What virtual time took.
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    /// The run's own time, from its start to the end of its last attempt.
    pub virtual_time: Micros,
    /// Ours, until its records were written.
    pub wall_time: Micros,
}

/// Ready-made bodies of a plan that are looked at before the run.
const LOOKED_AT: u64 = 20;

/// What of a plan cannot be sent, told before anything is: headers that are none; ready-made bodies of another endpoint, or with
/// classes that would have to write into them.
pub fn check(plan: &Plan, spec: &Spec) -> Result<(), Failure> {
    tokmark_drive::check_headers(plan.classes(), spec.workload.sessions.header.as_deref())?;
    let kind = EndpointKind::from(spec.target.endpoint);
    let writes =
        |class: &&Class| class.model.is_some() || class.priority.is_some() || !class.extra.is_empty();
    for item in 0..plan.distinct().unwrap_or(0).min(LOOKED_AT) {
        let first = Requests::numbering(plan).index(Phase::Profiling, item, 0);
        let Prompt::Payload(payload) = plan.request(first).prompt else { continue };
        if !kind.fits(&payload) {
            return Err(Failure::usage(format!(
                "workload.file: request body {} has no prompt for {}, which target.endpoint names\nhint: choose the endpoint the bodies were made for (--endpoint)",
                item + 1,
                kind.path(spec.target.streaming)
            )));
        }
        if let Some(class) = plan.classes().iter().find(writes) {
            return Err(Failure::usage(format!(
                "workload.classes `{}` asks for a model, a priority or further keys, but the request bodies of workload.file are sent as they are\nhint: leave these out of the class (its headers can stay), or write them into the bodies",
                class.name
            )));
        }
    }
    Ok(())
}

impl PointRun<'_> {
    /// Runs it to its files.
    pub fn run(mut self) -> Result<Finished, Failure> {
        let secrets = &self.session.place.secrets;
        let publisher_dir = self.dir.path().to_owned();
        let publisher = Publisher::new(&publisher_dir, secrets);
        publisher.header(&self.header)?;
        let clock = WallClock::start();
        let (end, written) = self.drive()?;
        let simulated = (self.means == Means::Virtual)
            .then(|| Simulated { virtual_time: end.ended, wall_time: clock.now() });
        self.header.anchor_unix_ns = end.anchor_unix_ns;
        self.header.started_at = rfc3339(end.anchor_unix_ns);
        // A full disk must not take the result from the screen: what could not be written is told beside it.
        let rewritten = publisher.header(&self.header);
        let facts = self.facts(&end);
        let (analysis, published) =
            finish(&Run::open(self.dir.path())?, &self.header, self.spec, &facts, secrets);
        let mut written = written;
        if written.error.is_none() {
            written.error = rewritten.err().or_else(|| published.err());
        }
        Ok(Finished {
            dir: publisher_dir,
            analysis,
            interrupted: end.interrupted,
            broken_sessions: end.broken_sessions,
            written,
            simulated,
        })
    }

    fn drive(&self) -> Result<(RunEnd, Written), Failure> {
        let measured = Arc::new(Mutex::new(Measured::new()));
        let lanes = self.lanes();
        let live = Arc::new(tokmark_drive::Live::new(lanes));
        let hook = hook(self.spec.measure.count_tokens, self.session.words.clone(), Arc::clone(&measured));
        let usual = Options::default();
        let options = Options {
            capacity: match self.means {
                Means::Wire => self.session.environment.queue_capacity().unwrap_or(usual.capacity),
                Means::Virtual => writer::VIRTUAL_TIME_CAPACITY,
            },
            hook,
            secrets: self.session.place.secrets.clone(),
            ..usual
        };
        let (sink, writer) = writer::start(self.dir.path(), options)?;
        let control = Control::default();
        self.session.interrupts.attach(&control);
        let watched = Watched {
            driver: Arc::clone(&live),
            measured,
            load: self.load.clone(),
            in_wall_time: self.means == Means::Wire,
            prefix: self.prefix.clone(),
        };
        let ticker = Ticker::start(watched, self.session.screen, self.session.interrupts.clone())
            .map_err(|e| Failure::internal(format!("no thread for the live line: {e}")))?;
        let end = match self.means {
            Means::Wire => {
                let sinks = || -> Box<dyn Sink> { Box::new(Gauged::new(&sink)) };
                tokmark_drive::run(self.job(lanes)?, &live, &control, sinks).map_err(Failure::from)
            }
            Means::Virtual => self.simulation(&live, &control).play(sink.clone().waiting()),
        };
        drop(ticker);
        drop(sink);
        let written = writer.finish()?;
        Ok((end?, written))
    }

    fn simulation<'a>(&'a self, live: &'a tokmark_drive::Live, control: &'a Control) -> twin::Simulation<'a> {
        twin::Simulation {
            spec: self.spec,
            load: &self.load,
            plan: &self.plan,
            words: &self.session.words,
            grace: grace(&self.load, self.grace_asked),
            live,
            control,
        }
    }

    fn job(&self, lanes: usize) -> Result<Job, Failure> {
        let target = &self.spec.target;
        let model = self.header.model.clone().unwrap_or_default();
        let course: Arc<dyn Course> = self.plan.clone();
        Ok(Job {
            requests: self.plan.clone(),
            pacers: tokmark_workload::Pacer::lanes(&self.load, self.plan.seed(), lanes as u32, &course),
            targets: self.session.place.targets(self.spec, self.session.environment)?,
            endpoint: EndpointKind::from(target.endpoint),
            body: target.body_options(&model),
            keep_text: self.spec.measure.count_tokens == CountTokens::Tokenizer,
            run_id: self.header.run_id.clone(),
            session_header: self.spec.workload.sessions.header.clone(),
            open_ahead: self.open_ahead(lanes),
            duration: self.load.duration.or_else(|| self.load.end()),
            timeout: target.timeout.map(|t| t.0),
            connect_timeout: target.connect_timeout.0,
            grace: grace(&self.load, self.grace_asked),
            interrupt_grace: self.load.grace,
            secrets: self.session.place.secrets.clone(),
        })
    }

    /// Connections each reactor opens before the start. A closed loop needs all of them at once; a rate needs what starts before
    /// the first replies, taken as those of a twentieth of a second.
    fn open_ahead(&self, lanes: usize) -> Option<u64> {
        let rate = self.load.mean_rate()?;
        Some(((rate / 20.0 / lanes as f64).ceil() as u64).clamp(1, 64))
    }

    /// Reactors: as asked, else one for every so many streams, and never more than half the cores, for the other half has
    /// prompts to make, records to write and, on one machine, the service to run.
    fn lanes(&self) -> usize {
        if self.means == Means::Virtual {
            return 1;
        }
        if let Some(asked) = self.spec.target.reactors {
            return asked.max(1) as usize;
        }
        let streams = self.load.most_in_flight().unwrap_or(STREAMS_A_REACTOR);
        let wanted = streams.div_ceil(STREAMS_A_REACTOR).max(1) as usize;
        wanted.min((crate::machine::cores() as usize / 2).max(1))
    }

    /// Measured requests, where that is a number: those of a trace that is shorter than asked are all there are.
    fn planned(&self) -> Option<u64> {
        if self.load.duration.or_else(|| self.load.end()).is_some() {
            return None;
        }
        let asked = self.load.requests;
        let of_trace =
            matches!(self.load.arrival, Arrival::Trace(_)).then(|| crate::session::turns(&self.plan));
        asked.into_iter().chain(of_trace.flatten()).min()
    }

    fn facts(&self, end: &RunEnd) -> RunFacts {
        RunFacts {
            complete: true,
            interrupted: end.interrupted,
            issued: Some(end.issued),
            lost: Some(end.lost),
            calibrated: self.session.calibrated,
            planned: self.planned(),
            ..rebuild::facts_of(&self.load, Requests::numbering(&*self.plan) == Numbering::Turns)
        }
    }
}

/// How long the last attempts may take; `None`: as long as they need. A duration is to end the run near its end; a number
/// of requests is to be answered, however long that takes, unless `--grace` was given (`asked`).
fn grace(load: &Load, asked: bool) -> Option<Micros> {
    (load.duration.or_else(|| load.end()).is_some() || asked).then_some(load.grace)
}

/// One reactor serves this many streams with time to spare.
const STREAMS_A_REACTOR: u64 = 2_048;

/// Counts tokens and feeds the live view, on the writing thread.
fn hook(mode: CountTokens, words: Vocabulary, measured: Arc<Mutex<Measured>>) -> writer::Hook {
    Box::new(move |record: &mut Record| {
        if mode == CountTokens::Tokenizer {
            // A text the tokenizer cannot split has no count: nothing is made up for it.
            let count = |text: &str| words.tokenizer().count(text).ok();
            tokens::assign(record, mode, Some(&count));
        } else {
            tokens::assign(record, mode, None);
        }
        measured.lock().unwrap_or_else(PoisonError::into_inner).feed(record);
    })
}

/// The queue's end for a reactor, with the queue's own numbers in every health sample.
struct Gauged {
    sink: QueueSink,
    gauge: QueueGauge,
}

impl Gauged {
    fn new(sink: &QueueSink) -> Self {
        Self { sink: sink.clone(), gauge: sink.gauge() }
    }
}

impl Sink for Gauged {
    fn record(&mut self, record: Record) -> bool {
        self.sink.record(record)
    }

    fn room(&self) -> usize {
        self.sink.room()
    }

    fn sample(&mut self, mut sample: Sample) -> bool {
        sample.values.insert("queue_len".to_owned(), self.gauge.len() as f64);
        sample.values.insert("queue_capacity".to_owned(), self.gauge.capacity() as f64);
        self.sink.sample(sample)
    }
}

/// Reads the records back, works out what they mean and publishes it. The analysis is there even where a file could not be
/// written.
pub fn finish(
    run: &Run,
    header: &RunHeader,
    spec: &Spec,
    facts: &RunFacts,
    secrets: &[tokmark_base::Secret],
) -> (Analysis, Result<(), tokmark_store::StoreError>) {
    let unread = Cell::new(None);
    let records = || {
        let lines = run.records().map_err(|e| unread.set(Some(e))).ok();
        let unread = &unread;
        lines.into_iter().flatten().map_while(move |line| line.map_err(|e| unread.set(Some(e))).ok())
    };
    let samples = run.samples().into_iter().flatten().filter_map(Result::ok);
    let analysis = tokmark_measure::analyse(header, records, samples, &spec.measure, facts);
    let published = publish(run, header, spec, &analysis, secrets);
    let published = unread.take().map_or(published, Err);
    (analysis, published)
}

fn publish(
    run: &Run,
    header: &RunHeader,
    spec: &Spec,
    analysis: &Analysis,
    secrets: &[tokmark_base::Secret],
) -> Result<(), tokmark_store::StoreError> {
    let publisher = Publisher::new(run.dir(), secrets);
    if spec.output.profile_export_jsonl {
        publisher.aiperf_jsonl(header, run.records()?)?;
    }
    let workload = &spec.workload;
    let isl = workload.file.is_none().then_some(workload.isl);
    publisher.deployment(&spec.deployment, header.model.as_deref(), isl, workload.osl)?;
    let text = markdown::run(&analysis.summary, style(spec, false));
    publisher.analysis(analysis, header, &text, spec.measure.validity)
}

/// How results are dressed.
pub fn style(spec: &Spec, colour: bool) -> Style {
    Style { colour, show_invalid: spec.measure.validity == tokmark_measure::Validity::Report }
}

/// A wall-clock moment for people.
pub fn rfc3339(unix_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(unix_ns)).map_or_else(|_| String::new(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use tokmark_workload::LoadSpec;

    use super::*;

    #[test]
    fn a_number_of_requests_is_waited_for_unless_grace_is_given() {
        let load = |text: &str| serde_json::from_str::<LoadSpec>(text).unwrap().resolve().unwrap();
        let ten_s = Some(Micros::from_millis(10_000));
        let counted = load(r#"{"requests": 10, "grace": "10s"}"#);
        assert_eq!((grace(&counted, false), grace(&counted, true)), (None, ten_s));
        let timed = load(r#"{"duration": "1m", "grace": "10s"}"#);
        assert_eq!((grace(&timed, false), grace(&timed, true)), (ten_s, ten_s));
    }
}
