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
        refused(json, key, other);
    }
}

/// The message names both keys, whole words, and a way out.
fn refused(json: &str, key: &str, other: &str) {
    let message = load(json).unwrap_err().to_string();
    let words: Vec<&str> = message.split([' ', '\n', ':']).collect();
    let said =
        |key: &str| key.split([' ', ':']).filter(|word| !word.is_empty()).all(|word| words.contains(&word));
    assert!(said(key) && said(other) && message.contains("\nhint: "), "{json}: {message}");
}

const WAVE: &str = r#""wave": {"min": 1, "max": 2, "period": "9s"}"#;
const SERIES: &str = r#""series": [[0, 1], [9, 2]]"#;
const STEPS: &str = r#""stages": [{"rate": 3, "duration": "9s"}]"#;
const STREAMS: &str = r#""stages": [{"concurrency": 3, "duration": "9s"}]"#;
const ON_OFF: &str = r#""on_off": {"on": "1s", "off": "2s"}"#;
const TRACE: &str = r#""arrival": "trace""#;

#[test]
fn two_things_do_not_set_the_pace() {
    let paces = [
        (r#""rate": 3"#, "load.rate"),
        (r#""burst": true"#, "load.burst"),
        (r#""concurrency": 3"#, "load.concurrency"),
        (WAVE, "load.wave"),
        (SERIES, "load.series"),
        (STEPS, "load.stages"),
        (STREAMS, "load.stages"),
        (TRACE, "load.arrival: trace"),
    ];
    for (i, (one, key)) in paces.iter().enumerate() {
        for (two, other) in &paces[i + 1..] {
            if key != other {
                refused(&format!("{{{one}, {two}}}"), key, other);
            }
        }
        assert!(load(&format!("{{{one}}}")).is_ok(), "{one}");
    }
}

#[test]
fn what_a_shape_of_rate_excludes() {
    for (one, two, key, other) in [
        (WAVE, r#""ramp": "3s""#, "load.ramp", "load.wave"),
        (SERIES, r#""ramp": "3s""#, "load.ramp", "load.series"),
        (SERIES, r#""cooldown": "3s""#, "load.cooldown", "load.series"),
        (STEPS, r#""ramp": "3s""#, "load.ramp", "load.stages"),
        (STEPS, r#""duration": "3s""#, "load.duration", "load.stages"),
        (STEPS, r#""cooldown": 3"#, "load.cooldown", "load.stages"),
        (STREAMS, r#""duration": "3s""#, "load.duration", "load.stages"),
        (STREAMS, r#""requests": 3"#, "load.requests", "load.stages: concurrency"),
        (STREAMS, r#""sessions": 3"#, "load.sessions", "load.stages: concurrency"),
        (STREAMS, r#""warmup": 3"#, "load.warmup", "load.stages: concurrency"),
        (STREAMS, r#""arrival": "gamma""#, "load.arrival", "load.stages: concurrency"),
        (STREAMS, r#""max_concurrency": 3"#, "load.max_concurrency", "load.stages: concurrency"),
        (WAVE, ON_OFF, "load.on_off", "load.wave"),
        (SERIES, ON_OFF, "load.on_off", "load.series"),
        (STEPS, ON_OFF, "load.on_off", "load.stages"),
        (TRACE, ON_OFF, "load.on_off", "load.arrival: trace"),
        (TRACE, r#""ramp": "3s""#, "load.ramp", "load.arrival: trace"),
        (TRACE, r#""warmup": 3"#, "load.warmup", "load.arrival: trace"),
        (TRACE, r#""cooldown": "3s""#, "load.cooldown", "load.arrival: trace"),
        (TRACE, r#""users": 3"#, "load.users", "load.arrival: trace"),
        (TRACE, r#""burstiness": 3"#, "load.burstiness", "load.arrival: gamma"),
        (r#""rate": 3, "ramp": "3s""#, ON_OFF, "load.on_off", "load.ramp"),
    ] {
        refused(&format!("{{{one}, {two}}}"), key, other);
    }
}

#[test]
fn what_users_exclude_and_need() {
    let users = r#""users": 3"#;
    for (two, key) in [
        (r#""rate": 3, "arrival": "poisson""#, "load.arrival"),
        (r#""rate": 3, "max_concurrency": 3"#, "load.max_concurrency"),
        (r#""rate": 3, "sessions": 3, "cooldown": 3"#, "load.cooldown"),
        (r#""concurrency": 3"#, "load.concurrency"),
        (r#""burst": true"#, "load.burst"),
        (WAVE, "load.wave"),
        (SERIES, "load.series"),
        (STEPS, "load.stages"),
        (STREAMS, "load.stages"),
    ] {
        refused(&format!("{{{users}, {two}}}"), key, "load.users");
    }
    refused(&format!(r#"{{{users}, "rate": 3, {ON_OFF}}}"#), "load.on_off", "load.users");
    refused(&format!("{{{users}}}"), "load.users", "load.rate");
}

#[test]
fn keys_that_mean_nothing_alone() {
    for (json, key, other) in [
        (r#"{"rate": 3, "on_off": {"on": "1s"}}"#, "load.on_off.on", "load.on_off.off"),
        (r#"{"rate": 3, "on_off": {"off": "1s"}}"#, "load.on_off.off", "load.on_off.on"),
        (r#"{"on_off": {"on": "1s", "off": "1s"}}"#, "load.on_off", "load.rate"),
        (r#"{"wave": {"max": 3, "period": "1s"}}"#, "load.wave", "load.wave.min"),
        (r#"{"wave": {"min": 3, "period": "1s"}}"#, "load.wave", "load.wave.max"),
        (r#"{"wave": {"min": 3, "max": 4}}"#, "load.wave", "load.wave.period"),
        (r#"{"rate": 3, "ramp_from": 1}"#, "load.ramp_from", "load.ramp"),
        (r#"{"rate": 3, "ramp_shape": "linear"}"#, "load.ramp_shape", "load.ramp"),
        (r#"{"concurrency": 3, "ramp": "3s", "ramp_shape": "linear"}"#, "load.ramp_shape", "load.rate"),
        (r#"{"ramp": "3s", "ramp_from": 1}"#, "load.ramp_from", "load.rate"),
        (
            r#"{"rate": 3, "ramp": "3s", "ramp_shape": "exponential"}"#,
            "load.ramp_shape: exponential",
            "load.ramp_from",
        ),
        (
            r#"{"rate": 3, "ramp": "3s", "ramp_shape": "exponential", "ramp_from": 0}"#,
            "load.ramp_from",
            "load.ramp_shape: exponential",
        ),
        (r#"{"replay": {"speed": 2}}"#, "load.replay.speed", "load.arrival: trace"),
        (r#"{"rate": 3, "replay": {"idle_cap": "2s"}}"#, "load.replay.idle_cap", "load.arrival: trace"),
        (
            r#"{"stages": [{"concurrency": 3, "duration": "9s"}, {"rate": 3, "duration": "9s"}]}"#,
            "load.stages: rate",
            "load.stages: concurrency",
        ),
    ] {
        refused(json, key, other);
    }
}

#[test]
fn stages_and_points_are_named_by_their_number() {
    for (json, what) in [
        (
            r#"{"stages": [{"rate": 3, "duration": "9s"}, {"rate": 4}]}"#,
            "load.stages: stage 2 has no duration",
        ),
        (r#"{"stages": [{"duration": "9s"}]}"#, "stage 1 has neither a rate nor a concurrency"),
        (
            r#"{"stages": [{"rate": 3, "concurrency": 2, "duration": "9s"}]}"#,
            "stage 1 has a rate and a concurrency",
        ),
        (r#"{"stages": [{"rate": 3, "duration": "0s"}]}"#, "stage 1 lasts no time"),
        (r#"{"stages": [{"rate": -3, "duration": "1s"}]}"#, "stage 1 has the rate -3"),
        (r#"{"stages": [{"concurrency": 0, "duration": "1s"}]}"#, "stage 1 has a concurrency of 0"),
        (r#"{"stages": [{"rate": 0, "duration": "1s"}]}"#, "load.stages is 0 starts a second in every stage"),
        (r#"{"series": [[0, 1], [5, 2], [4, 2]]}"#, "load.series: point 3 is [4, 2]: it must be no earlier"),
        (r#"{"series": [[1, 1], [5, 2]]}"#, "load.series: point 1 is [1, 1]: it must be at 0 seconds"),
        (r#"{"series": [[0, 1], [5, -2]]}"#, "point 2 is [5, -2]"),
        (r#"{"series": [[0, 0], [5, 0]]}"#, "point 2 is [5, 0]"),
        (r#"{"series": [[0, 1], [0, 2]]}"#, "it must be followed by a later one"),
        (r#"{"series": []}"#, "it must be followed by a later one"),
        (r#"{"series": "rates.json"}"#, "load.series names the file rates.json"),
    ] {
        let message = load(json).unwrap_err().to_string();
        assert!(message.contains(what) && message.contains("\nhint: "), "{json}: {message}");
    }
    let nan = LoadSpec {
        series: Some(SeriesSpec::Points(vec![[0.0, f64::NAN], [1.0, 1.0]])),
        ..LoadSpec::default()
    };
    assert!(nan.resolve().unwrap_err().to_string().contains("point 1 is [0, NaN]"));
    for bad in [f64::NAN, f64::INFINITY] {
        let stages = vec![StageSpec { rate: Some(bad), duration: "1s".parse().ok(), concurrency: None }];
        assert!(LoadSpec { stages, ..LoadSpec::default() }.resolve().is_err());
        assert!(LoadSpec { rate: Some(bad), ..LoadSpec::default() }.resolve().is_err());
    }
}

/// Loads that hold together: the spec, its words, and what it knows of itself.
#[test]
fn every_load_tells_itself() {
    for (json, words, most, starts) in [
        (format!("{{{WAVE}}}"), "Poisson, 1 to 2 req/s in waves of 9 s", None, Some(200)),
        (
            format!(r#"{{{WAVE}, "arrival": "constant"}}"#),
            "constant, 1 to 2 req/s in waves of 9 s",
            None,
            Some(200),
        ),
        (format!("{{{SERIES}}}"), "Poisson, 1 to 2 req/s along 2 points within 9 s", None, None),
        (format!("{{{STEPS}}}"), "Poisson, 3 req/s for 9s", None, None),
        (format!(r#"{{{STEPS}, "requests": 7}}"#), "Poisson, 3 req/s for 9s", None, Some(7)),
        (format!("{{{STREAMS}}}"), "closed loop, 3 streams for 9s", Some(3), None),
        (
            r#"{"stages": [{"concurrency": 1, "duration": "1s"}, {"concurrency": 64, "duration": "90s"}]}"#
                .to_owned(),
            "closed loop, 1 stream for 1s, then 64 streams for 90s",
            Some(64),
            None,
        ),
        (
            format!(r#"{{"rate": 2, "arrival": "gamma", "burstiness": 0.5, {ON_OFF}}}"#),
            "gamma (burstiness 0.5), 2 req/s, all within 1 s of every 3 s",
            None,
            Some(200),
        ),
        (
            r#"{"rate": 64, "ramp": "60s", "ramp_from": 1, "ramp_shape": "exponential", "duration": "5m"}"#
                .to_owned(),
            "Poisson, 1 to 64 req/s by equal ratios within 60 s",
            None,
            None,
        ),
        (r#"{"rate": 9, "ramp": "0s", "requests": 9}"#.to_owned(), "Poisson, 9 req/s", None, Some(9)),
        (
            r#"{"arrival": "trace", "max_concurrency": 9, "replay": {"speed": 2, "idle_cap": "30s"}}"#
                .to_owned(),
            "the trace's own times, 2 x as fast, gaps up to 30.0 s, at most 9 in flight",
            Some(9),
            None,
        ),
        (
            format!(r#"{{{TRACE}, "requests": 50, "warmup": "auto"}}"#),
            "the trace's own times",
            None,
            Some(50),
        ),
        (r#"{"rate": 2, "users": 15, "warmup": "2x"}"#.to_owned(), "15 users, 2 req/s", Some(15), Some(230)),
        (r#"{"burst": true, "sessions": 300}"#.to_owned(), "everything at once", None, None),
        (r#"{"burst": true, "duration": "9s"}"#.to_owned(), "everything at once", Some(200), Some(200)),
        (
            r#"{"concurrency": 4, "ramp": "9s", "sessions": 9}"#.to_owned(),
            "closed loop, 4 streams",
            Some(4),
            None,
        ),
    ] {
        let spec: LoadSpec = serde_json::from_str(&json).unwrap();
        let got = spec.resolve().unwrap_or_else(|error| panic!("{json}: {error}"));
        assert_eq!(
            (got.describe().as_str(), got.most_in_flight(), got.starts()),
            (words, most, starts),
            "{json}"
        );
        // Written out in full it means the same, and is complete.
        let mut full = spec.clone();
        full.fill();
        assert_eq!(full.resolve(), Ok(got), "{json}");
        let again = full.clone();
        full.fill();
        assert_eq!(full, again, "{json}");
    }
}

#[test]
fn stages_and_series_end_the_run() {
    let of = |json: String| {
        let load = load(&json).unwrap();
        (load.requests, load.duration.map(|d| d.0), load.end().map(|e| e.0))
    };
    assert_eq!(of(format!("{{{STEPS}}}")), (None, Some(9_000_000), Some(9_000_000)));
    assert_eq!(of(format!(r#"{{{STREAMS}, "warmup": "2s"}}"#)), (None, Some(7_000_000), Some(9_000_000)));
    assert_eq!(of(format!(r#"{{{STEPS}, "warmup": 2}}"#)), (None, None, Some(9_000_000)));
    assert_eq!(
        of(format!(r#"{{{SERIES}, "duration": "4s", "requests": 3}}"#)),
        (Some(3), Some(4_000_000), Some(9_000_000))
    );
    assert_eq!(of(format!(r#"{{{SERIES}, "duration": "1m"}}"#)), (None, Some(9_000_000), Some(9_000_000)));
    refused(&format!(r#"{{{STEPS}, "warmup": "9s"}}"#), "load.warmup", "stages");
}

#[test]
fn means_and_deviations_of_laws_and_rates_together() {
    let of = |json: &str| {
        let load = load(json).unwrap();
        (load.mean_rate(), load.gap_cv())
    };
    assert_eq!(of(r#"{"rate": 49, "arrival": "constant"}"#), (Some(49.0), Some(0.0)));
    assert_eq!(of(r#"{"rate": 2, "arrival": "gamma", "burstiness": 4}"#), (Some(2.0), Some(0.5)));
    assert_eq!(of("{}"), (None, None));
    assert_eq!(of(r#"{"burst": true}"#), (None, None));
    assert_eq!(of(r#"{"arrival": "trace"}"#), (None, None));
    let (mean, cv) = of(&format!("{{{WAVE}}}"));
    // 2 · 1.5/√2 − 1
    assert!(mean == Some(1.5) && (cv.unwrap() - libm::sqrt(3.0 / libm::sqrt(2.0) - 1.0)).abs() < 1e-12);
    assert_eq!(of(r#"{"wave": {"min": 0, "max": 2, "period": "9s"}}"#), (Some(1.0), None));
    // 6 starts a cycle of 3 s, five gaps of 1/6 s and one of 2 s more.
    let (mean, cv) = of(&format!(r#"{{"rate": 2, "arrival": "constant", {ON_OFF}}}"#));
    assert!(mean == Some(2.0) && (cv.unwrap() - libm::sqrt(5.0 / 36.0 * 4.0) / 0.5).abs() < 1e-12);
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
        r#"{"wave": {"min": -1, "max": 2, "period": "9s"}}"#,
        r#"{"wave": {"min": 0, "max": 0, "period": "9s"}}"#,
        r#"{"wave": {"min": 3, "max": 2, "period": "9s"}}"#,
        r#"{"wave": {"min": 1, "max": 2, "period": "0s"}}"#,
        r#"{"rate": 1, "on_off": {"on": "0s", "off": "1s"}}"#,
        r#"{"rate": 1, "on_off": {"on": "1s", "off": "0s"}}"#,
        r#"{"rate": 1000000, "on_off": {"on": "1s", "off": "1s"}}"#,
        r#"{"rate": 1, "users": 0}"#,
        r#"{"rate": 1, "users": 10000000}"#,
        r#"{"sessions": 0}"#,
        r#"{"rate": 1, "ramp": "1s", "ramp_from": -1}"#,
        r#"{"arrival": "trace", "replay": {"speed": 0}}"#,
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
