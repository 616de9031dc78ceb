//! nsqlookupds and nsqds that say what they are told to say, such as upstream's do.

use crate::auth::server::{AuthServer as HttpServer, Reply, Request};

/// The path of a request, without its query.
pub fn path(request: &Request) -> &str {
    let target = request.line.split(' ').nth(1).unwrap_or_default();
    target.split('?').next().unwrap_or_default()
}

/// 404 as nodes say it.
pub fn not_found(message: &str) -> Reply {
    Reply::Answer("404 Not Found", Vec::new(), format!(r#"{{"message":"{message}"}}"#).into())
}

/// Answers each path with its body; all else is not found.
pub fn server(answers: &[(&str, &str)]) -> HttpServer {
    let answers: Vec<_> =
        answers.iter().map(|(path, body)| ((*path).to_owned(), (*body).to_owned())).collect();
    HttpServer::scripted(move |request, _| {
        match answers.iter().find(|(known, _)| known == path(request)) {
            Some((_, body)) => Reply::ok(body.as_bytes()),
            None => not_found("NOT_FOUND"),
        }
    })
}

/// An nsqlookupd that knows these nodes, all of which have the topic `orders`.
pub fn registry(nodes: &[&str]) -> HttpServer {
    let nodes: Vec<_> = nodes.iter().map(|address| node(address)).collect();
    let nodes = nodes.join(",");
    let list = format!(r#"{{"producers":[{nodes}]}}"#);
    let lookup = format!(r#"{{"channels":["archive"],"producers":[{nodes}]}}"#);
    server(&[
        ("/topics", r#"{"topics":["orders"]}"#),
        ("/channels", r#"{"channels":["archive"]}"#),
        ("/nodes", &list),
        ("/lookup", &lookup),
        ("/topic/create", ""),
        ("/channel/create", ""),
        ("/topic/delete", ""),
        ("/channel/delete", ""),
        ("/topic/tombstone", ""),
    ])
}

/// A node as upstream's nsqlookupd describes it.
fn node(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap();
    format!(
        r#"{{"remote_address":"10.0.0.5:35262","hostname":"h{port}","broadcast_address":"{host}","tcp_port":{port},"http_port":{port},"version":"1.3.0","tombstones":[false],"topics":["orders"]}}"#
    )
}

/// The flag that names a registry.
pub fn lookupd_flag(server: &HttpServer) -> String {
    format!("--lookupd-http-address={}", server.address())
}

/// The requests of a server that change something, each as its path and query, in the order in which they came.
pub fn posts(server: &HttpServer) -> Vec<String> {
    let requests = server.requests();
    let posts = requests.iter().filter_map(|request| request.line.strip_prefix("POST "));
    posts.map(|rest| rest.split(' ').next().unwrap_or_default().to_owned()).collect()
}
