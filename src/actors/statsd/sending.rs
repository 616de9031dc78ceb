//! Datagrams on their way to statsd.

use std::{io, time::Duration};

use actix_rt::time::timeout;
use tokio::{
    net::{UdpSocket, lookup_host},
    sync::watch,
};

/// How long finding the address may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// What is left free at the end of an interval.
const REST: Duration = Duration::from_secs(1);

/// A socket to `address`, a host and a port. The name is looked up each time: it may have moved.
pub async fn open(address: &str) -> io::Result<UdpSocket> {
    let found = timeout(RESOLVE_TIMEOUT, lookup_host(address));
    let found = found.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "no address");
    for remote in found {
        let any = if remote.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await?;
        match socket.connect(remote).await {
            Ok(()) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The time over which the datagrams of an interval are spread.
pub fn window(interval: Duration) -> Duration {
    if interval > REST { interval - REST } else { interval / 2 }
}

/// Sends datagrams evenly over `window`, or what is left of them at once as soon as `hurry` says so.
/// One that cannot be sent does not keep the others back; the last error is returned.
pub async fn spread(
    datagrams: &[Vec<u8>],
    window: Duration,
    mut hurry: watch::Receiver<bool>,
    mut send: impl AsyncFnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let pause = window / u32::try_from(datagrams.len().max(1)).unwrap_or(u32::MAX);
    let mut result = Ok(());
    for datagram in datagrams {
        if let Err(error) = send(datagram).await {
            result = Err(error);
        }
        // Its sender is the actor, and has gone only if this future has.
        let _ = timeout(pause, hurry.wait_for(|&hurry| hurry)).await;
    }
    result
}

#[cfg(test)]
mod tests {
    use actix_rt::time::Instant;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_second_of_the_interval_is_left_free_if_there_is_one() {
        let seconds = Duration::from_secs_f64;
        for (interval, expected) in [(60.0, 59.0), (1.5, 0.5), (1.0, 0.5), (0.01, 0.005)] {
            assert_eq!(window(seconds(interval)), seconds(expected));
        }
    }

    async fn send_times(count: usize, hurry: watch::Receiver<bool>) -> Vec<Duration> {
        let (start, mut times) = (Instant::now(), Vec::new());
        let datagrams = vec![b"x:1|c\n".to_vec(); count];
        let send = async |datagram: &[u8]| {
            times.push(start.elapsed());
            Ok(datagram.len())
        };
        spread(&datagrams, window(MINUTE), hurry, send).await.unwrap();
        times
    }

    #[actix::test]
    async fn datagrams_are_spread_evenly() {
        tokio::time::pause();
        let (_unhurried, hurry) = watch::channel(false);
        let times = send_times(59, hurry).await;
        for (second, time) in times.iter().enumerate() {
            let late = time.saturating_sub(Duration::from_secs(second as u64));
            assert!(late <= Duration::from_millis(second as u64 + 1), "{second}: {time:?}");
        }
        assert_eq!(times.len(), 59);
    }

    #[actix::test]
    async fn in_a_hurry_nothing_is_waited_for() {
        tokio::time::pause();
        let (hurry, hears) = watch::channel(false);
        actix_rt::spawn(async move {
            actix_rt::time::sleep(Duration::from_secs(10)).await;
            hurry.send_replace(true);
            actix_rt::time::sleep(MINUTE).await; // outlives the sending
        });
        let times = send_times(59, hears).await;
        let soon = times.iter().filter(|time| **time <= Duration::from_millis(10_020)).count();
        assert_eq!(soon, 59, "{times:?}");
    }

    #[actix::test]
    async fn an_error_does_not_keep_the_others_back() {
        let (_unhurried, hurry) = watch::channel(false);
        let mut sent = Vec::new();
        let send = async |datagram: &[u8]| match datagram {
            b"bad" => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
            good => {
                sent.push(good.to_vec());
                Ok(good.len())
            }
        };
        let datagrams = [b"a".to_vec(), b"bad".to_vec(), b"b".to_vec()];
        let result = spread(&datagrams, Duration::ZERO, hurry, send).await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(sent, [b"a", b"b"]);
    }

    #[actix::test]
    async fn an_address_must_have_a_port() {
        for address in ["", "127.0.0.1", "127.0.0.1:statsd", "127.0.0.1:99999"] {
            assert!(open(address).await.is_err(), "{address}");
        }
        for address in ["127.0.0.1:8125", "localhost:8125"] {
            assert!(open(address).await.is_ok(), "{address}");
        }
    }
}
