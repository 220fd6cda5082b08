//! A reply from the wire. Whatever the bytes are, the reader does not panic, and no cut of them changes the reply, the number
//! of events or the number of content events.
//!
//! The first byte says what was asked for (bit 0: streaming, bit 2: keep the text, bits 1 and 3: chat, completions, SGLang, Text
//! Generation Inference), the second seeds the cuts, the rest is the reply.

use tokmark_wire::{EndpointKind, Progress, Reply, ReplyReader};

/// See the file.
pub fn stream(input: &[u8]) {
    let [asked, seed, bytes @ ..] = input else { return };
    let whole = read(*asked, std::iter::once(bytes));
    assert_eq!(whole, read(*asked, cuts(bytes, *seed)), "cut by seed {seed}");
    assert_eq!(whole, read(*asked, bytes.chunks(1)), "cut at every byte");
}

/// What a reply comes to: itself, its events and its content events.
type Seen = (Reply, u32, u32);

fn read<'a>(asked: u8, parts: impl Iterator<Item = &'a [u8]>) -> Seen {
    let endpoint = match (asked & 8 != 0, asked & 2 != 0) {
        (false, false) => EndpointKind::Chat,
        (false, true) => EndpointKind::Completions,
        (true, false) => EndpointKind::Sglang,
        (true, true) => EndpointKind::Tgi,
    };
    let mut reader = ReplyReader::new(endpoint, asked & 1 == 1, asked & 4 == 4);
    let (mut events, mut content) = (0, 0);
    let mut take = |progress: Progress| {
        assert!(progress.content <= progress.events, "{progress:?}");
        assert!(!progress.tail || progress.content > 0, "a tail without content: {progress:?}");
        events += progress.events;
        content += progress.content;
        progress.complete
    };
    let mut complete = false;
    // Bytes behind the reply's end are fed as well: they must change nothing but the connection's further use.
    for part in parts {
        complete = take(reader.feed(part));
    }
    if !complete {
        take(reader.close());
    }
    let reply = reader.take();
    assert_eq!(reply.content_events, u64::from(content));
    (reply, events, content)
}

/// Pieces of 1 to 64 bytes, lengths by a linear congruential sequence.
fn cuts(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (part, after) = rest.split_at(rest.len().min(1 + (state >> 26) as usize));
        rest = after;
        Some(part)
    })
}
