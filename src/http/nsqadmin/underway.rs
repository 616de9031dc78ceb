//! What is being done and is not written down yet: a stop waits for it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::http::HttpError;

#[derive(Debug, Default)]
struct Actions {
    running: usize,
    is_stopping: bool,
}

/// Counts the actions that run.
#[derive(Debug, Clone, Default)]
pub struct Underway(Arc<watch::Sender<Actions>>);

/// One of them; it has ended when this is dropped.
#[derive(Debug)]
pub struct Begun(Underway);

impl Underway {
    /// Begins an action.
    ///
    /// # Errors
    ///
    /// `Exiting` once a stop waits for the others.
    pub fn begin(&self) -> Result<Begun, HttpError> {
        let begun = self.0.send_if_modified(|actions| {
            actions.running += usize::from(!actions.is_stopping);
            !actions.is_stopping
        });
        begun.then(|| Begun(self.clone())).ok_or(HttpError::Exiting)
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.0.borrow().running
    }

    /// Lets none begin any more and waits until all have ended.
    pub async fn end(&self) {
        self.0.send_modify(|actions| actions.is_stopping = true);
        let mut watching = self.0.subscribe();
        let _all_ended = watching.wait_for(|actions| actions.running == 0).await; // we hold the sender
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.0.send_modify(|actions| actions.running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[actix::test]
    async fn a_stop_waits_for_all_that_has_begun_and_lets_nothing_begin() {
        let underway = Underway::default();
        let (one, two) = (underway.begin().unwrap(), underway.begin().unwrap());
        drop(one);
        assert_eq!(underway.running(), 1);
        let mut end = Box::pin(underway.end());
        assert!((&mut end).now_or_never().is_none());
        assert_eq!(underway.begin().unwrap_err(), HttpError::Exiting);
        drop(two);
        end.await;
    }
}
