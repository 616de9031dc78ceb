//! `/config/:opt`: what the options are, and two of them changed.

use actix_web::{
    HttpResponse,
    web::{Path, Payload},
};

use super::{Api, State};
use crate::{
    config::{
        NsqdOptions,
        value::{Kind, Value},
    },
    http::{HttpError, body, reply},
    protocol::statsd::Prefix,
};

const LOG_LEVEL: &str = "log_level";
const LOOKUPDS: &str = "nsqlookupd_tcp_addresses";

/// The value of an option by its key in the configuration file.
pub async fn get(api: State, key: Path<String>) -> Result<HttpResponse, HttpError> {
    reply::value(&present(&api, &key)?)
}

/// Changes an option until the process ends.
pub async fn put(
    api: State,
    key: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, HttpError> {
    let body = body::read(payload, api.shared.options.max_msg_size).await;
    let body = body.map_err(|error| HttpError::of_body(error, HttpError::ValueSize))?;
    if body.is_empty() {
        return Err(HttpError::ValueSize);
    }
    match key.as_str() {
        LOG_LEVEL => set_log_level(&api, &body)?,
        LOOKUPDS => set_lookupds(&api, &body)?,
        _ => return Err(HttpError::InvalidOption),
    }
    let value = present(&api, &key)?;
    log::info!("HTTP: {key} set to {value}");
    reply::value(&value)
}

/// What holds now.
fn present(api: &Api, key: &str) -> Result<Value, HttpError> {
    let shared = &api.shared;
    match key {
        LOG_LEVEL => Ok(Value::LogLevel(shared.live.log_level())),
        LOOKUPDS => Ok(Value::List(shared.live.lookupds())),
        // A policy for client certificates raises it.
        "tls_required" => Ok(Value::TlsRequired(shared.tls_required())),
        "statsd_prefix" => Ok(Value::Text(statsd_prefix(&shared.options))),
        key => shared.options.value(key).ok_or(HttpError::InvalidOption),
    }
}

/// As it stands before every name.
fn statsd_prefix(options: &NsqdOptions) -> String {
    let (address, port) = (&options.broadcast_address, options.broadcast_http_port);
    Prefix::new(&options.statsd_prefix, address, port).as_str().to_owned()
}

fn set_log_level(api: &Api, body: &[u8]) -> Result<(), HttpError> {
    let text = std::str::from_utf8(body).map_err(|_| HttpError::InvalidValue)?;
    match Kind::LogLevel.parse(text) {
        Ok(Value::LogLevel(level)) => api.shared.live.set_log_level(level),
        _ => return Err(HttpError::InvalidValue),
    }
    Ok(())
}

/// An array of addresses as JSON, or `null` for none.
fn set_lookupds(api: &Api, body: &[u8]) -> Result<(), HttpError> {
    let addresses: Option<Vec<String>> =
        serde_json::from_slice(body).map_err(|_| HttpError::InvalidValue)?;
    let set = api.shared.live.set_lookupds(addresses.unwrap_or_default());
    set.map_err(|_| HttpError::InvalidValue)
}
