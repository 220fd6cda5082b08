//! Where the servers it can play differ, beyond the names of their metrics.

use tokmark_engine::Breakdown;
use tokmark_record::catalogue::Server as Kind;
use tokmark_wire::EndpointKind;
use tokmark_wire::endpoint::{DONE, error_body};

/// Ways of a server.
pub(crate) trait Habits {
    /// Whether the head of a stream waits for its first event. SGLang and Dynamo look at it first, so that what fails before is
    /// answered with a status; vLLM and trtllm-serve send 200 at once.
    fn head_waits(self) -> bool;

    /// Whether `stream_options` are taken (and ignored) without `stream`. SGLang 0.5 looks at them only for a stream; vLLM 0.32
    /// refuses them, and so does Dynamo's frontend.
    fn takes_stream_options_alone(self) -> bool;

    /// Why `output` tokens are more than may be asked for after a prompt of `input`, in a context of `context` tokens; `None` if
    /// they are not. SGLang 0.5 refuses what does not fit behind the prompt. vLLM 0.32 refuses what would not fit without a
    /// prompt either, and ends every other reply where the context is full; the others are taken to do the same. A prompt that
    /// leaves no room at all is for the engine to refuse.
    fn too_much(self, input: u32, output: u32, context: u32) -> Option<String>;

    /// Whether a reply says how long the engine took: SGLang's own API always does, Dynamo where it is asked to
    /// (`nvext.extra_fields`), and the others have no place for it that is there without a flag of the server.
    fn tells_times(self, kind: EndpointKind, asked: bool) -> bool;

    /// What stands in a stream that fails; `None` if it is cut.
    fn error_event(self, why: Breakdown, status: u16, message: &str) -> Option<Vec<u8>>;
}

impl Habits for Kind {
    fn head_waits(self) -> bool {
        matches!(self, Kind::Sglang | Kind::Dynamo)
    }

    fn takes_stream_options_alone(self) -> bool {
        self == Kind::Sglang
    }

    fn too_much(self, input: u32, output: u32, context: u32) -> Option<String> {
        let (counted, also) = match self {
            Kind::Sglang => (input, format!(" after a prompt of {input}")),
            Kind::Vllm | Kind::Trtllm | Kind::Dynamo => (0, String::new()),
        };
        let room = context.saturating_sub(counted);
        let most = if room == 0 { "a shorter prompt".to_owned() } else { format!("at most {room}") };
        (output > room).then(|| {
            format!(
                "`max_tokens` is {output}{also}, and the model's context holds {context}\nhint: ask for {most}"
            )
        })
    }

    fn tells_times(self, kind: EndpointKind, asked: bool) -> bool {
        match kind {
            EndpointKind::Sglang => true,
            EndpointKind::Chat | EndpointKind::Completions => self == Kind::Dynamo && asked,
            EndpointKind::Tgi => false,
        }
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
