//! The actor against a server that answers when it is told to.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler};
use actix_rt::Arbiter;
use tokio::sync::oneshot;

use super::*;
use crate::{
    actors::{
        supervisor::{ChildFailed, ChildSpec, supervise},
        tls::client_config,
    },
    config::{AuthMethod, NsqdOptions},
};

const GRANT: &[u8] = br#"{"ttl":60,"identity":"joe"}"#;

/// Holds answers back until it is opened, and counts questions.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        self.state.lock().unwrap().0 = true;
        self.changed.notify_all();
    }

    fn questions(&self) -> usize {
        self.state.lock().unwrap().1
    }

    async fn expect_questions(&self, count: usize) {
        while self.questions() < count {
            actix_rt::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        drop(self.changed.wait_while(state, |state| !state.0).unwrap());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", GRANT.len());
        let _gone = stream.write_all(&[head.as_bytes(), GRANT].concat());
    }
}

struct Parent;

impl Actor for Parent {
    type Context = Context<Self>;
}

impl Handler<ChildFailed> for Parent {
    type Result = ();

    fn handle(&mut self, failed: ChildFailed, _: &mut Self::Context) {
        panic!("failed for good: {failed:?}");
    }
}

/// The actor under supervision, and the gate of its one server.
fn started() -> (Addr<AuthClient>, Arc<Gate>, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = AuthSpec {
        addresses: vec![listener.local_addr().unwrap().to_string()],
        method: AuthMethod::Get,
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
        tls: Arc::new(client_config(&NsqdOptions::default()).unwrap()),
    };
    let gate = Arc::new(Gate::default());
    thread::spawn({
        let gate = Arc::clone(&gate);
        move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let gate = Arc::clone(&gate);
                thread::spawn(move || gate.answer(stream));
            }
        }
    });
    let restarts = Arc::new(AtomicU64::new(0));
    let spec = ChildSpec {
        name: "auth_client".into(),
        mailbox: 16,
        restarts: Arc::clone(&restarts),
        failed: Parent.start().recipient(),
    };
    let client = supervise(&Arbiter::current(), spec, move |_| AuthClient::new(servers));
    (client, gate, restarts)
}

type Answer = oneshot::Receiver<Result<Arc<Grant>, AuthError>>;

fn ask(client: &Addr<AuthClient>, secret: &str) -> Answer {
    let (reply, answer) = oneshot::channel();
    let question = Question {
        secret: secret.as_bytes().into(),
        remote_ip: String::new(),
        tls: false,
        common_name: String::new(),
    };
    client.do_send(Authorize { question, reply });
    answer
}

#[actix::test]
async fn equal_questions_are_asked_once_and_equal_answers_are_one() {
    let (client, gate, _) = started();
    let answers: Vec<_> = (0..10).map(|_| ask(&client, "same")).collect();
    let other = ask(&client, "other");
    gate.expect_questions(2).await;
    gate.open();
    let other = other.await.unwrap().unwrap();
    for answer in answers {
        assert!(Arc::ptr_eq(&answer.await.unwrap().unwrap(), &other));
    }
    assert_eq!(gate.questions(), 2);
    ask(&client, "same").await.unwrap().unwrap();
    assert_eq!(gate.questions(), 3, "answers are not kept for later questions");
}

#[actix::test]
async fn whoever_is_gone_is_not_asked_about() {
    let (client, gate, _) = started();
    let number = |number: usize| number.to_string();
    let answers: Vec<_> = (0..REQUESTS_MAX).map(|n| ask(&client, &number(n))).collect();
    for gone in 0..10 {
        drop(ask(&client, &number(REQUESTS_MAX + gone)));
    }
    let last = ask(&client, "last");
    gate.expect_questions(REQUESTS_MAX).await;
    gate.open();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    last.await.unwrap().unwrap();
    assert_eq!(gate.questions(), REQUESTS_MAX + 1);
}

#[actix::test]
async fn a_panic_loses_open_questions_and_nothing_else() {
    let (client, gate, restarts) = started();
    let lost = ask(&client, "lost");
    gate.expect_questions(1).await;
    assert!(client.send(Crash).await.is_err());
    assert!(lost.await.is_err(), "whoever asked hears that no answer comes");
    gate.open();
    ask(&client, "again").await.unwrap().unwrap();
    assert_eq!(restarts.load(Ordering::Relaxed), 1);
}
