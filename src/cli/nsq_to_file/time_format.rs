//! `--datetime-format`: a time as part of a file's name.

use jiff::Zoned;

/// A format that was read, ready to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimeFormat(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Directive(char),
}

impl TimeFormat {
    /// Reads a format. What is no directive that is known stays as it is.
    pub fn parse(format: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut chars = format.chars();
        while let Some(ch) = chars.next() {
            if ch != '%' {
                text.push(ch);
                continue;
            }
            match chars.next() {
                Some('%') | None => text.push('%'),
                Some(name) if pattern(name).is_some() => {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Directive(name));
                }
                Some(other) => text.extend(['%', other]),
            }
        }
        parts.push(Part::Text(text));
        Self(parts)
    }

    /// The name's part at that time, in the zone of `now`.
    pub fn format(&self, now: &Zoned) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Directive(name) => value(*name, now),
        });
        parts.collect()
    }

    /// A regular expression of what [`Self::format`] makes at any time.
    pub fn pattern(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => regex::escape(text),
            Part::Directive(name) => pattern(*name).unwrap_or_default().to_owned(),
        });
        parts.collect()
    }
}

/// What a directive may become; none if there is no such directive.
fn pattern(directive: char) -> Option<&'static str> {
    Some(match directive {
        'Y' => "[0-9]{4}",
        'y' | 'm' | 'd' | 'H' | 'I' | 'M' | 'S' => "[0-9]{2}",
        'a' | 'b' => "[A-Za-z]{3}",
        'A' | 'B' => "[A-Za-z]+",
        'p' => "[AP]M",
        'z' => "[+-][0-9]{4}",
        'Z' => "[A-Za-z0-9+-]+",
        _ => return None,
    })
}

fn value(directive: char, now: &Zoned) -> String {
    let two = |number: i8| format!("{number:02}");
    match directive {
        'Y' => format!("{:04}", now.year()),
        'y' => format!("{:02}", now.year().rem_euclid(100)),
        'm' => two(now.month()),
        'd' => two(now.day()),
        'H' => two(now.hour()),
        'I' => two((now.hour() + 11) % 12 + 1),
        'M' => two(now.minute()),
        'S' => two(now.second()),
        'p' => if now.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        names_and_zones => now.strftime(&format!("%{names_and_zones}")).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(format: &str, expected: &str) {
        let now: Zoned = "2026-03-07T00:05:09.5-05:00[America/New_York]".parse().unwrap();
        let format = TimeFormat::parse(format);
        let text = format.format(&now);
        assert_eq!(text, expected);
        let pattern = regex::Regex::new(&format!("^{}$", format.pattern())).unwrap();
        assert!(pattern.is_match(&text), "{pattern} for {text}");
    }

    #[test]
    fn every_directive_is_filled_in() {
        for (format, expected) in [
            ("%Y-%m-%d_%H", "2026-03-07_00"),
            ("%y %b %B", "26 Mar March"),
            ("%a %A", "Sat Saturday"),
            ("%I:%M:%S %p", "12:05:09 AM"),
            ("%Z %z", "EST -0500"),
            ("%%Y", "%Y"),
        ] {
            becomes(format, expected);
        }
    }

    #[test]
    fn hours_of_half_a_day_go_from_1_to_12() {
        for (hour, expected) in
            [(0, "12 AM"), (1, "01 AM"), (11, "11 AM"), (12, "12 PM"), (23, "11 PM")]
        {
            let now: Zoned = format!("2026-03-07T{hour:02}:00:00+00:00[UTC]").parse().unwrap();
            assert_eq!(TimeFormat::parse("%I %p").format(&now), expected);
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for text in ["%j", "%s-%", "v1", "2006-01-02 15 Jan Mon PM MST", "a.b*c", ""] {
            becomes(text, text);
        }
    }
}
