//! Requests that pages of others make with the rights of whoever looks at them.

use actix_web::http::{
    Method,
    header::{ACCEPT, HOST, HeaderMap, HeaderValue, ORIGIN, USER_AGENT},
};

/// What browsers tell of where a request comes from, where the connection is one that they call secure.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// True of a request that would change something and that a page of somebody else has made. Programs that are no browsers
/// send neither header.
pub(super) fn is_foreign(method: &Method, headers: &HeaderMap) -> bool {
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    changes && comes_from_elsewhere(headers)
}

/// The same of a request that changes something whatever its method says.
pub(super) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => !["same-origin", "none"].iter().any(|own| site == own),
        None => headers.get(ORIGIN).is_some_and(|origin| !is_host(origin.as_bytes(), headers)),
    }
}

/// True of a request for a stream of events that a page of somebody else may have made. An image or a link names no origin, and
/// a browser that is connected in the clear does not say where it comes from either; but only scripts ask for events.
pub(super) fn embeds_events(headers: &HeaderMap) -> bool {
    let says = |name, wanted: fn(&str) -> bool| {
        headers.get_all(name).any(|value| value.to_str().is_ok_and(wanted))
    };
    let is_browser = says(USER_AGENT, |agent| agent.starts_with("Mozilla/"));
    let wants_events = says(ACCEPT, |types| types.contains("text/event-stream"));
    comes_from_elsewhere(headers)
        || is_browser && !wants_events && !headers.contains_key(SEC_FETCH_SITE)
}

/// True if the origin's host and port are those that the request is for.
fn is_host(origin: &[u8], headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let of_origin = origin.windows(3).position(|three| three == b"://").map(|at| &origin[at + 3..]);
    of_origin.is_some_and(|of_origin| !host.is_empty() && of_origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::nsqadmin::testing::headers;

    #[test]
    fn what_a_browser_says_of_the_site_counts_first() {
        for (site, foreign) in
            [("same-origin", false), ("none", false), ("same-site", true), ("cross-site", true)]
        {
            let headers =
                headers(&[("sec-fetch-site", site), ("origin", "http://a"), ("host", "a")]);
            assert_eq!(comes_from_elsewhere(&headers), foreign, "{site}");
        }
    }

    #[test]
    fn else_the_origin_must_be_the_host_that_is_asked() {
        for (origin, host, foreign) in [
            ("http://admin:4171", "admin:4171", false),
            ("https://Admin.example", "admin.example", false),
            ("http://admin:4172", "admin:4171", true),
            ("http://evil.example", "admin:4171", true),
            ("http://admin:4171.evil.example", "admin:4171", true),
            ("null", "admin:4171", true),
            ("", "admin:4171", true),
            ("http://", "", true),
        ] {
            let headers = headers(&[("origin", origin), ("host", host)]);
            assert_eq!(comes_from_elsewhere(&headers), foreign, "{origin} {host}");
        }
    }

    #[test]
    fn browsers_that_do_not_say_where_they_are_must_ask_for_events() {
        let (browser, image) = (("user-agent", "Mozilla/5.0 (X11)"), ("accept", "image/png,*/*"));
        let events = ("accept", "text/event-stream");
        for (pairs, foreign) in [
            (&[browser, image][..], true),
            (&[browser], true),
            (&[browser, events], false),
            (&[browser, events, ("origin", "http://evil"), ("host", "a")], true),
            (&[browser, events, ("sec-fetch-site", "cross-site")], true),
            (&[browser, image, ("sec-fetch-site", "none")], false),
            (&[("user-agent", "curl/8"), ("accept", "*/*")], false),
            (&[], false),
        ] {
            assert_eq!(embeds_events(&headers(pairs)), foreign, "{pairs:?}");
        }
    }

    #[test]
    fn programs_and_readers_are_let_through() {
        assert!(!is_foreign(&Method::POST, &headers(&[("host", "a")])));
        let cross = headers(&[("sec-fetch-site", "cross-site")]);
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(!is_foreign(&method, &cross), "{method}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert!(is_foreign(&method, &cross), "{method}");
        }
    }
}
