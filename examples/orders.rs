//! Publishes some orders and handles them, with an nsqd that runs already:
//!
//! `cargo run --example orders -- 127.0.0.1:4150`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{env, error::Error, sync::Arc, time::Duration};

use nsq_actors::client::{ChannelName, Consumer, Failure, Message, Options, Producer, TopicName};
use tokio::sync::Semaphore;

const ORDERS: u32 = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4150".to_owned());
    run(&address).await
}

/// Publishes, consumes until every order is handled, and stops.
pub async fn run(nsqd: &str) -> Result<(), Box<dyn Error>> {
    let topic = TopicName::parse("orders")?;
    let producer = Producer::new(nsqd, &Options::default())?;
    for number in 0..ORDERS {
        producer.publish(&topic, format!("order {number}")).await?;
    }

    let mut options = Options::default();
    options.set("max_in_flight", "100")?;
    options.set("default_requeue_delay", "10ms")?;
    let handled = Arc::new(Semaphore::new(0));
    let count = Arc::clone(&handled);
    let consumer = Consumer::builder(topic, ChannelName::parse("example")?)
        .options(options)
        .nsqd(nsqd)
        .handle(4, move |message| {
            let count = Arc::clone(&count);
            async move {
                handle(&message).await?;
                count.add_permits(1);
                Ok(())
            }
        })
        .await?;
    let _all = handled.acquire_many(ORDERS).await?;

    consumer.stop().await;
    producer.stop().await;
    println!("{:?}", consumer.stats());
    Ok(())
}

/// Every order fails at first, comes again and succeeds.
async fn handle(order: &Message) -> Result<(), Failure> {
    let text = std::str::from_utf8(order.body())?;
    if order.attempts() == 1 {
        return Err(Failure::from("not now")
            .requeue_after(Duration::from_millis(5))
            .without_backoff());
    }
    println!("{text}, at attempt {}", order.attempts());
    Ok(())
}
