//! `/config/:opt`: what the options are, and two of them changed.

use actix_web::{
    HttpResponse,
    web::{Path, Payload},
};

use reqwest::Url;

use super::{Admin, State, access::ConfigAllowed};
use crate::{
    config::value::{Kind, Value},
    http::{HttpError, body, reply},
};

const LOG_LEVEL: &str = "log_level";
/// Which may hold a user and a password.
const URLS: [&str; 2] = ["graphite_url", "notification_http_endpoint"];
const LOOKUPDS: &str = "nsqlookupd_http_addresses";

/// The largest value that is read.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// The value of an option by its key in the configuration file.
pub(super) async fn get(
    _: ConfigAllowed,
    admin: State,
    key: Path<String>,
) -> Result<HttpResponse, HttpError> {
    reply::value(&present(&admin, &key)?)
}

/// Changes an option until the process ends.
pub(super) async fn put(
    _: ConfigAllowed,
    admin: State,
    key: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, HttpError> {
    let body = body::read(payload, VALUE_BYTES_MAX).await;
    let body = body.map_err(|error| HttpError::of_body(error, HttpError::ValueSize))?;
    if body.is_empty() {
        return Err(HttpError::ValueSize);
    }
    match key.as_str() {
        LOG_LEVEL => set_log_level(&admin, &body)?,
        LOOKUPDS => set_lookupds(&admin, &body)?,
        _ => return Err(HttpError::InvalidOption),
    }
    let value = present(&admin, &key)?;
    log::info!("HTTP: {key} set to {value}");
    reply::value(&value)
}

/// What holds now.
fn present(admin: &Admin, key: &str) -> Result<Value, HttpError> {
    match key {
        LOG_LEVEL => Ok(Value::LogLevel(*admin.log_level.borrow())),
        LOOKUPDS => Ok(Value::List(admin.sources.lookupds().to_vec())),
        key => {
            let value = admin.options.value(key).ok_or(HttpError::InvalidOption)?;
            match value {
                Value::Text(url) if URLS.contains(&key) => Ok(Value::Text(without_password(url))),
                value => Ok(value),
            }
        }
    }
}

/// A URL without the user and the password for those who serve it, else as it was written.
fn without_password(text: String) -> String {
    match Url::parse(&text) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            let hidden = url.set_username("").and_then(|()| url.set_password(None));
            hidden.map_or_else(|()| String::new(), |()| url.into()) // a URL with a user can be without one
        }
        _ => text,
    }
}

fn set_log_level(admin: &Admin, body: &[u8]) -> Result<(), HttpError> {
    let text = std::str::from_utf8(body).map_err(|_| HttpError::InvalidValue)?;
    let Ok(Value::LogLevel(level)) = Kind::LogLevel.parse(text) else {
        return Err(HttpError::InvalidValue);
    };
    log::set_max_level(level.filter());
    admin.log_level.send_replace(level);
    Ok(())
}

/// An array of addresses as JSON, or `null` for none.
fn set_lookupds(admin: &Admin, body: &[u8]) -> Result<(), HttpError> {
    let addresses: Option<Vec<String>> =
        serde_json::from_slice(body).map_err(|_| HttpError::InvalidValue)?;
    let set = admin.sources.set_lookupds(addresses.unwrap_or_default());
    set.map_err(|_| HttpError::InvalidValue)
}
