//! Every way a server can fail becomes its own kind in the records, with the server's own words, and loses nothing.

use tokmark_play::{Fault, FaultRule};

use super::{MODEL, bench, serve, serve_with};

const ERRORS: &str = include_str!("../../../../../docs/errors.md");

fn status(code: u16, body: &str) -> Fault {
    Fault::Status { code, body: body.to_owned(), retry_after: None }
}

/// Fault, kind in the records, words in the error table.
fn table() -> Vec<(Fault, &'static str, &'static str)> {
    vec![
        (status(401, r#"{"error":{"message":"no key"}}"#), "http_client_error", "no key"),
        (status(404, r#"{"error":{"message":"model gone"}}"#), "http_client_error", "model gone"),
        (status(415, "unsupported media"), "http_client_error", "unsupported media"),
        (status(429, r#"{"error":{"message":"slow down"}}"#), "http_client_error", "slow down"),
        (status(500, r#"{"message":"boom"}"#), "http_server_error", "boom"),
        (status(503, "overloaded, come back"), "http_server_error", "overloaded"),
        (Fault::Redirect { location: "http://elsewhere/".to_owned() }, "redirect", "elsewhere"),
        (Fault::EmptyReply, "empty_reply", ""),
        (Fault::BadHttp, "bad_http", ""),
        (Fault::ContentEncoding { name: "gzip".to_owned() }, "content_encoding", "gzip"),
        (Fault::CutAfter { tokens: 3 }, "cut_short", ""),
        (Fault::EndAfter { tokens: 3 }, "cut_short", ""),
        (
            Fault::ErrorAfter { tokens: 3, message: "kv cache full".to_owned() },
            "error_in_stream",
            "kv cache full",
        ),
        (Fault::NotJsonAfter { tokens: 3 }, "not_json", ""),
        (Fault::NeverAnswer, "timeout", ""),
        (Fault::StallAfter { tokens: 3 }, "timeout", ""),
        (Fault::Drip { bytes_per_sec: 1 }, "timeout", ""),
    ]
}

#[test]
fn each_fault_is_its_own_kind_and_all_failing_exits_6() {
    for (fault, kind, words) in table() {
        let server = serve(vec![FaultRule::always(fault.clone())]);
        let out = tempfile::tempdir().unwrap();
        let said = bench(&server.url(), out.path(), &["--timeout", "400ms"]);
        assert_eq!(said.code, Some(6), "{fault:?}: {}", said.stderr);
        let summary = &said.json()["summary"];
        assert_eq!(summary["counts"]["failed"], 12, "{fault:?}: {summary:#}");
        assert_eq!(summary["counts"]["recorded"], 12, "{fault:?}");
        let rows = summary["failures"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["kind"] == kind), "{fault:?}: {rows:?}");
        assert!(rows.iter().any(|row| row.to_string().contains(words)), "{fault:?}: {rows:?}");
        assert!(ERRORS.contains(&format!("| `{kind}` |")), "docs/errors.md does not list {kind}");
    }
}

#[test]
fn some_failures_exit_0_unless_more_than_allowed() {
    let half = vec![FaultRule { every: 2, fault: status(500, "every other") }];
    let server = serve(half.clone());
    let out = tempfile::tempdir().unwrap();
    let said = bench(&server.url(), out.path(), &[]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let summary = &said.json()["summary"];
    assert_eq!((&summary["counts"]["succeeded"], &summary["counts"]["failed"]), (&6.into(), &6.into()));
    let ttft =
        summary["metrics"].as_array().unwrap().iter().find(|m| m["tag"] == "time_to_first_token").unwrap();
    assert_eq!(ttft["adjusted"]["infinite"], 6, "{ttft:#}");
    for (most, code) in [("0.4", 3), ("0.6", 0)] {
        let server = serve(half.clone());
        let said = bench(&server.url(), out.path(), &["--max-error-rate", most]);
        assert_eq!(said.code, Some(code), "{}", said.stderr);
    }
}

#[test]
fn a_target_that_is_not_there_or_not_ready_exits_6_before_any_load() {
    let out = tempfile::tempdir().unwrap();
    let gone = serve(Vec::new()).stop_and_url();
    let locked = serve_with(|config| config.api_key = Some(tokmark_base::Secret::new("sesame")));
    let plain = serve(Vec::new());
    let tls = plain.url().replace("http://", "https://");
    for (url, args, words) in [
        (gone.as_str(), &[][..], "unreachable|hint:"),
        ("http://no-such-host.invalid:8000", &[], "no-such-host.invalid|hint:"),
        (&tls, &[], "hint:"),
        (&locked.url(), &[], "401|--api-key-env"),
        (&plain.url(), &["-m", "tinny"], "does not serve|`tiny`|-m tiny"),
        (&plain.url(), &["--expect-workers", "2"], "workers"),
    ] {
        let said = bench(url, out.path(), args);
        assert_eq!(said.code, Some(6), "{url}: {}", said.stderr);
        for word in words.split('|') {
            assert!(said.stderr.contains(word), "`{word}` not in: {}", said.stderr);
        }
        assert_eq!(said.json()["exit_code"], 6);
    }
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0, "an unmeasured run left its directory");
}

#[test]
fn a_target_with_several_models_and_none_named_is_a_matter_of_usage() {
    let out = tempfile::tempdir().unwrap();
    let server = serve_with(|config| config.models.push("second".to_owned()));
    let said = bench(&server.url(), out.path(), &[]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("name the model with -m"), "{}", said.stderr);
}

#[test]
fn a_key_in_a_body_field_or_a_query_reaches_no_file() {
    let server = serve(Vec::new());
    let out = tempfile::tempdir().unwrap();
    let url = format!("{}/?key=SEKRETQ", server.url());
    let args = ["--extra", "api_key:SEKRETQ", "--extra", r#"{"a":{"token":"SEKRETQ"}}"#];
    let said = bench(&url, out.path(), &args);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(!said.stdout.contains("SEKRETQ") && !said.stderr.contains("SEKRETQ"), "{}", said.stderr);
    for entry in std::fs::read_dir(super::run_dir(out.path())).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("SEKRETQ"), "{}", path.display());
    }
}

#[test]
fn a_key_from_the_environment_opens_it_and_reaches_no_file() {
    let locked = serve_with(|config| config.api_key = Some(tokmark_base::Secret::new("sesame-street")));
    let out = tempfile::tempdir().unwrap();
    let url = locked.url();
    let args =
        ["bench", &url, "-m", MODEL, "--requests", "4", "--isl", "8", "--osl", "4", "--validity", "report"];
    let output = crate::tool::command(args)
        .args(["--api-key-env", "KEY", "-H", "X-Token: sesame-street", "--out"])
        .arg(out.path())
        .env("KEY", "sesame-street")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!everything(&super::run_dir(out.path())).contains("sesame-street"));
}

/// The text of every file of a run, names first.
fn everything(dir: &std::path::Path) -> String {
    use std::fmt::Write as _;
    let mut all = String::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        writeln!(all, "{}\n{}", path.display(), String::from_utf8_lossy(&bytes)).unwrap();
    }
    let run = tokmark_store::Run::open(dir).unwrap();
    let records: Vec<_> = run.records().unwrap().map(Result::unwrap).collect();
    let samples: Vec<_> = run.samples().unwrap().map(Result::unwrap).collect();
    assert!(!records.is_empty() && !samples.is_empty());
    all + &serde_json::to_string(&records).unwrap() + &serde_json::to_string(&samples).unwrap()
}

#[test]
fn no_secret_of_a_header_or_url_reaches_a_file_though_the_server_says_it_back() {
    // The echo lies across the place where a message is cut.
    let echo = |secret: &str, room: usize| format!("{}{secret}", "x".repeat(300 - room));
    let secrets = ["hunter-one", "hunter-two", "hunter-three", "hunter-four", "hunter-five"];
    let server = serve(
        secrets
            .iter()
            .zip([2, 3, 5, 7, 11])
            .map(|(secret, every)| FaultRule { every, fault: status(401, &echo(secret, 8)) })
            .collect(),
    );
    let url = server.url().replace("http://", "http://somebody:hunter-one@") + "/?code=hunter-two";
    let out = tempfile::tempdir().unwrap();
    let args = [
        "-m",
        MODEL,
        "--requests",
        "60",
        "--profile-export-jsonl",
        "-H",
        "Ocp-Apim-Subscription-Key: hunter-three",
        "-H",
        "X-Functions-Key: hunter-four",
        "--set",
        "target.headers.X-Auth-Key=hunter-five",
    ];
    let said = bench(&url, out.path(), &args);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let all = everything(&super::run_dir(out.path()));
    assert!(all.contains("xxx***"), "the server's words are kept");
    // A quarter of the word is enough to have leaked.
    let leak = all.find("hunter").map(|at| &all[at.saturating_sub(80)..(at + 20).min(all.len())]);
    assert_eq!(leak, None);
    assert!(!said.stdout.contains("hunter"));
}

/// A port that nothing listens on any more.
trait StopAndUrl {
    fn stop_and_url(self) -> String;
}

impl StopAndUrl for tokmark_play::Handle {
    fn stop_and_url(self) -> String {
        let url = self.url();
        self.stop();
        url
    }
}
