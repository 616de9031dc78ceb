//! Mailboxes around the rules and the files: the only part, with `http`, that knows actix.
