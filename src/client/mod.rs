//! A client of NSQ: producers and consumers for any tokio runtime.
//!
//! A [`Producer`] publishes to one nsqd; any number of messages may be on their way at once. A [`Consumer`] takes the
//! messages of a channel from all nsqds that have the topic, found through nsqlookupds or given by address, and hands
//! them to a handler or a stream. [`Options`] says how both behave, with the names and defaults of upstream's clients.
//!
//! ```no_run
//! use nsq_actors::client::{ChannelName, Consumer, Options, Producer, TopicName};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let topic = TopicName::parse("orders")?;
//!
//! let producer = Producer::new("127.0.0.1:4150", &Options::default())?;
//! producer.publish(&topic, "one").await?; // stored, as far as nsqd promises it
//! producer.publish_multi(&topic, &["two", "three"]).await?; // all or nothing
//! let receipt = producer.enqueue(&topic, "four").await?; // on its way
//! receipt.await?; // and now stored
//!
//! let mut options = Options::default();
//! options.set_text("max_in_flight,200")?;
//! let consumer = Consumer::builder(topic, ChannelName::parse("audit")?)
//!     .options(options)
//!     .lookupd("127.0.0.1:4161")
//!     .handle(8, |message| async move {
//!         println!("{}: {} bytes", message.id(), message.body().len());
//!         Ok(()) // FIN; an error would be REQ and a back-off
//!     })
//!     .await?;
//!
//! consumer.stop().await; // what is in flight is finished first
//! producer.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Messages of a stream are answered by whoever takes them, in any order and at any time before they time out:
//!
//! ```no_run
//! # use nsq_actors::client::{ChannelName, Consumer, TopicName};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut messages = Consumer::builder(TopicName::parse("orders")?, ChannelName::parse("archive")?)
//!     .nsqd("127.0.0.1:4150")
//!     .stream()
//!     .await?;
//! while let Some(message) = messages.next().await {
//!     match String::from_utf8(message.body().to_vec()) {
//!         Ok(_) => message.finish(),
//!         Err(error) => message.fail(error),
//!     };
//! }
//! # Ok(())
//! # }
//! ```

mod consumer;
mod delay;
mod dial;
mod error;
mod lookup;
pub mod options;
mod producer;
mod subject;
mod tls;
mod wire;

pub use self::{
    consumer::{Consumer, ConsumerBuilder, ConsumerStats, Delivery, Failure, Message, Messages},
    error::{ConnectError, Lost, ServerError, SetupError},
    lookup::{Found, LookupError, LookupdAddressError, Lookupds, Node},
    options::Options,
    producer::{Producer, ProducerLimits, PublishError, Receipt},
};
pub use crate::protocol::{ChannelName, InvalidName, MessageId, TopicName};
