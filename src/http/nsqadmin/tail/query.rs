//! What is asked for.

use crate::{
    http::{HttpError, Params},
    protocol::TopicName,
};

/// The longest text that is looked for.
const FILTER_BYTES_MAX: usize = 1024;

/// What somebody wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) topic: TopicName,
    /// On this node only.
    pub(super) node: Option<String>,
    /// Percent of the messages.
    pub(super) sample: u8,
    /// Ends after so many.
    pub(super) limit: Option<u64>,
    /// Only messages with this in their body.
    pub(super) filter: Option<String>,
}

impl Query {
    pub(super) fn read(params: &Params) -> Result<Self, HttpError> {
        let number = |name| params.get(name).filter(|text| !text.is_empty()).map(str::parse::<u64>);
        let sample = number("sample").unwrap_or(Ok(100));
        let sample = sample.ok().filter(|sample| (1..=100).contains(sample));
        let limit = number("limit").transpose().ok().filter(|limit| *limit != Some(0));
        let text = |name| params.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let filter = text("filter");
        if filter.as_ref().is_some_and(|filter| filter.len() > FILTER_BYTES_MAX) {
            return Err(HttpError::InvalidArg("FILTER"));
        }
        Ok(Self {
            topic: params.topic()?,
            node: text("node"),
            sample: sample
                .and_then(|sample| u8::try_from(sample).ok())
                .ok_or(HttpError::InvalidArg("SAMPLE"))?,
            limit: limit.ok_or(HttpError::InvalidArg("LIMIT"))?,
            filter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Query, HttpError> {
        Query::read(&Params::parse(query).unwrap())
    }

    #[test]
    fn all_but_the_topic_may_be_left_out() {
        let topic = TopicName::parse("t").unwrap();
        let least = Query { topic, node: None, sample: 100, limit: None, filter: None };
        assert_eq!(read("topic=t"), Ok(least.clone()));
        assert_eq!(read("topic=t&node=&sample=&limit=&filter="), Ok(least.clone()));
        let full = Query {
            node: Some("n:4151".into()),
            sample: 1,
            limit: Some(7),
            filter: Some("a b".into()),
            ..least
        };
        assert_eq!(read("topic=t&node=n:4151&sample=1&limit=7&filter=a+b"), Ok(full));
    }

    #[test]
    fn bounds_are_kept() {
        for (query, error) in [
            ("sample=5".to_owned(), HttpError::MissingArg("TOPIC")),
            ("topic=a+b".to_owned(), HttpError::InvalidTopic),
            ("topic=t&sample=0".to_owned(), HttpError::InvalidArg("SAMPLE")),
            ("topic=t&sample=101".to_owned(), HttpError::InvalidArg("SAMPLE")),
            ("topic=t&sample=x".to_owned(), HttpError::InvalidArg("SAMPLE")),
            ("topic=t&limit=0".to_owned(), HttpError::InvalidArg("LIMIT")),
            ("topic=t&limit=-1".to_owned(), HttpError::InvalidArg("LIMIT")),
            (format!("topic=t&filter={}", "x".repeat(1025)), HttpError::InvalidArg("FILTER")),
        ] {
            assert_eq!(read(&query), Err(error), "{query}");
        }
        assert!(read(&format!("topic=t&sample=100&filter={}", "x".repeat(1024))).is_ok());
    }
}
