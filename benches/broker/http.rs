//! The few HTTP requests a bench makes, over one connection that is kept.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Result;

pub struct Http {
    stream: BufReader<TcpStream>,
}

impl Http {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Posts nothing to `target`; an answer other than 200 is an error.
    pub fn post(&mut self, target: &str) -> Result<()> {
        self.request("POST", target).map(drop)
    }

    /// Gets `target`; an answer other than 200 is an error.
    pub fn get(&mut self, target: &str) -> Result<Vec<u8>> {
        self.request("GET", target)
    }

    fn request(&mut self, method: &str, target: &str) -> Result<Vec<u8>> {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let answer = self.answer()?;
        match status.split(' ').nth(1) {
            Some("200") => Ok(answer),
            _ => Err(format!("{method} {target} was answered {status:?}").into()),
        }
    }

    fn answer(&mut self) -> Result<Vec<u8>> {
        let mut length = 0;
        loop {
            let header = self.line()?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}
