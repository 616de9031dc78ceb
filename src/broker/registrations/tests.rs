use super::*;

const LIFETIMES: Lifetimes = Lifetimes {
    inactive_producer_timeout: Duration::from_secs(300),
    tombstone_lifetime: Duration::from_secs(45),
};

fn none() -> Registrations {
    Registrations::new(LIFETIMES, Capacity::default())
}

fn at(seconds: u64) -> Moment {
    Moment(0) + Duration::from_secs(seconds)
}

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

/// `t` is a topic, `t:c` a channel.
fn registration(text: &str) -> Registration {
    match text.split_once(':') {
        Some((name, part)) => Registration::channel(topic(name), channel(part)),
        None => Registration::topic(topic(text)),
    }
}

fn producer(host: &str) -> Producer {
    let info = PeerInfo {
        broadcast_address: host.into(),
        http_port: 4151,
        tcp_port: 4150,
        version: "1".into(),
        ..PeerInfo::default()
    };
    Producer::new(format!("{host}:9"), info)
}

/// Nodes 1, 2, … with the registrations of each.
fn with(nodes: &[&[&str]]) -> Registrations {
    let mut registrations = none();
    for (link, texts) in (1..).map(LinkId).zip(nodes) {
        registrations.identify(link, producer(&format!("host{}", link.0)), at(0));
        for text in *texts {
            registrations.register(link, &registration(text)).unwrap();
        }
    }
    registrations
}

fn found(registrations: &Registrations, name: &str, now: u64) -> Option<Vec<String>> {
    let lookup = registrations.lookup(&topic(name), at(now))?;
    let hosts = lookup.producers.iter().map(|it| it.info.broadcast_address.clone());
    Some(hosts.collect())
}

fn texts<T: std::fmt::Display>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn channel_brings_its_topic_and_says_what_is_new() {
    let mut them = with(&[&[], &[]]);
    let mut register = |link, text| them.register(LinkId(link), &registration(text)).unwrap();
    assert_eq!(register(1, "t:c"), (Added::Key, Some(Added::Key)));
    assert_eq!(register(1, "t:c"), (Added::Nothing, Some(Added::Nothing)));
    assert_eq!(register(2, "t"), (Added::Producer, None));
    assert_eq!(register(2, "t:c"), (Added::Nothing, Some(Added::Producer)));
    assert_eq!(found(&them, "t", 0), Some(vec!["host1".into(), "host2".into()]));
    assert_eq!(texts(&them.channels(&topic("t"))), ["c"]);
}

#[test]
fn topic_and_channel_stay_without_producers_unless_they_are_ephemeral() {
    let mut them = with(&[&["t:c", "t:e#ephemeral", "e#ephemeral:c"]]);
    them.disconnect(LinkId(1));
    assert_eq!(found(&them, "t", 0), Some(Vec::new()));
    assert_eq!(texts(&them.channels(&topic("t"))), ["c"]);
    assert_eq!(found(&them, "e#ephemeral", 0), None);
    assert_eq!(texts(&them.channels(&topic("e#ephemeral"))), [""; 0]);
    assert_eq!(them.counts(at(0)), Counts { topics: 1, channels: 1, ..Counts::default() });
}

#[test]
fn ephemeral_keys_go_with_their_last_producer() {
    for leave in ["e#ephemeral", "t:e#ephemeral"] {
        let mut them = with(&[&["t", leave], &[leave]]);
        them.unregister(LinkId(1), &registration(leave));
        let count = |them: &Registrations| (them.topics().len(), them.counts(at(0)).channels);
        let before = count(&them);
        them.unregister(LinkId(2), &registration(leave));
        assert_ne!(count(&them), before, "{leave}");
    }
}

#[test]
fn leaving_a_topic_leaves_its_channels() {
    let mut them = with(&[&["t:c", "t:d", "u:c"], &["t:d"]]);
    let left = them.unregister(LinkId(1), &registration("t"));
    assert_eq!((left.was_there, texts(&left.channels)), (true, vec!["c".into(), "d".into()]));
    assert_eq!(texts(&them.channels(&topic("t"))), ["c", "d"]);
    assert_eq!(found(&them, "t", 0), Some(vec!["host2".into()]));
    assert_eq!(found(&them, "u", 0), Some(vec!["host1".into()]));
    assert_eq!(them.unregister(LinkId(1), &registration("t")), Left::default());
}

#[test]
fn silent_producers_are_hidden_until_they_ping() {
    let mut them = with(&[&["t"]]);
    assert_eq!(found(&them, "t", 300).unwrap().len(), 1);
    assert_eq!(found(&them, "t", 301), Some(Vec::new()));
    assert_eq!((them.nodes(at(300)).nodes.len(), them.nodes(at(301)).nodes.len()), (1, 0));
    them.register(LinkId(1), &registration("u")).unwrap();
    assert_eq!(found(&them, "t", 301), Some(Vec::new()), "REGISTER is no sign of life");
    assert_eq!(them.ping(LinkId(1), at(301)), Some(Duration::from_secs(301)));
    assert_eq!(found(&them, "t", 601).unwrap().len(), 1);
    assert_eq!(them.ping(LinkId(9), at(301)), None);
}

#[test]
fn tombstones_hide_a_node_for_a_topic_and_a_time() {
    let mut them = with(&[&["t", "u"], &["t"]]);
    assert_eq!(them.tombstone(&topic("t"), "host1:4151", at(10)), 1);
    assert_eq!(found(&them, "t", 54), Some(vec!["host2".into()]));
    assert_eq!(found(&them, "u", 54), Some(vec!["host1".into()]));
    them.register(LinkId(1), &registration("t:c")).unwrap();
    assert_eq!(found(&them, "t", 54), Some(vec!["host2".into()]), "REGISTER clears nothing");
    let shown = |now| {
        let nodes = them.nodes(at(now));
        let topics = nodes.topics_of(&nodes.nodes[0]);
        topics.map(|(name, hidden)| (name.to_string(), hidden)).collect::<Vec<_>>()
    };
    assert_eq!(shown(54), [("t".into(), true), ("u".into(), false)]);
    assert_eq!(shown(55), [("t".into(), false), ("u".into(), false)]);
    assert_eq!(found(&them, "t", 55).unwrap().len(), 2);
    them.tombstone(&topic("t"), "host1:4151", at(60));
    assert_eq!(found(&them, "t", 100), Some(vec!["host2".into()]), "again restarts the clock");
}

#[test]
fn tombstones_go_with_their_registration() {
    type Leave = fn(&mut Registrations);
    let leaves: [Leave; 3] = [
        |them| drop(them.unregister(LinkId(1), &registration("t"))),
        |them| assert!(them.delete_topic(&topic("t"))),
        |them| {
            them.disconnect(LinkId(1));
            them.identify(LinkId(1), producer("host1"), at(0));
        },
    ];
    for leave in leaves {
        let mut them = with(&[&["t"]]);
        assert_eq!(them.tombstone(&topic("t"), "host1:4151", at(0)), 1);
        leave(&mut them);
        them.register(LinkId(1), &registration("t")).unwrap();
        assert_eq!(found(&them, "t", 1).unwrap().len(), 1);
    }
}

#[test]
fn nodes_are_named_by_address_and_http_port() {
    let mut them = none();
    them.identify(LinkId(1), producer("fd00::1"), at(0));
    them.register(LinkId(1), &registration("t")).unwrap();
    let mut tombstone = |node| them.tombstone(&topic("t"), node, at(0));
    for node in ["fd00::1:4151", "[fd00::1]:4151"] {
        assert_eq!(tombstone(node), 1, "{node}");
    }
    for node in ["fd00::1", "[fd00::1]:04151", "fd00::1:4150", "fd00::2:4151", "", ":4151"] {
        assert_eq!(tombstone(node), 0, "{node}");
    }
}

#[test]
fn what_is_made_and_deleted_by_hand_needs_no_producer() {
    let mut them = with(&[&["t:c"]]);
    assert_eq!(them.create_topic(&topic("t")), Ok(false));
    assert_eq!(them.create_topic(&topic("u")), Ok(true));
    assert_eq!(them.create_channel(&topic("v"), &channel("c")), Ok(true));
    assert_eq!(them.create_channel(&topic("v"), &channel("c")), Ok(false));
    let mut topics = texts(&them.topics());
    topics.sort_unstable();
    assert_eq!(topics, ["t", "u", "v"]);
    assert!(them.delete_channel(&topic("t"), &channel("c")));
    assert!(!them.delete_channel(&topic("t"), &channel("c")));
    assert!(!them.delete_channel(&topic("x"), &channel("c")));
    assert_eq!(found(&them, "t", 0).unwrap().len(), 1);
    assert!(them.delete_topic(&topic("t")));
    assert!(!them.delete_topic(&topic("t")));
    assert_eq!(found(&them, "t", 0), None);
    assert_eq!(them.counts(at(0)).registrations, 0);
}

#[test]
fn what_peers_can_invent_is_bounded() {
    let mut them = Registrations::new(LIFETIMES, Capacity { keys: 3, registrations: 3 });
    them.identify(LinkId(1), producer("a"), at(0));
    them.identify(LinkId(2), producer("b"), at(0));
    let register = |them: &mut Registrations, link, text| {
        them.register(LinkId(link), &registration(text)).map(drop)
    };
    assert_eq!(register(&mut them, 1, "t:c"), Ok(()));
    assert_eq!(register(&mut them, 2, "t:c"), Err(NotAdded::Full));
    assert_eq!(register(&mut them, 2, "t"), Ok(()));
    assert_eq!(them.create_topic(&topic("u")), Ok(true));
    assert_eq!(them.create_topic(&topic("v")), Err(NotAdded::Full));
    assert_eq!(them.create_channel(&topic("u"), &channel("c")), Err(NotAdded::Full));
    them.disconnect(LinkId(1));
    assert_eq!(register(&mut them, 2, "u"), Ok(()));
    assert_eq!(register(&mut them, 3, "t"), Err(NotAdded::UnknownProducer));
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let mut them = Registrations::new(LIFETIMES, Capacity { keys: 1, registrations: 9 });
    them.identify(LinkId(1), producer("a"), at(0));
    for text in ["t:c", "e#ephemeral:c"] {
        assert_eq!(them.register(LinkId(1), &registration(text)), Err(NotAdded::Full), "{text}");
    }
    assert_eq!(them.create_channel(&topic("t"), &channel("c")), Err(NotAdded::Full));
    assert_eq!(them.counts(at(0)), Counts { producers: 1, ..Counts::default() });
}

#[test]
fn what_is_there_needs_no_room() {
    let mut them = Registrations::new(LIFETIMES, Capacity { keys: 2, registrations: 3 });
    for link in [1, 2].map(LinkId) {
        them.identify(link, producer("a"), at(0));
    }
    let mut register = |link, text| them.register(LinkId(link), &registration(text)).map(drop);
    assert_eq!(register(1, "t:c"), Ok(()));
    assert_eq!(register(2, "t"), Ok(()));
    assert_eq!(register(2, "t:c"), Err(NotAdded::Full));
    assert_eq!((register(1, "t:c"), register(1, "t"), register(2, "t")), (Ok(()), Ok(()), Ok(())));
    assert_eq!(them.create_channel(&topic("t"), &channel("c")), Ok(false));
}

#[test]
fn text_of_a_producer_is_written_once() {
    let producer = producer("a");
    assert_eq!(producer.text(|_| Err("not now")), Err("not now"));
    let write = |it: &Producer| Ok::<_, &str>(it.remote_address.clone().into_bytes());
    assert_eq!(producer.text(write), Ok(&b"a:9"[..]));
    assert_eq!(producer.text(|_| Err("again")), Ok(&b"a:9"[..]));
}
