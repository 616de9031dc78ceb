//! The answer to AUTH.

use serde::Serialize;

/// What a client is told that has shown a secret, fields in the order of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AuthResponse<'a> {
    /// Who it is, says the auth server.
    pub identity: &'a str,
    /// Where more about it can be found.
    pub identity_url: &'a str,
    /// Entries in its permissions.
    pub permission_count: usize,
}

impl AuthResponse<'_> {
    /// The data of the response frame.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of texts and a number is always JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_upstreams_order() {
        let response =
            AuthResponse { identity: "joe", identity_url: "http://x/joe", permission_count: 1 };
        let expected = br#"{"identity":"joe","identity_url":"http://x/joe","permission_count":1}"#;
        assert_eq!(response.to_json(), expected);
    }
}
