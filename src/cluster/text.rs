//! Numbers and names in sentences.

use std::time::Duration;

/// `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `12,345 messages`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `12,345 messages wait`.
pub fn waiting(number: u64) -> String {
    counted(number, "message waits", "messages wait")
}

/// `45.2`, `1,234`.
pub fn rate(per_second: f64) -> String {
    if per_second.abs() >= 100.0 {
        return count(per_second.abs().round() as u64);
    }
    format!("{:.1}", per_second.abs())
}

/// `12 %`.
pub fn percent(part: f64) -> String {
    if part < 0.1 { format!("{:.1} %", part * 100.0) } else { format!("{:.0} %", part * 100.0) }
}

/// `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let with = |whole: String, rest: u64, unit: &str| {
        if rest == 0 { whole } else { format!("{whole} {rest} {unit}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => with(format!("{minutes} min"), seconds % 60, "s"),
        3600..86_400 => with(format!("{hours} h"), minutes % 60, "min"),
        _ => with(format!("{} d", count(days)), hours % 24, "h"),
    }
}

/// The same of a time between two moments.
pub fn time(duration: Duration) -> String {
    self::duration(duration.as_secs_f64())
}

/// Chooses by their number what the names of a [list] do.
pub fn verb<'a, T>(names: &[T], one: &'a str, many: &'a str) -> &'a str {
    if names.len() == 1 { one } else { many }
}

/// `a`, `a and b`, `a, b and 3 more`.
pub fn list<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN_MAX: usize = 3;
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        all if all.len() <= SHOWN_MAX => {
            let (last, first) = (all[all.len() - 1], &all[..all.len() - 1]);
            format!("{} and {last}", first.join(", "))
        }
        all => format!("{} and {} more", all[..SHOWN_MAX].join(", "), all.len() - SHOWN_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_ease() {
        let counts = [0, 7, 999, 1000, 12_345, 1_234_567].map(count);
        assert_eq!(counts, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(counted(1, "message", "messages"), "1 message");
        assert_eq!([0.04, 99.94, 1234.4].map(rate), ["0.0", "99.9", "1,234"]);
        assert_eq!([0.012, 0.1, 1.0].map(percent), ["1.2 %", "10 %", "100 %"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let seconds = [0.4, 45.0, 60.0, 200.0, 3600.0, 7500.0, 86_400.0, 273_600.0];
        let texts = ["0 s", "45 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min", "1 d", "3 d 4 h"];
        assert_eq!(seconds.map(duration), texts);
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b"]), "a and b");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
