//! nsqd as a whole: from options to listening sockets, and back to an exit.

use std::sync::{Arc, atomic::AtomicBool};

use actix::{Addr, Context, System};
use actix_rt::Arbiter;
use futures_util::future::join_all;

use super::{
    beside::{Beside, Others},
    take_over::until_taken_over,
};
use crate::{
    actors::{
        AuthClient, Discovery, Listener, Node, Statsd,
        accepting::Socket,
        auth_client::AuthSpec,
        cache::CacheBudget,
        clock,
        directory::Directory,
        discovery::Announce,
        disk_queue,
        health::Health,
        journal::{Journal, MANY_LOGS},
        live_settings::LiveSettings,
        meters::Meters,
        node::{AllTopics, ListenerStarted, Shutdown, StatsdStarted},
        shared::{Restarts, Shared},
        socket::{Bound, SocketFile},
        supervisor::{ChildSpec, supervise},
        tls::{Tls, client_config},
        topic::WhenOpen,
        topic_addresses::TopicAddresses,
        watchdog,
        workers::Workers,
    },
    cli::{
        service::{
            DaemonError, Listening, Root, bind, failed_for_good, log_listening, log_panics,
            not_started, raise_descriptor_limit,
        },
        signals::Signals,
    },
    config::{ListenAddress, NsqdOptions, TlsMinVersion},
    http,
    storage::{DataDir, Disk, LogOptions, RealDisk, Replayed, Reserve},
};

/// Room in a batch beyond the largest message: headers.
const BATCH_OVERHEAD_BYTES: usize = 4096;
const MAILBOX: usize = 4096;

/// Runs nsqd until it is told to stop; `on_ready` hears when clients can connect.
pub fn run(options: NsqdOptions, on_ready: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
    run_with(Arc::new(RealDisk), Beside::default(), options, on_ready)
}

/// The same with its data path on `disk`.
pub fn run_on(
    disk: Arc<dyn Disk>,
    options: NsqdOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    run_with(disk, Beside::default(), options, on_ready)
}

/// The same with others in the same process.
pub fn run_beside(
    beside: Beside,
    options: NsqdOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    run_with(Arc::new(RealDisk), beside, options, on_ready)
}

fn run_with(
    disk: Arc<dyn Disk>,
    beside: Beside,
    mut options: NsqdOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    log_panics();
    raise_descriptor_limit();
    System::new().block_on(async {
        let mut signals = Signals::new().map_err(not_started)?;
        let data = DataDir::open(options.data_dir(), Arc::clone(&disk)).map_err(not_started)?;
        report_journal(data.replayed());
        let tls = load_tls(&options)?;
        let log = log_options(&options, disk);
        let taken_over = until_taken_over(data, log.clone(), &mut signals, tls.as_ref());
        let Some(data) = taken_over.await? else { return Ok(()) };
        let (root, failed) = Root::start_new();
        let others = beside.start_registry(&mut options, &root)?;
        let sockets = Sockets::bind(&options, tls.is_some())?;
        sockets.fill_in_ports(&mut options);
        let shared = Arc::new(share(options, data, log, tls));
        watchdog::start(&shared).map_err(not_started)?;
        let tls = shared.tls.as_ref();
        let discovery = start_discovery(&shared, &root);
        let node = start_node(&shared, &discovery, &root);
        tokio::select! {
            () = wait_until_open(&node) => {}
            () = signals.until_stop(tls) => return Ok(()),
        }
        let (listening, _socket_files) = sockets.serve(&node, &shared, &root)?;
        log_listening(&listening);
        discovery.do_send(Announce);
        let others = others.start_pages(&listening, &root)?;
        on_ready(&listening);
        tokio::select! {
            () = signals.until_stop(tls) => stop(&node, &others, &mut signals, tls).await,
            failed = failed => return Err(failed_for_good(failed.ok())),
        }
        Ok(())
    })
}

fn report_journal(replayed: &Replayed) {
    let Replayed { files, records, restored, topics, damage } = replayed;
    if *files > 0 {
        let topics = topics.len();
        log::info!(
            "NSQ: the journal had {records} records; {restored} of them, of {topics} topics, were not in their logs and were put there"
        );
    }
    for damage in damage {
        log::error!("NSQ: the journal is damaged: {damage}; skipped");
    }
}

async fn stop(node: &Addr<Node>, others: &Others, signals: &mut Signals, tls: Option<&Arc<Tls>>) {
    let all = async {
        let _has_ended = node.send(Shutdown).await;
        others.stop().await;
    };
    tokio::select! {
        () = all => {}
        () = signals.until_stop(tls) => log::warn!("NSQ: second signal, exiting at once"),
    }
    log::info!("NSQ: bye");
}

/// The sockets, bound before anything is served: connections queue from here on.
struct Sockets {
    tcp: Bound,
    http: Option<Bound>,
    https: Option<Bound>,
}

impl Sockets {
    fn bind(options: &NsqdOptions, tls: bool) -> Result<Self, DaemonError> {
        let tcp = bind(&options.tcp_address)?;
        let http = options.http_address.as_ref().map(bind).transpose()?;
        let https = options.https_address.as_ref().filter(|_| tls).map(bind_https).transpose()?;
        Ok(Self { tcp, http, https })
    }

    /// The ports to broadcast, unless they were given; 0 where there is none.
    fn fill_in_ports(&self, options: &mut NsqdOptions) {
        let port_of = |bound: &Bound| u16::try_from(bound.port).unwrap_or(0);
        if options.broadcast_tcp_port == 0 {
            options.broadcast_tcp_port = port_of(&self.tcp);
        }
        if options.broadcast_http_port == 0 {
            options.broadcast_http_port = self.http.as_ref().map_or(0, port_of);
        }
    }

    /// Accepts connections from now on. The files of unix sockets last as long as the second value.
    fn serve(
        self,
        node: &Addr<Node>,
        shared: &Arc<Shared>,
        root: &Addr<Root>,
    ) -> Result<(Listening, [Option<SocketFile>; 2]), DaemonError> {
        let mut listening = Listening { tcp: Some(self.tcp.address), http: None, https: None };
        let mut files = [self.tcp.file, None];
        let port = |bound: &Option<Bound>| bound.as_ref().map_or(0, |bound| bound.port);
        let (http, https) = (port(&self.http), port(&self.https));
        let ports = http::nsqd::Ports { tcp: self.tcp.port, http, https };
        let socket = Socket::new(self.tcp.listener).map_err(not_started)?;
        let auth = start_auth_client(shared, root)?;
        start_listener(socket, node, auth, shared, root);
        start_statsd(node, shared, root);
        if let Some(http) = self.http {
            let server = http::nsqd::serve(http.listener, node.clone(), Arc::clone(shared), ports);
            actix_rt::spawn(server.map_err(not_started)?);
            listening.http = Some(http.address);
            files[1] = http.file;
        }
        if let (Some(https), Some(tls)) = (self.https, &shared.tls) {
            let (node, shared) = (node.clone(), Arc::clone(shared));
            let server = http::nsqd::serve_tls(https.listener, tls, node, shared, ports);
            actix_rt::spawn(server.map_err(not_started)?);
            listening.https = Some(https.address);
        }
        Ok((listening, files))
    }
}

fn bind_https(address: &ListenAddress) -> Result<Bound, DaemonError> {
    match address {
        ListenAddress::Tcp { .. } => bind(address),
        ListenAddress::Unix(_) => {
            Err(not_started(format!("listen ({address}) failed - HTTPS needs host:port")))
        }
    }
}

fn log_options(options: &NsqdOptions, disk: Arc<dyn Disk>) -> LogOptions {
    let batch_bytes_max = options.max_msg_size.max(options.max_body_size) + BATCH_OVERHEAD_BYTES;
    LogOptions { segment_bytes_max: options.max_bytes_per_file, batch_bytes_max, disk }
}

fn share(options: NsqdOptions, data: DataDir, log: LogOptions, tls: Option<Arc<Tls>>) -> Shared {
    let workers = Workers::start(options.worker_threads);
    let reserve = Reserve::new(data.path(), Arc::clone(&log.disk));
    let journal = Journal::new(data.path(), Arc::clone(&log.disk), MANY_LOGS);
    Shared {
        meters: Meters::new(workers.all().len()),
        workers,
        data,
        log,
        cache: Arc::new(CacheBudget::new(options.mem_queue_bytes)),
        directory: Directory::default(),
        topics: TopicAddresses::default(),
        health: Health::default(),
        reserve,
        taking_reserve: AtomicBool::default(),
        writers: disk_queue::writers(),
        syncers: disk_queue::syncers(),
        journal,
        removers: disk_queue::removers(),
        tls,
        restarts: Restarts::default(),
        start_time: clock::wall_ns() / 1_000_000_000,
        live: LiveSettings::new(&options),
        options,
    }
}

/// It may be told of nsqlookupds at any time, so it is always there.
fn start_discovery(shared: &Arc<Shared>, root: &Addr<Root>) -> Addr<Discovery> {
    let spec = ChildSpec {
        name: "discovery".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.discoveries),
        failed: root.clone().recipient(),
    };
    let shared = Arc::clone(shared);
    supervise(&Arbiter::current(), spec, move |_| Discovery::new(shared))
}

fn start_node(shared: &Arc<Shared>, discovery: &Addr<Discovery>, root: &Addr<Root>) -> Addr<Node> {
    let spec = ChildSpec {
        name: "node".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.node),
        failed: root.clone().recipient(),
    };
    let (shared, discovery) = (Arc::clone(shared), Some(discovery.clone()));
    supervise(&Arbiter::current(), spec, move |_| Node::new(shared, discovery))
}

/// Nobody is asked, and every client may do everything, if there is no auth server.
fn start_auth_client(
    shared: &Arc<Shared>,
    root: &Addr<Root>,
) -> Result<Option<Addr<AuthClient>>, DaemonError> {
    if shared.options.auth_http_addresses.is_empty() {
        return Ok(None);
    }
    let tls = client_config(&shared.options).map_err(not_started)?;
    let spec = ChildSpec {
        name: "auth_client".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.auth_clients),
        failed: root.clone().recipient(),
    };
    let servers = AuthSpec::new(&shared.options, Arc::new(tls));
    Ok(Some(supervise(&Arbiter::current(), spec, move |_| AuthClient::new(servers))))
}

fn start_listener(
    socket: Socket,
    node: &Addr<Node>,
    auth: Option<Addr<AuthClient>>,
    shared: &Arc<Shared>,
    root: &Addr<Root>,
) {
    let spec = ChildSpec {
        name: "listener".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.listeners),
        failed: root.clone().recipient(),
    };
    let (child_node, shared) = (node.clone(), Arc::clone(shared));
    let auth = auth.map(Addr::recipient);
    let listener = supervise(&Arbiter::current(), spec, move |_| {
        Listener::new(socket, child_node, auth, shared)
    });
    node.do_send(ListenerStarted(listener));
}

fn load_tls(options: &NsqdOptions) -> Result<Option<Arc<Tls>>, DaemonError> {
    let tls = Tls::new(options).map_err(not_started)?.map(Arc::new);
    if let Some(tls) = &tls {
        log::info!("TLS: {}", tls.certificate());
        if options.tls_min_version < TlsMinVersion::Tls12 {
            let asked = options.tls_min_version;
            log::warn!(
                "TLS: --tls-min-version={asked} is served as tls1.2: older clients are refused"
            );
        }
    }
    Ok(tls)
}

/// Pushes to statsd, if that is asked for.
fn start_statsd(node: &Addr<Node>, shared: &Arc<Shared>, root: &Addr<Root>) {
    if shared.options.statsd_address.is_empty() {
        return;
    }
    let spec = ChildSpec {
        name: "statsd".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.statsd),
        failed: root.clone().recipient(),
    };
    let (child_node, shared) = (node.clone(), Arc::clone(shared));
    let make = move |_: &mut Context<Statsd>| Statsd::new(child_node, &shared);
    node.do_send(StatsdStarted(supervise(&Arbiter::current(), spec, make)));
}

/// Topics that cannot be opened say so in the log and in `/ping`; they do not keep the others back.
async fn wait_until_open(node: &Addr<Node>) {
    let topics = node.send(AllTopics).await.unwrap_or_default();
    join_all(topics.into_iter().map(|topic| topic.send(WhenOpen))).await;
}
