//! Streams of server-sent events.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderName},
    rt::{
        spawn,
        task::JoinHandle,
        time::{Instant, sleep_until},
    },
    web::Bytes,
};
use futures_util::Stream;

use crate::http::HttpError;

const TYPE: &str = "text/event-stream; charset=utf-8";
/// Proxies that gather an answer before they pass it on do not with this.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// A comment, so that who is in between does not take the stream for dead.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b": still here\n\n");

/// One event. `json` is one line.
pub(super) fn event(name: &str, id: Option<u64>, json: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(json.len() + name.len() + 48);
    text.extend_from_slice(format!("event: {name}\n").as_bytes());
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    text.extend_from_slice(json);
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// A reader who takes nothing for so long is given up. Whoever reads is sent a [`HEARTBEAT`] much earlier.
const PATIENCE: Duration = Duration::from_secs(60);

/// The answer that goes on as long as its reader is there and reads; then the stream with all that it holds is dropped. It is
/// not compressed: events would wait for each other.
pub(super) fn answer(
    events: impl Stream<Item = Result<Bytes, Infallible>> + 'static,
) -> HttpResponse {
    answer_for(PATIENCE, events)
}

fn answer_for(
    patience: Duration,
    events: impl Stream<Item = Result<Bytes, Infallible>> + 'static,
) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(TYPE)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(UNBUFFERED)
        .streaming(Attended::new(patience, events))
}

/// A stream that ends when nobody has asked it for anything for a while: the server does not while its reader's socket is full,
/// and the stream itself would never notice.
struct Attended<S> {
    shared: Rc<Shared<S>>,
    watch: JoinHandle<()>,
}

struct Shared<S> {
    /// None when it is given up.
    stream: RefCell<Option<Pin<Box<S>>>>,
    asked_at: Cell<Instant>,
}

impl<S: Stream + 'static> Attended<S> {
    fn new(patience: Duration, stream: S) -> Self {
        let stream = RefCell::new(Some(Box::pin(stream)));
        let shared = Rc::new(Shared { stream, asked_at: Cell::new(Instant::now()) });
        let watch = spawn(Rc::clone(&shared).give_up_after(patience));
        Self { shared, watch }
    }
}

impl<S> Shared<S> {
    async fn give_up_after(self: Rc<Self>, patience: Duration) {
        loop {
            let until = self.asked_at.get() + patience;
            if Instant::now() >= until {
                break;
            }
            sleep_until(until).await;
        }
        let given_up = self.stream.take();
        drop(given_up);
    }
}

impl<S: Stream> Stream for Attended<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.shared.asked_at.set(Instant::now());
        match &mut *self.shared.stream.borrow_mut() {
            Some(stream) => stream.as_mut().poll_next(context),
            None => Poll::Ready(None),
        }
    }
}

impl<S> Drop for Attended<S> {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// So many streams and no more.
#[derive(Debug)]
pub struct Seats {
    free: Arc<AtomicUsize>,
}

/// One of them; free again when this is dropped.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Seats {
    /// That many.
    pub fn new(count: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(count)) }
    }

    /// Takes one.
    pub fn take(&self) -> Result<Seat, HttpError> {
        let fewer = |free: usize| free.checked_sub(1);
        match self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer) {
            Ok(_) => Ok(Seat(Arc::clone(&self.free))),
            Err(_) => Err(HttpError::TooManyStreams),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use actix_web::{
        App, HttpServer,
        rt::time::{sleep, timeout},
        web::{Data, get},
    };
    use futures_util::{
        StreamExt,
        stream::{pending, unfold},
    };

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);
    const DEADLINE: Duration = Duration::from_secs(30);

    async fn given_back(seats: &Seats) -> Seat {
        let seat = async {
            loop {
                match seats.take() {
                    Ok(seat) => return seat,
                    Err(_) => sleep(Duration::from_millis(5)).await,
                }
            }
        };
        timeout(DEADLINE, seat).await.unwrap()
    }

    /// Events without an end, as fast as they are taken.
    async fn pour(seats: Data<Seats>) -> Result<HttpResponse, HttpError> {
        let seat = seats.take()?;
        Ok(answer_for(
            SHORT,
            unfold(
                seat,
                |seat| async move { Some((Ok(Bytes::from_static(&[b'x'; 16 << 10])), seat)) },
            ),
        ))
    }

    #[actix_web::test]
    async fn the_seat_of_a_reader_who_does_not_read_is_given_back() {
        let seats = Data::new(Seats::new(1));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = Data::clone(&seats);
        let app = move || App::new().app_data(Data::clone(&served)).route("/", get().to(pour));
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        let server = server.run();
        let handle = server.handle();
        spawn(server);
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut head = [0; 12];
        let answers = async {
            while socket.read(&mut head).is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, answers).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        given_back(&seats).await;
        handle.stop(false).await;
    }

    #[actix_web::test]
    async fn a_stream_that_was_given_up_ends_and_one_that_is_read_does_not() {
        let seats = Seats::new(1);
        let seat = seats.take().unwrap();
        let mut left = Attended::new(
            SHORT,
            pending::<()>().map(move |()| assert_eq!(seat.0.load(Ordering::Relaxed), 0)),
        );
        given_back(&seats).await;
        assert_eq!(left.next().await, None);

        let mut read = Attended::new(Duration::from_secs(3600), futures_util::stream::repeat(1));
        assert_eq!(read.next().await, Some(1));
    }

    #[test]
    fn events_end_with_an_empty_line() {
        let text = event("view", Some(7), br#"{"a":1}"#);
        assert_eq!(text, "event: view\nid: 7\ndata: {\"a\":1}\n\n");
        assert_eq!(event("end", None, b"{}"), "event: end\ndata: {}\n\n");
    }

    #[test]
    fn a_seat_is_free_again_when_it_is_left() {
        let seats = Seats::new(1);
        let seat = seats.take().unwrap();
        assert_eq!(seats.take().unwrap_err(), HttpError::TooManyStreams);
        drop(seat);
        assert!(seats.take().is_ok());
    }
}
