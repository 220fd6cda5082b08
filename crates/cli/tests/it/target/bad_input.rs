//! Usage and configuration: exit code 2, the offending value, a hint, and no run directory.

use crate::tool::{command, run, run_in};

#[test]
fn usage_errors_exit_2_and_name_what_is_wrong() {
    let out = tempfile::tempdir().unwrap();
    for (args, words) in [
        (&["bench", "host:8000"][..], "host:8000|http://"),
        (&["bench", "ftp://host"], "ftp|hint:"),
        (
            &["bench", "http://h", "--concurrency", "4", "--rate", "2"],
            "--concurrency|--rate|--max-concurrency",
        ),
        (&["bench", "http://h", "--concurrency", "0"], "concurrency|at least 1"),
        (&["bench", "http://h", "--rate", "fast"], "--rate|fast"),
        (&["bench", "http://h", "--requests", "ten"], "--requests|ten|hint:"),
        (&["bench", "http://h", "--duration", "soon"], "--duration|soon|hint:"),
        (&["bench", "http://h", "--arrival", "poison"], "poison|poisson"),
        (&["bench", "http://h", "--concurency", "4"], "--concurency|--concurrency"),
        (&["bench", "http://h", "--name", "plots"], "plots|hint:"),
        (&["bench", "http://h", "--name", "a b"], "a b|hint:"),
        (&["bench", "http://h", "-f", "/nonexistent.yaml"], "/nonexistent.yaml|hint:"),
        (&["bench", "http://h", "--tokenizer", "/nonexistent"], "/nonexistent|hint:"),
        (&["bench", "http://h", "--input", "/nonexistent.jsonl"], "/nonexistent.jsonl|hint:"),
        (&["bench", "http://h", "--set", "load.rat=4"], "load.rat|rate"),
        (&["bench", "http://h", "--url", "http://i"], "--url"),
        (&["bench", "http://h", "--header", "NoColon"], "NoColon|hint:"),
        (&["bench", "http://h", "--max-error-rate", "7"], "max_error_rate|from 0 to 1"),
        (&["bench", "http://h", "--prefix-length", "8", "--input", "x.jsonl"], "prefix|hint:"),
        (&["bench", "http://h", "--input", "x.jsonl", "--isl", "50"], "--input|--isl|hint:"),
        (
            &["bench", "http://h", "--no-stream", "--count-tokens", "events"],
            "--no-stream|--count-tokens|hint:",
        ),
        (&["bench", "http://h", "--dry-run", "--api-key-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE|hint:"),
        (&["bench", "http://h", "--dry-run", "--ca-file", "/nonexistent.pem"], "/nonexistent.pem|hint:"),
        (&["bench", "http://h", "--ca-file", "/etc/hostname"], "/etc/hostname|no certificate"),
        (
            &["aiperf", "profile", "-m", "x", "--service-kind", "openai"],
            "--service-kind|AIPerf flag not supported",
        ),
        (&["aiperf", "profile", "-m", "x", "--measurement-interval", "5000"], "AIPerf flag not supported"),
        (&["aiperf", "profile", "-m", "x", "-b", "2"], "--batch-size-text|AIPerf flag not supported"),
        (&["bench", "http://h", "--mode", "disagg"], "disagg|prefill"),
        (&["bench", "http://h", "--gpus", "6", "--tp", "4"], "gpus|tp 4"),
        (&["bench", "http://h", "--api-key-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE|hint:"),
        (&["bench", "http://h", "--ca-file", "/nonexistent.pem"], "/nonexistent.pem|hint:"),
        (&["bnch"], "bnch|bench"),
        (&["report", "/nonexistent"], "/nonexistent|hint:"),
        (&["aiperf", "profile", "-m", "x", "--scenario", "y"], "--scenario|not supported"),
    ] {
        let said = if args[0] == "bench" { run_in(out.path(), args) } else { run(args) };
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.stderr);
        for word in words.split('|') {
            assert!(said.stderr.contains(word), "{args:?}: `{word}` not in: {}", said.stderr);
        }
    }
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn an_output_directory_that_cannot_be_is_found_before_the_target_is_asked() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Nothing listens there: were the target asked first, this would be 6.
    for out in [file.path(), std::path::Path::new("/dev/full"), std::path::Path::new("/proc/nowhere")] {
        let said = run_in(out, &["bench", "http://127.0.0.1:9", "-m", "x"]);
        assert!(matches!(said.code, Some(2)), "{}: {:?} {}", out.display(), said.code, said.stderr);
        assert!(said.stderr.contains("hint:"), "{}", said.stderr);
    }
}

#[test]
fn a_malformed_prompt_file_names_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("prompts.jsonl");
    std::fs::write(&input, "{\"text_input\": \"fine\"}\n{\"text_input\": 7}\n").unwrap();
    let name = input.display().to_string();
    let said = run_in(dir.path(), &["bench", "http://127.0.0.1:9", "-m", "x", "--input", &name]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("{name}:2:")), "{}", said.stderr);
}

#[test]
fn more_streams_than_open_files_is_an_error_before_the_run() {
    let out = tempfile::tempdir().unwrap();
    let tool = env!("CARGO_BIN_EXE_tokmark");
    let line = format!(
        "ulimit -n 100; exec {tool} bench http://127.0.0.1:9 -m x --concurrency 400 --requests 400 --out {}",
        out.path().display()
    );
    let output = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("ulimit -n") && said.contains("100"), "{said}");
}

#[test]
fn an_unknown_variable_is_an_error() {
    let output = command(["explain"]).env("TOKMARK_CONCURENCY", "4").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("TOKMARK_CONCURRENCY"));
}

#[test]
fn a_result_that_stdout_does_not_take_exits_1() {
    for args in
        [&["explain", "--json"][..], &["explain"], &["--help"], &["bench", "http://h", "--dry-run", "--json"]]
    {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("could not be printed") && said.contains("hint:"), "{args:?}: {said}");
    }
}

#[test]
fn where_no_stream_fits_only_the_limit_is_named() {
    let out = tempfile::tempdir().unwrap();
    for (load, words) in [("--rate 5", "one stream"), ("--concurrency 4", "4 streams at once")] {
        let line = format!(
            "ulimit -n 64; exec {} bench http://127.0.0.1:9 -m x {load} --requests 4 --out {}",
            env!("CARGO_BIN_EXE_tokmark"),
            out.path().display()
        );
        let output = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && said.contains("ulimit -n") && !said.contains("lower the"), "{said}");
    }
}
