//! `nsq bench publish`.

use serde_json::json;

use super::{
    options::{self, Amount, CommandName, Payload, SCHEDULED_MAX, Server},
    outcome::{Check, Outcome},
    session::Session,
};
use crate::bench::{Bodies, Extent, Ledger, Publishers, Result, Schedule, open_loop::OpenLoop};

/// Who publishes what.
#[derive(Debug, clap::Args)]
pub struct Publish {
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    publishers: options::Publishers,
    #[command(flatten)]
    pub(super) payload: Payload,
    #[command(flatten)]
    amount: Amount,
    /// Messages that are published before anything is measured (default: a twentieth of --messages)
    #[arg(long)]
    warm_up: Option<u64>,
    /// Messages a second, over all connections, whatever the server does; each is timed from the moment at which it is
    /// due. Without it connections publish as fast as they are answered
    #[arg(long, value_parser = options::rate)]
    rate: Option<u64>,
    /// Channels of each topic that are there before, and take everything up
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    channels: u16,
    /// Do not take out afterwards what was published
    #[arg(long)]
    no_check: bool,
}

impl Publish {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let Self { server, publishers, payload, amount, .. } = self;
        publishers.check(server, payload)?;
        if self.channels > 0 {
            server.needs_http("--channels")?;
        }
        let Some(rate) = self.rate else { return Ok(()) };
        if publishers.command == CommandName::Mpub || publishers.window > 1 {
            return Err("--rate goes with single messages, without --window".to_owned());
        }
        scheduled(amount.at_rate(rate) + self.warm_up(rate))
    }

    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        let channels: Vec<_> = (0..self.channels).map(|number| format!("bench_{number}")).collect();
        if !channels.is_empty() {
            session.create(&channels).await?;
        }
        let (outcome, ledger) = match self.rate {
            None => self.as_fast_as_answered(session).await?,
            Some(rate) => self.at_rate(rate, session).await?,
        };
        let bodies = Bodies::new(self.payload.size, self.publishers.command().batch());
        let check = self.take_all(session, channels, &bodies, &ledger).await?;
        Ok(outcome.doing(self.describe(), self.parameters()).checked(check))
    }

    async fn as_fast_as_answered(&self, session: &Session) -> Result<(Outcome, Ledger)> {
        let size = self.payload.size;
        let publishing = self.publishers.publishing(session, size);
        let mut publishers = Publishers::connect(&publishing).await?;
        let warm_up = Extent::Messages(self.warm_up.unwrap_or(self.amount.messages / 20));
        publishers.publish(warm_up).await?;
        let meters = session.meters().await?;
        let published = publishers.publish(self.amount.extent()).await?;
        let expense = meters.stop()?;
        let outcome = Outcome::of_messages("publish", published.messages, size, expense)
            .with_ok(published.ok.percentiles());
        Ok((outcome, publishers.ledger().clone()))
    }

    async fn at_rate(&self, rate: u64, session: &Session) -> Result<(Outcome, Ledger)> {
        let size = self.payload.size;
        let publishing = self.publishers.publishing(session, size);
        let schedule = schedule(rate, self.warm_up(rate), self.amount.at_rate(rate));
        let open_loop = OpenLoop::connect(&publishing, None, schedule).await?;
        let ledger = open_loop.ledger().clone();
        let meters = session.meters().await?;
        let measured = open_loop.run(session.patience).await?;
        let expense = meters.stop()?;
        let outcome = Outcome::of_messages("publish", schedule.count(), size, expense);
        Ok((outcome.measured(measured), ledger))
    }

    fn warm_up(&self, rate: u64) -> u64 {
        self.warm_up.unwrap_or(self.amount.at_rate(rate) / 20)
    }

    async fn take_all(
        &self,
        session: &Session,
        mut channels: Vec<String>,
        bodies: &Bodies,
        ledger: &Ledger,
    ) -> Result<Option<Check>> {
        if self.no_check || session.bare {
            return Ok(None);
        }
        if channels.is_empty() {
            channels.push("bench".to_owned());
        }
        let patience = session.patience + self.publishers.command().delay();
        session.check(&channels, bodies, ledger, patience).await.map(Some)
    }

    fn describe(&self) -> String {
        let publishers = self.publishers.describe(self.payload.size);
        let (topics, channels) = (self.payload.topics, self.channels);
        let rate = self.rate.map_or_else(String::new, |rate| format!(", {rate} a second"));
        format!("{publishers}{rate}, {topics} topics with {channels} channels")
    }

    fn parameters(&self) -> serde_json::Value {
        let options::Publishers { connections, window, http, .. } = &self.publishers;
        let command = self.publishers.command();
        json!({
            "connections": connections,
            "window": window,
            "http": http,
            "batch": command.batch(),
            "defer_seconds": command.delay().as_secs_f64(),
            "size": self.payload.size,
            "topics": self.payload.topics,
            "channels": self.channels,
            "rate": self.rate,
        })
    }
}

/// Messages at a fixed rate.
pub(super) fn schedule(rate: u64, warm_up: u64, measured: u64) -> Schedule {
    let interval = std::time::Duration::from_nanos(1_000_000_000 / rate);
    Schedule { interval, warm_up, measured, publishers: 1 }
}

/// Refuses more messages than are kept apart.
pub(super) fn scheduled(messages: u64) -> std::result::Result<(), String> {
    if messages > SCHEDULED_MAX {
        return Err(format!("a rate goes with up to {SCHEDULED_MAX} messages, not {messages}"));
    }
    Ok(())
}
