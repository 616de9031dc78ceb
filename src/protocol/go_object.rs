//! JSON objects, read the way Go reads them into a struct.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// A struct whose fields stand in a JSON object; what is left out keeps its default.
pub trait Fields: Default {
    /// Reads the value of `key`, given in lower case, or skips the value of a key that is not known.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Reads a whole text; `null` is an empty object.
pub fn parse<T: Fields>(text: &[u8]) -> Result<T, serde_json::Error> {
    // Go puts U+FFFD where a text is not UTF-8, and takes it.
    let text = String::from_utf8_lossy(text);
    let object: Option<Object<T>> = serde_json::from_str(&text)?;
    Ok(object.map(|object| object.0).unwrap_or_default())
}

/// Takes the value of a field over. A `null` changes nothing.
pub fn set<'de, T, A>(field: &mut T, map: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if let Some(value) = map.next_value()? {
        *field = value;
    }
    Ok(())
}

struct Object<T>(T);

impl<'de, T: Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut fields = T::default();
        while let Some(mut key) = map.next_key::<String>()? {
            key.make_ascii_lowercase();
            fields.read(&key, &mut map)?;
        }
        Ok(fields)
    }
}
