//! Clients that go away: when, what becomes of the connection, and what is said of it.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use tokmark_base::Micros;
use tokmark_drive::Live;
use tokmark_record::{Cut, Outcome};
use tokmark_workload::{Course, PlannedRequest, Prompt, Requests};

use crate::Run;
use crate::peer::{Peer, chunked, content, head, stream_of};

const AFTER: Micros = Micros::from_millis(30);

/// Every other request is given up.
#[derive(Debug)]
struct Impatient;

impl Requests for Impatient {
    fn request(&self, index: u64) -> PlannedRequest {
        PlannedRequest {
            index,
            prompt: Prompt::Text(format!("prompt {index}")),
            cancel_after: (index % 2 == 1).then_some(AFTER),
            ..PlannedRequest::default()
        }
    }
}

impl Course for Impatient {}

#[test]
fn a_client_goes_away_at_its_moment_and_its_connection_with_it() {
    let (gone, seen) = channel();
    let gone = Mutex::new(gone);
    let peer = Peer::start(move |_, stream, request| {
        let odd = request.contains("prompt 1") || request.contains("prompt 3");
        if !odd {
            stream.write_all(&stream_of(&[content("a")])).unwrap();
            return true;
        }
        stream.write_all(&[head(), chunked(&content("a"))].concat()).unwrap();
        // Nothing more until the client is gone.
        gone.lock().unwrap().send(stream.read(&mut [0]).unwrap_or(0)).unwrap();
        false
    });
    let live = Arc::new(Live::new(1));
    let run = Run { live: Some(Arc::clone(&live)), ..Run::new(peer.url(), 1, 4).of(Impatient) };
    let (end, records, _) = run.go();
    assert_eq!((end.issued, end.lost), (4, 0));
    for record in &records {
        if record.request % 2 == 0 {
            assert_eq!(record.outcome, Outcome::Success);
            continue;
        }
        assert_eq!(record.outcome, Outcome::Cut { by: Cut::Plan });
        assert!(record.ended_us.unwrap() - record.sent_end_us.unwrap() >= AFTER, "{record:?}");
        assert_eq!(record.reads.content_count(), 1, "what came before is kept");
        assert_eq!(record.status, Some(200));
    }
    // The service saw an end of the stream, and each went on over a fresh connection.
    assert_eq!([seen.recv().unwrap(), seen.recv().unwrap()], [0, 0]);
    assert_eq!(peer.connections(), 2);
    assert_eq!((live.total(|l| &l.failed), live.total(|l| &l.completed)), (0, 4), "nobody failed");
}

#[test]
fn a_reply_that_is_over_before_is_a_success() {
    let peer = Peer::start(|_, stream, _| {
        stream.write_all(&stream_of(&[content("a")])).unwrap();
        true
    });
    let plan = Arc::new(Patient);
    let run = Run { requests: plan, ..Run::new(peer.url(), 2, 6) };
    let (_, records, _) = run.go();
    assert!(records.iter().all(|r| r.outcome.is_success()));
    assert_eq!(peer.connections(), 2);
}

/// Would be given up after an hour.
#[derive(Debug)]
struct Patient;

impl Requests for Patient {
    fn request(&self, index: u64) -> PlannedRequest {
        PlannedRequest { cancel_after: Some(Micros::from_millis(3_600_000)), ..Impatient.request(index) }
    }
}
