//! The table of `tests/streams/README.md`, and every stream against its row.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use tokmark_record::{Failure, FailureKind};
use tokmark_wire::{EndpointKind, Progress, Reply, ReplyReader};

/// One row of the table with the bytes it is about.
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) endpoint: EndpointKind,
    pub(crate) streaming: bool,
    pub(crate) bytes: Vec<u8>,
    /// Cells by column name.
    cells: Vec<(String, String)>,
}

impl Stream {
    pub(crate) fn reader(&self) -> ReplyReader {
        ReplyReader::new(self.endpoint, self.streaming, true)
    }

    fn cell(&self, column: &str) -> &str {
        let found = self.cells.iter().find(|(name, _)| name == column);
        &found.unwrap_or_else(|| panic!("no column {column}")).1
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/streams"))
}

/// Every stream, in the table's order.
pub(crate) fn all() -> &'static [Stream] {
    static ALL: LazyLock<Vec<Stream>> = LazyLock::new(load);
    &ALL
}

fn load() -> Vec<Stream> {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut columns: Vec<String> = Vec::new();
    let mut streams = Vec::new();
    for line in readme.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells[0] == "stream" {
            columns = cells;
            continue;
        }
        assert_eq!(cells.len(), columns.len(), "{line}");
        let (endpoint, shape) = cells[1].split_once(' ').unwrap();
        streams.push(Stream {
            name: cells[0].clone(),
            endpoint: match endpoint {
                "chat" => EndpointKind::Chat,
                "completions" => EndpointKind::Completions,
                "sglang" => EndpointKind::Sglang,
                "tgi" => EndpointKind::Tgi,
                other => panic!("{other}"),
            },
            streaming: shape == "stream",
            bytes: std::fs::read(folder().join(format!("{}.http", cells[0]))).unwrap(),
            cells: columns.iter().cloned().zip(cells).collect(),
        });
    }
    assert!(streams.len() > 100);
    streams
}

/// The reply to `parts` fed one after the other, then closed by the peer if it is not over, with what each feed said.
pub(crate) fn read(reader: &mut ReplyReader, parts: &[&[u8]]) -> (Reply, Vec<Progress>) {
    let mut progress: Vec<Progress> = parts.iter().map(|part| reader.feed(part)).collect();
    if !progress.last().is_some_and(|p| p.complete) {
        progress.push(reader.close());
    }
    (reader.take(), progress)
}

fn number(cell: &str) -> Option<u32> {
    (cell != "–").then(|| cell.parse().unwrap())
}

fn text(cell: &str) -> String {
    match cell {
        "–" => String::new(),
        quoted => serde_json::from_str(quoted.trim_matches('`')).unwrap(),
    }
}

/// `kind: part of the message` or `success`.
fn outcome_is(reply: &Reply, cell: &str) -> bool {
    let Some(Failure { kind, message }) = &reply.failure else {
        return cell == "success";
    };
    let (want_kind, want_message) = cell.split_once(": ").unwrap_or((cell, ""));
    let kind = serde_json::to_value(kind).unwrap();
    kind == want_kind && message.contains(want_message) && message.len() <= 300
}

#[test]
fn every_stream_is_what_its_row_says() {
    for stream in all() {
        let (reply, progress) = read(&mut stream.reader(), &[&stream.bytes]);
        let name = &stream.name;
        let words = reply.text.clone().unwrap();
        let read_as = match (reply.streamed, reply.status) {
            (true, _) => "stream",
            (false, Some(200..300)) if !encoded(&reply) => "body",
            _ => "–",
        };
        let end = [reply.finish_reason.as_deref(), reply.done.then_some("[DONE]")];
        let end: Vec<&str> = end.into_iter().flatten().collect();
        assert_eq!(read_as, stream.cell("read as"), "{name}");
        assert_eq!(reply.status, number(stream.cell("status")).map(|s| s as u16), "{name}");
        assert_eq!(reply.content_events, u64::from(number(stream.cell("content")).unwrap()), "{name}");
        assert_eq!(reply.usage.and_then(|u| u.completion), number(stream.cell("OSL")), "{name}");
        assert_eq!(reply.first_event_tokens, number(stream.cell("f")), "{name}");
        assert_eq!(reply.first_output, number(stream.cell("first output")), "{name}");
        assert_eq!(words.output.clone() + &words.calls, text(stream.cell("text")), "{name}");
        assert_eq!(
            words.calls.is_empty(),
            !name.contains("tool") && !name.contains("function-call"),
            "{name}"
        );
        assert_eq!(words.reasoning, text(stream.cell("reasoning")), "{name}");
        assert_eq!(end.join(", "), stream.cell("end").replace('–', ""), "{name}");
        assert!(outcome_is(&reply, stream.cell("outcome")), "{name}: {:?}", reply.failure);
        assert_eq!(if reply.keep_alive { "yes" } else { "no" }, stream.cell("reuse"), "{name}");
        let content: u32 = progress.iter().map(|p| p.content).sum();
        assert_eq!(u64::from(content), reply.content_events, "{name}");
        assert!(progress.iter().all(|p| p.events >= p.content), "{name}");
    }
}

fn encoded(reply: &Reply) -> bool {
    let kind = reply.failure.as_ref().map(|f| f.kind);
    kind == Some(FailureKind::ContentEncoding)
}

#[test]
fn every_file_has_a_row_and_every_row_a_file() {
    let rows: BTreeSet<String> = all().iter().map(|stream| stream.name.clone()).collect();
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".http").map(str::to_owned)
        })
        .collect();
    assert_eq!(rows, files);
    assert_eq!(rows.len(), all().len(), "a stream has two rows");
}

#[test]
fn without_keeping_text_everything_else_is_the_same() {
    for stream in all() {
        let mut bare = ReplyReader::new(stream.endpoint, stream.streaming, false);
        let (bare, _) = read(&mut bare, &[&stream.bytes]);
        let (kept, _) = read(&mut stream.reader(), &[&stream.bytes]);
        assert_eq!(bare.text, None);
        assert_eq!(Reply { text: None, ..kept }, bare, "{}", stream.name);
    }
}
