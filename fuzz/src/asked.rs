//! A request body as the simulated server reads it. Whatever the bytes are, they are a request or an error that says what is wrong and
//! what to do.
//!
//! The first byte says which endpoint reads it, the rest is the body.

use tokmark_wire::EndpointKind;

const KINDS: [EndpointKind; 4] =
    [EndpointKind::Chat, EndpointKind::Completions, EndpointKind::Sglang, EndpointKind::Tgi];

/// See the file.
pub fn asked(input: &[u8]) {
    let [kind, body @ ..] = input else { return };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    match kind.decode_request(body) {
        Ok(request) => {
            assert!(!request.texts.is_empty() || request.token_ids.is_some() || kind == EndpointKind::Chat);
            assert_eq!(request.token_ids.map_or(0, |ids| ids as usize), request.ids.len());
        }
        Err(error) => {
            let told = error.to_string();
            assert!(
                serde_json::from_slice::<serde_json::Value>(body).is_err() || told.contains("\nhint: "),
                "{told}"
            );
        }
    }
}
