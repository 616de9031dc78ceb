//! `GET /metrics`: the registry's figures for Prometheus.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use actix_web::{HttpResponse, web};
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::State;
use crate::{
    actors::{
        lookup_registry::messages::RegistrySnapshot,
        lookup_shared::LookupShared,
        process::Process,
        snapshot::{ListenerSnapshot, Observe},
    },
    broker::registrations::{KEYS_MAX, REGISTRATIONS_MAX},
    config::NSQ_VERSION,
    http::{
        HttpError,
        ask::ask,
        exposition::{self, Families, Name, one, write_process},
    },
};

/// Asks both actors and writes down what they say, on a thread of its own.
pub async fn metrics(api: State) -> Result<HttpResponse, HttpError> {
    let registry = ask(&api.registry, Observe::<RegistrySnapshot>::new).await?;
    let listener = ask(&api.listener, Observe::<ListenerSnapshot>::new).await?;
    let shared = Arc::clone(&api.shared);
    let written = web::block(move || {
        exposition::write(Scrape { registry, listener, shared, process: Process::now() })
    });
    let written = written.await.map_err(|_| HttpError::Internal)?;
    Ok(exposition::reply(written.map_err(|_| HttpError::Internal)?))
}

/// Everything that one scrape tells.
#[derive(Debug)]
struct Scrape {
    registry: RegistrySnapshot,
    listener: ListenerSnapshot,
    shared: Arc<LookupShared>,
    process: Process,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families::new(encoder);
        self.write_itself(&mut families)?;
        self.write_registry(&mut families)?;
        self.write_links(&mut families)?;
        self.write_requests(&mut families)?;
        write_process(&mut families, &self.process, self.shared.start_time)
    }
}

fn loaded(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

impl Scrape {
    fn write_itself(&self, families: &mut Families<'_>) -> fmt::Result {
        let versions = [("version", env!("CARGO_PKG_VERSION")), ("nsq_version", NSQ_VERSION)];
        families.info(
            Name("nsqlookupd_build", "The program's own version, and that of NSQ"),
            &versions,
        )?;
        let counters = &self.shared.counters;
        families.counter(
            Name("nsqlookupd_actor_restarts", "Actors restarted after a panic"),
            None,
            [
                ([("actor", "registry")], loaded(&counters.registry_restarts)),
                ([("actor", "listener")], loaded(&counters.listener_restarts)),
            ],
        )
    }

    fn write_registry(&self, families: &mut Families<'_>) -> fmt::Result {
        let counts = &self.registry.counts;
        for (name, help, value) in [
            ("nsqlookupd_topics", "Topics", counts.topics),
            ("nsqlookupd_channels", "Channels", counts.channels),
            ("nsqlookupd_keys_limit", "Topics and channels that there may be", KEYS_MAX),
            (
                "nsqlookupd_producers",
                "Connections of nsqds that have said who they are",
                counts.producers,
            ),
            (
                "nsqlookupd_producers_inactive",
                "Those of them that are hidden because they are silent",
                counts.inactive,
            ),
            ("nsqlookupd_registrations", "Topics and channels of producers", counts.registrations),
            (
                "nsqlookupd_registrations_limit",
                "Topics and channels of producers that there may be",
                REGISTRATIONS_MAX,
            ),
            ("nsqlookupd_tombstones", "Producers that are hidden for a topic", counts.tombstones),
        ] {
            families.gauge(Name(name, help), None, one(value))?;
        }
        Ok(())
    }

    fn write_links(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = &self.shared.counters;
        families.gauge(
            Name("nsqlookupd_connections", "Open TCP connections"),
            None,
            one(self.listener.connections),
        )?;
        families.gauge(
            Name("nsqlookupd_connections_limit", "TCP connections that there may be"),
            None,
            one(self.shared.links_max),
        )?;
        families.counter(
            Name("nsqlookupd_connections_accepted", "TCP connections accepted"),
            None,
            one(self.listener.accepted_count),
        )?;
        families.counter(
            Name("nsqlookupd_connections_closed", "TCP connections ended from here, by reason"),
            None,
            [
                ([("reason", "error")], loaded(&counters.errors)),
                ([("reason", "silent")], loaded(&counters.silent)),
                ([("reason", "too-many")], loaded(&counters.refused)),
            ],
        )
    }

    fn write_requests(&self, families: &mut Families<'_>) -> fmt::Result {
        let counters = &self.shared.counters;
        families.counter(
            Name("nsqlookupd_commands", "Commands of nsqds"),
            None,
            [
                ([("command", "IDENTIFY")], loaded(&counters.identifies)),
                ([("command", "REGISTER")], loaded(&counters.registers)),
                ([("command", "UNREGISTER")], loaded(&counters.unregisters)),
                ([("command", "PING")], loaded(&counters.pings)),
            ],
        )?;
        families.counter(
            Name("nsqlookupd_lookups", "Requests of /lookup, by whether the topic is known"),
            None,
            [
                ([("found", "yes")], loaded(&counters.lookups_found)),
                ([("found", "no")], loaded(&counters.lookups_missed)),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::NsqlookupdOptions,
        http::exposition::testing::{check_form, documented, exported},
    };

    #[test]
    fn every_metric_is_documented_with_its_labels_and_every_documented_one_is_there() {
        let shared = LookupShared::new(NsqlookupdOptions::default(), 1, 2, 1024);
        let scrape = Scrape {
            registry: RegistrySnapshot::default(),
            listener: ListenerSnapshot::default(),
            shared: Arc::new(shared),
            process: Process::default(),
        };
        let text = exposition::write(scrape).unwrap();
        check_form(&text);
        assert_eq!(exported(&text), documented("nsqlookupd_"));
    }
}
