use super::*;

const LIMITS: IdentifyLimits = IdentifyLimits {
    max_heartbeat_interval: Duration::from_secs(60),
    default_output_buffer_timeout: Duration::from_millis(250),
    min_output_buffer_timeout: Duration::from_millis(25),
    max_output_buffer_timeout: Duration::from_secs(30),
    max_output_buffer_size: 65_536,
    default_msg_timeout: Duration::from_secs(60),
    max_msg_timeout: Duration::from_secs(900),
    max_deflate_level: 6,
    available: Features { tls_v1: false, snappy: false, deflate: false },
};

const ALL: Features = Features { tls_v1: true, snappy: true, deflate: true };

const NODE: NodeInfo<'static> = NodeInfo {
    max_rdy_count: 2500,
    version: "1.3.0",
    auth_required: false,
    topology_region: "",
    topology_zone: "",
};

fn fresh() -> Negotiated {
    Negotiated::before_identify(&LIMITS, "192.0.2.1")
}

fn identify(body: &str) -> Result<Negotiated, ProtocolError> {
    Negotiated::from_body(body.as_bytes(), &LIMITS, &fresh())
}

#[track_caller]
fn accepted(body: &str) -> Negotiated {
    identify(body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[track_caller]
fn refused(body: &str, expected: &str) {
    assert_eq!(identify(body).map_err(|error| error.to_string()), Err(expected.to_owned()));
}

#[track_caller]
fn not_decoded(body: &str) {
    refused(body, "E_BAD_BODY IDENTIFY failed to decode JSON body");
}

fn millis_of(value: u64) -> Duration {
    Duration::from_millis(value)
}

#[test]
fn nothing_asked_for_keeps_the_settings_and_empties_the_names() {
    let expected = Negotiated { client_id: String::new(), hostname: String::new(), ..fresh() };
    for body in ["{}", "null", " null\n", r#"{"client_id":null,"heartbeat_interval":null}"#] {
        assert_eq!(accepted(body), expected, "{body}");
    }
}

#[test]
fn names_are_taken_as_they_are() {
    let client = accepted(
        r#"{"client_id":"c","hostname":"h","user_agent":"u/1","topology_region":"r",
            "topology_zone":"z","unknown":{"a":[1,{"b":null}]}}"#,
    );
    assert_eq!((&*client.client_id, &*client.hostname, &*client.user_agent), ("c", "h", "u/1"));
    assert_eq!((&*client.topology_region, &*client.topology_zone), ("r", "z"));
}

#[test]
fn keys_match_in_any_case_and_the_last_one_wins() {
    let client =
        accepted(r#"{"Client_ID":"a","CLIENT_ID":"b","client_id":null,"Msg_Timeout":2000}"#);
    assert_eq!((&*client.client_id, client.msg_timeout), ("b", millis_of(2000)));
}

#[test]
fn text_that_is_not_utf8_is_taken_lossily() {
    let client = Negotiated::from_body(b"{\"hostname\":\"h\xfcgo\"}", &LIMITS, &fresh()).unwrap();
    assert_eq!(client.hostname, "h\u{fffd}go");
}

#[test]
fn only_an_object_of_the_right_types_is_decoded() {
    for body in [
        "",
        "{",
        "[]",
        "1",
        "\"a\"",
        "true",
        "{}x",
        "{}{}",
        "nul",
        r#"{"client_id":1}"#,
        r#"{"feature_negotiation":"true"}"#,
        r#"{"feature_negotiation":1}"#,
        r#"{"heartbeat_interval":"1000"}"#,
        r#"{"heartbeat_interval":1000.0}"#,
        r#"{"heartbeat_interval":1e3}"#,
        r#"{"heartbeat_interval":9223372036854775808}"#,
        r#"{"sample_rate":2147483648}"#,
        r#"{"msg_timeout":[1000]}"#,
    ] {
        not_decoded(body);
    }
}

#[test]
fn deep_nesting_is_an_error_or_ignored_but_never_a_crash() {
    let deep = "[".repeat(1 << 20);
    not_decoded(&deep);
    not_decoded(&format!(r#"{{"client_id":{deep}"#));
    not_decoded(&format!(r#"{{"unknown":{deep}"#));
}

#[test]
fn heartbeat_interval_has_a_range() {
    let interval = |value: i64| format!(r#"{{"heartbeat_interval":{value}}}"#);
    for (value, expected) in [
        (-1, None),
        (0, Some(millis_of(30_000))),
        (1000, Some(millis_of(1000))),
        (60_000, Some(millis_of(60_000))),
    ] {
        assert_eq!(accepted(&interval(value)).heartbeat_interval, expected);
    }
    for value in [-2, 1, 999, 60_001, i64::MAX, i64::MIN] {
        let expected = format!("E_BAD_BODY IDENTIFY heartbeat interval ({value}) is invalid");
        refused(&interval(value), &expected);
    }
}

#[test]
fn output_buffer_timeout_has_a_range() {
    let timeout = |value: i64| format!(r#"{{"output_buffer_timeout":{value}}}"#);
    for (value, expected) in [
        (-1, None),
        (0, Some(millis_of(250))),
        (25, Some(millis_of(25))),
        (30_000, Some(millis_of(30_000))),
    ] {
        assert_eq!(accepted(&timeout(value)).output_buffer_timeout, expected);
    }
    for value in [-2, 1, 24, 30_001] {
        let expected = format!("E_BAD_BODY IDENTIFY output buffer timeout ({value}) is invalid");
        refused(&timeout(value), &expected);
    }
}

#[test]
fn output_buffer_size_has_a_range_and_no_buffer_means_no_timeout() {
    let size = |value: i64| format!(r#"{{"output_buffer_size":{value}}}"#);
    let flush = Some(millis_of(250));
    for (value, expected) in
        [(-1, (1, None)), (0, (16_384, flush)), (64, (64, flush)), (65_536, (65_536, flush))]
    {
        let client = accepted(&size(value));
        assert_eq!((client.output_buffer_size, client.output_buffer_timeout), expected);
    }
    for value in [-2, 1, 63, 65_537] {
        let expected = format!("E_BAD_BODY IDENTIFY output buffer size ({value}) is invalid");
        refused(&size(value), &expected);
    }
    let both = accepted(r#"{"output_buffer_size":-1,"output_buffer_timeout":100}"#);
    assert_eq!((both.output_buffer_size, both.output_buffer_timeout), (1, None));
}

#[test]
fn sample_rate_has_a_range() {
    let rate = |value: i64| format!(r#"{{"sample_rate":{value}}}"#);
    for value in [0u8, 1, 99] {
        assert_eq!(accepted(&rate(value.into())).sample_rate, value);
    }
    for value in [-1, 100, 256] {
        let expected = format!("E_BAD_BODY IDENTIFY sample rate ({value}) is invalid");
        refused(&rate(value), &expected);
    }
}

#[test]
fn msg_timeout_has_a_range() {
    let timeout = |value: i64| format!(r#"{{"msg_timeout":{value}}}"#);
    for (value, expected) in [(0, 60_000), (1000, 1000), (900_000, 900_000)] {
        assert_eq!(accepted(&timeout(value)).msg_timeout, millis_of(expected));
    }
    for value in [-1, 1, 999, 900_001] {
        let expected = format!("E_BAD_BODY IDENTIFY msg timeout ({value}) is invalid");
        refused(&timeout(value), &expected);
    }
}

#[test]
fn settings_are_checked_in_the_order_of_the_protocol() {
    let settings = [
        (r#""heartbeat_interval":1"#, "heartbeat interval"),
        (r#""output_buffer_timeout":1"#, "output buffer timeout"),
        (r#""output_buffer_size":1"#, "output buffer size"),
        (r#""sample_rate":100"#, "sample rate"),
        (r#""msg_timeout":1"#, "msg timeout"),
    ];
    for first in 0..settings.len() {
        let reversed: Vec<_> = settings[first..].iter().rev().map(|(json, _)| *json).collect();
        let error = identify(&format!("{{{}}}", reversed.join(","))).unwrap_err().to_string();
        let expected = format!("E_BAD_BODY IDENTIFY {} (", settings[first].1);
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn features_are_given_when_asked_for_available_and_negotiated() {
    let asks = r#"{"feature_negotiation":true,"tls_v1":true,"snappy":true}"#;
    assert_eq!(accepted(asks).features, Features::default());
    let limits = IdentifyLimits { available: ALL, ..LIMITS };
    let given = |body: &str| {
        Negotiated::from_body(body.as_bytes(), &limits, &fresh()).map(|client| client.features)
    };
    assert_eq!(given(asks), Ok(Features { deflate: false, ..ALL }));
    assert_eq!(given(r#"{"tls_v1":true,"snappy":true,"deflate":true}"#), Ok(Features::default()));
    let both = given(r#"{"feature_negotiation":true,"snappy":true,"deflate":true}"#);
    assert_eq!(
        both.unwrap_err().to_string(),
        "E_IDENTIFY_FAILED cannot enable both deflate and snappy compression"
    );
}

#[test]
fn both_compressions_conflict_only_when_both_are_available() {
    let limits = IdentifyLimits { available: Features { deflate: false, ..ALL }, ..LIMITS };
    let body = br#"{"feature_negotiation":true,"snappy":true,"deflate":true}"#;
    let client = Negotiated::from_body(body, &limits, &fresh()).unwrap();
    assert_eq!(client.features, Features { snappy: true, ..Features::default() });
}

#[test]
fn deflate_level_is_lowered_to_the_maximum() {
    let available = Features { deflate: true, ..Features::default() };
    for (wanted, max, expected) in
        [(0, 6, 6), (-5, 6, 6), (3, 6, 3), (9, 6, 6), (i64::MAX, 6, 6), (0, 4, 4), (9, 9, 9)]
    {
        let limits = IdentifyLimits { available, max_deflate_level: max, ..LIMITS };
        let body =
            format!(r#"{{"feature_negotiation":true,"deflate":true,"deflate_level":{wanted}}}"#);
        let client = Negotiated::from_body(body.as_bytes(), &limits, &fresh()).unwrap();
        assert_eq!(client.deflate_level, expected, "{wanted} of {max}");
    }
    let without = accepted(r#"{"feature_negotiation":true,"deflate":true,"deflate_level":1}"#);
    assert_eq!(without.deflate_level, 6);
}

#[test]
fn second_identify_keeps_what_it_does_not_name() {
    let first = accepted(
        r#"{"client_id":"a","heartbeat_interval":-1,"output_buffer_size":-1,
            "sample_rate":5,"msg_timeout":2000}"#,
    );
    let second = Negotiated::from_body(br#"{"hostname":"h"}"#, &LIMITS, &first).unwrap();
    let expected =
        Negotiated { client_id: String::new(), hostname: "h".into(), sample_rate: 0, ..first };
    assert_eq!(second, expected);
}

#[track_caller]
fn answers(body: &str, expected: &str) {
    let json = IdentifyResponse::new(&accepted(body), &LIMITS, &NODE).to_json();
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}

#[test]
fn answer_has_the_keys_in_the_order_of_the_protocol() {
    answers(
        r#"{"feature_negotiation":true}"#,
        concat!(
            r#"{"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,"#,
            r#""msg_timeout":60000,"tls_v1":false,"deflate":false,"deflate_level":6,"#,
            r#""max_deflate_level":6,"snappy":false,"sample_rate":0,"auth_required":false,"#,
            r#""output_buffer_size":16384,"output_buffer_timeout":250,"#,
            r#""topology_region":"","topology_zone":""}"#,
        ),
    );
}

#[test]
fn answer_shows_what_is_in_effect() {
    answers(
        r#"{"feature_negotiation":true,"output_buffer_size":-1,"sample_rate":7,
            "msg_timeout":1500,"tls_v1":true,"topology_zone":"z"}"#,
        concat!(
            r#"{"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,"#,
            r#""msg_timeout":1500,"tls_v1":false,"deflate":false,"deflate_level":6,"#,
            r#""max_deflate_level":6,"snappy":false,"sample_rate":7,"auth_required":false,"#,
            r#""output_buffer_size":1,"output_buffer_timeout":0,"#,
            r#""topology_region":"","topology_zone":""}"#,
        ),
    );
}
