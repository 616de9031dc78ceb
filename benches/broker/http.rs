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
        let request = format!("POST {target} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        self.skip_answer()?;
        match status.split(' ').nth(1) {
            Some("200") => Ok(()),
            _ => Err(format!("POST {target} was answered {status:?}").into()),
        }
    }

    fn skip_answer(&mut self) -> Result<()> {
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
        self.stream.read_exact(&mut vec![0; length])?;
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}
