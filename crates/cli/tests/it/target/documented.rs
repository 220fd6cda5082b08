//! Every line of the table "Commands" in docs/errors.md is run: its message and its exit code are what it says.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tokmark_base::Secret;
use tokmark_play::{Fault, FaultRule, Handle};

use super::{bench, serve, serve_with};
use crate::tool::{Said, command};

const ERRORS: &str = include_str!("../../../../../docs/errors.md");

/// The lines of the table: what is wrong, words of the message, exit code.
fn table() -> Vec<(&'static str, &'static str, i32)> {
    let section = ERRORS.split("## Commands").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [what, words, code] = cells[..] else { panic!("{row}") };
        (what, words.trim_matches('`'), code.parse().unwrap())
    })
    .collect()
}

#[test]
fn every_line_of_the_table_is_true() {
    let table = table();
    assert!(table.len() > 20);
    for (what, words, code) in table {
        let out = tempfile::tempdir().unwrap();
        let Some(said) = scene(what, out.path()) else { continue };
        assert_eq!(said.code, Some(code), "{what}: {}", said.stderr);
        assert!(said.stderr.contains(words), "{what}: `{words}` not in: {}", said.stderr);
    }
}

/// Makes it happen; `None` if this machine does not let it.
fn scene(what: &str, out: &Path) -> Option<Said> {
    Some(match what {
        "nothing listens at the URL" => bench(&gone(), out, &[]),
        "the host name has no address" => bench("http://no-such-host.invalid", out, &[]),
        "`https://` to a port that speaks plain HTTP" => {
            bench(&good().url().replace("http://", "https://"), out, &[])
        }
        "the key is refused (401, 403)" => {
            bench(&serve_with(|c| c.api_key = Some(Secret::new("sesame"))).url(), out, &[])
        }
        "the model is not served" => bench(&good().url(), out, &["-m", "other"]),
        "several models, and none was named" => {
            bench(&serve_with(|c| c.models.push("second".to_owned())).url(), out, &[])
        }
        "not ready within `--wait`" => {
            bench(&loading(), out, &["-m", "x", "--wait", "200ms", "--poll", "50ms"])
        }
        "fewer workers than `--expect-workers`" => bench(&good().url(), out, &["--expect-workers", "2"]),
        "the check request fails" => bench(&failing(1).url(), out, &["--check-request"]),
        "every attempt failed" => bench(&failing(1).url(), out, &[]),
        "more attempts failed than `--max-error-rate` allows" => {
            bench(&failing(2).url(), out, &["--max-error-rate", "0.1"])
        }
        "the disk is full in the middle of a run" => return full_disk(out),
        what => usage(what, out),
    })
}

fn usage(what: &str, out: &Path) -> Said {
    let file = |name: &str, text: &str| {
        let path = out.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let url = "http://127.0.0.1:9";
    match what {
        "the URL is not one" => bench("host:8000", out, &[]),
        "more streams than files may be open" => {
            let line = format!(
                "ulimit -n 100; exec {} bench {url} -m x --concurrency 400 --requests 400 --out {}",
                env!("CARGO_BIN_EXE_tokmark"),
                out.display()
            );
            Said::of(&Command::new("bash").args(["-c", &line]).output().unwrap())
        }
        "the output directory is a file" => bench(url, Path::new(&file("file", "")), &[]),
        "the output directory is a device" => bench(url, Path::new("/dev/full"), &[]),
        "the prompt file has a malformed line" => {
            let input = file("prompts.jsonl", "{\"text_input\": \"fine\"}\n{\"text_input\": 7}\n");
            bench(url, out, &["-m", "x", "--input", &input])
        }
        "flags that contradict each other" => bench(url, out, &["--concurrency", "2", "--rate", "3"]),
        "a length for the prompts of a file" => bench(url, out, &["--input", "x.jsonl", "--isl", "9"]),
        "stdout cannot be written" => {
            let full = std::fs::File::create("/dev/full").unwrap();
            Said::of(&command(["explain", "--json"]).stdout(full).output().unwrap())
        }
        "an unknown flag" => bench(url, out, &["--concurency", "2"]),
        "an unknown key in the spec file" => {
            bench(url, out, &["-f", &file("spec.yaml", "load:\n  rat: 4\n")])
        }
        "an unknown variable" => {
            Said::of(&command(["explain"]).env("TOKMARK_CONCURENCY", "4").output().unwrap())
        }
        "a value that does not fit" => bench(url, out, &["--duration", "soon"]),
        "the spec file is not YAML" => bench(url, out, &["-f", &file("spec.yaml", "load: [1\n")]),
        "the API key's variable is not set" => bench(url, out, &["-m", "x", "--api-key-env", "NO_SUCH_KEY"]),
        "the certificate file cannot be read" => {
            bench(url, out, &["-m", "x", "--ca-file", "/nonexistent.pem"])
        }
        "an AIPerf flag that is not supported" => {
            Said::of(&command(["aiperf", "profile", "-m", "x", "--scenario", "y"]).output().unwrap())
        }
        "not a run directory" => Said::of(&command(["report"]).arg(out).output().unwrap()),
        other => panic!("docs/errors.md has a line that no test makes happen: {other}"),
    }
}

fn good() -> Handle {
    serve(Vec::new())
}

fn failing(every: u64) -> Handle {
    let fault = Fault::Status { code: 500, body: "broken".to_owned(), retry_after: None };
    serve(vec![FaultRule { every, fault }])
}

/// A service that says 503 to everything, for as long as the tests run.
fn loading() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let mut peer = peer.unwrap();
            // The request is read first: closing on unread bytes would reset the connection.
            let _ = peer.read(&mut [0; 4_096]);
            let _ =
                peer.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 7\r\nConnection: close\r\n\r\nloading");
        }
    });
    url
}

fn gone() -> String {
    let server = good();
    let url = server.url();
    server.stop();
    url
}

/// A run onto a file system of 128 kB, in a mount name space of its own.
fn full_disk(out: &Path) -> Option<Said> {
    let script = "mount -t tmpfs -o size=128k tmpfs \"$1\" || exit 125; shift; exec \"$@\"";
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(out)
        .arg(env!("CARGO_BIN_EXE_tokmark"))
        .args(["bench", "--requests", "3000", "--concurrency", "64", "--isl", "4", "--osl", "4"])
        .args(["--validity", "report", "--out"])
        .arg(out)
        .output()
        .ok()?;
    // 1 with nothing of ours said: unshare itself was refused.
    let said = Said::of(&output);
    let refused = said.code == Some(125) || said.stderr.starts_with("unshare:");
    (!refused).then_some(said)
}
