//! `/v1/completions`: the text is in `text`, in events and bodies alike.

use serde::de::MapAccess;

use super::chunk::{ChoiceShape, Chunk, append};

/// A choice of this endpoint.
pub(super) struct Choice;

impl ChoiceShape for Choice {
    fn field<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        chunk: &mut Chunk<'de>,
    ) -> Result<bool, A::Error> {
        if key != "text" {
            return Ok(false);
        }
        append(&mut chunk.output, map.next_value()?);
        Ok(true)
    }
}
