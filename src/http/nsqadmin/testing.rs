//! What tests of several rooms need.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// Headers of a request, in their order.
pub(super) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for &(name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}
