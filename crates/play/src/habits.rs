//! Where the servers it can play differ, beyond the names of their metrics.

use tokmark_engine::Breakdown;
use tokmark_record::catalogue::Server as Kind;
use tokmark_wire::endpoint::{DONE, error_body};

/// Ways of a server.
pub(crate) trait Habits {
    /// Whether the head of a stream waits for its first event. SGLang and Dynamo look at it first, so that what fails before is
    /// answered with a status; vLLM and trtllm-serve send 200 at once.
    fn head_waits(self) -> bool;

    /// What stands in a stream that fails; `None` if it is cut.
    fn error_event(self, why: Breakdown, status: u16, message: &str) -> Option<Vec<u8>>;
}

impl Habits for Kind {
    fn head_waits(self) -> bool {
        matches!(self, Kind::Sglang | Kind::Dynamo)
    }

    fn error_event(self, why: Breakdown, status: u16, message: &str) -> Option<Vec<u8>> {
        match self {
            // A scheduler that dies takes SGLang's server with it.
            Kind::Sglang if why == Breakdown::WorkerLost => None,
            // An event of the type `error` whose text is a comment, and no end.
            Kind::Dynamo => Some(format!("event: error\n: {}\n\n", message.replace('\n', " ")).into_bytes()),
            Kind::Vllm | Kind::Trtllm | Kind::Sglang => {
                let error = error_body(error_type(status), message, status);
                Some([b"data: ", error.as_slice(), b"\n\n", DONE].concat())
            }
        }
    }
}

/// The status of a request given up before its first token; `None` if the connection is dropped instead.
pub(crate) fn status_of(plays: Kind, why: Breakdown) -> Option<u16> {
    match why {
        Breakdown::Injected { status } => Some(status),
        Breakdown::Cut => None,
        Breakdown::WorkerLost if plays == Kind::Dynamo => Some(503),
        Breakdown::WorkerLost | Breakdown::OutOfMemory => Some(500),
    }
}

/// `type` of an error object of this status, as vLLM names them.
pub(crate) fn error_type(status: u16) -> &'static str {
    match status {
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        429 => "RateLimitError",
        503 => "ServiceUnavailable",
        400..=499 => "BadRequestError",
        _ => "InternalServerError",
    }
}
