use std::os::unix::fs::symlink;
use std::sync::mpsc::channel;

use tokmark_base::Micros;
use tokmark_record::{Failure, FailureKind, ReplyText, Sample, Sink};

use super::*;
use crate::open::Lines;

fn record(attempt: u64) -> Record {
    Record { attempt, outcome: Outcome::Success, ..Record::default() }
}

fn sample(at: i64, value: f64) -> Sample {
    let values = [("queue_len".to_owned(), value), ("fd_limit".to_owned(), 20_000.0)].into();
    Sample { at_us: Micros(at), source: "client".to_owned(), values }
}

fn records(dir: &Path) -> Vec<Record> {
    Lines::open(dir.join(RECORDS)).unwrap().map(Result::unwrap).collect()
}

fn samples(dir: &Path) -> Vec<Sample> {
    Lines::open(dir.join(SERIES)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_goes_in_comes_out_after_the_hook() {
    let dir = tempfile::tempdir().unwrap();
    let (started, starts) = channel();
    let options = Options {
        hook: Box::new(|r| r.first_output = r.text.as_ref().map(|t| t.output.len() as u32)),
        on_start: Some(Box::new(move || started.send(thread::current().id()).unwrap())),
        ..Options::default()
    };
    let (mut sink, writer) = start(dir.path(), options).unwrap();
    assert_ne!(starts.recv().unwrap(), thread::current().id());
    for attempt in 0..1_000 {
        let text = Some(ReplyText { output: "four".to_owned(), ..ReplyText::default() });
        assert!(sink.record(Record { text, ..record(attempt) }));
    }
    // No JSON for NaN: such a value is absent, the others stay.
    assert!(sink.sample(sample(7, f64::NAN)));
    let gauge = sink.gauge();
    let written = writer.finish().unwrap();
    assert_eq!((written.records, written.samples, written.missing_records()), (1_000, 1, 0));
    assert!(written.error.is_none());
    assert_eq!((gauge.len(), gauge.recorded(), gauge.lost(), gauge.capacity()), (0, 1_000, 0, 16_384));
    let on_disk = records(dir.path());
    assert!(on_disk.iter().map(|r| r.attempt).eq(0..1_000));
    assert!(on_disk.iter().all(|r| r.first_output == Some(4)));
    assert_eq!(samples(dir.path())[0].values.keys().collect::<Vec<_>>(), ["fd_limit"]);
}

#[test]
fn a_full_queue_loses_and_counts_and_never_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (reached, reaches) = channel();
    let (open, gate) = channel::<()>();
    let hook: Hook = Box::new(move |_| {
        reached.send(()).unwrap();
        // Closed for good after the first pass.
        let _ = gate.recv();
    });
    let (mut sink, writer) = start(dir.path(), Options { capacity: 4, hook, ..Options::default() }).unwrap();
    assert!(sink.record(record(0)));
    reaches.recv().unwrap();
    // The thread now sits in the hook with record 0; four more fit, however many sinks there are.
    let mut other = sink.clone();
    let taken: Vec<bool> =
        (1..=10).map(|i| if i % 2 == 0 { &mut sink } else { &mut other }.record(record(i))).collect();
    assert_eq!(taken, [true, true, true, true, false, false, false, false, false, false]);
    let gauge = sink.gauge();
    assert_eq!((gauge.len(), gauge.capacity(), gauge.lost(), gauge.is_empty()), (4, 4, 6, false));
    // Health samples have a queue of their own: the one that tells of the loss is not lost.
    assert!(sink.sample(sample(1, 4.0)));
    drop(open);
    let written = writer.finish().unwrap();
    assert_eq!((written.records, written.lost_records, written.samples), (5, 6, 1));
    assert!(records(dir.path()).iter().map(|r| r.attempt).eq(0..=4));
}

#[test]
fn a_waiting_sink_loses_nothing_however_small_the_queue() {
    for capacity in [1, 2, 3, 16] {
        let dir = tempfile::tempdir().unwrap();
        let (sink, writer) = start(dir.path(), Options { capacity, ..Options::default() }).unwrap();
        let mut sink = sink.waiting();
        assert_eq!(sink.room(), usize::MAX);
        let gauge = sink.gauge();
        // A clone on a thread of its own waits too.
        let mut other = sink.clone();
        let odd = thread::spawn(move || (0..500).all(|i| other.record(record(2 * i + 1))));
        assert!((0..500).all(|i| sink.record(record(2 * i))));
        assert!(odd.join().unwrap());
        let written = writer.finish().unwrap();
        assert_eq!((written.records, written.lost_records, gauge.len()), (1_000, 0, 0), "{capacity}");
        let (even, odd): (Vec<u64>, Vec<u64>) =
            records(dir.path()).iter().map(|r| r.attempt).partition(|attempt| attempt % 2 == 0);
        assert!(even.into_iter().eq((0..500).map(|i| 2 * i)), "each sink's own order is kept");
        assert!(odd.into_iter().eq((0..500).map(|i| 2 * i + 1)));
    }
}

#[test]
fn a_waiting_sink_does_not_wait_for_a_thread_that_died() {
    let dir = tempfile::tempdir().unwrap();
    let hook: Hook = Box::new(|_| panic!("on purpose"));
    let (sink, writer) = start(dir.path(), Options { capacity: 2, hook, ..Options::default() }).unwrap();
    let mut sink = sink.waiting();
    assert!(
        (0..100).any(|attempt| !sink.record(record(attempt))),
        "somebody has to say that nothing is taken"
    );
    assert!(matches!(writer.finish(), Err(StoreError::WriterDied)));
}

#[test]
fn a_full_disk_is_told_at_the_end_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    symlink("/dev/full", dir.path().join(RECORDS)).unwrap();
    let (seen, sees) = channel();
    let hook: Hook = Box::new(move |r| seen.send(r.attempt).unwrap());
    let (mut sink, writer) =
        start(dir.path(), Options { capacity: 100_000, hook, ..Options::default() }).unwrap();
    for attempt in 0..20_000 {
        assert!(sink.record(record(attempt)));
    }
    assert!(sink.sample(sample(1, 2.0)));
    let written = writer.finish().unwrap();
    assert_eq!((written.records, written.lost_records, written.unwritten_records), (0, 0, 20_000));
    assert_eq!(written.samples, 1, "the other file is not harmed");
    assert!(matches!(written.error, Some(StoreError::NoSpace { .. })), "{:?}", written.error);
    assert_eq!(sees.iter().count(), 20_000, "the live view goes on");
}

#[test]
fn a_disk_that_fails_later_keeps_its_whole_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zst");
    let mut frames = Frames::open(path.clone()).unwrap();
    (0..10).for_each(|i| frames.line(&record(i)));
    frames.seal();
    (10..20).for_each(|i| frames.line(&record(i)));
    // Half a frame, as a disk that fills up leaves it.
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &[0x28, 0xb5, 0x2f]).unwrap();
    frames.fail(std::io::Error::from(std::io::ErrorKind::StorageFull));
    frames.line(&record(20));
    let end = frames.finish();
    assert_eq!((end.written, end.unwritten), (10, 11));
    assert!(matches!(end.error, Some(StoreError::NoSpace { .. })));
    let mut lines = Lines::<Record>::open(path).unwrap();
    assert_eq!(lines.by_ref().map(Result::unwrap).count(), 10);
    assert!(!lines.truncated(), "cut back to a whole frame");
}

#[test]
fn a_file_that_cannot_be_opened_is_told_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(SERIES)).unwrap();
    let error = start(dir.path(), Options::default()).err().unwrap();
    assert!(error.to_string().contains(SERIES), "{error}");
}

#[test]
fn a_secret_in_the_servers_own_words_is_masked() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { secrets: vec![Secret::new("sk-12345")], ..Options::default() };
    let (mut sink, writer) = start(dir.path(), options).unwrap();
    let message = "bad key sk-12345".to_owned();
    let outcome = Outcome::Failed(Failure { kind: FailureKind::HttpClientError, message });
    assert!(sink.record(Record { outcome, ..record(0) }));
    writer.finish().unwrap();
    let Outcome::Failed(failure) = &records(dir.path())[0].outcome else { panic!("not failed") };
    assert_eq!(failure.message, "bad key ***");
}

#[test]
fn a_frame_closes_within_a_second_or_when_it_is_large() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, senders) = Loop::new(dir.path(), Options::default()).unwrap();
    assert!(TICK * TICKS_A_FRAME < Duration::from_secs(1));
    senders.records.send(Box::new(record(0))).unwrap();
    for tick in 1..=TICKS_A_FRAME {
        assert!(writer.tick());
        assert_eq!(records(dir.path()).len(), usize::from(tick == TICKS_A_FRAME), "tick {tick}");
    }
    let long = Record { finish_reason: Some("x".repeat(BYTES_A_FRAME)), ..record(1) };
    senders.records.send(Box::new(long)).unwrap();
    senders.records.send(Box::new(record(2))).unwrap();
    writer.tick();
    assert_eq!(records(dir.path()).len(), 2);
    for attempt in 3..3 + RECORDS_A_FRAME {
        senders.records.send(Box::new(record(attempt))).unwrap();
    }
    writer.tick();
    let sealed = 2 + RECORDS_A_FRAME as usize;
    assert_eq!(records(dir.path()).len(), sealed, "by number, one is left open");
    drop(senders);
    assert!(!writer.tick(), "nobody is left to send");
    assert_eq!(writer.finish().records, 3 + RECORDS_A_FRAME);
}

#[test]
fn records_of_an_earlier_run_go() {
    let dir = tempfile::tempdir().unwrap();
    for attempt in 0..2 {
        let (mut sink, writer) = start(dir.path(), Options::default()).unwrap();
        assert!(sink.record(record(attempt)));
        writer.finish().unwrap();
        assert_eq!(records(dir.path())[0].attempt, attempt);
        assert_eq!(records(dir.path()).len(), 1);
    }
}

#[test]
fn a_dropped_handle_ends_the_thread_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sink, writer) = start(dir.path(), Options::default()).unwrap();
    assert!(sink.record(record(0)));
    drop(writer);
    assert_eq!(records(dir.path()).len(), 1);
    assert!(!sink.record(record(1)), "nobody takes it any more");
    assert_eq!(sink.gauge().lost(), 1);
}

#[test]
fn a_hook_that_panics_is_an_error_and_not_a_hang() {
    let dir = tempfile::tempdir().unwrap();
    let hook: Hook = Box::new(|_| panic!("on purpose"));
    let (mut sink, writer) = start(dir.path(), Options { hook, ..Options::default() }).unwrap();
    assert!(sink.record(record(0)));
    assert!(matches!(writer.finish(), Err(StoreError::WriterDied)));
}
