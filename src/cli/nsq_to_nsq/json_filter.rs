//! Which messages pass, and what of them, where the options look into their JSON.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

/// What the options ask of messages.
#[derive(Debug, Clone, Default)]
pub struct JsonFilter {
    /// Names of fields, sorted, and how each stands in what is published.
    whitelist: Vec<(String, Vec<u8>)>,
    required: Option<Required>,
}

#[derive(Debug, Clone)]
struct Required {
    field: String,
    value: Option<String>,
}

/// What becomes of a message.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// This is published.
    Pass(Bytes),
    /// It is not what was asked for.
    Drop,
    /// It is no JSON object; the reason.
    NoObject(String),
}

/// The fields of an object. Values are kept as they are written: numbers lose no digit.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl JsonFilter {
    /// Empty texts ask for nothing. None if nothing at all is asked for, so that no message need be looked at.
    pub fn new(whitelist: &[String], field: &str, value: &str) -> Option<Self> {
        let required = (!field.is_empty()).then(|| Required {
            field: field.to_owned(),
            value: (!value.is_empty()).then(|| value.to_owned()),
        });
        if whitelist.is_empty() && required.is_none() {
            return None;
        }
        let mut names = whitelist.to_vec();
        names.sort();
        names.dedup();
        let whitelist = names.into_iter().map(|name| {
            let key = key(&name);
            (name, key)
        });
        Some(Self { whitelist: whitelist.collect(), required })
    }

    /// Decides about a message.
    pub fn judge(&self, body: &Bytes) -> Verdict {
        // Go puts U+FFFD where a text is not UTF-8, and takes it.
        let text = String::from_utf8_lossy(body);
        let fields: Option<Fields<'_>> = match serde_json::from_str(&text) {
            Ok(fields) => fields,
            Err(error) => return Verdict::NoObject(error.to_string()),
        };
        let fields = fields.unwrap_or_default(); // null is an empty object
        if !self.required.as_ref().is_none_or(|required| required.is_met(&fields)) {
            return Verdict::Drop;
        }
        match self.whitelist.is_empty() {
            true => Verdict::Pass(body.clone()),
            false => Verdict::Pass(self.select(&fields).into()),
        }
    }

    fn select(&self, fields: &Fields<'_>) -> Vec<u8> {
        let mut object = vec![b'{'];
        for (name, key) in &self.whitelist {
            let Some(value) = fields.get(name) else { continue };
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(key);
            put_compact(value.get(), &mut object);
        }
        object.push(b'}');
        object
    }
}

impl Required {
    fn is_met(&self, fields: &Fields<'_>) -> bool {
        match (fields.get(&self.field), &self.value) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(found), Some(wanted)) => equals(found.get(), wanted),
        }
    }
}

/// Texts and numbers can be equal to what a flag says; anything else is not.
fn equals(found: &str, wanted: &str) -> bool {
    match found.as_bytes().first() {
        Some(b'"') => serde_json::from_str(found).is_ok_and(|found: String| found == wanted),
        Some(b'-' | b'0'..=b'9') => equal_numbers(found, wanted),
        _ => false,
    }
}

/// Whole numbers are compared digit by digit, others as 64-bit floats.
fn equal_numbers(found: &str, wanted: &str) -> bool {
    if let (Ok(found), Ok(wanted)) = (found.parse::<i128>(), wanted.parse::<i128>()) {
        return found == wanted;
    }
    match (found.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(found), Ok(wanted)) => found == wanted,
        _ => false,
    }
}

/// The name of a field with its colon.
fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    let text = serde_json::Value::from(name).to_string();
    put_compact(&text, &mut key);
    key.push(b':');
    key
}

/// Writes a JSON value without white space, and with the escapes that Go puts into texts for the sake of HTML.
fn put_compact(value: &str, out: &mut Vec<u8>) {
    let (mut in_text, mut is_escaped) = (false, false);
    for ch in value.chars() {
        match ch {
            ' ' | '\t' | '\r' | '\n' if !in_text => continue,
            '"' if !is_escaped => in_text = !in_text,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(ch)).as_bytes());
                continue;
            }
            _ => {}
        }
        is_escaped = ch == '\\' && !is_escaped;
        out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn filter(whitelist: &[&str], field: &str, value: &str) -> JsonFilter {
        let whitelist: Vec<_> = whitelist.iter().map(|&name| name.to_owned()).collect();
        JsonFilter::new(&whitelist, field, value).unwrap()
    }

    fn judge(filter: &JsonFilter, body: &str) -> Verdict {
        filter.judge(&Bytes::copy_from_slice(body.as_bytes()))
    }

    #[track_caller]
    fn passes(filter: &JsonFilter, body: &str, published: &str) {
        let expected = Verdict::Pass(Bytes::copy_from_slice(published.as_bytes()));
        assert_eq!(judge(filter, body), expected, "{body}");
    }

    #[test]
    fn nothing_is_looked_at_where_nothing_is_asked_for() {
        assert!(JsonFilter::new(&[], "", "").is_none());
        assert!(JsonFilter::new(&[], "", "5").is_none(), "a value needs a field");
    }

    #[test]
    fn without_a_whitelist_the_bytes_are_not_changed() {
        let required = filter(&[], "a", "");
        for body in [" {\"a\": 1,\n\"b\":2} ", "{\"a\":null}", "{\"a\":\"\\u003c<\"}"] {
            passes(&required, body, body);
        }
        let latin1 = Bytes::from_static(b"{\"a\":\"\xe9\"}");
        assert_eq!(required.judge(&latin1), Verdict::Pass(latin1.clone()));
    }

    #[test]
    fn messages_without_the_field_are_dropped_whether_or_not_it_must_have_a_value() {
        for value in ["", "1"] {
            let required = filter(&[], "a", value);
            for body in ["{}", "null", "{\"b\":1}", "{\"A\":1}", "{\"b\":{\"a\":1}}"] {
                assert_eq!(judge(&required, body), Verdict::Drop, "{body}");
            }
        }
    }

    #[test]
    fn values_are_compared_as_texts_or_numbers() {
        for (wanted, found, is_equal) in [
            ("x", r#""x""#, true),
            ("x", r#""\u0078""#, true),
            ("x", r#""X""#, false),
            ("5", r#""5""#, true),
            ("5", "5", true),
            ("5", "5.0", true),
            ("5", "50e-1", true),
            ("5.0", "5", true),
            ("05", "5", true),
            ("5", "6", false),
            ("5", "-5", false),
            ("x", "5", false),
            ("true", "true", false),
            ("null", "null", false),
            ("[]", "[]", false),
            ("12345678901234567890", "12345678901234567890", true),
            ("12345678901234567890", "12345678901234567891", false),
            ("1e400", "1", false),
        ] {
            let required = filter(&[], "a", wanted);
            let passed = judge(&required, &format!("{{\"a\": {found} }}")) != Verdict::Drop;
            assert_eq!(passed, is_equal, "{wanted} {found}");
        }
    }

    #[test]
    fn whitelisted_fields_stand_sorted_and_compact() {
        let some = filter(&["b", "a", "b", "zz"], "", "");
        passes(
            &some,
            r#" { "c" : 1 , "b" : [ 1 , {"y" : "q r", "x":2} ] , "a" : null } "#,
            r#"{"a":null,"b":[1,{"y":"q r","x":2}]}"#,
        );
        passes(&some, "{}", "{}");
        passes(&some, "null", "{}");
        passes(&some, r#"{"c":1}"#, "{}");
        passes(&some, r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
        passes(&some, r#"{"\u0061":1}"#, r#"{"a":1}"#);
    }

    #[test]
    fn numbers_lose_no_digit() {
        let some = filter(&["a"], "", "");
        for number in ["12345678901234567890", "0.1000000000000000055", "1E400", "-0", "5.0"] {
            let body = format!("{{\"a\":{number}}}");
            passes(&some, &body, &body);
        }
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        let some = filter(&["a", "<"], "", "");
        passes(
            &some,
            r#"{"a":"<b> & \" \\ \n","<":1}"#,
            r#"{"\u003c":1,"a":"\u003cb\u003e \u0026 \" \\ \n"}"#,
        );
        passes(&some, "{\"a\":\"\u{2028}\u{2029}\u{e9}\"}", "{\"a\":\"\\u2028\\u2029\u{e9}\"}");
    }

    #[test]
    fn what_is_no_object_is_told_apart() {
        let some = filter(&["a"], "a", "");
        for body in ["", "x", "[]", "1", "\"a\"", "{\"a\":1", "{\"a\":1}}", "{'a':1}"] {
            assert!(matches!(judge(&some, body), Verdict::NoObject(_)), "{body}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]|.{0,3}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_fields_that_are_published_are_those_that_came(
            fields in prop::collection::btree_map("[a-d]", json(), 0..4),
            whitelist in prop::collection::vec("[a-d]", 1..4),
            pretty: bool,
        ) {
            let object = Value::Object(fields.clone().into_iter().collect());
            let body = match pretty {
                true => serde_json::to_vec_pretty(&object),
                false => serde_json::to_vec(&object),
            };
            let filter = JsonFilter::new(&whitelist, "", "").unwrap();
            let Verdict::Pass(published) = filter.judge(&body.unwrap().into()) else {
                panic!("an object passes");
            };
            let expected = fields.into_iter().filter(|(name, _)| whitelist.contains(name));
            let expected = Value::Object(expected.collect());
            prop_assert_eq!(serde_json::from_slice::<Value>(&published).unwrap(), expected);
            let text = std::str::from_utf8(&published).unwrap();
            prop_assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{}", text);
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..64), text in ".{0,64}") {
            let filter = filter(&["a"], "a", "1");
            filter.judge(&body.into());
            judge(&filter, &text);
        }
    }
}
