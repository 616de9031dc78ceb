//! A scripted nsqd, as nsqlookupd sees it.

use std::net::SocketAddr;

use super::{client::Client, commands, connect_raw};

/// What a node of that name says of itself.
pub fn identify_json(name: &str) -> String {
    format!(
        r#"{{"broadcast_address":"{name}","hostname":"h","tcp_port":4150,"http_port":4151,"version":"1.3.0"}}"#
    )
}

/// A link to an nsqlookupd. Whatever does not come in time, or not as expected, fails the test.
pub struct LookupClient(Client);

impl LookupClient {
    /// Connects and says the magic.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = connect_raw(address);
        client.send(b"  V1");
        Self(client)
    }

    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes);
    }

    /// Says who it is, and expects an answer that is no error.
    #[track_caller]
    pub fn identify(&mut self, name: &str) {
        self.send(&commands::identify(&identify_json(name)));
        let answer = self.response();
        assert!(answer.starts_with('{'), "{answer}");
    }

    /// Sends a line and expects this response.
    #[track_caller]
    pub fn ask(&mut self, line: &str, response: &str) {
        self.send(format!("{line}\n").as_bytes());
        self.expect(response);
    }

    /// The next response.
    #[track_caller]
    pub fn response(&mut self) -> String {
        let size = self.0.take_bytes(4);
        let size = i32::from_be_bytes(size.try_into().unwrap());
        let data = self.0.take_bytes(usize::try_from(size).unwrap());
        String::from_utf8_lossy(&data).into_owned()
    }

    #[track_caller]
    pub fn expect(&mut self, response: &str) {
        assert_eq!(self.response(), response);
    }

    /// This response, and then the end of the connection.
    #[track_caller]
    pub fn expect_last(&mut self, response: &str) {
        self.expect(response);
        self.expect_closed();
    }

    #[track_caller]
    pub fn expect_closed(&mut self) {
        self.0.expect_closed();
    }

    /// Sends nothing more; can still receive.
    pub fn half_close(&mut self) {
        self.0.half_close();
    }

    /// `ip:port` from which it connects.
    pub fn address(&self) -> String {
        self.0.stream().local_addr().unwrap().to_string()
    }
}
