//! What an auth server is asked, in the two forms in which it may be asked.

use std::{fmt, sync::Arc};

/// Who is asked about. Equal questions have one answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// What the client has shown; never in a log.
    pub secret: Arc<[u8]>,
    /// The client's address without its port; empty for a unix socket.
    pub remote_ip: String,
    /// The client came over TLS.
    pub tls: bool,
    /// The subject's common name in the client's certificate, empty without one.
    pub common_name: String,
}

impl Question {
    /// Names and values, sorted.
    fn pairs(&self) -> [(&'static str, &[u8]); 4] {
        let tls: &[u8] = if self.tls { b"true" } else { b"false" };
        [
            ("common_name", self.common_name.as_bytes()),
            ("remote_ip", self.remote_ip.as_bytes()),
            ("secret", &self.secret),
            ("tls", tls),
        ]
    }

    /// The query of a GET.
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        for (name, value) in self.pairs() {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            put_form_encoded(&mut query, value);
        }
        query
    }

    /// The body of a POST.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (name, value) in self.pairs() {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&format!("\"{name}\":["));
            put_json_text(&mut json, value);
            json.push(']');
        }
        json.push('}');
        json
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Question")
            .field("remote_ip", &self.remote_ip)
            .field("tls", &self.tls)
            .field("common_name", &self.common_name)
            .finish_non_exhaustive()
    }
}

/// As Go's `url.QueryEscape`.
fn put_form_encoded(out: &mut String, value: &[u8]) {
    for &byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// As Go's `json.Marshal`, which also escapes what is special in HTML, and has U+FFFD for each byte
/// that is not UTF-8.
fn put_json_text(out: &mut String, value: &[u8]) {
    out.push('"');
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                    out.push_str(&format!("\\u{:04x}", u32::from(character)));
                }
                _ => out.push(character),
            }
        }
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(secret: &[u8]) -> Question {
        Question {
            secret: secret.into(),
            remote_ip: "127.0.0.1".into(),
            tls: false,
            common_name: String::new(),
        }
    }

    #[test]
    fn questions_are_sorted_and_escaped() {
        let query = |secret: &[u8]| question(secret).to_query();
        assert_eq!(query(b"s3cret"), "common_name=&remote_ip=127.0.0.1&secret=s3cret&tls=false");
        let escaped = query(b"a b&c=d/~*_\xff\n");
        assert_eq!(
            escaped,
            "common_name=&remote_ip=127.0.0.1&secret=a+b%26c%3Dd%2F~%2A_%FF%0A&tls=false"
        );
        let over_tls = Question { tls: true, common_name: "joe smith".into(), ..question(b"s") };
        assert_eq!(
            over_tls.to_query(),
            "common_name=joe+smith&remote_ip=127.0.0.1&secret=s&tls=true"
        );
    }

    #[test]
    fn every_value_of_the_json_is_a_list_of_one_text() {
        let json = |secret: &[u8]| question(secret).to_json();
        let expected =
            r#"{"common_name":[""],"remote_ip":["127.0.0.1"],"secret":["s3cret"],"tls":["false"]}"#;
        assert_eq!(json(b"s3cret"), expected);
        let escaped = json("a\"\\\n\u{1}<&>\u{2028}é\u{7f}".as_bytes());
        let value = r#"a\"\\\n\u0001\u003c\u0026\u003e\u2028é"#;
        assert!(escaped.contains(&format!("[\"{value}\u{7f}\"]")), "{escaped}");
        assert!(json(b"a\xff\xfeb").contains(r#"["a\ufffd\ufffdb"]"#));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", question(b"s3cret"));
        assert!(shown.contains("127.0.0.1") && !shown.contains("s3cret"), "{shown}");
        assert!(!shown.contains("115"), "nor as numbers: {shown}");
    }
}
