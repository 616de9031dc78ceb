//! `--delimiter`: what stands between two messages.

/// Reads the text of the flag. A single byte is itself; in longer texts a backslash begins `\n`, `\r`, `\t`, `\0`, `\\` or `\xNN`.
pub(super) fn parse(text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Err("--delimiter must not be empty".to_owned());
    }
    if text.len() == 1 {
        return Ok(text.as_bytes().to_vec());
    }
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = escape(escaped).ok_or_else(|| {
            format!(r"--delimiter has an escape other than \n \r \t \0 \\ \xNN: {text}")
        })?;
        bytes.push(byte);
        rest = &escaped[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte that an escape stands for, and the length of what stands behind its backslash.
fn escape(text: &str) -> Option<(u8, usize)> {
    let byte = match text.as_bytes().first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => return Some((u8::from_str_radix(text.get(1..3)?, 16).ok()?, 3)),
        _ => return None,
    };
    Some((byte, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_bytes_texts_and_escapes() {
        for (text, bytes) in [
            ("\n", &b"\n"[..]),
            (",", b","),
            ("\\", b"\\"),
            ("--\n", b"--\n"),
            (r"\n", b"\n"),
            (r"\r\n", b"\r\n"),
            (r"a\tb\0\\\x1e\xFF.", b"a\tb\0\\\x1e\xff."),
            ("é", "é".as_bytes()),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn others_are_refused() {
        for text in ["", r"\q", r"ab\", r"\x", r"\xg0", r"\x1", "\\xé"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
