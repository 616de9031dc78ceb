//! What recovery and readers report when bytes of a log cannot be read.

use std::{fmt, ops::Range};

use crate::storage::position::LogPosition;

/// What is wrong with a part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// Bytes that are no valid record, or no bytes at all where records should be.
    Records,
    /// The header of a segment. Its records are found without it, so nothing is lost by this alone.
    SegmentHeader,
}

/// A part of a log that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// First sequence number in the name of the segment.
    pub segment: u64,
    /// The bytes that were skipped; empty for a segment header.
    pub positions: Range<LogPosition>,
    /// The first lost message, where the record before was seen: not at the very beginning of a
    /// read in the middle of a segment.
    pub first_seq: Option<u64>,
    /// The first message that is readable again, where it is known.
    pub end_seq: Option<u64>,
}

impl Damage {
    /// Bytes that were skipped.
    pub fn bytes(&self) -> u64 {
        self.positions.end.bytes_since(self.positions.start)
    }

    /// The lost messages, where both ends are known.
    pub fn seqs(&self) -> Option<Range<u64>> {
        Some(self.first_seq?..self.end_seq?)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, positions, .. } = self;
        if self.kind == DamageKind::SegmentHeader {
            return write!(
                formatter,
                "header of segment {segment} is damaged, its records are kept"
            );
        }
        let (bytes, start) = (self.bytes(), positions.start);
        write!(
            formatter,
            "{bytes} damaged bytes at position {start} of segment {segment} skipped"
        )?;
        match self.seqs() {
            Some(seqs) => write!(formatter, ", messages {} to {} lost", seqs.start, seqs.end),
            None => Ok(()),
        }
    }
}
