use super::*;

#[track_caller]
fn refused(option: &str, expected: &str) {
    let error = Options::default().set_text(option).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[track_caller]
fn with(options: &[&str]) -> Options {
    let mut all = Options::default();
    for option in options {
        all.set_text(option).unwrap();
    }
    all
}

#[test]
fn every_declared_default_is_a_value_within_its_bounds() {
    let defaults = Options::default();
    assert_eq!(defaults.check(), Ok(()));
    let mut again = Options::default();
    for option in OPTIONS.iter().filter(|option| !option.default.is_empty()) {
        again.set(option.key, option.default).unwrap();
        for bound in [option.min, option.max] {
            assert!(bound.is_empty() || again.set(option.key, bound).is_ok(), "{}", option.key);
        }
        assert!(!option.help.is_empty());
    }
    assert_eq!(defaults.read_timeout, Duration::from_secs(60));
    assert_eq!(defaults.heartbeat_interval, Interval(Some(Duration::from_secs(30))));
    assert!(defaults.client_id == defaults.hostname.split('.').next().unwrap());
}

#[test]
fn keys_may_have_dashes_values_may_be_left_out_and_the_last_one_wins() {
    let options = with(&["read-timeout,2s", "snappy", "max_attempts,3", "max_attempts,0"]);
    assert_eq!(options.read_timeout, Duration::from_secs(2));
    assert!(options.snappy);
    assert_eq!(options.max_attempts, 0);
    assert_eq!(with(&["auth_secret,a,b"]).auth_secret, "a,b");
    assert_eq!(with(&["client_id"]).client_id, "true");
}

#[test]
fn other_options_are_refused_in_upstreams_words() {
    refused("read_timeouts,1s", "invalid option read_timeouts");
    refused("no-such", "invalid option no_such");
    refused("read_timeout,50ms", "invalid read_timeout ! 50ms < 100ms");
    refused("read_timeout,6m", "invalid read_timeout ! 6m0s > 5m0s");
    refused("sample_rate,100", "invalid sample_rate ! 100 > 99");
    refused("sample_rate,-1", "invalid sample_rate ! -1 < 0");
    refused("lookupd_poll_jitter,1.5", "invalid lookupd_poll_jitter ! 1.5 > 1");
    refused("max_attempts,70000", "invalid max_attempts ! 70000 > 65535");
    refused("max_in_flight,-1", "invalid max_in_flight ! -1 < 0");
    refused("dial_timeout,-1s", "invalid dial_timeout ! -1s < 0s");
}

#[test]
fn what_is_no_value_is_refused_in_gos_words() {
    let refused = |option: &str, reason: &str| {
        let (key, value) = option.split_once(',').unwrap_or((option, "true"));
        refused(option, &format!("failed to coerce option {key} ({value}) - {reason}"));
    };
    refused("read_timeout,5", "time: missing unit in duration \"5\"");
    refused("read_timeout,5d", "time: unknown unit in duration \"5d\"");
    refused("read_timeout,x", "time: invalid duration \"x\"");
    refused("read_timeout", "invalid value type");
    refused("snappy,yes", "strconv.ParseBool: parsing \"yes\": invalid syntax");
    refused("sample_rate,0x1", "strconv.ParseInt: parsing \"0x1\": invalid syntax");
    refused(
        "sample_rate,99999999999999999999",
        "strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
    );
    refused("lookupd_poll_jitter,a", "strconv.ParseFloat: parsing \"a\": invalid syntax");
    refused("backoff_strategy,x", "unknown backoff strategy (exponential, full_jitter)");
    refused("tls_min_version,tls2", "unknown TLS version 'tls2' (tls1.0, tls1.1, tls1.2, tls1.3)");
    refused("local_addr,nowhere", "address nowhere: not of the form ip:port");
}

#[test]
fn heartbeats_must_come_before_the_read_deadline() {
    let late = with(&["read_timeout,1s", "heartbeat_interval,1001ms"]);
    let expected = "HeartbeatInterval 1.001s must be less than ReadTimeout 1s";
    assert_eq!(late.check().unwrap_err().to_string(), expected);
    assert_eq!(with(&["read_timeout,1s", "heartbeat_interval,1s"]).check(), Ok(()));
    let none = with(&["heartbeat_interval,-1ns"]);
    assert_eq!((none.heartbeat_interval, none.check()), (Interval(None), Ok(())));
}

#[test]
fn fields_that_were_set_directly_are_checked_too() {
    let options = Options { sample_rate: 100, ..Options::default() };
    assert_eq!(options.check().unwrap_err().to_string(), "invalid sample_rate ! 100 > 99");
    let both = with(&["snappy", "deflate"]);
    assert_eq!(both.check(), Err(OptionError::BothCompressions));
}

#[test]
fn whoever_says_how_to_encrypt_encrypts() {
    for (given, uses) in [
        (&["snappy"][..], false),
        (&["tls_v1"], true),
        (&["tls_root_ca_file,ca.pem"], true),
        (&["tls_insecure_skip_verify"], true),
        (&["tls_min_version,tls1.2"], true),
        (&["tls_cert,a.pem"], true),
        (&["tls_root_ca_file,ca.pem", "tls_v1,false"], false),
        (&["tls_v1,false", "tls_root_ca_file,ca.pem"], false),
    ] {
        assert_eq!(with(given).uses_tls(), uses, "{given:?}");
    }
}

#[test]
fn addresses_and_versions_are_read() {
    assert_eq!(with(&["local_addr,:0"]).local_addr, Some("0.0.0.0:0".parse().unwrap()));
    assert_eq!(with(&["tls_min_version,ssl3.0"]).tls_min_version, TlsMinVersion::Tls10);
    assert_eq!(
        with(&["backoff-strategy,full_jitter"]).backoff_strategy,
        BackoffStrategy::FullJitter
    );
}

/// The table of `docs/client.md`; the host's names are nobody else's.
#[test]
fn documentation_has_every_option_as_it_is_declared() {
    let documentation = include_str!("../../../docs/client.md");
    for OptionSpec { key, kind, default, min, max, help } in OPTIONS {
        let bounds = match (*min, *max) {
            ("", "") => String::new(),
            (min, "") => format!("from {min}"),
            (min, max) => format!("{min} to {max}"),
        };
        let row = format!("| `{key}` | {kind} | {default} | {bounds} | {help} |");
        assert!(documentation.contains(&row), "docs/client.md must have\n{row}");
    }
}
