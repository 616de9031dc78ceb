//! Orders to clusters of which a part is away or does what it should not.

use serde_json::{Value, json};

use super::scripted::{lookupd_flag, posts, registry};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::Nsqadmin,
};

fn act(admin: &Nsqadmin, order: &Value) -> Value {
    admin.http("POST", "/api/v1/actions", &order.to_string()).json()
}

#[test]
fn a_redirect_is_no_success() {
    let login = HttpServer::always(Reply::ok(b"<html>Who are you?</html>"));
    let location = format!("http://{}/login", login.address());
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"]
    {
        let headers = vec![("Location", location.clone())];
        let proxy = HttpServer::always(Reply::Answer(status, headers, Vec::new()));
        let lookupd = registry(&[&proxy.address()]);
        let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
        let order = json!({ "action": "delete_topic", "topic": "orders", "confirm": "orders" });
        let report = act(&admin, &order);
        let result = &report["results"][1];
        let expected: u16 = status[..3].parse().unwrap();
        assert_eq!((&report["ok"], &result["ok"]), (&false.into(), &false.into()), "{status}");
        assert_eq!(result["status"], expected);
        let published =
            admin.http("POST", "/api/v1/topics/orders/publish", r#"{"body":"one","encoding":"text"}"#);
        assert_ne!(published.json()["ok"], true, "{status}");
        assert_eq!(posts(&proxy).len(), 2);
    }
    assert!(login.requests().is_empty());
}
