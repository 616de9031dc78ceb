//! IDENTIFY: what a client asks for, what it gets, and the answer.

mod request;

use std::time::Duration;

use serde::Serialize;

use self::request::Request;
use super::error::{ProtocolError, Setting};

const HEARTBEAT_INTERVAL_DEFAULT: Duration = Duration::from_secs(30);
const HEARTBEAT_INTERVAL_MIN: Duration = Duration::from_secs(1);
const MSG_TIMEOUT_MIN: Duration = Duration::from_secs(1);
const OUTPUT_BUFFER_SIZE_DEFAULT: usize = 16_384;
const OUTPUT_BUFFER_SIZE_MIN: i64 = 64;
const SAMPLE_RATE_MAX: i64 = 99;
const DEFLATE_LEVEL_DEFAULT: i64 = 6;
/// How a client turns a setting off.
const OFF: i64 = -1;

/// The ranges within which clients may choose, from nsqd's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifyLimits {
    /// `--max-heartbeat-interval`.
    pub max_heartbeat_interval: Duration,
    /// `--output-buffer-timeout`; zero means that nothing is flushed by time.
    pub default_output_buffer_timeout: Duration,
    /// `--min-output-buffer-timeout`.
    pub min_output_buffer_timeout: Duration,
    /// `--max-output-buffer-timeout`.
    pub max_output_buffer_timeout: Duration,
    /// `--max-output-buffer-size`, in bytes.
    pub max_output_buffer_size: usize,
    /// `--msg-timeout`.
    pub default_msg_timeout: Duration,
    /// `--max-msg-timeout`.
    pub max_msg_timeout: Duration,
    /// `--max-deflate-level`.
    pub max_deflate_level: i32,
    /// What a client may have when it asks for it.
    pub available: Features,
}

/// The upgrades of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// TLS on the same socket.
    pub tls_v1: bool,
    /// Snappy's framing format in both directions.
    pub snappy: bool,
    /// Raw DEFLATE in both directions.
    pub deflate: bool,
}

/// What is known about a client and what was agreed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The client's name for itself, shown in stats.
    pub client_id: String,
    /// The client's host, shown in stats.
    pub hostname: String,
    /// The client's library, shown in stats.
    pub user_agent: String,
    /// Where the client runs, for topology-aware consumption.
    pub topology_region: String,
    /// Where in its region the client runs.
    pub topology_zone: String,
    /// IDENTIFY is answered with JSON instead of `OK`, and upgrades may follow.
    pub feature_negotiation: bool,
    /// Time between two heartbeats; `None` without heartbeats and deadlines.
    pub heartbeat_interval: Option<Duration>,
    /// Bytes of messages that may wait for a flush; 1 when each is to leave at once.
    pub output_buffer_size: usize,
    /// How long messages may wait for a flush; `None` when time flushes nothing.
    pub output_buffer_timeout: Option<Duration>,
    /// Percent of the messages that are delivered; 0 for all of them.
    pub sample_rate: u8,
    /// How long the client may take for a message.
    pub msg_timeout: Duration,
    /// The upgrades that follow the answer: asked for, available, and features are negotiated.
    pub features: Features,
    /// Level of nsqd's side of a DEFLATE connection.
    pub deflate_level: i32,
}

impl Negotiated {
    /// What holds for a client that has not sent IDENTIFY; `peer_ip` is empty for a unix socket.
    pub fn before_identify(limits: &IdentifyLimits, peer_ip: &str) -> Self {
        Self {
            client_id: peer_ip.to_owned(),
            hostname: peer_ip.to_owned(),
            user_agent: String::new(),
            topology_region: String::new(),
            topology_zone: String::new(),
            feature_negotiation: false,
            heartbeat_interval: Some(HEARTBEAT_INTERVAL_DEFAULT),
            output_buffer_size: OUTPUT_BUFFER_SIZE_DEFAULT,
            output_buffer_timeout: non_zero(limits.default_output_buffer_timeout),
            sample_rate: 0,
            msg_timeout: limits.default_msg_timeout,
            features: Features::default(),
            deflate_level: deflate_level(0, limits.max_deflate_level),
        }
    }

    /// Reads the body of an IDENTIFY and settles what it asks for; where it asks for nothing, a
    /// setting stays as it is in `current`.
    ///
    /// Errors are [`ProtocolError::IdentifyJson`], [`ProtocolError::BadSetting`] for the first
    /// setting out of its range, and [`ProtocolError::BothCompressions`].
    pub fn from_body(
        body: &[u8],
        limits: &IdentifyLimits,
        current: &Self,
    ) -> Result<Self, ProtocolError> {
        let request = Request::parse(body)?;
        let heartbeat_interval = heartbeat_interval(&request, limits, current)?;
        let flush_timeout = output_buffer_timeout(&request, limits, current)?;
        let (output_buffer_size, output_buffer_timeout) =
            output_buffer(&request, limits, current, flush_timeout)?;
        let sample_rate = sample_rate(&request)?;
        let msg_timeout = msg_timeout(&request, limits, current)?;
        let features = features(&request, limits.available)?;
        let wanted_level = if features.deflate { request.deflate_level } else { 0 };
        Ok(Self {
            heartbeat_interval,
            output_buffer_size,
            output_buffer_timeout,
            sample_rate,
            msg_timeout,
            features,
            deflate_level: deflate_level(wanted_level, limits.max_deflate_level),
            feature_negotiation: request.feature_negotiation,
            client_id: request.client_id,
            hostname: request.hostname,
            user_agent: request.user_agent,
            topology_region: request.topology_region,
            topology_zone: request.topology_zone,
        })
    }
}

fn heartbeat_interval(
    request: &Request,
    limits: &IdentifyLimits,
    current: &Negotiated,
) -> Result<Option<Duration>, ProtocolError> {
    match request.heartbeat_interval {
        OFF => Ok(None),
        0 => Ok(current.heartbeat_interval),
        wanted => {
            let range = (HEARTBEAT_INTERVAL_MIN, limits.max_heartbeat_interval);
            millis_within(Setting::HeartbeatInterval, wanted, range).map(Some)
        }
    }
}

fn output_buffer_timeout(
    request: &Request,
    limits: &IdentifyLimits,
    current: &Negotiated,
) -> Result<Option<Duration>, ProtocolError> {
    match request.output_buffer_timeout {
        OFF => Ok(None),
        0 => Ok(current.output_buffer_timeout),
        wanted => {
            let range = (limits.min_output_buffer_timeout, limits.max_output_buffer_timeout);
            millis_within(Setting::OutputBufferTimeout, wanted, range).map(non_zero)
        }
    }
}

/// The size of the buffer, and the timeout that is left: none when there is no buffer.
fn output_buffer(
    request: &Request,
    limits: &IdentifyLimits,
    current: &Negotiated,
    timeout: Option<Duration>,
) -> Result<(usize, Option<Duration>), ProtocolError> {
    let value = request.output_buffer_size;
    match value {
        OFF => return Ok((1, None)),
        0 => return Ok((current.output_buffer_size, timeout)),
        _ => {}
    }
    usize::try_from(value)
        .ok()
        .filter(|size| value >= OUTPUT_BUFFER_SIZE_MIN && *size <= limits.max_output_buffer_size)
        .map(|size| (size, timeout))
        .ok_or(ProtocolError::BadSetting { setting: Setting::OutputBufferSize, value })
}

fn sample_rate(request: &Request) -> Result<u8, ProtocolError> {
    let value = i64::from(request.sample_rate);
    u8::try_from(value)
        .ok()
        .filter(|_| value <= SAMPLE_RATE_MAX)
        .ok_or(ProtocolError::BadSetting { setting: Setting::SampleRate, value })
}

fn msg_timeout(
    request: &Request,
    limits: &IdentifyLimits,
    current: &Negotiated,
) -> Result<Duration, ProtocolError> {
    match request.msg_timeout {
        0 => Ok(current.msg_timeout),
        wanted => {
            let range = (MSG_TIMEOUT_MIN, limits.max_msg_timeout);
            millis_within(Setting::MsgTimeout, wanted, range)
        }
    }
}

/// Availability comes before the conflict: who asks for both and can have one gets that one.
fn features(request: &Request, available: Features) -> Result<Features, ProtocolError> {
    if !request.feature_negotiation {
        return Ok(Features::default());
    }
    let features = Features {
        tls_v1: request.tls_v1 && available.tls_v1,
        snappy: request.snappy && available.snappy,
        deflate: request.deflate && available.deflate,
    };
    if features.snappy && features.deflate {
        return Err(ProtocolError::BothCompressions);
    }
    Ok(features)
}

/// Nothing (0) or nonsense gives the default; what is above `max` is lowered to it.
fn deflate_level(wanted: i64, max: i32) -> i32 {
    let level = if wanted > 0 { wanted } else { DEFLATE_LEVEL_DEFAULT };
    i32::try_from(level).map_or(max, |level| level.min(max))
}

fn millis_within(
    setting: Setting,
    value: i64,
    (min, max): (Duration, Duration),
) -> Result<Duration, ProtocolError> {
    if (millis(min)..=millis(max)).contains(&value) {
        Ok(Duration::from_millis(value.unsigned_abs()))
    } else {
        Err(ProtocolError::BadSetting { setting, value })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn non_zero(duration: Duration) -> Option<Duration> {
    Some(duration).filter(|duration| !duration.is_zero())
}

/// What nsqd says about itself in the answer to IDENTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeInfo<'a> {
    /// `--max-rdy-count`.
    pub max_rdy_count: i64,
    /// This program's version, without a `v`.
    pub version: &'a str,
    /// There is an auth server.
    pub auth_required: bool,
    /// `--topology-region`.
    pub topology_region: &'a str,
    /// `--topology-zone`.
    pub topology_zone: &'a str,
}

/// The answer to an IDENTIFY that negotiates features, fields in the order of the protocol.
///
/// Times are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentifyResponse<'a> {
    max_rdy_count: i64,
    version: &'a str,
    max_msg_timeout: i64,
    msg_timeout: i64,
    tls_v1: bool,
    deflate: bool,
    deflate_level: i32,
    max_deflate_level: i32,
    snappy: bool,
    sample_rate: u8,
    auth_required: bool,
    output_buffer_size: usize,
    output_buffer_timeout: i64,
    topology_region: &'a str,
    topology_zone: &'a str,
}

impl<'a> IdentifyResponse<'a> {
    /// Says what `negotiated` has come to.
    pub fn new(negotiated: &Negotiated, limits: &IdentifyLimits, node: &NodeInfo<'a>) -> Self {
        Self {
            max_rdy_count: node.max_rdy_count,
            version: node.version,
            max_msg_timeout: millis(limits.max_msg_timeout),
            msg_timeout: millis(negotiated.msg_timeout),
            tls_v1: negotiated.features.tls_v1,
            deflate: negotiated.features.deflate,
            deflate_level: negotiated.deflate_level,
            max_deflate_level: limits.max_deflate_level,
            snappy: negotiated.features.snappy,
            sample_rate: negotiated.sample_rate,
            auth_required: node.auth_required,
            output_buffer_size: negotiated.output_buffer_size,
            output_buffer_timeout: negotiated.output_buffer_timeout.map_or(0, millis),
            topology_region: node.topology_region,
            topology_zone: node.topology_zone,
        }
    }

    /// The data of the response frame.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of numbers, flags and text is always JSON")
    }
}

#[cfg(test)]
mod tests;
