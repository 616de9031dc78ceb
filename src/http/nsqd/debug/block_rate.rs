//! `/debug/setblockrate`: how much of a block profile is recorded, of which there is none.

use std::num::IntErrorKind;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CONTENT_TYPE},
    web::Payload,
};

use crate::{
    http::{Params, body, debug::pprof::refuse, reply},
    protocol::quote::quote,
};

/// Longest form that is read.
const FORM_BYTES_MAX: usize = 64 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

/// Nothing is recorded: a rate that asks for that is granted, and any other is not.
pub async fn set(request: HttpRequest, payload: Payload) -> HttpResponse {
    let in_form = form(&request, payload).await;
    let in_query = Params::parse(request.query_string()).unwrap_or_default();
    let rate = in_form.get("rate").or_else(|| in_query.get("rate")).unwrap_or_default();
    match parse_rate(rate) {
        Ok(rate) if rate <= 0 => reply::plain(StatusCode::OK, ""),
        Ok(_) => {
            refuse(StatusCode::NOT_IMPLEMENTED, "no block profile: there is nothing to record")
        }
        Err(text) => reply::plain(StatusCode::BAD_REQUEST, text),
    }
}

/// The parameters of a body that says that it has some.
async fn form(request: &HttpRequest, payload: Payload) -> Params {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|content_type| content_type.starts_with(FORM)) {
        return Params::default();
    }
    let body = body::read(payload, FORM_BYTES_MAX).await.unwrap_or_default();
    Params::parse(&String::from_utf8_lossy(&body)).unwrap_or_default()
}

/// Reads a decimal number; the error is in the words of Go.
fn parse_rate(text: &str) -> Result<i64, String> {
    text.parse::<i64>().map_err(|error| {
        let cause = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("invalid block rate : strconv.Atoi: parsing {}: {cause}", quote(text.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_go_reads_them() {
        for (text, rate) in [("0", 0), ("-1", -1), ("+10", 10)] {
            assert_eq!(parse_rate(text), Ok(rate));
        }
        for (text, error) in [
            ("abc", "invalid block rate : strconv.Atoi: parsing \"abc\": invalid syntax"),
            ("", "invalid block rate : strconv.Atoi: parsing \"\": invalid syntax"),
            ("1e3", "invalid block rate : strconv.Atoi: parsing \"1e3\": invalid syntax"),
            (
                "9223372036854775808",
                "invalid block rate : strconv.Atoi: parsing \"9223372036854775808\": \
                 value out of range",
            ),
        ] {
            assert_eq!(parse_rate(text), Err(error.to_owned()));
        }
    }
}
