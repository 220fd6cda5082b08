use std::io::BufReader;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Elements as `(line, column, text)`, and what is wrong at the end.
type Seen = (Vec<(u64, u64, String)>, Option<RowError>);

fn read(input: impl BufRead, list_at: ListAt) -> Seen {
    let mut elements = Elements::new("f.json", input, list_at, "an element");
    let mut seen = Vec::new();
    while let Some(next) = elements.next_element() {
        match next {
            Ok(line) => {
                seen.push((
                    line.spot.line,
                    line.spot.column,
                    String::from_utf8_lossy(line.bytes).into_owned(),
                ));
            }
            Err(error) => {
                assert!(error.fatal && elements.next_element().is_none(), "{error}");
                return (seen, Some(error));
            }
        }
    }
    (seen, None)
}

fn top(text: &str) -> Seen {
    read(text.as_bytes(), ListAt::Top)
}

fn data(text: &str) -> Seen {
    read(text.as_bytes(), ListAt::Key("data"))
}

#[test]
fn elements_come_one_by_one_with_their_places() {
    let (seen, wrong) = top("\u{feff}[\r\n {\"a\": \"]\\\"}\"},[1,\n[2]] , 7,\"x,\" ,null\n]\n");
    assert_eq!(wrong, None);
    let want = [
        (2, 2, "{\"a\": \"]\\\"}\"}"),
        (2, 16, "[1,\n[2]]"),
        (3, 8, "7"),
        (3, 10, "\"x,\""),
        (3, 16, "null"),
    ];
    let seen: Vec<_> = seen.iter().map(|(line, column, text)| (*line, *column, text.as_str())).collect();
    assert_eq!(seen, want);
}

#[test]
fn a_list_under_a_key_is_found_and_the_rest_passed_over() {
    let (seen, wrong) =
        data("{\"version\": \"1, [\", \"meta\": {\"data\": [9]}, \"data\": [{\"a\": 1}], \"n\": 3}");
    assert_eq!((seen.len(), wrong), (1, None));
    assert_eq!(seen[0].2, "{\"a\": 1}");
}

#[test]
fn empty_lists_and_empty_files_have_no_elements() {
    for text in ["", " \n", "[]", "[\n]"] {
        assert_eq!(top(text), (Vec::new(), None), "{text:?}");
    }
    assert_eq!(data("{\"data\": []}"), (Vec::new(), None));
}

#[test]
fn a_broken_list_says_where() {
    for (text, line, column, what) in [
        ("{\"a\": 1}", 1, 1, "`[` should stand here"),
        ("[1 2]", 1, 4, "`,` or `]` should stand here, and there is `2`"),
        ("[1,\n]", 2, 1, "an element should stand here, and there is `]`"),
        ("[{\"a\": 1}", 1, 10, "and the file ends"),
        ("[1, {\"a\": \"x", 1, 5, "the file ends within what begins here"),
        ("[1]\n[2]", 2, 1, "the end of the file should stand here"),
        ("\u{7}", 1, 1, "the byte 0x07"),
    ] {
        let error = top(text).1.unwrap();
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
        assert!(error.to_string().contains(what), "{text:?}: {error}");
    }
    for (text, what) in [
        ("{\"other\": []}", "there is no `data`"),
        ("{\"data\": {}}", "a list as `data`"),
        ("[1]", "a JSON object, `{`"),
        ("{\"data\": []", "a key or `}`"),
        ("{\"data\": [], \"data\": [1]}", "second list"),
        ("{\"data\" []}", "`:` should stand here"),
    ] {
        let error = data(text).1.unwrap();
        assert!(error.to_string().contains(what), "{text:?}: {error}");
    }
}

#[test]
fn an_element_without_end_stops_the_reading() {
    let text = format!("[1, \"{}\"]", "x".repeat(100));
    let mut elements = Elements::new("f", BufReader::with_capacity(8, text.as_bytes()), ListAt::Top, "e");
    elements.longest = 20;
    assert!(elements.next_element().unwrap().is_ok());
    let error = elements.next_element().unwrap().unwrap_err();
    assert!(error.fatal && error.what.contains("longer than"), "{error}");
    assert!(elements.next_element().is_none());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a\\[\\]{}\",:\\\\ é\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a\"\\]]{0,3}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_list_is_taken_apart_into_what_it_was_made_of(
        values in proptest::collection::vec(any_value(), 0..6), pretty: bool, capacity in 1_usize..40
    ) {
        let list = Value::from(values.clone());
        let text = if pretty { serde_json::to_string_pretty(&list) } else { serde_json::to_string(&list) }.unwrap();
        let (seen, wrong) = read(BufReader::with_capacity(capacity, text.as_bytes()), ListAt::Top);
        prop_assert_eq!(wrong, None);
        let lines: Vec<&str> = text.split('\n').collect();
        for (line, column, element) in &seen {
            let rest = &lines[*line as usize - 1].as_bytes()[*column as usize - 1..];
            prop_assert!(rest.starts_with(element.split('\n').next().unwrap().as_bytes()));
        }
        let seen: Vec<Value> = seen.iter().map(|(.., text)| serde_json::from_str(text).unwrap()).collect();
        prop_assert_eq!(seen, values);
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{},:\" \"a1\n]{0,30}") {
        for list_at in [ListAt::Top, ListAt::Key("a")] {
            for input in [&bytes[..], text.as_bytes()] {
                let whole = read(input, list_at);
                prop_assert_eq!(&whole, &read(BufReader::with_capacity(1, input), list_at));
            }
        }
    }
}
