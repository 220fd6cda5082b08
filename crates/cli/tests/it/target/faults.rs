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
    for entry in std::fs::read_dir(super::run_dir(out.path())).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("sesame-street"));
    }
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
