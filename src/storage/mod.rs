//! Files: the log of a topic, cursors of its channels; blocking calls, no actix.
