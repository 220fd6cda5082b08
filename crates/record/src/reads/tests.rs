use proptest::prelude::*;

use super::*;

fn read(user: i64, kernel: Option<i64>, open: i64, content: u32, tail: bool) -> Read {
    let kernel = kernel.map(Micros);
    Read { user: Micros(user), kernel, open: Micros(open), bytes: 200, events: content.max(1), content, tail }
}

#[test]
fn the_kernel_stamp_belongs_to_the_event_that_ends_a_draining_read() {
    let reads = Reads(vec![read(1_000, Some(950), 400, 2, true), read(2_000, Some(1_900), 1_000, 1, false)]);
    let events: Vec<_> = reads.content_events().map(|e| (e.after.0, e.at.0)).collect();
    assert_eq!(events, [(400, 950), (950, 950), (1_000, 1_900)]);
}

#[test]
fn round_trip_and_size() {
    let reads =
        (0..64).map(|i| read(10_000 * (i + 10) + i, Some(10_000 * (i + 10)), 10_000 * (i + 9), 1, true));
    let reads = Reads(reads.collect());
    let text = serde_json::to_string(&reads).unwrap();
    assert_eq!(serde_json::from_str::<Reads>(&text).unwrap(), reads);
    assert!(text.len() <= 1_500, "{} bytes for 64 events", text.len());
}

#[test]
fn arrays_of_different_lengths_are_refused() {
    let text = r#"{"user_us":[1,2],"lag_us":[0],"open_us":[1,1],"bytes":[1,1]}"#;
    assert!(serde_json::from_str::<Reads>(text).unwrap_err().to_string().contains("different lengths"));
}

/// A token of a simulated engine: read the moment it comes.
fn simulated(at: i64) -> Read {
    let at = Micros(at);
    Read { user: at, kernel: Some(at), open: at, bytes: 0, events: 1, content: 1, tail: true }
}

#[test]
fn a_simulated_token_is_one_number() {
    let reads = Reads([1_000, 7_300, 13_550].map(simulated).to_vec());
    let text = r#"{"user_us":[1000,6300,6250]}"#;
    assert_eq!(serde_json::to_string(&reads).unwrap(), text);
    assert_eq!(serde_json::from_str::<Reads>(text).unwrap(), reads);
}

#[test]
fn files_with_every_column_read_on() {
    let text = r#"{"user_us":[1000,6300],"lag_us":[0,0],"open_us":[0,0],"bytes":[0,0]}"#;
    let reads = Reads([1_000, 7_300].map(simulated).to_vec());
    assert_eq!(serde_json::from_str::<Reads>(text).unwrap(), reads);
    let text = r#"{"user_us":[1000,6300],"lag_us":[40,-1],"open_us":[500,6300],"bytes":[210,99],"events":[2,1],"content":[1,1],"tail":[0,1]}"#;
    let reads = [
        Read {
            kernel: Some(Micros(960)),
            open: Micros(500),
            bytes: 210,
            events: 2,
            tail: false,
            ..simulated(1_000)
        },
        Read { kernel: None, open: Micros(1_000), bytes: 99, ..simulated(7_300) },
    ];
    assert_eq!(serde_json::from_str::<Reads>(text).unwrap(), Reads(reads.to_vec()));
}

fn number() -> impl Strategy<Value = i64> {
    // Numbers of every length, and many that are what a column is by nature.
    prop_oneof![
        Just(0),
        Just(1),
        -20_i64..20,
        (0_u32..50).prop_map(|bits| 1 << bits),
        -1_000_000_i64..90_000_000
    ]
}

prop_compose! {
    fn any_read()(
        user in number(),
        lag in prop::option::of(number()),
        open in number(),
        bytes in prop_oneof![Just(0), any::<u32>()],
        events in prop_oneof![Just(1), any::<u32>()],
        content in prop_oneof![Just(1), any::<u32>()],
        tail in prop::bool::weighted(0.9),
    ) -> Read {
        let kernel = lag.map(|lag| Micros(user - lag));
        Read { user: Micros(user), kernel, open: Micros(user - open), bytes, events, content, tail }
    }
}

fn any_reads() -> impl Strategy<Value = Reads> {
    let plain = prop::collection::vec(number().prop_map(simulated), 0..300);
    prop_oneof![plain, prop::collection::vec(any_read(), 0..40)].prop_map(Reads)
}

proptest! {
    #[test]
    fn by_hand_and_by_serde_are_the_same_bytes(reads in any_reads()) {
        let mut text = b"before".to_vec();
        text::append(&reads, &mut text);
        let text = text.strip_prefix(b"before").unwrap();
        prop_assert_eq!(text, &serde_json::to_vec(&reads).unwrap()[..]);
        let (back, len) = text::parse(text, 7).unwrap();
        prop_assert_eq!(len, text.len());
        prop_assert_eq!(back, serde_json::from_slice::<Reads>(text).unwrap());
    }

    /// What is read by hand, serde reads too, and as the same; what serde refuses is never read by hand.
    #[test]
    fn damaged_text_is_never_read_otherwise_than_by_serde(
        reads in any_reads(),
        place in any::<prop::sample::Index>(),
        put in prop::sample::select(&b"0123456789-,]}[{\" .e"[..]),
        how in 0_u8..3,
    ) {
        let mut text = serde_json::to_vec(&reads).unwrap();
        let at = place.index(text.len());
        match how {
            0 => text[at] = put,
            1 => text.insert(at, put),
            _ => drop(text.remove(at)),
        }
        if let Some((read, len)) = text::parse(&text, 0) {
            prop_assert_eq!(read, serde_json::from_slice::<Reads>(&text[..len]).unwrap());
        }
    }
}
