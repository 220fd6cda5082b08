use super::super::golden;
use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/aiperf-0.13.0/random_pool.jsonl");

fn rows(text: &[u8]) -> RandomPool {
    RandomPool::new("r.jsonl", Box::new(std::io::Cursor::new(text.to_vec())))
}

#[test]
fn the_pool_is_the_one_that_aiperf_draws_from() {
    let read = golden::all(&mut rows(GOLDEN));
    let mut pool = golden::conversations(&read, true);
    let mut drawn = golden::said("random_pool.jsonl");
    for list in [&mut pool, &mut drawn] {
        list.sort_by_key(ToString::to_string);
    }
    assert_eq!((pool.len(), &pool), (4, &drawn));
}

#[test]
fn what_has_no_place_in_a_pool_is_refused_by_name() {
    for (text, field, want) in [
        (r#"{"text": "a", "delay": 3}"#, Some("delay"), "no place in a pool"),
        (r#"{"text": "a", "timestamp": 3}"#, Some("timestamp"), "no place in a pool"),
        (r#"{"text": "a", "session_id": "s"}"#, Some("session_id"), "no place in a pool"),
        (r#"{"text": "a", "images": ["b"]}"#, Some("images"), "cannot yet"),
        (r#"{"name": "a"}"#, None, "no prompt"),
    ] {
        let errors = golden::errors(&mut rows(text.as_bytes()));
        assert_eq!((errors.len(), errors[0].field.as_deref()), (1, field), "{text}");
        assert!(errors[0].to_string().contains(want), "{}", errors[0]);
    }
}
