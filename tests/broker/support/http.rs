//! HTTP as bytes.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use super::wait::DEADLINE;

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut same = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        same.next().map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// One request on a connection of its own.
#[track_caller]
pub fn request(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Response {
    exchange(address, &request_bytes(method, path, body))
}

/// A request that asks for the connection to be closed behind it.
pub fn request_bytes(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: broker\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A request whose body comes in chunks and without its length.
pub fn chunked_bytes(method: &str, path: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nHost: broker\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in chunks {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Sends bytes and reads the answer; a peer that stops listening halfway may still have answered.
#[track_caller]
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Response {
    try_exchange(address, bytes).expect("an answer")
}

/// The same when the connection may be closed without one.
pub fn try_exchange(address: SocketAddr, bytes: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    let _refused_halfway = stream.write_all(bytes);
    let head_only = bytes.starts_with(b"HEAD ");
    read_response(&mut stream, head_only)
}

/// Reads one answer.
pub fn read_response(stream: &mut impl Read, head_only: bool) -> Option<Response> {
    try_read_response(stream, head_only).ok()
}

/// The same, with the reason if there is none.
pub fn try_read_response(stream: &mut impl Read, head_only: bool) -> io::Result<Response> {
    let mut received = Vec::new();
    loop {
        if let Some(response) = parse(&received, head_only, false) {
            return Ok(response);
        }
        let mut bytes = [0; 65536];
        match stream.read(&mut bytes) {
            Ok(0) => {
                let whole = parse(&received, head_only, true);
                return whole.ok_or_else(|| ErrorKind::UnexpectedEof.into());
            }
            Ok(count) => received.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn parse(bytes: &[u8], head_only: bool, ended: bool) -> Option<Response> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut response = Response { status, headers, body: Vec::new() };
    response.body = body(&response, &bytes[end + 4..], head_only, ended)?;
    Some(response)
}

fn body(response: &Response, rest: &[u8], head_only: bool, ended: bool) -> Option<Vec<u8>> {
    if head_only {
        return Some(Vec::new());
    }
    if response.header("transfer-encoding") == Some("chunked") {
        return unchunk(rest);
    }
    match response.header("content-length") {
        Some(length) => rest.get(..length.parse().ok()?).map(<[u8]>::to_vec),
        None => ended.then(|| rest.to_vec()),
    }
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}
