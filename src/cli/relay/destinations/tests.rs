use std::cell::RefCell;

use super::*;

fn destinations(count: usize, spread: Spread) -> Destinations {
    let addresses = (0..count).map(|number| format!("a:{number}")).collect();
    Destinations::new(addresses, spread, Measured::Successes, 0)
}

const IN_TURN: Spread = Spread::One(Mode::RoundRobin);

/// Delivers a message where the hosts in `failing` fail; the addresses that it was sent to.
async fn deliver(destinations: &Destinations, failing: &[usize]) -> (bool, Vec<usize>) {
    let asked = RefCell::new(Vec::new());
    let send = |host| {
        asked.borrow_mut().push(host);
        let fails = failing.contains(&host);
        async move { if fails { Err(Rejection::of_host(format!("no {host}"))) } else { Ok(()) } }
    };
    let delivered = destinations.deliver(1, send).await;
    (delivered.is_ok(), asked.into_inner())
}

#[tokio::test]
async fn what_one_address_does_not_take_goes_to_the_next() {
    let three = destinations(3, IN_TURN);
    assert_eq!(deliver(&three, &[]).await, (true, vec![1]));
    assert_eq!(deliver(&three, &[2]).await, (true, vec![2, 0]));
    assert_eq!(deliver(&three, &[0, 1]).await, (true, vec![0, 1, 2]));
    assert_eq!(deliver(&three, &[0, 1, 2]).await, (false, vec![1, 2, 0]));
}

#[tokio::test]
async fn the_last_address_says_why() {
    let two = destinations(2, IN_TURN);
    let rejection = two
        .deliver(1, |host| async move { Err(Rejection::of_message(format!("no {host}"))) })
        .await
        .unwrap_err();
    assert_eq!(rejection, Rejection::of_message("no 0"));
}

#[tokio::test]
async fn the_dead_are_left_alone() {
    let two = destinations(2, Spread::One(Mode::Hostpool));
    assert_eq!(deliver(&two, &[0]).await, (true, vec![0, 1]));
    assert_eq!(deliver(&two, &[0]).await, (true, vec![1]));
    assert_eq!(deliver(&two, &[0]).await, (true, vec![1]));
}

#[tokio::test]
async fn a_bad_message_kills_nobody() {
    let two = destinations(2, Spread::One(Mode::Hostpool));
    let bad = |_| async { Err(Rejection::of_message("bad")) };
    two.deliver(1, bad).await.unwrap_err();
    let used: Vec<_> = [deliver(&two, &[]).await, deliver(&two, &[]).await].into();
    assert_eq!(used, [(true, vec![1]), (true, vec![0])]);
}

#[tokio::test]
async fn all_are_sent_to_until_one_fails() {
    let three = destinations(3, Spread::All);
    assert_eq!(deliver(&three, &[]).await, (true, vec![0, 1, 2]));
    assert_eq!(deliver(&three, &[1]).await, (false, vec![0, 1]));
    assert_eq!(deliver(&three, &[]).await, (true, vec![0, 1, 2]), "nobody is left out");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_next_address() {
    let three = destinations(3, IN_TURN);
    three.begin_stop();
    assert_eq!(deliver(&three, &[1]).await, (false, vec![1]));
}
