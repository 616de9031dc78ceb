//! The options of producers and consumers, as `--consumer-opt` and `--producer-opt` take them.

mod coerce;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use self::coerce::{Coerce, Given};
use crate::config::{GoDuration, TlsMinVersion, host};

pub use coerce::{BackoffStrategy, Interval};

/// What is wrong with an option. The texts are those of upstream's utilities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No option has this name.
    #[error("invalid option {0}")]
    Unknown(String),
    /// The text is no value of the option's type.
    #[error("failed to coerce option {key} ({value}) - {reason}")]
    NotAValue {
        /// The option.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Less than the least value.
    #[error("invalid {key} ! {value} < {min}")]
    TooSmall {
        /// The option.
        key: &'static str,
        /// What was given.
        value: String,
        /// The least value.
        min: String,
    },
    /// More than the greatest value.
    #[error("invalid {key} ! {value} > {max}")]
    TooLarge {
        /// The option.
        key: &'static str,
        /// What was given.
        value: String,
        /// The greatest value.
        max: String,
    },
    /// Heartbeats that come too late for the read deadline.
    #[error("HeartbeatInterval {heartbeat} must be less than ReadTimeout {read}")]
    SlowHeartbeat {
        /// `heartbeat_interval`.
        heartbeat: GoDuration,
        /// `read_timeout`.
        read: GoDuration,
    },
    /// Both compressions at once.
    #[error("cannot enable both deflate and snappy compression")]
    BothCompressions,
}

/// One option, for usage texts and documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name.
    pub key: &'static str,
    /// What kind of value it takes.
    pub kind: &'static str,
    /// What holds when it is not given, as one would type it; empty for nothing.
    pub default: &'static str,
    /// The least value, empty for none.
    pub min: &'static str,
    /// The greatest value, empty for none.
    pub max: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// Declares the struct, its defaults, [`Options::set`] and the table from one list.
macro_rules! declare {
    ($($(#[doc = $help:literal])+ $key:ident: $type:ty = $default:literal $([$min:literal, $max:literal])?,)*) => {
        /// How a producer or a consumer behaves. [`Options::default`] is upstream's default in everything.
        ///
        /// Fields may be set directly; [`Options::check`] tells whether they go together, and is asked by everything
        /// that takes options.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Options {
            $($(#[doc = $help])+ pub $key: $type,)*
        }

        /// Every option, in the order of the documentation.
        pub const OPTIONS: &[OptionSpec] = &[$(OptionSpec {
            key: stringify!($key),
            kind: <$type as Coerce>::KIND,
            default: $default,
            min: concat!($($min)?),
            max: concat!($($max)?),
            help: concat!($($help),+).trim_ascii(),
        },)*];

        impl Default for Options {
            fn default() -> Self {
                let mut options = Self { $($key: <$type as Coerce>::none(),)* };
                $(if !$default.is_empty() {
                    options.$key = read_declared::<$type>($default);
                })*
                options.fill_in_host();
                options
            }
        }

        impl Options {
            fn set_given(&mut self, key: &str, given: Given<'_>) -> Result<(), OptionError> {
                match key {
                    $(stringify!($key) => {
                        self.$key = read(stringify!($key), given, (concat!($($min)?), concat!($($max)?)))?;
                    })*
                    _ => return Err(OptionError::Unknown(key.to_owned())),
                }
                Ok(())
            }

            /// Checks the bounds of every value.
            fn check_bounds(&self) -> Result<(), OptionError> {
                $(check(stringify!($key), &self.$key, (concat!($($min)?), concat!($($max)?)))?;)*
                Ok(())
            }
        }
    };
}

declare! {
    /// How long a connect to nsqd may take.
    dial_timeout: Duration = "1s",
    /// Deadline of every read; it must not be less than the heartbeat interval.
    read_timeout: Duration = "60s" ["100ms", "5m"],
    /// Deadline of every write.
    write_timeout: Duration = "1s" ["100ms", "5m"],
    /// Local address for connections to nsqd.
    local_addr: Option<SocketAddr> = "",
    /// Time between two questions to nsqlookupd; without one, the longest wait before a reconnect.
    lookupd_poll_interval: Duration = "60s" ["10ms", "5m"],
    /// Fraction of that interval by which the first poll is delayed at random.
    lookupd_poll_jitter: f64 = "0.3" ["0", "1"],
    /// How long one question to nsqlookupd may take.
    lookupd_poll_timeout: Duration = "1m",
    /// The longest delay of a message that is given back automatically.
    max_requeue_delay: Duration = "15m" ["0", "60m"],
    /// Delay of a message that is given back automatically, for each attempt.
    default_requeue_delay: Duration = "90s" ["0", "60m"],
    /// How the time of a back-off grows: exponential or full_jitter.
    backoff_strategy: BackoffStrategy = "exponential",
    /// The longest back-off; 0 for none at all.
    max_backoff_duration: Duration = "2m" ["0", "60m"],
    /// Half of the first back-off.
    backoff_multiplier: Duration = "1s" ["0", "60m"],
    /// How often a message is tried before it is given up; 0 for without end.
    max_attempts: u16 = "5" ["0", "65535"],
    /// When connections share less RDY than there are of them: how long one may keep its RDY without a message.
    low_rdy_idle_timeout: Duration = "10s" ["1s", "5m"],
    /// The same: how long one may keep it at all.
    low_rdy_timeout: Duration = "30s" ["1s", "5m"],
    /// Time between two looks at who should have RDY.
    rdy_redistribute_interval: Duration = "5s" ["1ms", "5s"],
    /// Name of this client; the host's short name unless given.
    client_id: String = "",
    /// Name of this host; as the system has it unless given.
    hostname: String = "",
    /// Program and library as nsqd shows them; the programs here set their own.
    user_agent: String = "",
    /// Time between two heartbeats; -1ns for none, which nsqd does not let consumers have.
    heartbeat_interval: Interval = "30s" ["-1ns", ""],
    /// Percent of the messages that are delivered; 0 for all.
    sample_rate: u8 = "0" ["0", "99"],
    /// Zone in which this client runs, to be near to its messages.
    topology_zone: String = "",
    /// Region in which this client runs.
    topology_region: String = "",
    /// Use TLS; unless given, TLS is used if another tls_ option is.
    tls_v1: Option<bool> = "",
    /// Certificate authorities (PEM) to trust instead of the system's.
    tls_root_ca_file: Option<PathBuf> = "",
    /// Take any certificate for the server's.
    tls_insecure_skip_verify: bool = "false",
    /// Certificate of this client (PEM).
    tls_cert: Option<PathBuf> = "",
    /// Its key (PEM).
    tls_key: Option<PathBuf> = "",
    /// The oldest version of TLS to accept; below tls1.2 nothing is spoken.
    tls_min_version: TlsMinVersion = "tls1.0",
    /// Compress with DEFLATE.
    deflate: bool = "false",
    /// Level of nsqd's side of DEFLATE.
    deflate_level: u8 = "6" ["1", "9"],
    /// Compress with snappy.
    snappy: bool = "false",
    /// Bytes that nsqd may gather before it sends; -1 for none.
    output_buffer_size: i64 = "16384" ["-1", ""],
    /// How long nsqd may gather; -1ns for as long as it likes.
    output_buffer_timeout: Interval = "250ms" ["-1ns", ""],
    /// Messages that a consumer takes at once; the programs here have a flag for it.
    max_in_flight: u32 = "1" ["0", ""],
    /// How long a message may take; 0 for nsqd's default.
    msg_timeout: Duration = "0",
    /// Secret to show to nsqd, and to nsqlookupd as a bearer token.
    auth_secret: String = "",
    /// True to send the secret to nsqlookupd, false not to: upstream's name for it says the opposite.
    skip_lookupd_authorization: bool = "true",
}

impl Options {
    /// Takes `key,value`, or `key` for `key,true`, as it stands behind `--consumer-opt` or `--producer-opt`.
    pub fn set_text(&mut self, option: &str) -> Result<(), OptionError> {
        let (key, given) = match option.split_once(',') {
            Some((key, value)) => (key, Given::Text(value)),
            None => (option, Given::True),
        };
        self.set_given(&key.replace('-', "_"), given)
    }

    /// Sets the option `key` to what `value` says. `-` in keys equals `_`.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), OptionError> {
        self.set_given(&key.replace('-', "_"), Given::Text(value))
    }

    /// Tells whether all values are within their bounds and go together.
    pub fn check(&self) -> Result<(), OptionError> {
        self.check_bounds()?;
        if let Some(heartbeat) = self.heartbeat_interval.0
            && heartbeat > self.read_timeout
        {
            let read = self.read_timeout.into();
            return Err(OptionError::SlowHeartbeat { heartbeat: heartbeat.into(), read });
        }
        if self.deflate && self.snappy {
            return Err(OptionError::BothCompressions);
        }
        Ok(())
    }

    /// True if connections to nsqd are encrypted: whoever says how to encrypt wants to encrypt, unless `tls_v1` says
    /// otherwise.
    pub fn uses_tls(&self) -> bool {
        let is_described = self.tls_insecure_skip_verify
            || self.tls_root_ca_file.is_some()
            || self.tls_cert.is_some()
            || self.tls_key.is_some()
            || self.tls_min_version != TlsMinVersion::default();
        self.tls_v1.unwrap_or(is_described)
    }

    fn fill_in_host(&mut self) {
        self.hostname = host::hostname();
        self.client_id = self.hostname.split('.').next().unwrap_or_default().to_owned();
        self.user_agent = format!("nsq-actors/{}", crate::config::NSQ_VERSION);
    }
}

fn read<T: Coerce>(
    key: &'static str,
    given: Given<'_>,
    bounds: (&'static str, &'static str),
) -> Result<T, OptionError> {
    let not_a_value = |reason| OptionError::NotAValue { key, value: given.to_string(), reason };
    let wide = T::coerce(given).map_err(not_a_value)?;
    check_wide::<T>(key, &wide, bounds)?;
    T::narrow(wide).map_err(not_a_value)
}

fn check<T: Coerce>(
    key: &'static str,
    value: &T,
    bounds: (&'static str, &'static str),
) -> Result<(), OptionError> {
    check_wide::<T>(key, &value.widen(), bounds)
}

fn check_wide<T: Coerce>(
    key: &'static str,
    value: &T::Wide,
    (min, max): (&'static str, &'static str),
) -> Result<(), OptionError> {
    // Not every type has a word for its least value; durations that are none must not be negative.
    let min = if min.is_empty() { T::LEAST } else { min };
    if !min.is_empty() && *value < declared::<T>(min) {
        let min = T::show(&declared::<T>(min));
        return Err(OptionError::TooSmall { key, value: T::show(value), min });
    }
    if !max.is_empty() && *value > declared::<T>(max) {
        let max = T::show(&declared::<T>(max));
        return Err(OptionError::TooLarge { key, value: T::show(value), max });
    }
    Ok(())
}

fn declared<T: Coerce>(text: &'static str) -> T::Wide {
    T::coerce(Given::Text(text))
        .expect("declared defaults and bounds are values, a test reads each")
}

fn read_declared<T: Coerce>(text: &'static str) -> T {
    T::narrow(declared::<T>(text)).expect("declared defaults fit, a test reads each")
}
