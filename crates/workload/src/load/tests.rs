use super::*;
use crate::arrival::Closed;

fn load(json: &str) -> Result<Load, LoadError> {
    serde_json::from_str::<LoadSpec>(json).unwrap().resolve()
}

#[test]
fn nothing_asked_is_a_closed_loop_of_eight_streams_and_200_requests() {
    let got = load("{}").unwrap();
    assert_eq!(got.arrival, Arrival::Closed(Closed { concurrency: 8 }));
    assert_eq!((got.requests, got.duration), (Some(200), None));
    assert_eq!(got.grace, Micros(30_000_000));
    assert_eq!(got.most_in_flight(), Some(8));
    assert_eq!(got.describe(), "closed loop, 8 streams");
}

#[test]
fn multiples_times_and_caps() {
    let got = load(r#"{"concurrency": 16, "requests": "10x", "warmup": "2x", "cooldown": "5s"}"#).unwrap();
    assert_eq!(got.requests, Some(160));
    assert_eq!(got.warmup, Some(Phased::Requests(32)));
    assert_eq!(got.cooldown, Some(Phased::For(Micros(5_000_000))));
    let got = load(r#"{"rate": 12, "max_concurrency": 64, "duration": "1m", "warmup": "auto"}"#).unwrap();
    assert_eq!(got.describe(), "Poisson, 12 req/s, at most 64 in flight");
    assert_eq!((got.requests, got.warmup, got.warmup_auto), (None, None, true));
    assert_eq!(got.most_in_flight(), Some(64));
    let got = load(r#"{"rate": 12, "duration": "1m"}"#).unwrap();
    assert_eq!(got.most_in_flight(), None);
    let got = load(r#"{"rate": 12, "requests": 100000}"#).unwrap();
    assert_eq!(got.most_in_flight(), None);
    let got = load(r#"{"burst": true, "requests": 50}"#).unwrap();
    assert_eq!(got.most_in_flight(), Some(50));
    let got = load(r#"{"concurrency": 100, "requests": 3}"#).unwrap();
    assert_eq!(got.most_in_flight(), Some(3));
}

#[test]
fn contradictions_name_both_keys_and_the_way_out() {
    for (json, key, other) in [
        (r#"{"rate": 1, "burst": true}"#, "load.rate", "load.burst"),
        (r#"{"rate": 1, "concurrency": 2}"#, "load.concurrency", "load.rate"),
        (r#"{"burst": true, "concurrency": 2}"#, "load.concurrency", "load.burst"),
        (r#"{"burst": true, "arrival": "gamma"}"#, "load.arrival", "load.burst"),
        (r#"{"burst": true, "ramp": "3s"}"#, "load.ramp", "load.burst"),
        (r#"{"burst": true, "warmup": 3}"#, "load.warmup", "load.burst"),
        (r#"{"burst": true, "cooldown": 3}"#, "load.cooldown", "load.burst"),
        (r#"{"arrival": "constant"}"#, "load.arrival", "load.rate"),
        (r#"{"rate": 2, "burstiness": 2}"#, "load.burstiness", "load.arrival: gamma"),
        (r#"{"max_concurrency": 2}"#, "load.max_concurrency", "load.rate"),
    ] {
        let message = load(json).unwrap_err().to_string();
        assert!(
            message.contains(key) && message.contains(other) && message.contains("hint:"),
            "{json}: {message}"
        );
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for json in [
        r#"{"concurrency": 0}"#,
        r#"{"rate": 0}"#,
        r#"{"rate": -3}"#,
        r#"{"rate": 1e9}"#,
        r#"{"rate": 1, "arrival": "gamma", "burstiness": 0}"#,
        r#"{"requests": 0}"#,
        r#"{"requests": "0x"}"#,
        r#"{"duration": "0s"}"#,
        r#"{"rate": 1, "requests": "10x"}"#,
        r#"{"rate": 1, "warmup": "2x"}"#,
    ] {
        let message = load(json).unwrap_err().to_string();
        assert!(message.contains("load.") && message.contains("hint:"), "{json}: {message}");
    }
}

#[test]
fn a_spec_reads_back_as_written() {
    let spec: LoadSpec =
        serde_json::from_str(r#"{"rate": 2.5, "arrival": "gamma", "burstiness": 0.5, "ramp": "10s"}"#)
            .unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<LoadSpec>(&text).unwrap(), spec);
    assert!(serde_json::from_str::<LoadSpec>(r#"{"stagger": 1}"#).is_err());
}

#[test]
fn the_schema_describes_every_key() {
    for schema in [schemars::schema_for!(LoadSpec), schemars::schema_for!(crate::WorkloadSpec)] {
        let schema = schema.to_value();
        for (key, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{key}: {property}");
        }
        assert_eq!(schema["additionalProperties"], false);
    }
    let schema = schemars::schema_for!(LoadSpec).to_value();
    assert_eq!(schema["properties"]["grace"]["default"], "30s", "{schema}");
}
