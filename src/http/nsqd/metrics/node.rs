//! Metrics of the node as a whole: its process, threads, disk and memory.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::scrape::Exposition;
use crate::{
    actors::clock,
    config::NSQ_VERSION,
    http::exposition::{BYTES, Families, Name, PLAIN, SECONDS, one, write_process},
};

/// Writes them all.
pub(super) fn write(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    write_itself(families, it)?;
    write_actors(families, it)?;
    write_log(families, it)?;
    write_cache(families, it)?;
    write_process(families, &it.process, it.node.start_time)
}

fn loaded(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

fn write_itself(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let node = &it.node;
    let versions = [("version", env!("CARGO_PKG_VERSION")), ("nsq_version", NSQ_VERSION)];
    families.info(
        Name("nsqd_build", "The program's own version, and that of the nsqd it stands in for"),
        &versions,
    )?;
    families.gauge(
        Name("nsqd_healthy", "1 if every log takes writes, as /ping says"),
        None,
        one(u64::from(node.health == "OK")),
    )?;
    families.gauge(
        Name("nsqd_topics", "Topics"),
        None,
        one(node.topics.len() + node.silent_topics),
    )?;
    families.gauge(
        Name("nsqd_topics_silent", "Topics that did not answer and are missing here"),
        None,
        one(node.silent_topics),
    )?;
    let channels = node.topics.iter().map(|topic| topic.channels.len() + topic.silent_channels);
    families.gauge(Name("nsqd_channels", "Channels"), None, one(channels.sum::<usize>()))?;
    families.gauge(
        Name("nsqd_connections", "Open TCP connections"),
        None,
        one(node.connections),
    )?;
    families.counter(
        Name("nsqd_connections_accepted", "TCP connections accepted"),
        None,
        one(node.accepted_count),
    )?;
    families.gauge(
        Name("nsqd_observation", "How long it took to ask all actors for these figures"),
        SECONDS,
        one(it.took.as_secs_f64()),
    )
}

fn write_actors(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let (meters, now) = (&it.shared.meters, clock::now());
    let restarts = it.node.restarts.iter().map(|&(actor, count)| ([("actor", actor)], count));
    families.counter(
        Name("nsqd_actor_restarts", "Actors restarted after a panic"),
        None,
        restarts,
    )?;
    let threads = meters.threads.iter();
    families.durations(
        Name("nsqd_mailbox_wait", "How long a message waits in a mailbox, sampled once a second"),
        threads.clone().map(|thread| ([("thread", thread.name.as_str())], &thread.waits)),
    )?;
    families.gauge(
        Name("nsqd_thread_silence", "How long the thread has not got to a message that waits"),
        SECONDS,
        threads
            .map(|thread| ([("thread", thread.name.as_str())], thread.silence(now).as_secs_f64())),
    )?;
    let disk = meters.waiting_for_disk(now).into_iter().map(|(_, wait)| wait).max();
    families.gauge(
        Name("nsqd_disk_wait", "How long the disk has let the longest of the waiting calls wait"),
        SECONDS,
        one(disk.unwrap_or_default().as_secs_f64()),
    )
}

fn write_log(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let logs = &it.shared.meters.logs;
    families.counter(
        Name("nsqd_log_batches", "Batches written to the logs"),
        None,
        one(loaded(&logs.batches)),
    )?;
    families.counter(
        Name("nsqd_log_written", "Bytes written to the logs"),
        BYTES,
        one(loaded(&logs.bytes)),
    )?;
    families.counter(
        Name("nsqd_log_write_errors", "Writes that a log refused"),
        None,
        one(loaded(&logs.failed_writes)),
    )?;
    families.durations(
        Name("nsqd_log_write_duration", "How long writes to the logs took"),
        [(PLAIN, &logs.writes)],
    )?;
    families.durations(
        Name("nsqd_log_sync_duration", "How long it took to bring what was written onto the disk"),
        [(PLAIN, &logs.syncs)],
    )
}

fn write_cache(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let cache = &it.shared.cache;
    families.gauge(
        Name("nsqd_cache", "Message bytes that topics keep in memory"),
        BYTES,
        one(cache.bytes()),
    )?;
    families.gauge(
        Name("nsqd_cache_limit", "Message bytes that topics may keep in memory"),
        BYTES,
        one(u64::try_from(cache.bytes_max()).unwrap_or(u64::MAX)),
    )?;
    let (hits, misses) = cache.reads();
    families.counter(
        Name("nsqd_cache_reads", "Reads of channels that fell behind, by where they found it"),
        None,
        [([("from", "memory")], hits), ([("from", "log")], misses)],
    )
}
