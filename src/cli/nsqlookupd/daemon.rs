//! nsqlookupd as a whole: from options to listening sockets, and back to an exit.

use std::sync::Arc;

use actix::Addr;
use actix_rt::Arbiter;

use crate::{
    actors::{
        LookupListener, LookupRegistry,
        accepting::{DisconnectAll, Socket},
        lookup_registry::messages::TellOfRestarts,
        lookup_shared::LookupShared,
        socket::Bound,
        supervisor::{ChildSpec, supervise},
    },
    cli::service::{
        self, DaemonError, Listening, Root, Serving, bind, log_listening, not_started,
        open_files_max,
    },
    config::{ListenAddress, NsqlookupdOptions},
    http,
};

/// Messages in the registry's mailbox before senders wait: each link has one under way at most.
const MAILBOX: usize = 4096;

/// Runs nsqlookupd until it is told to stop; `on_ready` hears when it can be reached.
pub fn run(
    options: NsqlookupdOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    service::serve(|root| Running::start(options, root), on_ready)
}

/// An nsqlookupd that serves. Its registry, its accept loop and its links live on the thread that started it: what
/// they say to each other wakes nobody.
pub struct Running {
    /// Where it can be reached.
    pub listening: Listening,
    listener: Addr<LookupListener>,
}

impl Running {
    /// Binds both sockets and serves; `root` hears when an actor has failed for good.
    pub fn start(options: NsqlookupdOptions, root: &Addr<Root>) -> Result<Self, DaemonError> {
        let (tcp, http) = (bind_tcp(&options.tcp_address)?, bind_tcp(&options.http_address)?);
        let listening = Listening { tcp: Some(tcp.address), http: Some(http.address), https: None };
        let shared = LookupShared::new(options, tcp.port, http.port, open_files_max());
        let shared = Arc::new(shared);
        let socket = Socket::new(tcp.listener).map_err(not_started)?;
        let registry = start_registry(&shared, root);
        let listener = start_listener(socket, &registry, &shared, root);
        let api = http::nsqlookupd::serve(http.listener, registry, listener.clone(), shared);
        actix_rt::spawn(api.map_err(not_started)?);
        log_listening(&listening);
        Ok(Self { listening, listener })
    }
}

impl Serving for Running {
    fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Accepts nobody any more and ends every link.
    async fn stop(&self) {
        if let Some(tcp) = &self.listening.tcp {
            log::info!("TCP: closing {tcp}");
        }
        let _ = self.listener.send(DisconnectAll).await;
        if let Some(http) = &self.listening.http {
            log::info!("HTTP: closing {http}");
        }
    }
}

/// nsqds and consumers are told a port.
fn bind_tcp(address: &ListenAddress) -> Result<Bound, DaemonError> {
    match address {
        ListenAddress::Tcp { .. } => bind(address),
        ListenAddress::Unix(_) => {
            Err(not_started(format!("listen ({address}) failed - nsqlookupd needs host:port")))
        }
    }
}

fn start_registry(shared: &Arc<LookupShared>, root: &Addr<Root>) -> Addr<LookupRegistry> {
    let spec = ChildSpec {
        name: "lookup_registry".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.counters.registry_restarts),
        failed: root.clone().recipient(),
    };
    let shared = Arc::clone(shared);
    supervise(&Arbiter::current(), spec, move |_| LookupRegistry::new(shared))
}

fn start_listener(
    socket: Socket,
    registry: &Addr<LookupRegistry>,
    shared: &Arc<LookupShared>,
    root: &Addr<Root>,
) -> Addr<LookupListener> {
    let spec = ChildSpec {
        name: "lookup_listener".into(),
        mailbox: MAILBOX,
        restarts: Arc::clone(&shared.counters.listener_restarts),
        failed: root.clone().recipient(),
    };
    let (asked, shared) = (registry.clone(), Arc::clone(shared));
    let listener =
        supervise(&Arbiter::current(), spec, move |_| LookupListener::new(socket, asked, shared));
    registry.do_send(TellOfRestarts(listener.clone().recipient()));
    listener
}
