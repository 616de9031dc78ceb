//! nsqadmin: its pages, the API of upstream's nsqadmin, and the one that the pages use.

pub mod access;
mod acting;
mod api;
pub mod audit;
pub mod base_path;
pub mod caller;
mod config;
mod cross_origin;
pub mod events;
pub mod graphite;
mod pages;
mod publish;
mod security_headers;
mod session;
pub mod sse;
pub mod tail;
#[cfg(test)]
mod testing;
pub mod underway;
pub mod views;

use std::{future::Future, io, sync::Arc};

use actix::Addr;
use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{Method, StatusCode},
    middleware::{Compress, Next, from_fn},
    web::{Data, ServiceConfig},
};
use tokio::sync::watch;

use self::security_headers::SecurityHeaders;
pub use self::{
    access::{Access, AdminOnly},
    audit::AuditLog,
    base_path::BasePath,
    caller::Caller,
    graphite::Graphite,
    sse::Seats,
    underway::Underway,
    views::Shelf,
};
use super::{
    HttpError,
    middleware::{Habits, serve_by},
    reply,
    routing::Routes,
    server,
};
use crate::{
    actors::{Collector, Notifications, socket::BoundListener},
    cluster::{Ask, Cluster, Sources},
    config::{LogLevel, NsqadminOptions},
};

/// Every request has a line in the log, and whoever changes something has a body to say what.
const HABITS: Habits = Habits {
    has_line: |_| true,
    keeps_body: |method, _| ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method),
};
/// Reads a topic as everybody sees it, and makes a channel for that.
const TAIL: &str = "/api/v1/tail";

/// What the handlers know.
pub struct Admin {
    /// What was decided at the start.
    pub options: NsqadminOptions,
    /// The path below which everything is served.
    pub base: BasePath,
    /// Who may do what.
    pub access: Access,
    /// Whom to ask about the cluster.
    pub sources: Arc<Sources>,
    /// How they are asked.
    pub ask: Ask,
    /// Looks at all of it.
    pub collector: Addr<Collector>,
    /// What it sees, as the pages show it.
    pub shelf: Shelf,
    /// For those who look on.
    pub streams: Seats,
    /// For those who see messages.
    pub tails: Seats,
    /// The actions that run now.
    pub underway: Underway,
    /// Where every action is written down.
    pub audit: AuditLog,
    /// Hears of every action.
    pub notifier: Notifications,
    /// If there is one.
    pub graphite: Option<Graphite>,
    /// What is logged, as `/config` has set it.
    pub log_level: watch::Sender<LogLevel>,
}

impl Admin {
    /// Those who are asked now.
    fn cluster(&self) -> Cluster {
        Cluster::new(self.ask.clone(), self.sources.now())
    }
}

/// How handlers get at it.
pub type State = Data<Admin>;

/// Serves everything.
pub fn serve(http: BoundListener, admin: Admin) -> io::Result<impl Future<Output = ()>> {
    let foreign = admin.graphite.as_ref().filter(|_| !admin.options.proxy_graphite);
    let headers = SecurityHeaders::new(foreign.map(Graphite::origin).as_deref());
    let (admin, headers) = (Data::new(admin), Data::new(headers));
    server::serve(http, move || {
        let (admin, headers) = (Data::clone(&admin), Data::clone(&headers));
        App::new()
            .app_data(headers)
            .configure(|config| register(config, admin))
            .wrap(Compress::default())
            .wrap(from_fn(refuse_foreign))
            .wrap(from_fn(log_and_catch))
            .wrap(from_fn(tell_browsers))
    })
}

fn register(config: &mut ServiceConfig, admin: State) {
    let base = admin.base.clone();
    config.app_data(admin);
    let routes = Routes::below(config, base.prefix()).get("/ping", ping);
    views::register(api::register(pages::register(routes)))
        .get("/config/{opt}", config::get)
        .put("/config/{opt}", config::put)
        .get("/render", graphite::render)
        .get("/api/graphite", graphite::rate)
        .get("/api/v1/session", session::session)
        .get("/api/v1/events", events::stream)
        .get("/api/v1/tail", tail::stream)
        .post("/api/v1/topics/{topic}/publish", publish::publish)
        .end();
}

async fn ping() -> HttpResponse {
    reply::plain(StatusCode::OK, "OK")
}

/// Refuses what pages of others ask for.
async fn refuse_foreign<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    match is_foreign(&request) {
        true => Ok(request.error_response(HttpError::CrossOrigin)),
        false => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
    }
}

async fn log_and_catch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    serve_by(HABITS, request, next).await
}

/// Tells browsers what they may do with every answer.
async fn tell_browsers<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let headers = request.app_data::<Data<SecurityHeaders>>().cloned();
    let mut answered = next.call(request).await;
    if let Some(headers) = headers {
        answered = answered.map_err(|error| with_headers(error, &headers));
        if let Ok(response) = &mut answered {
            headers.add_to(response.headers_mut());
        }
    }
    answered
}

fn is_foreign(request: &ServiceRequest) -> bool {
    let is_tail = || {
        let base = request.app_data::<State>().map(|admin| admin.base.prefix()).unwrap_or_default();
        request.match_info().as_str().strip_prefix(base) == Some(TAIL)
    };
    let headers = request.headers();
    cross_origin::is_foreign(request.method(), headers)
        || is_tail() && cross_origin::embeds_events(headers)
}

/// An error that no handler has made an answer of, such as a panic.
fn with_headers(error: Error, headers: &SecurityHeaders) -> Error {
    let mut response = error.error_response();
    headers.add_to(response.headers_mut());
    InternalError::from_response(error, response).into()
}

#[cfg(test)]
mod tests {
    use actix_web::{
        http::header::{CONTENT_SECURITY_POLICY, HeaderMap},
        test, web,
    };

    use super::*;

    async fn panics() -> HttpResponse {
        panic!("this handler does")
    }

    #[actix::test]
    async fn a_panic_is_an_answer_with_the_headers_of_all_others() {
        let app = App::new()
            .app_data(Data::new(SecurityHeaders::new(None)))
            .route("/panics", web::get().to(panics))
            .route("/ping", web::get().to(ping))
            .wrap(from_fn(log_and_catch))
            .wrap(from_fn(tell_browsers));
        let app = test::init_service(app).await;
        let has_policy = |headers: &HeaderMap| headers.contains_key(CONTENT_SECURITY_POLICY);
        let request = test::TestRequest::get().uri("/panics").to_request();
        let failed = test::try_call_service(&app, request).await.unwrap_err().error_response();
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(has_policy(failed.headers()));
        let request = test::TestRequest::get().uri("/ping").to_request();
        assert!(has_policy(test::call_service(&app, request).await.headers()));
    }
}
