//! Who may do what, and what pages of others may not do.

use serde_json::json;

use crate::support::{Nsqadmin, Nsqlookupd};

#[test]
fn a_page_learns_who_looks_at_it() {
    let admin = Nsqadmin::alone(&["--admin-user=carol", "--poll-interval=500ms"]);
    let session = |headers: &[&str]| {
        let answer = admin.http_with("GET", "/api/v1/session", headers, "");
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let nobody = session(&[]);
    assert_eq!((&nobody["user"], &nobody["is_admin"]), (&json!(null), &json!(false)));
    assert_eq!(nobody["mode"], "lookupd");
    assert_eq!(nobody["poll_ms"], 500);
    assert_eq!(nobody["graphite"], json!(null));
    assert_eq!(nobody["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(nobody["nsqds"], json!([]));
    let carol = session(&["X-Forwarded-User: carol"]);
    assert_eq!((&carol["user"], &carol["is_admin"]), (&json!("carol"), &json!(true)));
    let dave = session(&["X-Forwarded-User: dave"]);
    assert_eq!((&dave["user"], &dave["is_admin"]), (&json!("dave"), &json!(false)));
}

#[test]
fn everybody_is_an_admin_unless_somebody_is_named_one() {
    let lookupd = Nsqlookupd::start();
    let admin = Nsqadmin::of_lookupds(&[&lookupd], &[]);
    let session = admin.get("/api/v1/session");
    assert_eq!(session["is_admin"], true);
    assert_eq!(session["lookupds"], json!([lookupd.http_address().to_string()]));
}

#[test]
fn pages_of_others_change_nothing() {
    let admin = Nsqadmin::alone(&[]);
    let put = |headers: &[&str]| {
        let answer = admin.http_with("PUT", "/config/log_level", headers, "info");
        (answer.status, answer.text())
    };
    let refused = (403, "{\"message\":\"CROSS_ORIGIN\"}".to_owned());
    for foreign in [
        &["Sec-Fetch-Site: cross-site"][..],
        &["Sec-Fetch-Site: same-site", "Origin: http://broker"],
        &["Origin: http://evil.example"],
        &["Origin: null"],
    ] {
        assert_eq!(put(foreign), refused, "{foreign:?}");
    }
    for own in [
        &[][..],
        &["Sec-Fetch-Site: same-origin", "Origin: https://proxy.example"],
        &["Sec-Fetch-Site: none"],
        &["Origin: http://broker"], // the Host that the test asks for
    ] {
        assert_eq!(put(own), (200, "2".to_owned()), "{own:?}");
    }
}

#[test]
fn pages_of_others_may_read_as_little_as_browsers_let_them() {
    let admin = Nsqadmin::alone(&["--base-path=/nsq"]);
    let get = |path: &str| admin.http_with("GET", path, &["Sec-Fetch-Site: cross-site"], "").status;
    assert_eq!(get("/nsq"), 200);
    // It makes a channel, although it is asked for by GET.
    for path in ["/nsq/api/v1/tail?topic=orders", "/nsq/api/v1/t%61il?topic=orders"] {
        assert_eq!(get(path), 403, "{path}");
    }
}

#[test]
fn who_is_no_admin_may_look_and_change_nothing() {
    let lookupd = Nsqlookupd::start();
    lookupd.post("/topic/create?topic=orders");
    let admin = Nsqadmin::of_lookupds(&[&lookupd], &["--admin-user=carol"]);
    let refused = (403, "{\"message\":\"FORBIDDEN\"}".to_owned());
    for (method, path) in [
        ("POST", "/api/topics"),
        ("POST", "/api/topics/orders"),
        ("DELETE", "/api/topics/orders"),
        ("POST", "/api/topics/orders/audit"),
        ("DELETE", "/api/topics/orders/audit"),
        ("DELETE", "/api/nodes/127.0.0.1:1"),
        ("POST", "/api/v1/actions"),
        ("POST", "/api/v1/topics/orders/publish"),
        ("GET", "/api/v1/tail?topic=orders"),
    ] {
        for user in ["X-Other: carol", "X-Forwarded-User: dave"] {
            // Nothing is said of the body, which is no JSON.
            let answer = admin.http_with(method, path, &[user], "{");
            assert_eq!((answer.status, answer.text()), refused, "{method} {path}");
        }
        let allowed = admin.http_with(method, path, &["X-Forwarded-User: carol"], "{");
        assert_ne!(allowed.status, 403, "{method} {path}");
    }
    for path in ["/", "/api/topics", "/api/nodes", "/api/v1/session", "/api/v1/audit"] {
        assert_eq!(admin.http("GET", path, "").status, 200, "{path}");
    }
}
