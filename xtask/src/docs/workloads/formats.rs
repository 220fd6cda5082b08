//! Traces and data sets: a format counts with a golden file in the layout of the real tool.

use std::fmt::Write as _;

use tokmark_workload::FileFormat;
use tokmark_workload::source::known::{Home, KNOWN};

use crate::tree::Tree;

/// Where golden files lie: `<tool-version>/<format>….<ending>`.
const GOLDEN: &str = "crates/workload/tests/golden/";

/// What a format is.
const fn meaning(format: FileFormat) -> &'static str {
    match format {
        FileFormat::SingleTurn => {
            "AIPerf's `single_turn`: JSON lines with `text` or `text_input`, or chat `messages`, one request each"
        }
        FileFormat::MultiTurn => {
            "AIPerf's `multi_turn`: JSON lines, one session each, with `turns` and their delays"
        }
        FileFormat::RandomPool => "AIPerf's `random_pool`: JSON lines of which each request draws one",
        FileFormat::Mooncake => {
            "Mooncake's traces: `timestamp`, `input_length`, `output_length`, `hash_ids` (512 tokens each), with or without sessions"
        }
        FileFormat::Azure => {
            "Azure's LLM inference traces: CSV with `TIMESTAMP`, `ContextTokens`, `GeneratedTokens`"
        }
        FileFormat::BurstGpt => {
            "BurstGPT: CSV with `Timestamp`, `Model`, `Request tokens`, `Response tokens`, `Total tokens`, `Log Type`"
        }
        FileFormat::VllmTimed => "vLLM's timed trace: as Mooncake's, 16 tokens a hash id",
        FileFormat::ShareGpt => "ShareGPT's JSON of conversations, with the customary filters",
        FileFormat::RawPayload => "JSON lines of request bodies, sent as they are",
        FileFormat::InputsJson => "AIPerf's `inputs.json`: sessions with the payloads of their turns",
        FileFormat::DynamoRequests => "Dynamo's request traces",
    }
}

/// Kinds of files that other tools read and this one does not.
const NOT_YET: &[&str] = &[
    "images, audio and video in prompts (multimodal rows are refused)",
    "AIPerf's `dag` and `conversation_replay`, and graphs of agents in general",
    "WEKA's, OpenTelemetry's, Bailian's, Baseten's and SageMaker's traces",
    "data sets straight from a hub: a local file is read, and when it is missing the message says which one to fetch",
];

/// Golden files of a format: a folder of its name, or files of its name or of the name that its tool gives it.
fn golden(tree: &Tree, format: FileFormat) -> Vec<&str> {
    let names = match format {
        FileFormat::InputsJson => [format.name(), "inputs"],
        FileFormat::DynamoRequests => [format.name(), "request_trace"],
        FileFormat::VllmTimed => [format.name(), "timed_trace"],
        _ => [format.name(); 2],
    };
    let of = |path: &&str| {
        let below = &path[GOLDEN.len()..];
        match below.split_once('/') {
            None => names.contains(&below),
            Some((folder, file)) => {
                !names.contains(&folder) && names.contains(&file.split('.').next().unwrap_or_default())
            }
        }
    };
    tree.under(GOLDEN).filter(of).collect()
}

pub(super) fn tables(tree: &Tree) -> String {
    let mut out = "\n## Traces and data sets\n\n`--input FILE` reads a local file, gzip and zstd included; `--format` names what it holds, \
        and is found out from the file's beginning unless given; `--trace-block-size` says how many tokens a hash id stands for, where \
        it is not the format's own number. `--order`, `--entries`, `--offset`, `--from`, `--to` say which rows \
        and in which order, `--skip-bad-rows` leaves out rows that cannot be used and counts them. A format is supported if a \
        golden file in the layout of the named version of the real tool holds it in place.\n\n\
        | format | what it is | golden file |\n|---|---|---|\n"
        .to_owned();
    let mut missing = Vec::new();
    for format in FileFormat::ALL {
        let files = golden(tree, format);
        if files.is_empty() {
            missing.push(format);
            continue;
        }
        let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} |",
            format.name(),
            super::super::cell(meaning(format)),
            files.join(", ")
        );
    }
    out += "\nNot yet:\n\n";
    for format in missing {
        let _ = writeln!(out, "- `{}`: {}; it has no golden file", format.name(), meaning(format));
    }
    for text in NOT_YET {
        let _ = writeln!(out, "- {text}");
    }
    out += "\n`--dataset NAME` looks for a file where its home keeps downloads, and says which one to fetch if it is not there:\n\n\
        | name | file | from | format |\n|---|---|---|---|\n";
    for known in KNOWN {
        let home = match known.home {
            Home::Hub(repository) => format!("Hugging Face, `{repository}`"),
            Home::Url(url) => format!("<{url}>"),
        };
        let _ = writeln!(out, "| `{}` | `{}` | {home} | `{}` |", known.name, known.path, known.format.name());
    }
    out
}
