//! What there is in the bytes that a peer has sent.

use crate::{
    actors::client_connection::input::Used,
    protocol::lookup::{self, Decoded, LookupCommand, LookupError},
};

/// Commands that go to the registry at once: it has others to hear.
const COMMANDS_MAX: usize = 1024;

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Magic,
    Commands,
    /// Nothing more is looked at.
    Over,
}

/// Takes a link's bytes apart, and gathers what they say.
#[derive(Debug)]
pub(super) struct Hearing {
    phase: Phase,
    identified: bool,
    commands: Vec<LookupCommand>,
    error: Option<LookupError>,
}

impl Hearing {
    pub fn new() -> Self {
        Self { phase: Phase::Magic, identified: false, commands: Vec::new(), error: None }
    }

    /// The magic was said.
    pub fn knows_protocol(&self) -> bool {
        self.phase == Phase::Commands
    }

    /// The commands that have gathered.
    pub fn take_commands(&mut self) -> Vec<LookupCommand> {
        std::mem::take(&mut self.commands)
    }

    /// What was wrong behind them.
    pub fn take_error(&mut self) -> Option<LookupError> {
        self.error.take()
    }

    /// What to say to a peer that stops with `pending` said; nothing more is looked at.
    pub fn end(&mut self, pending: &[u8]) -> Option<LookupError> {
        let was_listening = self.knows_protocol();
        self.phase = Phase::Over;
        if was_listening { lookup::truncated(pending, self.identified) } else { None }
    }

    /// Nothing more is looked at.
    pub fn stop(&mut self) {
        self.phase = Phase::Over;
    }

    pub fn decode(&mut self, buf: &[u8]) -> Used {
        let all = Used { consumed: buf.len(), needed: 1 };
        let decoded = match self.phase {
            Phase::Magic => self.decode_magic(buf),
            Phase::Commands => self.decode_commands(buf),
            Phase::Over => return all,
        };
        decoded.unwrap_or_else(|error| {
            self.error = Some(error);
            self.phase = Phase::Over;
            all
        })
    }

    fn decode_magic(&mut self, buf: &[u8]) -> Result<Used, LookupError> {
        let length = lookup::MAGIC_V1.len();
        if !lookup::decode_magic(buf)? {
            return Ok(Used { consumed: 0, needed: length });
        }
        self.phase = Phase::Commands;
        Ok(Used { consumed: length, needed: 1 })
    }

    fn decode_commands(&mut self, buf: &[u8]) -> Result<Used, LookupError> {
        let mut consumed = 0;
        while self.commands.len() < COMMANDS_MAX {
            match lookup::decode(&buf[consumed..], self.identified)? {
                Decoded::Whole { value, consumed: length } => {
                    self.identified |= matches!(value, LookupCommand::Identify(_));
                    self.commands.push(value);
                    consumed += length;
                }
                Decoded::Incomplete { needed } => return Ok(Used { consumed, needed }),
            }
        }
        Ok(Used { consumed, needed: 1 })
    }
}
