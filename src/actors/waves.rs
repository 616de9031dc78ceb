//! Asking many actors something without holding up everything else that they do.

use std::{future::Future, time::Duration};

use actix_rt::time::timeout;
use futures_util::stream::{FuturesUnordered, StreamExt};

/// How many are asked at once. Their answers keep a worker from its messages for some 50 µs.
const WAVE: usize = 8;
/// The next wave does not wait longer for the one before.
const PATIENCE: Duration = Duration::from_millis(20);

/// Asks by polling `questions`, a few at a time, and returns what has been answered `deadline` after
/// the last one was asked, in any order. A question that is not answered holds up the others by
/// milliseconds.
pub async fn in_waves<Q: Future>(
    mut questions: impl Iterator<Item = Q>,
    deadline: Duration,
) -> Vec<Q::Output> {
    let (mut asked, mut answers) = (FuturesUnordered::new(), Vec::new());
    loop {
        let behind = asked.len();
        asked.extend(questions.by_ref().take(WAVE));
        if asked.len() == behind {
            break;
        }
        gather(&mut asked, &mut answers, behind, PATIENCE).await;
    }
    gather(&mut asked, &mut answers, 0, deadline).await;
    answers
}

/// Gathers answers until only `left` questions are open, or for `patience`.
async fn gather<Q: Future>(
    asked: &mut FuturesUnordered<Q>,
    answers: &mut Vec<Q::Output>,
    left: usize,
    patience: Duration,
) {
    let all_but_left = async {
        while asked.len() > left
            && let Some(answer) = asked.next().await
        {
            answers.push(answer);
        }
    };
    let _ = timeout(patience, all_but_left).await;
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending};

    use actix_rt::time::{Instant, sleep};
    use futures_util::FutureExt;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(3);

    #[actix::test]
    async fn all_are_asked_and_never_more_than_a_wave_at_once() {
        let (open, most) = (Cell::new(0), Cell::new(0));
        let question = |number: usize| {
            let (open, most) = (&open, &most);
            async move {
                open.set(open.get() + 1);
                most.set(most.get().max(open.get()));
                tokio::task::yield_now().await;
                open.set(open.get() - 1);
                number
            }
        };
        let mut answers = in_waves((0..100).map(question), DEADLINE).await;
        answers.sort_unstable();
        assert_eq!((answers, most.get()), ((0..100).collect::<Vec<_>>(), WAVE));
    }

    #[actix::test]
    async fn who_does_not_answer_is_left_out_and_holds_up_nobody() {
        tokio::time::pause();
        let start = Instant::now();
        let question = |number: usize| {
            let answered = async move { number };
            let silent = number.is_multiple_of(2);
            if silent { pending().boxed_local() } else { answered.boxed_local() }
        };
        let answers = in_waves((0..100).map(question), DEADLINE).await;
        assert_eq!(answers.len(), 50);
        assert!(start.elapsed() < DEADLINE + PATIENCE * 20, "{:?}", start.elapsed());
    }

    #[actix::test]
    async fn a_late_answer_still_counts() {
        tokio::time::pause();
        let question = |number| async move {
            sleep(PATIENCE * 3).await;
            number
        };
        assert_eq!(in_waves((0..20).map(question), DEADLINE).await.len(), 20);
    }
}
