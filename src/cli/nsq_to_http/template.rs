//! URLs of `--get`, with a place for the message.

/// A URL with one `%s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    before: String,
    after: String,
}

impl Template {
    /// Reads a template; none unless there is one `%s` in it. As in upstream's printf `%%` is a percent sign; any other
    /// one, as that of `%20`, stays as it is.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = vec![String::new()];
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            let part = parts.last_mut()?;
            part.push_str(before);
            rest = match after.as_bytes().first() {
                Some(b's') => {
                    parts.push(String::new());
                    &after[1..]
                }
                Some(b'%') => {
                    part.push('%');
                    &after[1..]
                }
                _ => {
                    part.push('%');
                    after
                }
            };
        }
        parts.last_mut()?.push_str(rest);
        let [before, after] = parts.try_into().ok()?;
        Some(Self { before, after })
    }

    /// The URL for a message, which is escaped as in a query.
    pub fn fill_in(&self, message: &[u8]) -> String {
        let mut url = self.before.clone();
        url.reserve(message.len() + self.after.len());
        for byte in message {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    url.push(char::from(*byte));
                }
                b' ' => url.push('+'),
                byte => {
                    url.push('%');
                    url.push(hex_digit(byte >> 4));
                    url.push(hex_digit(byte & 0xf));
                }
            }
        }
        url.push_str(&self.after);
        url
    }
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_stand_in_their_place() {
        for (template, url) in [
            ("http://a/?m=%s", "http://a/?m=x"),
            ("http://a/%s/b", "http://a/x/b"),
            ("%s", "x"),
            ("http://a/?q=a%20b&m=%s&c=%C3%A9", "http://a/?q=a%20b&m=x&c=%C3%A9"),
            ("http://a/?q=a%%20b&m=%s", "http://a/?q=a%20b&m=x"),
            ("http://a/?m=%%%s", "http://a/?m=%x"),
            ("http://a/?m=%s&p=%", "http://a/?m=x&p=%"),
            ("http://a/%d?m=%s", "http://a/%d?m=x"),
        ] {
            assert_eq!(Template::parse(template).unwrap().fill_in(b"x"), url, "{template}");
        }
    }

    #[test]
    fn one_place_is_needed() {
        for template in ["", "http://a/", "http://a/%d", "http://a/%%s", "http://a/%s%s", "%S"] {
            assert_eq!(Template::parse(template), None, "{template}");
        }
    }

    #[test]
    fn messages_are_escaped_as_in_a_form() {
        let template = Template::parse("%s").unwrap();
        for (message, escaped) in [
            (&b"aZ09-_.~"[..], "aZ09-_.~"),
            (b"a b+c", "a+b%2Bc"),
            (b"%s&=?#/*'", "%25s%26%3D%3F%23%2F%2A%27"),
            (b"\x00\n\xff", "%00%0A%FF"),
            ("é".as_bytes(), "%C3%A9"),
        ] {
            assert_eq!(template.fill_in(message), escaped);
        }
    }

    proptest! {
        #[test]
        fn no_message_changes_the_url_around_it(message in prop::collection::vec(any::<u8>(), 0..99)) {
            let url = Template::parse("http://a/?m=%s#f").unwrap().fill_in(&message);
            let inside = url.strip_prefix("http://a/?m=").unwrap().strip_suffix("#f").unwrap();
            prop_assert!(inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%+".contains(&byte)));
        }

        #[test]
        fn no_template_panics(text in "[%sa é]{0,20}") {
            Template::parse(&text);
        }
    }
}
