//! Just enough of HTTP/1.1 for a load generator: requests over one connection that is kept, one after the other.

use std::net::SocketAddr;

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{BenchError, Result, link, wire::closed};
use crate::protocol::text_excerpt;

/// Bytes of the longest head of an answer.
const HEAD_MAX: usize = 16 << 10;
/// Bytes of the longest answer; that of a node with 10,000 topics has some 10 MB.
const BODY_MAX: usize = 256 << 20;
/// One read.
const READ: usize = 4 << 10;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// 200 if all is well.
    pub status: u16,
    /// What it says.
    pub body: &'a [u8],
}

/// Answers that were read and not looked at.
#[derive(Debug, Default)]
pub struct Answers {
    bytes: Vec<u8>,
    start: usize,
}

impl Answers {
    /// Where the next read goes: behind what is there.
    pub fn room(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.reserve(READ);
        &mut self.bytes
    }

    /// The next whole answer, or none before more is read.
    pub fn next_answer(&mut self) -> Result<Option<Answer<'_>>> {
        let ready = &self.bytes[self.start..];
        let Some(head_end) = memmem::find(ready, b"\r\n\r\n") else {
            return if ready.len() > HEAD_MAX { Err(no_answer(ready)) } else { Ok(None) };
        };
        let head = std::str::from_utf8(&ready[..head_end]).map_err(|_| no_answer(ready))?;
        let (status, length) = status_and_length(head).ok_or_else(|| no_answer(ready))?;
        let (from, to) = (head_end + 4, head_end + 4 + length);
        if length > BODY_MAX || ready.len() < to {
            return if length > BODY_MAX { Err(no_answer(ready)) } else { Ok(None) };
        }
        let from = self.start + from;
        self.start += to;
        Ok(Some(Answer { status, body: &self.bytes[from..self.start] }))
    }

    /// Counts answers with status 200; any other is an error, of the request that is named.
    pub fn count_oks(&mut self, request: &str) -> Result<u64> {
        let mut count = 0;
        while let Some(answer) = self.next_answer()? {
            check(&answer, request)?;
            count += 1;
        }
        Ok(count)
    }
}

fn check(answer: &Answer<'_>, request: &str) -> Result<()> {
    if answer.status == 200 {
        return Ok(());
    }
    let body = text_excerpt(String::from_utf8_lossy(answer.body));
    Err(BenchError::HttpRefused { request: request.to_owned(), status: answer.status, body })
}

fn no_answer(bytes: &[u8]) -> BenchError {
    let text = text_excerpt(String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_MAX)]));
    BenchError::Protocol(format!("not an answer of HTTP/1.1 that says its length: {text:?}"))
}

/// Only answers that say their length are understood, as all are that nsqd gives to what is asked for here.
fn status_and_length(head: &str) -> Option<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((status, length?))
}

/// A connection that is kept.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    answers: Answers,
}

impl Http {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self { stream: link::connect(address).await?, answers: Answers::default() })
    }

    /// Posts nothing to `target`; an answer other than 200 is an error.
    pub async fn post(&mut self, target: &str) -> Result<()> {
        self.request("POST", target).await.map(drop)
    }

    /// Gets `target`; an answer other than 200 is an error.
    pub async fn get(&mut self, target: &str) -> Result<Vec<u8>> {
        self.request("GET", target).await
    }

    async fn request(&mut self, method: &str, target: &str) -> Result<Vec<u8>> {
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n");
        self.send(head.as_bytes()).await?;
        loop {
            if let Some(answer) = self.answers.next_answer()? {
                check(&answer, &format!("{method} {target}"))?;
                return Ok(answer.body.to_vec());
            }
            self.read().await?;
        }
    }

    /// Sends a whole request.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads once and counts answers with status 200.
    pub async fn read_oks(&mut self) -> Result<u64> {
        self.read().await?;
        self.answers.count_oks("publishing")
    }

    async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(self.answers.room()).await? {
            0 => Err(closed()),
            _ => Ok(()),
        }
    }

    /// The socket, and what has been read of it.
    pub(super) fn into_parts(self) -> (TcpStream, Answers) {
        (self.stream, self.answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(bytes: &[u8]) -> Answers {
        let mut answers = Answers::default();
        answers.room().extend_from_slice(bytes);
        answers
    }

    #[test]
    fn answers_are_found_whole_and_in_their_order() {
        let first = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\nX-NSQ-Content-Type: nsq\r\n\r\nOK";
        let second = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let both = [&first[..], second].concat();
        for cut in 0..both.len() {
            let mut answers = answers(&both[..cut]);
            let mut found = Vec::new();
            for rest in [&both[cut..], b""] {
                while let Some(answer) = answers.next_answer().unwrap() {
                    found.push((answer.status, answer.body.to_vec()));
                }
                answers.room().extend_from_slice(rest);
            }
            assert_eq!(found, [(200, b"OK".to_vec()), (404, Vec::new())], "cut at {cut}");
        }
    }

    #[test]
    fn refusals_and_what_is_no_answer_end_a_run() {
        let refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 11\r\n\r\nMSG_TOO_BIG";
        let error = answers(refused).count_oks("publishing").unwrap_err();
        let said = r#"publishing was answered with status 413: "MSG_TOO_BIG""#;
        assert_eq!(error.to_string(), said);
        let endless = vec![b'x'; HEAD_MAX + 1];
        for wrong in [
            &b"SSH-2.0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            &endless,
        ] {
            assert!(answers(wrong).next_answer().is_err());
        }
    }
}
