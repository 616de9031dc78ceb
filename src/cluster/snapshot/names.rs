//! Text that many have in common, kept once.

use std::{borrow::Borrow, collections::HashSet, fmt, ops::Deref, sync::Arc};

use serde::Serialize;

/// A text of which there are many copies, all in one place.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// All texts in use.
#[derive(Debug, Default)]
pub struct Names {
    known: HashSet<Name>,
    /// When unused ones are looked for again.
    tidy_at: usize,
}

/// So many are not worth looking through.
const TIDY_MIN: usize = 1024;

impl Names {
    /// The one copy of that text.
    pub fn share(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return name.clone();
        }
        if self.known.len() >= self.tidy_at.max(TIDY_MIN) {
            self.tidy();
        }
        let name = Name::from(text);
        self.known.insert(name.clone());
        name
    }

    /// Forgets what nobody else has. Done when as many were added as were left the last time, so that it costs nothing
    /// to speak of.
    fn tidy(&mut self) {
        self.known.retain(Name::is_shared);
        self.tidy_at = self.known.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_as_long_as_it_is_used() {
        let mut names = Names::default();
        let kept = names.share("orders");
        assert!(Arc::ptr_eq(&kept.0, &names.share("orders").0));
        for unused in 0..10 * TIDY_MIN {
            names.share(&unused.to_string());
        }
        assert!(names.known.len() <= TIDY_MIN + 1, "{}", names.known.len());
        assert!(Arc::ptr_eq(&kept.0, &names.share("orders").0));
    }
}
