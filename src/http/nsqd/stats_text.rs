//! `/stats` for people.

use std::fmt::{self, Write};

use jiff::{Timestamp, tz::TimeZone};

use super::{stats::Stats, stats_json::state_number};
use crate::{
    actors::snapshot::{ChannelSnapshot, ClientSnapshot, TopicSnapshot},
    broker::LatencySamples,
    config::{GoDuration, version::version_line},
};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The stats as a page of text.
pub(super) fn render(stats: &Stats) -> String {
    let mut page = String::new();
    // Only a formatter's own error could stop it, and none of them has any.
    let _ = write_page(&mut page, stats, TimeZone::system());
    page
}

fn write_page(page: &mut String, stats: &Stats, zone: TimeZone) -> fmt::Result {
    write_head(page, stats, zone)?;
    write_memory(page, stats)?;
    write_topics(page, stats)?;
    write_producers(page, stats)
}

fn write_head(page: &mut String, stats: &Stats, zone: TimeZone) -> fmt::Result {
    let uptime = stats.now_ns.saturating_sub(stats.start_time.saturating_mul(NANOS_PER_SECOND));
    writeln!(page, "{}", version_line("nsqd"))?;
    writeln!(page, "start_time {}", rfc3339(stats.start_time, zone))?;
    writeln!(page, "uptime {}", GoDuration::from_nanos(uptime))?;
    writeln!(page, "\nHealth: {}", stats.health)
}

/// A time in the local zone, which is `Z` where that is UTC.
fn rfc3339(unix_seconds: i64, zone: TimeZone) -> String {
    let time = Timestamp::from_second(unix_seconds).unwrap_or_default().to_zoned(zone);
    let form = if time.offset().is_zero() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    time.strftime(form).to_string()
}

fn write_memory(page: &mut String, stats: &Stats) -> fmt::Result {
    let Some(memory) = &stats.memory else { return Ok(()) };
    writeln!(page, "\nMemory:")?;
    memory.fields().iter().try_for_each(|(key, value)| writeln!(page, "   {key:<25}\t{value}"))
}

fn write_topics(page: &mut String, stats: &Stats) -> fmt::Result {
    let topics = stats.topics.as_deref().unwrap_or_default();
    if topics.is_empty() {
        return writeln!(page, "\nTopics: None");
    }
    write!(page, "\nTopics:")?;
    for topic in topics {
        write_topic(page, topic, stats)?;
        for channel in &topic.channels {
            write_channel(page, channel, stats)?;
            let clients = if stats.with_clients { channel.clients.as_slice() } else { &[] };
            for client in clients {
                write!(page, "        ")?;
                write_client(page, client, stats.now_ns)?;
            }
        }
    }
    Ok(())
}

fn write_topic(page: &mut String, topic: &TopicSnapshot, stats: &Stats) -> fmt::Result {
    let mark = if topic.paused { "*P " } else { "   " };
    let (name, depth, backend_depth) =
        (topic.topic_name.as_str(), topic.depth, topic.backend_depth);
    let messages = topic.message_count;
    write!(page, "\n{mark}[{name:<15}] depth: {depth:<5} be-depth: {backend_depth:<5} ")?;
    writeln!(page, "msgs: {messages:<8} e2e%: {}", latencies(topic.latency.as_ref(), stats))
}

fn write_channel(page: &mut String, channel: &ChannelSnapshot, stats: &Stats) -> fmt::Result {
    let mark = if channel.paused { "   *P " } else { "      " };
    let (name, depth) = (channel.channel_name.as_str(), channel.depth);
    let (backend_depth, counters) = (channel.backend_depth, &channel.counters);
    let (in_flight, deferred) = (channel.in_flight_count, channel.deferred_count);
    let (requeues, timeouts) = (counters.requeue_count, counters.timeout_count);
    let messages = counters.message_count;
    write!(page, "{mark}[{name:<25}] depth: {depth:<5} be-depth: {backend_depth:<5} ")?;
    write!(page, "inflt: {in_flight:<4} def: {deferred:<4} re-q: {requeues:<5} ")?;
    let latencies = latencies(channel.latency.as_ref(), stats);
    writeln!(page, "timeout: {timeouts:<5} msgs: {messages:<8} e2e%: {latencies}")
}

/// The percentiles, in the largest unit of which there is more than one.
fn latencies(samples: Option<&LatencySamples>, stats: &Stats) -> String {
    let Some(samples) = samples else { return String::new() };
    let text = |quantile: &f64| match samples.value_at(*quantile) as f64 {
        nanos if nanos > 1e9 => format!("{:.1}s", nanos / 1e9),
        nanos if nanos > 1e6 => format!("{:.1}ms", nanos / 1e6),
        nanos if nanos > 1e3 => format!("{:.1}us", nanos / 1e3),
        nanos => format!("{nanos:.1}ns"),
    };
    stats.percentiles.as_slice().iter().map(text).collect::<Vec<_>>().join(", ")
}

fn write_producers(page: &mut String, stats: &Stats) -> fmt::Result {
    if stats.producers.is_empty() {
        return writeln!(page, "\nProducers: None");
    }
    writeln!(page, "\nProducers:")?;
    for producer in &stats.producers {
        write!(page, "   ")?;
        write_client(page, producer, stats.now_ns)?;
    }
    Ok(())
}

/// A client shows what it has published; only if that is nothing, what it consumes.
fn write_client(page: &mut String, client: &ClientSnapshot, now_ns: i64) -> fmt::Result {
    write!(page, "[V2 {:<21}] ", identity(client))?;
    if client.pub_counts.is_empty() {
        let (state, in_flight) = (state_number(client.state), client.in_flight_count);
        let (ready, finished) = (client.ready_count, client.finish_count);
        let (requeued, messages) = (client.requeue_count, client.message_count);
        write!(page, "state: {state} inflt: {in_flight:<4} rdy: {ready:<4} ")?;
        write!(page, "fin: {finished:<8} re-q: {requeued:<8} msgs: {messages:<8} ")?;
    } else {
        let messages: u64 = client.pub_counts.iter().map(|(_, count)| count).sum();
        write!(page, "msgs: {messages:<8} topics: {} ", published(client))?;
    }
    let connected = now_ns / NANOS_PER_SECOND - client.info.connect_ts;
    let connected = GoDuration::from_nanos(connected.saturating_mul(NANOS_PER_SECOND));
    writeln!(page, "connected: {connected}")
}

fn identity(client: &ClientSnapshot) -> String {
    let (info, said) = (&client.info, &client.info.negotiated);
    let port = info.remote_address.rsplit_once(':').map_or("", |(_, port)| port);
    format!("{}:{port} {}", said.hostname, said.user_agent)
}

fn published(client: &ClientSnapshot) -> String {
    let counts = client.pub_counts.iter().map(|(topic, count)| format!("{topic}={count}"));
    counts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::process::Memory,
        broker::{Latencies, Moment},
        config::Percentiles,
        http::nsqd::stats::{Selection, samples},
    };

    fn page(topic: &str, clients: bool, memory: bool) -> String {
        let channel = String::new();
        let selection = Selection { topic: topic.into(), channel, clients, memory };
        let off = Percentiles::default();
        let mut stats = Stats::new(samples::example(), &selection, off, samples::NOW_NS);
        stats.memory = stats.memory.map(|_| Memory { resident_bytes: 2_506_752 });
        let mut page = String::new();
        write_page(&mut page, &stats, TimeZone::UTC).unwrap();
        page.replace(&version_line("nsqd"), "nsqd v1.3.0 (built w/go1.26.6)")
    }

    #[test]
    fn the_page_is_laid_out_as_upstreams() {
        let expected = "\
nsqd v1.3.0 (built w/go1.26.6)
start_time 2026-11-22T17:11:46Z
uptime 336.619489ms

Health: OK

Memory:
   heap_objects             \t0
   heap_idle_bytes          \t0
   heap_in_use_bytes        \t2506752
   heap_released_bytes      \t0
   gc_pause_usec_100        \t0
   gc_pause_usec_99         \t0
   gc_pause_usec_95         \t0
   next_gc_bytes            \t0
   gc_total_runs            \t0

Topics:
   [orders         ] depth: 0     be-depth: 0     msgs: 4        e2e%: 
      [archive                  ] depth: 0     be-depth: 0     inflt: 2    def: 1    re-q: 1     timeout: 0     msgs: 4        e2e%: 
        [V2 cons.host.example.com:44020 ca/1.0] state: 3 inflt: 2    rdy: 2    fin: 1        re-q: 1        msgs: 4        connected: 0s
        [V2 127.0.0.1:44036      ] state: 3 inflt: 0    rdy: 0    fin: 0        re-q: 0        msgs: 0        connected: 0s

   [other          ] depth: 2     be-depth: 0     msgs: 2        e2e%: 

*P [paused_topic   ] depth: 0     be-depth: 0     msgs: 0        e2e%: 
   *P [a_very_long_channel_name_over_25] depth: 0     be-depth: 0     inflt: 0    def: 0    re-q: 0     timeout: 0     msgs: 0        e2e%: 

Producers:
   [V2 prod.host.example.com:44012 pa/1.0] msgs: 4        topics: orders=4 connected: 0s
";
        assert_eq!(page("", true, true), expected);
    }

    #[test]
    fn nothing_is_said_to_be_none() {
        let expected = "\
nsqd v1.3.0 (built w/go1.26.6)
start_time 2026-11-22T17:11:46Z
uptime 336.619489ms

Health: OK

Topics: None

Producers: None
";
        assert_eq!(page("none", true, false), expected);
    }

    #[test]
    fn clients_can_be_left_out() {
        assert!(!page("orders", false, false).contains("[V2"));
    }

    #[test]
    fn a_producer_of_another_topic_shows_what_it_consumes() {
        let line = "   [V2 prod.host.example.com:44012 pa/1.0] state: 0 inflt: 0    rdy: 0    fin: 0        re-q: 0        msgs: 0        connected: 0s\n";
        assert!(page("other", true, false).ends_with(line));
    }

    #[test]
    fn times_stand_in_the_local_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(rfc3339(samples::START_TIME, zone), "2026-11-22T19:11:46+02:00");
    }

    #[test]
    fn latencies_stand_at_the_end_of_topics_and_channels() {
        let stats = samples::stats_of(samples::example_with_latencies(), &[1.0, 0.99]);
        let page = render(&stats);
        let latencies = page.lines().filter_map(|line| line.split_once("e2e%: "));
        let latencies: Vec<_> = latencies.map(|(_, latencies)| latencies).collect();
        let (some, none) = ("3.4ms, 3.4ms", "0.0ns, 0.0ns");
        assert_eq!(latencies, [some, some, "", none, none]);
    }

    #[test]
    fn a_latency_has_the_unit_of_its_size() {
        let stats = samples::stats_of(samples::example(), &[1.0]);
        let table = [
            (1_000, "1000.0ns"),
            (1_001, "1.0us"),
            (1_000_000, "1000.0us"),
            (3_379_059, "3.4ms"),
            (1_000_000_001, "1.0s"),
            (90_000_000_000, "90.0s"),
        ];
        for (nanos, expected) in table {
            let mut latencies = Latencies::new(std::time::Duration::from_secs(1));
            latencies.record(nanos, Moment(1));
            assert_eq!(super::latencies(Some(&latencies.samples(Moment(1))), &stats), expected);
        }
    }
}
