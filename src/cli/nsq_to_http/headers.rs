//! The headers of each request.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::PROGRAM;
use crate::{
    cli::tool::{Refusal, require},
    config::NSQ_VERSION,
};

/// What the request itself decides, whatever a flag says.
const NOT_SET_BY_FLAGS: [&str; 4] = ["host", "content-length", "transfer-encoding", "trailer"];

/// `--header`, read but not looked into.
pub(super) fn parse(flags: &[String]) -> Result<Vec<(String, String)>, Refusal> {
    flags.iter().map(|flag| split(flag)).collect()
}

fn split(flag: &str) -> Result<(String, String), Refusal> {
    let (name, value) = flag.split_once(':').unwrap_or_default();
    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
    // The text is upstream's, which means a colon.
    let is_whole = !name.is_empty() && !value.is_empty();
    require(is_whole, "--header value format should be 'key=value'")?;
    Ok((name, value))
}

/// All headers: the program's name, the type of what is sent (for POST), and those of the flags, which come before
/// both.
pub(super) fn headers(
    content_type: Option<&str>,
    flags: &[(String, String)],
) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    let user_agent = format!("{PROGRAM} v{NSQ_VERSION}");
    put(&mut headers, USER_AGENT, &user_agent, "User-Agent")?;
    if let Some(content_type) = content_type {
        put(&mut headers, CONTENT_TYPE, content_type, "--content-type")?;
    }
    for (name, value) in flags {
        let header = HeaderName::try_from(name)
            .map_err(|_| Refusal::new(format!("--header {name:?} is not the name of a header")))?;
        if !NOT_SET_BY_FLAGS.contains(&header.as_str()) {
            put(&mut headers, header, value, &format!("--header {name}"))?;
        }
    }
    Ok(headers)
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str, what: &str) -> Result<(), Refusal> {
    let bad = || Refusal::new(format!("{what} cannot be {value:?}"));
    // From bytes, as text beyond ASCII is sent as it is.
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(flags: &[&str]) -> Vec<String> {
        flags.iter().map(|&flag| flag.to_owned()).collect()
    }

    fn of(content_type: Option<&str>, flags: &[&str]) -> Result<HeaderMap, String> {
        let flags = parse(&owned(flags)).map_err(|refusal| refusal.0)?;
        headers(content_type, &flags).map_err(|refusal| refusal.0)
    }

    #[test]
    fn names_and_values_are_split_at_the_first_colon_and_trimmed() {
        let expected = ("a".to_owned(), "b:c d".to_owned());
        for flag in ["a:b:c d", " a : b:c d "] {
            assert_eq!(parse(&owned(&[flag])), Ok(vec![expected.clone()]), "{flag}");
        }
        for flag in ["", ":", "a", "a:", ":b", "a: ", " :b", "a=b"] {
            let refusal = parse(&owned(&[flag])).unwrap_err();
            assert_eq!(refusal.0, "--header value format should be 'key=value'", "{flag}");
        }
    }

    #[test]
    fn requests_say_who_sends_what() {
        let headers = of(Some("text/plain"), &["X-One: 1", "x-one: 2", "Host: other"]).unwrap();
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        told.sort();
        let agent = format!("user-agent: nsq_to_http v{NSQ_VERSION}");
        assert_eq!(told, ["content-type: text/plain", &agent, "x-one: 2"]);
    }

    #[test]
    fn flags_come_first() {
        let headers = of(Some("a/b"), &["user-agent: me", "Content-type: c/d"]).unwrap();
        assert_eq!([&headers[USER_AGENT], &headers[CONTENT_TYPE]], ["me", "c/d"]);
        assert!(!of(None, &[]).unwrap().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn what_no_header_can_be_is_refused() {
        for (flag, reason) in [
            ("a b: c", "--header \"a b\" is not the name of a header"),
            ("a: b\nc: d", "--header a cannot be \"b\\nc: d\""),
        ] {
            assert_eq!(of(None, &[flag]).unwrap_err(), reason);
        }
        assert_eq!(of(Some("a\n"), &[]).unwrap_err(), "--content-type cannot be \"a\\n\"");
        assert!(of(None, &["a: é"]).is_ok());
    }
}
