//! A line's object, read key by key into what a format makes of it, so that a wrong value is found where it stands.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::fields::Name;
use super::lines::Line;
use super::row::{Ignored, RowError};

/// What a line holds, of which a format knows the keys.
pub(super) trait Keyed {
    /// The name by which [`Keyed::take`] knows a key; `None` if nothing is made of it.
    fn known(key: &str) -> Option<&'static str>;

    /// Reads the value of `key`.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads `line` into `found`; keys that nothing is made of are counted in `ignored`.
pub(super) fn read<K: Keyed>(line: &Line<'_>, found: &mut K, ignored: &mut Ignored) -> Result<(), RowError> {
    let mut reading = None;
    let mut json = serde_json::Deserializer::from_slice(line.bytes);
    let read = Keys { found, ignored, reading: &mut reading }.deserialize(&mut json);
    read.and_then(|()| json.end()).map_err(|e| line.in_key(reading, &e))
}

struct Keys<'a, K> {
    found: &'a mut K,
    ignored: &'a mut Ignored,
    /// The key being read.
    reading: &'a mut Option<&'static str>,
}

impl<'de, K: Keyed> DeserializeSeed<'de> for Keys<'_, K> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, K: Keyed> Visitor<'de> for Keys<'_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Name { known: K::known, ignored: &mut *self.ignored })? {
            *self.reading = key;
            match key {
                Some(key) => self.found.take(key, &mut map)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        *self.reading = None;
        Ok(())
    }
}
