//! What browsers may do with our answers.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// Headers of every answer.
#[derive(Debug, Clone)]
pub(super) struct SecurityHeaders([(HeaderName, HeaderValue); 4]);

impl SecurityHeaders {
    /// Images may come from `images`, an origin, besides our own.
    pub(super) fn new(images: Option<&str>) -> Self {
        let policy = HeaderValue::try_from(content_security_policy(images.unwrap_or_default()))
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Self([
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
        ])
    }

    /// Adds them to an answer.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// Everything from us alone, nothing inline, and no page of others around ours.
fn content_security_policy(images: &str) -> String {
    let images = format!("img-src 'self' data: {images}");
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        images.trim_end(),
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_alone_may_come_from_elsewhere() {
        let policy = |images| {
            let mut headers = HeaderMap::new();
            SecurityHeaders::new(images).add_to(&mut headers);
            let policy = headers.get(header::CONTENT_SECURITY_POLICY).unwrap();
            policy.to_str().unwrap().to_owned()
        };
        let own = policy(None);
        assert!(own.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "));
        assert!(own.contains("; img-src 'self' data:; connect-src 'self'; "), "{own}");
        assert!(own.ends_with("; frame-ancestors 'none'"), "{own}");
        let with_graphite = policy(Some("https://graphite:8080"));
        let images = "; img-src 'self' data: https://graphite:8080; ";
        assert!(with_graphite.contains(images), "{with_graphite}");
        assert_eq!(with_graphite.matches("graphite").count(), 1);
    }
}
