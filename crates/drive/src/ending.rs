//! How an attempt's end is written down.

use std::io;

use tokmark_base::{Secret, secret};
use tokmark_record::{Failure, FailureKind, Outcome, Record};
use tokmark_wire::Reply;

/// The longest message kept.
const MESSAGE_BYTES: usize = 300;

/// A failure with its message masked and cut.
pub(crate) fn failure(kind: FailureKind, message: &str, secrets: &[Secret]) -> Outcome {
    let mut message = secret::mask(message, secrets);
    if message.len() > MESSAGE_BYTES {
        let end = (0..=MESSAGE_BYTES).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
        message.truncate(end);
    }
    Outcome::Failed(Failure { kind, message })
}

/// The kind of a connection that did not come up.
pub(crate) fn connect_failure(error: &io::Error) -> FailureKind {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => FailureKind::ConnectRefused,
        Some(libc::ETIMEDOUT) => FailureKind::ConnectTimeout,
        Some(libc::EMFILE | libc::ENFILE | libc::EADDRNOTAVAIL | libc::ENOBUFS | libc::ENOMEM) => {
            FailureKind::LocalLimit
        }
        _ => FailureKind::ConnectFailed,
    }
}

/// Copies the facts of a reply into its record.
pub(crate) fn take_over(record: &mut Record, reply: &Reply) {
    record.status = reply.status;
    record.streamed = reply.streamed;
    record.first_output = reply.first_output;
    record.first_event_tokens = reply.first_event_tokens;
    record.finish_reason.clone_from(&reply.finish_reason);
    record.done = reply.done;
    record.usage = reply.usage;
    record.server = reply.server;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_masked_before_they_are_cut() {
        let secrets = [Secret::new("sk-secret")];
        let long = format!("{}sk-secret", "é".repeat(146));
        let Outcome::Failed(f) = failure(FailureKind::HttpClientError, &long, &secrets) else { panic!() };
        assert!(f.message.len() <= 300 && !f.message.contains("sk-"), "{}", f.message);
    }
}
