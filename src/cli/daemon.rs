//! nsqd as a whole: from options to listening sockets, and back to an exit.

use std::{fmt::Display, io, sync::Arc};

use actix::{Actor, Addr, Context, Handler, System};
use actix_rt::Arbiter;
use futures_util::future::join_all;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Semaphore, oneshot},
};

use super::nsqd::{DaemonError, Listening};
use crate::{
    actors::{
        Listener, Node,
        cache::CacheBudget,
        clock,
        disk_queue::SYNCS_MAX,
        health::Health,
        listener::Socket,
        node::{AllTopics, ListenerStarted, Shutdown},
        shared::{Restarts, Shared},
        socket::{Bound, SocketFile},
        supervisor::{ChildFailed, ChildSpec, supervise},
        tls::Tls,
        topic::WhenOpen,
        workers::Workers,
    },
    config::{ListenAddress, NsqdOptions},
    http,
    storage::{DataDir, Disk, LogOptions, RealDisk},
};

/// Room in a batch beyond the largest message: headers.
const BATCH_OVERHEAD_BYTES: usize = 4096;
const MAILBOX: usize = 4096;

/// Runs nsqd until it is told to stop; `on_ready` hears when clients can connect.
pub fn run(options: NsqdOptions, on_ready: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
    log_panics();
    System::new().block_on(async {
        let mut signals = Signals::new().map_err(not_started)?;
        let data = DataDir::open(&options.data_path, disk()).map_err(not_started)?;
        let tls = Tls::new(&options).map_err(not_started)?.map(Arc::new);
        let sockets = Sockets::bind(&options)?;
        let shared = Arc::new(share(options, data, tls));
        let (root, failed) = Root::start_new();
        let node = start_node(&shared, &root);
        tokio::select! {
            () = wait_until_open(&node) => {}
            () = signals.next() => return Ok(()),
        }
        let (listening, _socket_files) = sockets.serve(&node, &shared, &root)?;
        log_listening(&listening);
        on_ready(&listening);
        tokio::select! {
            () = signals.next() => stop(&node, &mut signals).await,
            failed = failed => return Err(failed_for_good(failed.ok())),
        }
        Ok(())
    })
}

async fn stop(node: &Addr<Node>, signals: &mut Signals) {
    tokio::select! {
        _ = node.send(Shutdown) => {}
        () = signals.next() => log::warn!("NSQ: second signal, exiting at once"),
    }
    log::info!("NSQ: bye");
}

/// The sockets, bound before anything is served: connections queue from here on.
struct Sockets {
    tcp: Bound,
    http: Option<Bound>,
}

impl Sockets {
    fn bind(options: &NsqdOptions) -> Result<Self, DaemonError> {
        let tcp = bind(&options.tcp_address)?;
        let http = options.http_address.as_ref().map(bind).transpose()?;
        Ok(Self { tcp, http })
    }

    /// Accepts connections from now on. The files of unix sockets last as long as the second value.
    fn serve(
        self,
        node: &Addr<Node>,
        shared: &Arc<Shared>,
        root: &Addr<Root>,
    ) -> Result<(Listening, [Option<SocketFile>; 2]), DaemonError> {
        let mut listening = Listening { tcp: self.tcp.address, http: None };
        let mut files = [self.tcp.file, None];
        let http_port = self.http.as_ref().map_or(0, |http| http.port);
        let ports = http::nsqd::Ports { tcp: self.tcp.port, http: http_port };
        let socket = Socket::new(self.tcp.listener).map_err(not_started)?;
        start_listener(socket, node, shared, root);
        if let Some(http) = self.http {
            let server = http::nsqd::serve(http.listener, node.clone(), Arc::clone(shared), ports);
            actix_rt::spawn(server.map_err(not_started)?);
            listening.http = Some(http.address);
            files[1] = http.file;
        }
        Ok((listening, files))
    }
}

fn not_started(error: impl Display) -> DaemonError {
    DaemonError::NotStarted(format!("{error}"))
}

fn bind(address: &ListenAddress) -> Result<Bound, DaemonError> {
    let failed = |error| not_started(format!("listen ({address}) failed - {error}"));
    Bound::new(address).map_err(failed)
}

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn share(options: NsqdOptions, data: DataDir, tls: Option<Arc<Tls>>) -> Shared {
    let batch_bytes_max = options.max_msg_size.max(options.max_body_size) + BATCH_OVERHEAD_BYTES;
    let log =
        LogOptions { segment_bytes_max: options.max_bytes_per_file, batch_bytes_max, disk: disk() };
    Shared {
        workers: Workers::start(options.worker_threads),
        data,
        log,
        cache: Arc::new(CacheBudget::new(options.mem_queue_bytes)),
        health: Health::default(),
        syncs: Arc::new(Semaphore::new(SYNCS_MAX)),
        tls,
        restarts: Restarts::default(),
        start_time: clock::wall_ns() / 1_000_000_000,
        options,
    }
}

fn start_node(shared: &Arc<Shared>, root: &Addr<Root>) -> Addr<Node> {
    let spec = ChildSpec {
        name: "node".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.node),
        failed: root.clone().recipient(),
    };
    let shared = Arc::clone(shared);
    supervise(&Arbiter::current(), spec, move |_| Node::new(shared))
}

fn start_listener(socket: Socket, node: &Addr<Node>, shared: &Arc<Shared>, root: &Addr<Root>) {
    let spec = ChildSpec {
        name: "listener".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.restarts.listeners),
        failed: root.clone().recipient(),
    };
    let (child_node, shared) = (node.clone(), Arc::clone(shared));
    let listener =
        supervise(&Arbiter::current(), spec, move |_| Listener::new(socket, child_node, shared));
    node.do_send(ListenerStarted(listener));
}

/// Topics that cannot be opened say so in the log and in `/ping`; they do not keep the others back.
async fn wait_until_open(node: &Addr<Node>) {
    let topics = node.send(AllTopics).await.unwrap_or_default();
    join_all(topics.into_iter().map(|topic| topic.send(WhenOpen))).await;
}

fn log_listening(listening: &Listening) {
    log::info!("TCP: listening on {}", listening.tcp);
    if let Some(http) = &listening.http {
        log::info!("HTTP: listening on {http}");
    }
}

/// An actor failed more often than the restart budgets of all above it allow. Every acknowledged
/// message is in its log.
fn failed_for_good(failed: Option<ChildFailed>) -> DaemonError {
    let failed = failed.map(|failed| format!("{} failed for good: {}", failed.child, failed.cause));
    DaemonError::Broken(failed.unwrap_or_default())
}

/// A panic is reported like everything else; the supervisor then says what it does about it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("unknown");
        log::error!("panic at {location}: {text}");
    }));
}

/// The top of the tree: hears of the root actors' failures and ends the process.
struct Root {
    failed: Option<oneshot::Sender<ChildFailed>>,
}

impl Root {
    fn start_new() -> (Addr<Self>, oneshot::Receiver<ChildFailed>) {
        let (failed, hears) = oneshot::channel();
        (Self { failed: Some(failed) }.start(), hears)
    }
}

impl Actor for Root {
    type Context = Context<Self>;
}

impl Handler<ChildFailed> for Root {
    type Result = ();

    fn handle(&mut self, child_failed: ChildFailed, _: &mut Self::Context) {
        if let Some(failed) = self.failed.take() {
            let _ = failed.send(child_failed); // the process is stopping anyway
        }
    }
}

/// What asks the process to stop.
struct Signals {
    signals: [Signal; 3],
}

impl Signals {
    fn new() -> io::Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = kinds.map(signal);
        Ok(Self { signals: [terminate?, interrupt?, hangup?] })
    }

    async fn next(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
