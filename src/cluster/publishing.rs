//! One message to one nsqd.

use bytes::Bytes;

use super::{
    failure::{AskError, Stage},
    http::{Ask, Question},
    reach::Reach,
};
use crate::protocol::TopicName;

impl Ask {
    /// Publishes a message; it may go out after so many milliseconds. The node makes a topic that it does not have.
    pub async fn publish(
        &self,
        node: &Reach,
        topic: &TopicName,
        message: Bytes,
        defer_ms: u64,
    ) -> Result<(), AskError> {
        let defer = defer_ms.to_string();
        let mut query = vec![("topic", topic.as_str())];
        if defer_ms > 0 {
            query.push(("defer", &defer));
        }
        let question = Question { stage: Stage::Nsqd, path: "/pub", query: &query };
        self.post_body(node, question, message).await
    }
}
