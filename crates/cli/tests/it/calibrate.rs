//! `tokmark calibrate` as a whole: what it writes and says, whatever this machine's clocks and neighbours do to the numbers.

use crate::tool::{Said, command};

/// Two requests of one stream: enough for every number to exist, too few to time anything by.
const TINY: [&str; 6] = ["calibrate", "--streams", "1", "--duration", "1ms", "--json"];

#[test]
fn the_curve_is_kept_and_a_point_that_cannot_judge_is_void() {
    let state = tempfile::tempdir().unwrap();
    let said = Said::of(&command(TINY).env("XDG_STATE_HOME", state.path()).output().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let file = state.path().join("tokmark/calibration.json");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let told = said.json();
    assert_eq!((&told["calibration"], &told["exit_code"]), (&kept, &0.into()));
    assert_eq!(told["file"].as_str(), file.to_str());
    assert_eq!(kept["schema_version"], 1);
    assert_eq!(kept["tool_version"], env!("CARGO_PKG_VERSION"));
    assert!(
        kept["cores"].as_u64().unwrap() > 0 && kept["cpu"].is_string() && kept["measured_at"].is_string()
    );
    let curve = kept["curve"].as_array().unwrap();
    assert_eq!(curve.len(), 1);
    let point = &curve[0];
    assert_eq!((&point["streams"], &point["unmatched"]), (&1.into(), &0.into()));
    assert_eq!(point["ttft_error"]["n"], 2);
    for number in ["events_per_s", "ttft_error_size_ms_p99", "gap_error_size_ms_p99", "rate_error_ratio"] {
        assert!(point[number].is_number(), "{number}: {point}");
    }
    let (void, holds) = (point["void"].as_bool().unwrap(), point["holds"].as_bool().unwrap());
    assert_eq!(said.stderr.contains("void: the server was late itself"), void, "{}", said.stderr);
    // What this machine is rated at follows from the one point.
    assert_eq!(kept["rated"].is_object(), !void && holds, "{kept}");
    assert_eq!(said.stderr.contains("rated capacity: none"), void || !holds, "{}", said.stderr);
}

#[test]
fn without_keeping_nothing_is_written() {
    let state = tempfile::tempdir().unwrap();
    let output = command(TINY).arg("--no-store").env("XDG_STATE_HOME", state.path()).output().unwrap();
    let said = Said::of(&output);
    assert_eq!((said.code, &said.json()["file"]), (Some(0), &serde_json::Value::Null), "{}", said.stderr);
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
}
