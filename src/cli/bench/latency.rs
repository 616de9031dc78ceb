//! `nsq bench latency`.

use serde_json::json;

use super::{
    consume::reach,
    options::{self, Amount, CommandName, Payload, Server},
    outcome::Outcome,
    publish::{schedule, scheduled},
    session::Session,
};
use crate::bench::{
    Result,
    open_loop::{OpenLoop, Receiving},
};

const CHANNEL: &str = "bench";

/// How often something is sent.
#[derive(Debug, clap::Args)]
pub struct Latency {
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    pub(super) payload: Payload,
    /// Messages a second
    #[arg(long, default_value = "100", value_parser = options::rate)]
    rate: u64,
    /// How long they are sent
    #[arg(long, default_value = "10s", value_parser = options::duration)]
    duration: std::time::Duration,
    /// Messages at the beginning that do not count (default: a tenth)
    #[arg(long)]
    warm_up: Option<u64>,
    /// Connections that publish in turn
    #[arg(long, default_value = "1", value_parser = options::connections)]
    connections: usize,
    /// Publish over HTTP
    #[arg(long)]
    http: bool,
    /// Connections that consume, spread over the topics
    #[arg(long, default_value = "1", value_parser = options::connections)]
    consumers: usize,
    /// Credit of each
    #[arg(long, default_value = "100", value_parser = options::rdy)]
    rdy: u64,
}

impl Latency {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        reach(self.consumers, self.payload.topics)?;
        options::consumers_fit(self.consumers, self.payload.size)?;
        self.publishers().check(&self.server, &self.payload)?;
        scheduled(self.measured() + self.warm_up())
    }

    fn measured(&self) -> u64 {
        Amount { messages: 0, duration: Some(self.duration) }.at_rate(self.rate)
    }

    fn warm_up(&self) -> u64 {
        self.warm_up.unwrap_or(self.measured() / 10)
    }

    fn publishers(&self) -> options::Publishers {
        options::Publishers {
            connections: self.connections,
            command: CommandName::Pub,
            batch: 1,
            defer: self.duration,
            window: 1,
            http: self.http,
        }
    }

    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        let publishing = self.publishers().publishing(session, self.payload.size);
        let receiving = Receiving {
            target: session.target(),
            channel: CHANNEL.to_owned(),
            consumers: self.consumers,
            rdy: self.rdy,
        };
        let schedule = schedule(self.rate, self.warm_up(), self.measured());
        let open_loop = OpenLoop::connect(&publishing, Some(&receiving), schedule).await?;
        let meters = session.meters().await?;
        let ran = open_loop.run(session.patience).await?;
        let expense = meters.stop()?;
        Ok(Outcome::of_messages("latency", schedule.count(), self.payload.size, expense)
            .measured(ran)
            .doing(self.describe(), self.parameters()))
    }

    fn describe(&self) -> String {
        let Self { connections, consumers, rdy, rate, payload: Payload { size, topics }, .. } =
            self;
        format!(
            "{rate} messages of {size} B a second, {connections} publishing in turn, {consumers} consuming with RDY {rdy}, {topics} topics"
        )
    }

    fn parameters(&self) -> serde_json::Value {
        let Self {
            connections, consumers, rdy, rate, http, payload: Payload { size, topics }, ..
        } = self;
        json!({
            "rate": rate,
            "connections": connections,
            "consumers": consumers,
            "rdy": rdy,
            "http": http,
            "size": size,
            "topics": topics,
        })
    }
}
