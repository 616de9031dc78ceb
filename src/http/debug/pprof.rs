//! `/debug/pprof/`: the index, and all but the CPU profile, which has a file of its own.

use std::{env, ffi::OsString, os::unix::ffi::OsStringExt};

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};

use crate::http::reply;

/// Tells `go tool pprof` that a text is meant for its user.
const GO_PPROF: HeaderName = HeaderName::from_static("x-go-pprof");

/// A profile that is measured elsewhere or not at all: its name, and why.
const ABSENT: [(&str, &str); 4] = [
    ("heap", "the allocator keeps no record of who allocated what; /metrics has the memory in use"),
    ("goroutine", "there are no goroutines: actors and their mailboxes are in /metrics"),
    ("block", "nothing blocks on channels or locks of a runtime, so there is nothing to record"),
    ("threadcreate", "threads are started once, at the start, and their creation is not recorded"),
];

/// What there is, for a browser.
pub async fn index() -> HttpResponse {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html>\n<head><title>/debug/pprof/</title></head>\n<body>\n\
         <h1>/debug/pprof/</h1>\n<table>\n\
         <tr><td><a href=\"/debug/pprof/profile?seconds=30\">profile</a></td>\
         <td>CPU profile of the next 30 seconds (<code>?seconds=n</code>) for <code>go tool pprof</code>.</td></tr>\n\
         <tr><td><a href=\"/debug/pprof/cmdline\">cmdline</a></td><td>the command line</td></tr>\n\
         <tr><td><a href=\"/debug/pprof/symbol\">symbol</a></td><td>profiles come with their symbols</td></tr>\n",
    );
    for (name, reason) in ABSENT {
        page.push_str(&format!("<tr><td>{name}</td><td>not available: {reason}</td></tr>\n"));
    }
    page.push_str("</table>\n</body>\n</html>\n");
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page)
}

/// The arguments of the process, the name it was called by among them.
pub async fn cmdline() -> HttpResponse {
    let arguments: Vec<Vec<u8>> = env::args_os().map(OsString::into_vec).collect();
    reply::plain(StatusCode::OK, arguments.join(&0))
}

/// What a tool without the executable asks for first; there is nothing more to ask.
pub async fn symbol() -> HttpResponse {
    reply::plain(StatusCode::OK, "num_symbols: 1\n")
}

macro_rules! absent_profiles {
    ($($name:ident)+) => {
        $(
            #[doc = concat!("There is no `", stringify!($name), "` profile.")]
            pub async fn $name() -> HttpResponse {
                absent(stringify!($name))
            }
        )+
    };
}

absent_profiles!(heap goroutine block threadcreate);

fn absent(name: &str) -> HttpResponse {
    let reason = ABSENT.iter().find(|(absent, _)| *absent == name).map_or("", |(_, reason)| reason);
    refuse(StatusCode::NOT_IMPLEMENTED, &format!("no {name} profile: {reason}"))
}

/// A refusal that `go tool pprof` shows to its user.
pub fn refuse(status: StatusCode, text: &str) -> HttpResponse {
    let mut response = reply::plain(status, format!("{text}\n"));
    response.headers_mut().insert(GO_PPROF, HeaderValue::from_static("1"));
    response
}
