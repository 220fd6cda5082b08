use std::sync::atomic::AtomicU64;

use tokmark_base::{Micros, Phase};
use tokmark_wire::EndpointKind;
use tokmark_wire::endpoint::BodyOptions;
use tokmark_workload::{Numbering, Place, PlannedRequest, Prompt, Requests};

use super::*;
use crate::job::{Control, Target};
use crate::live::Live;

/// Sessions of three turns that say everything again.
struct Three;

impl Requests for Three {
    fn request(&self, index: u64) -> PlannedRequest {
        let address = Numbering::Turns.address(index);
        PlannedRequest {
            index,
            prompt: Prompt::Text(index.to_string()),
            history: address.turn > 0,
            session: Some(Place { session: address.item, turn: address.turn, turns: 3 }),
            ..PlannedRequest::default()
        }
    }

    fn numbering(&self) -> Numbering {
        Numbering::Turns
    }
}

fn shared() -> Arc<Shared> {
    let target = Target {
        url: String::new(),
        address: ([127, 0, 0, 1], 9).into(),
        path: "/v1/completions".to_owned(),
        host: "h".to_owned(),
        headers: Vec::new(),
        tls: None,
    };
    Arc::new(Shared {
        requests: Arc::new(Three),
        numbering: Numbering::Turns,
        targets: vec![target],
        endpoint: EndpointKind::Completions,
        body: BodyOptions {
            model: "m".to_owned(),
            streaming: true,
            max_tokens_field: "max_tokens",
            hold_osl: true,
            nvext: tokmark_wire::Nvext::default(),
            extra: serde_json::Map::new(),
        },
        keep_text: false,
        run_id: "r".to_owned(),
        session_header: None,
        open_ahead: None,
        timeout: None,
        connect_timeout: Micros::ZERO,
        grace: None,
        duration: None,
        interrupt_grace: Micros::ZERO,
        secrets: Vec::new(),
        attempts: AtomicU64::new(0),
        live: Arc::new(Live::new(1)),
        control: Control::default(),
    })
}

fn index(item: u64, turn: u32) -> u64 {
    Numbering::Turns.index(Phase::Profiling, item, turn)
}

/// Waits for the bell, as the reactor does.
fn until_ready<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::thread::yield_now();
    }
}

#[test]
fn turns_are_found_by_their_index_whatever_was_asked_ahead() {
    let mut preparer = Preparer::start(shared(), Arc::new(Bell::new().unwrap())).unwrap();
    (0..200).for_each(|item| preparer.ask(index(item, 0)));
    let mut first = until_ready(|| preparer.take());
    assert_eq!(first.request, index(0, 0));
    let mut history = first.history.take().unwrap();
    history.answered(" yes".to_owned());
    preparer.ask_turn(index(0, 1), Some(history));
    let second = until_ready(|| preparer.take_turn(index(0, 1)));
    assert!(String::from_utf8(second.bytes).unwrap().contains(r#""prompt":"0 yes1""#));
    // The forecast turned out wrong: what was made ahead goes, a turn stays.
    let mut history = second.history.unwrap();
    history.answered(" no".to_owned());
    preparer.ask_turn(index(0, 2), Some(history));
    preparer.start_over();
    preparer.ask(index(7, 0));
    assert_eq!(until_ready(|| preparer.take()).request, index(7, 0));
    let third = until_ready(|| preparer.take_turn(index(0, 2)));
    assert!(String::from_utf8(third.bytes).unwrap().contains(r#""prompt":"0 yes1 no2""#));
    assert!(third.history.is_none(), "nobody says again what the last turn said");
}

#[test]
fn turns_nobody_wants_any_more_are_forgotten() {
    let mut preparer = Preparer::start(shared(), Arc::new(Bell::new().unwrap())).unwrap();
    for item in 0..50 {
        preparer.ask(index(item, 0));
    }
    preparer.stock_up(50);
    for item in 0..50 {
        let mut history = preparer.take().unwrap().history.unwrap();
        history.answered(" yes".to_owned());
        preparer.ask_turn(index(item, 1), Some(history));
    }
    let last = until_ready(|| preparer.take_turn(index(49, 1)));
    assert_eq!((last.request, preparer.turns_held()), (index(49, 1), 49));
    preparer.keep_turns(&BTreeSet::from([index(3, 1), index(5, 1), index(99, 1)]));
    assert_eq!(preparer.turns_held(), 2);
    assert!(preparer.take_turn(index(3, 1)).is_some() && preparer.take_turn(index(4, 1)).is_none());
}
