//! Asking many at once.

use futures_util::{StreamExt, stream};

/// Questions that are under way at once.
const QUESTIONS_MAX: usize = 64;

/// Asks all at once, but for a limit, and keeps their order.
pub(super) async fn ask_all<T, A, F>(nodes: impl IntoIterator<Item = T>, ask: A) -> Vec<F::Output>
where
    A: FnMut(T) -> F,
    F: Future,
{
    stream::iter(nodes.into_iter().map(ask)).buffered(QUESTIONS_MAX).collect().await
}
