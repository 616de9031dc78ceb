//! What came of a run, as a table to read and as JSON.

use std::{fmt::Write as _, sync::Arc};

use indicatif::HumanCount;
use serde::Serialize;
use serde_json::Value;

use super::session::Expense;
use crate::bench::{Arrivals, Cost, Percentiles, open_loop::Measured, rounded, usage::Memory};

/// Of one processor: whoever uses more than this has been the limit.
const BUSY: f64 = 0.9;

/// The figures of a run. What was not measured is null.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    kind: &'static str,
    /// What was done, in words.
    work: String,
    /// What was asked for, in numbers.
    parameters: Value,
    machine: String,
    /// What is counted: messages, connections, topics.
    unit: &'static str,
    count: u64,
    seconds: f64,
    per_second: f64,
    /// Of bodies; 0 where there are none.
    bytes_per_second: f64,
    server: Option<ServerCost>,
    generator: GeneratorCost,
    latency: Latency,
    check: Option<Check>,
    idle: Option<IdleCost>,
}

/// What it has cost the server.
#[derive(Debug, Clone, Copy, Serialize)]
struct ServerCost {
    cpu_seconds: f64,
    cpu_micros_each: f64,
    /// Of one processor.
    cpu_share: f64,
    memory: Option<Memory>,
}

/// What it has cost this process.
#[derive(Debug, Clone, Copy, Serialize)]
struct GeneratorCost {
    cpu_seconds: f64,
    cpu_micros_each: f64,
    /// Of one processor; it cannot use much more than one.
    cpu_share: f64,
}

/// Times in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Latency {
    /// To the answer of the server.
    ok: Option<Percentiles>,
    end_to_end: Option<Percentiles>,
    end_to_end_after_sending: Option<Percentiles>,
    lateness: Option<Percentiles>,
}

/// That every message has come as it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// Of all topics together.
    channels: usize,
    /// Messages that were to come, and have, in all channels together.
    messages: u64,
    /// Deliveries of messages that had come already.
    duplicates: u64,
}

impl Check {
    pub(super) fn of(channels: &[Arc<Arrivals>]) -> Self {
        let messages = channels.iter().map(|channel| channel.distinct()).sum();
        let received: u64 = channels.iter().map(|channel| channel.received()).sum();
        Self { channels: channels.len(), messages, duplicates: received - messages }
    }
}

/// A server with many things that do nothing.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct IdleCost {
    /// Resident memory of the server with the first few of them.
    pub(super) bytes_before: u64,
    /// With all of them.
    pub(super) bytes_after: u64,
    /// The growth, for each of those counted.
    pub(super) bytes_each: f64,
    /// CPU of the server with all of them, of one processor.
    pub(super) cpu_percent: f64,
}

impl Outcome {
    /// So many messages of `size` bytes.
    pub(super) fn of_messages(
        kind: &'static str,
        count: u64,
        size: usize,
        expense: Expense,
    ) -> Self {
        let bytes_per_second = count as f64 * size as f64 / expense.cost.seconds;
        Self { bytes_per_second, ..Self::new(kind, "message", count, expense) }
    }

    pub(super) fn new(
        kind: &'static str,
        unit: &'static str,
        count: u64,
        expense: Expense,
    ) -> Self {
        let Expense { cost, memory } = expense;
        let Cost { seconds, server_cpu_seconds, generator_cpu_seconds } = cost;
        let micros_each = |cpu_seconds: f64| cpu_seconds * 1e6 / (count.max(1)) as f64;
        let server = server_cpu_seconds.map(|cpu_seconds| ServerCost {
            cpu_seconds,
            cpu_micros_each: micros_each(cpu_seconds),
            cpu_share: cpu_seconds / seconds,
            memory,
        });
        let generator = GeneratorCost {
            cpu_seconds: generator_cpu_seconds,
            cpu_micros_each: micros_each(generator_cpu_seconds),
            cpu_share: generator_cpu_seconds / seconds,
        };
        Self {
            kind,
            work: String::new(),
            parameters: Value::Null,
            machine: String::new(),
            unit,
            count,
            seconds,
            per_second: count as f64 / seconds,
            bytes_per_second: 0.0,
            server,
            generator,
            latency: Latency::default(),
            check: None,
            idle: None,
        }
    }

    /// What was done, in words and in numbers.
    pub(super) fn doing(self, work: String, parameters: Value) -> Self {
        Self { work, parameters, ..self }
    }

    /// Where it was done, as it was at the start.
    pub(super) fn on(self, machine: String) -> Self {
        Self { machine, ..self }
    }

    pub(super) fn with_ok(self, ok: Option<Percentiles>) -> Self {
        Self { latency: Latency { ok, ..self.latency }, ..self }
    }

    pub(super) fn measured(self, measured: Measured) -> Self {
        let Measured { ok, end_to_end, end_to_end_after_sending, lateness } = measured;
        Self { latency: Latency { ok, end_to_end, end_to_end_after_sending, lateness }, ..self }
    }

    pub(super) fn checked(self, check: Option<Check>) -> Self {
        Self { check, ..self }
    }

    pub(super) fn idle(self, idle: IdleCost) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and texts can be written")
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let Self { kind, work, machine, unit, count, seconds, per_second, .. } = self;
        let mut text = format!("nsq bench {kind}: {work}\n{machine}\n\n");
        let (count, rate) = (HumanCount(*count), rounded(*per_second));
        let _ = write!(text, "  {count} {unit}s in {} s, {rate} a second", rounded(*seconds));
        if self.bytes_per_second > 0.0 {
            let _ = write!(text, ", {} MB/s", rounded(self.bytes_per_second / 1e6));
        }
        text.push('\n');
        self.say_cost(&mut text);
        self.say_latency(&mut text);
        self.say_check(&mut text);
        text.trim_end().to_owned()
    }

    fn say_cost(&self, text: &mut String) {
        let mut cpu = |who: &str, micros: f64, share: f64| {
            let (micros, percent) = (rounded(micros), share * 100.0);
            let _ = writeln!(
                text,
                "  {who:<10} {micros:>10} µs of CPU for each {}, {percent:.0} % of a processor",
                self.unit
            );
        };
        if let Some(server) = self.server {
            cpu("server", server.cpu_micros_each, server.cpu_share);
        }
        cpu("generator", self.generator.cpu_micros_each, self.generator.cpu_share);
        if self.generator.cpu_share > BUSY {
            text.push_str("  The generator had no time left: the server may be able to do more.\n");
        }
        if let Some(Memory { before, after, peak }) = self.server.and_then(|server| server.memory) {
            let [before, after, peak] = [before, after, peak].map(megabytes);
            let _ = writeln!(
                text,
                "  memory     {before} MB before, {after} MB after, {peak} MB at most"
            );
        }
        if let Some(idle) = self.idle {
            let (each, cpu) = (rounded(idle.bytes_each), rounded(idle.cpu_percent));
            let [before, after] = [idle.bytes_before, idle.bytes_after].map(megabytes);
            let unit = self.unit;
            let _ = writeln!(
                text,
                "  at rest    {each} bytes for each {unit} ({before} MB before, {after} MB after), {cpu} % of a processor"
            );
        }
    }

    fn say_latency(&self, text: &mut String) {
        let Latency { ok, end_to_end, end_to_end_after_sending, lateness } = self.latency;
        let rows = [
            ("until OK", ok),
            ("end to end", end_to_end),
            ("  from sending", end_to_end_after_sending),
            ("sent late by", lateness),
        ];
        if rows.iter().all(|(_, row)| row.is_none()) {
            return;
        }
        let _ = writeln!(
            text,
            "\n  {:<16} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "µs", "p50", "p90", "p99", "p99.9", "max"
        );
        for (name, row) in rows {
            if let Some(Percentiles { p50, p90, p99, p999, max, .. }) = row {
                let _ = writeln!(
                    text,
                    "  {name:<16} {p50:>9.0} {p90:>9.0} {p99:>9.0} {p999:>9.0} {max:>9.0}"
                );
            }
        }
    }

    fn say_check(&self, text: &mut String) {
        if let Some(Check { channels, messages, duplicates }) = self.check {
            let [messages, duplicates] = [messages, duplicates].map(HumanCount);
            let of =
                if channels == 1 { "1 channel".to_owned() } else { format!("{channels} channels") };
            let _ = writeln!(
                text,
                "\n  All {messages} messages of {of} have come as they were published, {duplicates} more than once."
            );
        }
    }
}

fn megabytes(bytes: u64) -> String {
    rounded(bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(generator_cpu_seconds: f64) -> Outcome {
        let cost = Cost { seconds: 2.0, server_cpu_seconds: Some(1.0), generator_cpu_seconds };
        let memory = Some(Memory { before: 10_000_000, after: 12_000_000, peak: 20_000_000 });
        let check = Check { channels: 1, messages: 1_000_000, duplicates: 3 };
        Outcome::of_messages("publish", 1_000_000, 200, Expense { cost, memory })
            .doing("PUB of 200 B".to_owned(), json!({ "size": 200 }))
            .with_ok(Some(Percentiles {
                count: 9,
                p50: 1.0,
                p90: 2.0,
                p99: 3.0,
                p999: 4.0,
                max: 5.4,
            }))
            .checked(Some(check))
    }

    #[test]
    fn a_table_says_what_each_side_has_cost() {
        let table = outcome(0.5).table();
        for part in [
            "nsq bench publish: PUB of 200 B\n",
            "  1,000,000 messages in 2.00 s, 500000 a second, 100 MB/s\n",
            "  server           1.00 µs of CPU for each message, 50 % of a processor\n",
            "  generator       0.500 µs of CPU for each message, 25 % of a processor\n",
            "  memory     10.0 MB before, 12.0 MB after, 20.0 MB at most\n",
            "  until OK                 1         2         3         4         5\n",
            "All 1,000,000 messages of 1 channel have come as they were published, 3 more than once.",
        ] {
            assert!(table.contains(part), "{part:?} in {table}");
        }
        assert!(!table.contains("no time left") && !table.contains("end to end"), "{table}");
        assert!(outcome(1.9).table().contains("The generator had no time left"));
    }

    #[test]
    fn json_has_every_figure() {
        let json: Value = serde_json::from_str(&outcome(0.5).json()).unwrap();
        assert_eq!(json["server"]["cpu_micros_each"], 1.0);
        assert_eq!(json["server"]["memory"]["peak"], 20_000_000);
        assert_eq!(json["generator"]["cpu_share"], 0.25);
        assert_eq!(json["latency"]["ok"]["p99"], 3.0);
        assert_eq!(json["latency"]["end_to_end"], Value::Null);
        assert_eq!((&json["per_second"], &json["unit"]), (&json!(500_000.0), &json!("message")));
    }
}
