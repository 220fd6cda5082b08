//! Traces and plans: a million rows analysed and synthesised on one core, how like its source a synthesised trace is, and the memory
//! of plans of ten million requests.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokmark_base::Seed;

use super::Fallible;
use super::lab::{Lab, Ran};
use super::table::{Line, spread, within};

/// Rows of the timed trace.
const MANY: u64 = 1_000_000;
/// Rows of the trace whose likeness is judged.
const LIKE: u64 = 100_000;
/// Requests of the plans whose memory is looked at.
const PLANNED: u64 = 10_000_000;
/// Longest analysis and synthesis, s.
const ANALYSE_S: f64 = 3.0;
const SYNTHESISE_S: f64 = 5.0;
/// Farthest a synthesised trace's figures may lie from its source's.
const LIKENESS: f64 = 0.02;
/// Most memory of a plan, MB.
const PLAN_MB: f64 = 200.0;

pub(crate) fn run(lab: &Lab) -> Fallible<Vec<Line>> {
    let dir = lab.scratch_dir("traces")?;
    let (many, made) = (dir.join("many.jsonl"), dir.join("made.jsonl"));
    write_trace(&many, MANY)?;
    let mut lines = vec![
        timed(lab, &many, &["trace", "analyze"], &[], "analysed", ANALYSE_S)?,
        timed(
            lab,
            &many,
            &["trace", "synthesize", "--num-requests", "1000000"],
            &["-o", &made.display().to_string()],
            "synthesised",
            SYNTHESISE_S,
        )?,
    ];
    lines.extend(likeness(lab, &dir)?);
    lines.push(plan_memory(lab, "synthetic", &["--rate", "1000", "--requests", "10000000"])?);
    let long = dir.join("long.jsonl");
    write_lengths(&long, PLANNED)?;
    let input = long.display().to_string();
    lines.push(plan_memory(lab, "of a trace", &["--input", &input, "--format", "mooncake"])?);
    std::fs::remove_dir_all(&dir)?;
    Ok(lines)
}

/// Rows of about 20 ids: a prefix of up to 14 blocks that other rows of one of 2,000 groups have too, and blocks of their own.
fn write_trace(path: &Path, rows: u64) -> Fallible<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut stream = Seed(1).stream("trace", 0);
    let (mut at, mut next) = (0.0, 2_000_000_u64);
    for _ in 0..rows {
        at += stream.exponential() * 10.0;
        // Squared: the first groups are much the more popular.
        let group = (stream.unit() * stream.unit() * 2_000.0) as u64;
        let (shared, own) = (2 + stream.below(13), 1 + stream.below(23));
        let last = 1 + stream.below(512);
        let input = (shared + own - 1) * 512 + last;
        let output = 1 + stream.below(600);
        write!(
            out,
            r#"{{"timestamp": {at:.0}, "input_length": {input}, "output_length": {output}, "hash_ids": ["#
        )?;
        for block in 0..shared {
            let comma = if block == 0 { "" } else { ", " };
            write!(out, "{comma}{}", group * 16 + block)?;
        }
        for _ in 0..own {
            write!(out, ", {next}")?;
            next += 1;
        }
        writeln!(out, "]}}")?;
    }
    Ok(out.flush()?)
}

/// Rows of lengths and times alone.
fn write_lengths(path: &Path, rows: u64) -> Fallible<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut stream = Seed(2).stream("lengths", 0);
    let mut at = 0.0;
    for _ in 0..rows {
        at += stream.exponential();
        let (input, output) = (1 + stream.below(8_000), 1 + stream.below(600));
        writeln!(out, r#"{{"timestamp": {at:.3}, "input_length": {input}, "output_length": {output}}}"#)?;
    }
    Ok(out.flush()?)
}

/// `tokmark` with `args`, on one core, to its good end; and how long that took.
fn tokmark(lab: &Lab, args: &[&str]) -> Fallible<(f64, Ran)> {
    let start = Instant::now();
    let ran = lab.start(Command::new(&lab.tokmark).args(args), &[lab.client_core])?.wait()?.good()?;
    Ok((start.elapsed().as_secs_f64(), ran))
}

fn timed(lab: &Lab, file: &Path, verb: &[&str], more: &[&str], what: &str, bar: f64) -> Fallible<Line> {
    let name = file.display().to_string();
    let mut seconds = Vec::new();
    for _ in 0..lab.reps {
        let (took, ran) = tokmark(lab, &[verb, &[&name], more].concat())?;
        seconds.push(took);
        ran.discard();
    }
    let title = format!("{MANY} rows of 20 ids {what}, one core");
    Ok(Line::new(title, format!("≤ {bar} s"), spread(&seconds, "s"), within(&seconds, bar)))
}

/// What `tokmark trace analyze` says of a trace.
fn analysed(lab: &Lab, file: &Path) -> Fallible<Value> {
    let (_, ran) = tokmark(lab, &["trace", "analyze", "--json", &file.display().to_string()])?;
    let said = serde_json::from_slice(&std::fs::read(ran.out.join("stdout"))?)?;
    ran.discard();
    Ok(said)
}

fn likeness(lab: &Lab, dir: &Path) -> Fallible<Vec<Line>> {
    let (source, made): (PathBuf, PathBuf) = (dir.join("source.jsonl"), dir.join("like.jsonl"));
    write_trace(&source, LIKE)?;
    let (from, to) = (source.display().to_string(), made.display().to_string());
    tokmark(lab, &["trace", "synthesize", "--num-requests", "100000", &from, "-o", &to])?.1.discard();
    let (one, other) = (analysed(lab, &source)?, analysed(lab, &made)?);
    let figures = [
        ("mean input length", "/input_length/mean"),
        ("mean output length", "/output_length/mean"),
        ("mean hit rate", "/hit_rate/mean"),
        ("hit rate of blocks", "/hit_rate_of_blocks"),
        ("rate", "/arrivals/rate_per_s"),
        ("CV of gaps", "/arrivals/gap_cv"),
    ];
    let line = |(what, path): (&str, &str)| -> Fallible<Line> {
        let number = |said: &Value| said.pointer(path).and_then(Value::as_f64);
        let (source, made) = number(&one).zip(number(&other)).ok_or("a figure of the analysis is missing")?;
        let off = made / source - 1.0;
        Ok(Line::new(
            format!("synthesised from {LIKE} rows: {what}"),
            format!("within {:.0} %", LIKENESS * 100.0),
            format!("{:+.2} %", off * 100.0),
            off.abs() <= LIKENESS,
        ))
    };
    figures.into_iter().map(line).collect()
}

/// The largest VmHWM of a dry run, which walks the whole plan.
fn plan_memory(lab: &Lab, what: &str, args: &[&str]) -> Fallible<Line> {
    let command = ["simulate", "--dry-run", "--json"];
    let start = Instant::now();
    let started = lab.start(Command::new(&lab.tokmark).args(command).args(args), &[lab.client_core])?;
    let mut peak = 0;
    let ran = loop {
        peak = peak.max(started.memory("VmHWM").unwrap_or(0));
        if let Some(ran) = started.ended()? {
            break ran.good()?;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let took = start.elapsed().as_secs_f64();
    ran.discard();
    let megabytes = peak as f64 / 1e6;
    Ok(Line::new(
        format!("memory of a plan of {PLANNED} requests, {what} (dry run)"),
        format!("< {PLAN_MB:.0} MB"),
        format!("{megabytes:.0} MB, {took:.1} s"),
        megabytes < PLAN_MB && peak > 0,
    ))
}
