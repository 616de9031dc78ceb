//! Work that may take longer than nsqd waits for an answer.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;

use crate::client::Message;

/// nsqd is asked no more often than that.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// Waits for `work` on messages, and asks nsqd for more time for them whenever half of it has passed. nsqd itself limits
/// for how long (`--max-msg-timeout`).
pub async fn touching<'a, M, T>(messages: M, work: impl Future<Output = T>) -> T
where
    M: Iterator<Item = &'a Message> + Clone,
{
    let shortest = messages.clone().map(Message::timeout).min().unwrap_or(Duration::MAX);
    let period = (shortest / 2).max(PERIOD_MIN);
    let mut work = pin!(work);
    loop {
        if let Ok(done) = timeout(period, &mut work).await {
            return done;
        }
        for message in messages.clone() {
            message.touch(); // without a connection nsqd delivers it again anyway
        }
    }
}
