//! The reactor against scripted peers: real sockets, no timing asserted.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod cancelled;
mod classes;
mod peer;
mod sessions;

use std::sync::Arc;

use peer::{Peer, chunked, content, done, head};
use tokmark_base::{Micros, Secret, Seed};
use tokmark_drive::{Control, DriveError, Job, Live, RunEnd, Target, TargetSpec};
use tokmark_record::{Cut, FailureKind, Outcome, Phase, Record, Sample, Sink};
use tokmark_workload::{Count, Course, Independent, LoadSpec, Pacer, PlannedRequest, Prompt, Requests};

struct Fixed;

impl Requests for Fixed {
    fn request(&self, index: u64) -> PlannedRequest {
        PlannedRequest {
            index,
            isl: Some(2),
            osl: Some(3),
            prompt: Prompt::Text(format!("prompt {index}")),
            ..PlannedRequest::default()
        }
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<std::sync::Mutex<(Vec<Record>, Vec<Sample>)>>);

impl Sink for Shared {
    fn record(&mut self, record: Record) -> bool {
        self.0.lock().unwrap().0.push(record);
        true
    }
    fn sample(&mut self, sample: Sample) -> bool {
        self.0.lock().unwrap().1.push(sample);
        true
    }
}

struct Run {
    requests: Arc<dyn Requests>,
    course: Arc<dyn Course>,
    load: LoadSpec,
    target: TargetSpec,
    timeout: Option<Micros>,
    grace: Option<Micros>,
    control: Control,
    reactors: u32,
    keep_text: bool,
    live: Option<Arc<Live>>,
}

impl Run {
    fn new(url: String, concurrency: u32, requests: u64) -> Self {
        let load = LoadSpec {
            concurrency: Some(concurrency),
            requests: Some(Count::Exactly(requests)),
            ..LoadSpec::default()
        };
        let target = TargetSpec { url: vec![url], ..TargetSpec::default() };
        Self {
            requests: Arc::new(Fixed),
            course: Arc::new(Independent),
            load,
            target,
            timeout: None,
            grace: None,
            control: Control::default(),
            reactors: 1,
            keep_text: true,
            live: None,
        }
    }

    /// A plan that knows what is said and what follows what.
    fn of<P: Requests + Course + 'static>(self, plan: P) -> Self {
        let plan = Arc::new(plan);
        Self { requests: plan.clone(), course: plan, ..self }
    }

    fn go(self) -> (RunEnd, Vec<Record>, Vec<Sample>) {
        self.try_go().unwrap()
    }

    fn try_go(self) -> Result<(RunEnd, Vec<Record>, Vec<Sample>), DriveError> {
        let kept = Shared::default();
        let end = self.run_into(|| Box::new(kept.clone()))?;
        let (mut records, samples) = std::mem::take(&mut *kept.0.lock().unwrap());
        records.sort_by_key(|r| r.request);
        assert_eq!(end.recorded as usize, records.len());
        Ok((end, records, samples))
    }

    fn go_with(self, sink: &Narrow) -> (RunEnd, Vec<Record>) {
        let end = self.run_into(|| Box::new(sink.clone())).unwrap();
        let records = std::mem::take(&mut sink.0.0.lock().unwrap().0);
        (end, records)
    }

    fn run_into(self, sinks: impl FnMut() -> Box<dyn Sink>) -> Result<RunEnd, DriveError> {
        let load = self.load.resolve().unwrap();
        let targets: Vec<Target> = self.target.resolve(false, None)?;
        let job = Job {
            requests: self.requests,
            pacers: Pacer::lanes(&load, Seed(1), self.reactors, &self.course),
            targets,
            endpoint: self.target.endpoint.into(),
            body: self.target.body_options("m"),
            keep_text: self.keep_text,
            run_id: "test".to_owned(),
            session_header: Some("X-Session-ID".to_owned()),
            open_ahead: None,
            duration: None,
            timeout: self.timeout,
            connect_timeout: Micros::from_millis(5_000),
            grace: self.grace,
            interrupt_grace: Micros::ZERO,
            secrets: vec![Secret::new("sk-hidden")],
        };
        let live = self.live.unwrap_or_else(|| Arc::new(Live::new(self.reactors as usize)));
        tokmark_drive::run(job, &live, &self.control, sinks)
    }
}

fn failed(record: &Record) -> FailureKind {
    match &record.outcome {
        Outcome::Failed(f) => f.kind,
        other => panic!("{other:?}"),
    }
}

fn whole_stream(out: &mut dyn peer::Stream) {
    out.write_all(
        &[head(), chunked(&content("a")), chunked(&content(" b")), chunked(&content(" c")), done()].concat(),
    )
    .unwrap();
}

#[test]
fn a_stream_becomes_a_record_whose_stamps_are_in_order() {
    let peer = Peer::start(|_, stream, _| {
        for part in [head(), chunked(&content("a")), chunked(&content(" b")), chunked(&content(" c")), done()]
        {
            std::io::Write::write_all(stream, &part).unwrap();
        }
        true
    });
    let (end, records, samples) = Run::new(peer.url(), 2, 6).go();
    assert_eq!((end.issued, end.lost, records.len()), (6, 0, 6));
    for record in &records {
        assert_eq!(
            (&record.outcome, record.phase, record.status),
            (&Outcome::Success, Phase::Profiling, Some(200))
        );
        let events: Vec<_> = record.reads.content_events().collect();
        assert_eq!(events.len(), 3);
        // The reply may be in the kernel before the send call has returned, so `sent_end` stands apart.
        let stamps = [record.released_us, record.acted_us, record.sent_us, Some(events[0].at)];
        assert!(stamps.iter().all(Option::is_some) && stamps.is_sorted(), "{stamps:?}");
        assert!(record.sent_end_us >= record.sent_us);
        assert!(events.is_sorted_by_key(|e| e.at) && events.iter().all(|e| e.after <= e.at), "{events:?}");
        assert!(record.ended_us >= Some(events[2].at));
        assert_eq!(record.text.as_ref().unwrap().output, "a b c");
        assert_eq!(record.usage.unwrap().completion, Some(3));
        assert_eq!(record.connect, None, "connections are opened before the start and kept");
    }
    assert!(samples.iter().all(|s| s.source == "client") && samples.last().unwrap().values["recorded"] > 5.0);
    assert_eq!(peer.connections(), 2);
}

#[test]
fn events_read_in_one_go_share_an_interval() {
    let peer = Peer::start(|_, stream, _| {
        whole_stream(stream);
        true
    });
    let (_, records, _) = Run::new(peer.url(), 1, 1).go();
    let reads = &records[0].reads.0;
    assert_eq!(reads.iter().map(|r| r.content).sum::<u32>(), 3);
    // All bytes came at once, so no content event ends the read: the usage event and [DONE] do.
    let events: Vec<_> = records[0].reads.content_events().collect();
    assert!(events.iter().all(|e| e.after >= records[0].sent_us.unwrap()), "{events:?}");
}

#[test]
fn every_request_carries_its_id_and_body() {
    let peer = Peer::start(|_, stream, request| {
        let index = request.split("prompt ").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let lower = request.to_ascii_lowercase();
        assert!(lower.contains(&format!("x-request-id: test-{index}\r\n")), "{request}");
        assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\"max_tokens\":3") && request.contains("\"stream\":true"), "{request}");
        whole_stream(stream);
        true
    });
    let (_, records, _) = Run::new(peer.url(), 3, 9).go();
    assert!(records.iter().all(|r| r.outcome.is_success()));
    assert_eq!(records.iter().map(|r| r.request).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
}

#[test]
fn several_reactors_share_the_plan() {
    let peer = Peer::start(|_, stream, _| {
        whole_stream(stream);
        true
    });
    let (end, records, _) = Run { reactors: 3, ..Run::new(peer.url(), 5, 20) }.go();
    assert_eq!(end.issued, 20);
    assert_eq!(records.iter().map(|r| r.request).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_kept_connection_that_was_closed_meanwhile_is_replaced_once() {
    // The peer closes after every reply although it said it would keep the connection.
    let peer = Peer::start(|_, stream, _| {
        whole_stream(stream);
        false
    });
    let (_, records, _) = Run::new(peer.url(), 1, 4).go();
    assert!(
        records.iter().all(|r| r.outcome.is_success()),
        "{:?}",
        records.iter().map(|r| &r.outcome).collect::<Vec<_>>()
    );
    assert_eq!(peer.connections(), 4);
}

#[test]
fn a_connection_closed_without_a_reply_is_a_failure() {
    let peer = Peer::start(|_, _, _| false);
    let (_, records, _) = Run::new(peer.url(), 1, 2).go();
    assert_eq!(records.iter().map(failed).collect::<Vec<_>>(), [FailureKind::EmptyReply; 2]);
}

#[test]
fn nothing_listening_is_refused() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_, records, _) = Run::new(format!("http://{gone}"), 2, 3).go();
    assert_eq!(records.iter().map(failed).collect::<Vec<_>>(), [FailureKind::ConnectRefused; 3]);
    assert!(records.iter().all(|r| r.sent_us.is_none() && r.acted_us.is_some()));
}

#[test]
fn a_server_that_never_answers_times_out() {
    let peer = Peer::start(|_, stream, _| {
        // Holds the connection until the client gives up.
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let run = Run { timeout: Some(Micros::from_millis(50)), ..Run::new(peer.url(), 1, 1) };
    let (_, records, _) = run.go();
    assert_eq!(failed(&records[0]), FailureKind::Timeout);
    assert!(records[0].sent_us.is_some());
}

#[test]
fn an_interrupt_cuts_what_is_in_flight() {
    let control = Control::default();
    let interrupt = control.clone();
    let peer = Peer::start(move |_, stream, _| {
        std::io::Write::write_all(stream, &[head(), chunked(&content("a"))].concat()).unwrap();
        interrupt.interrupt();
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let (end, records, _) = Run { control, ..Run::new(peer.url(), 1, 10) }.go();
    assert!(end.interrupted);
    assert_eq!(records[0].outcome, Outcome::Cut { by: Cut::Interrupt });
    assert_eq!(records[0].reads.content_count(), 1);
    assert!(records.len() < 10);
}

#[test]
fn the_servers_words_are_masked() {
    let peer = Peer::start(|_, stream, _| {
        let body = r#"{"error":{"message":"bad key sk-hidden"}}"#;
        let reply = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(stream, reply.as_bytes()).unwrap();
        true
    });
    let (_, records, _) = Run::new(peer.url(), 1, 1).go();
    let Outcome::Failed(failure) = &records[0].outcome else { panic!() };
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::HttpClientError, "bad key ***"));
    assert_eq!(records[0].status, Some(401));
}

#[test]
fn tls_with_an_own_authority_works_and_without_it_fails() {
    let peer = Peer::start_tls(|_, stream, _| {
        whole_stream(stream);
        true
    });
    let mut run = Run::new(peer.url(), 2, 4);
    run.target.ca_file = Some(peer.ca_file());
    let (_, records, _) = run.go();
    assert!(records.iter().all(|r| r.outcome.is_success()), "{records:?}");
    assert!(records.iter().all(|r| r.reads.content_count() == 3));

    let (_, records, _) = Run::new(peer.url(), 1, 1).go();
    assert_eq!(failed(&records[0]), FailureKind::Tls);
}

#[test]
fn more_streams_than_files_are_refused_before_the_start() {
    let error = Run::new("http://127.0.0.1:9".to_owned(), 10_000_000, 10_000_000).try_go().err().unwrap();
    assert!(matches!(error, DriveError::FileLimit { streams: 10_000_000, .. }), "{error}");
    assert!(error.to_string().contains("ulimit -n"), "{error}");
}

#[test]
fn a_warm_up_that_ends_by_time_hands_over_without_losing_a_request() {
    let peer = Peer::start(|_, stream, _| {
        whole_stream(stream);
        true
    });
    let mut run = Run::new(peer.url(), 2, 5);
    run.load.warmup = Some("30ms".parse().unwrap());
    let (_, records, _) = run.go();
    let measured: Vec<_> =
        records.iter().filter(|r| r.phase == Phase::Profiling).map(|r| r.request).collect();
    assert_eq!(measured, [0, 1, 2, 3, 4]);
    assert!(records.iter().any(|r| r.phase == Phase::Warmup));
    assert!(records.iter().all(|r| r.outcome.is_success()));
}

#[test]
fn a_slot_freed_by_a_time_out_is_used_again() {
    let peer = Peer::start(|_, stream, _| {
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let run = Run { timeout: Some(Micros::from_millis(20)), ..Run::new(peer.url(), 1, 3) };
    let (_, records, _) = run.go();
    assert_eq!(records.iter().map(failed).collect::<Vec<_>>(), [FailureKind::Timeout; 3]);
}

/// Has room for two records at a time.
#[derive(Clone, Default)]
struct Narrow(Shared, Arc<std::sync::atomic::AtomicUsize>);

impl Sink for Narrow {
    fn record(&mut self, record: Record) -> bool {
        self.0.record(record)
    }
    fn sample(&mut self, sample: Sample) -> bool {
        self.0.sample(sample)
    }
    fn room(&self) -> usize {
        // Every other question finds no room at all.
        2 * (self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2)
    }
}

#[test]
fn what_a_stop_leaves_unsent_is_recorded_as_far_as_there_is_room_and_never_lost() {
    let control = Control::default();
    let interrupt = control.clone();
    // Everything is due at once, and the one slot of the cap is held.
    let peer = Peer::start(move |_, stream, _| {
        interrupt.interrupt();
        let _ = std::io::Read::read(stream, &mut [0]);
        false
    });
    let load = LoadSpec {
        burst: true,
        requests: Some(Count::Exactly(20)),
        max_concurrency: Some(1),
        ..LoadSpec::default()
    };
    let run = Run { load, control, ..Run::new(peer.url(), 1, 1) };
    let (end, records) = run.go_with(&Narrow::default());
    assert_eq!((end.lost, records.len()), (0, 20));
    assert_eq!(records.iter().filter(|r| r.outcome == Outcome::NotSent).count(), 19);
    assert_eq!(end.recorded, 1, "what was never issued is not recorded against it");
}

#[test]
fn a_refusal_keeps_its_connection() {
    let peer = Peer::start(|_, stream, _| {
        let reply = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}";
        std::io::Write::write_all(stream, reply.as_bytes()).unwrap();
        true
    });
    let (_, records, _) = Run::new(peer.url(), 1, 5).go();
    assert!(records.iter().all(|r| r.status == Some(429)));
    assert_eq!(peer.connections(), 1);
}
