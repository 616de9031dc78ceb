//! One number for each step.

use super::{COLUMNS_MAX, STEPS_MAX};

/// How many columns are taken.
#[derive(Debug, Default)]
pub(super) struct Columns {
    taken: usize,
}

impl Columns {
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Room for one more, if there is any.
    fn take(&mut self, is_new: f32) -> Option<Box<[f32]>> {
        if self.taken >= COLUMNS_MAX {
            return None;
        }
        self.taken += 1;
        Some(vec![is_new; STEPS_MAX].into_boxed_slice())
    }

    fn give_back(&mut self) {
        self.taken -= 1;
    }
}

/// Unknown is NaN.
#[derive(Debug, Default)]
pub(super) enum Column {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// The same in every step.
    Flat(f32),
    /// A ring: step n stands at n modulo its length.
    Full(Box<[f32]>),
    /// There was no room for it.
    LeftOut,
}

impl Column {
    /// What stands at a step that has been written.
    pub(super) fn at(&self, step: u64) -> f32 {
        match self {
            Self::Unknown | Self::LeftOut => f32::NAN,
            Self::Flat(value) => *value,
            Self::Full(ring) => ring[slot(step)],
        }
    }

    /// Writes down what holds in a step. `is_first` if the series has no other step.
    pub(super) fn set(&mut self, step: u64, value: f32, is_first: bool, columns: &mut Columns) {
        let same = |flat: f32| flat == value || (flat.is_nan() && value.is_nan());
        match self {
            Self::Full(ring) => ring[slot(step)] = value,
            Self::LeftOut => {}
            _ if is_first => *self = if value.is_nan() { Self::Unknown } else { Self::Flat(value) },
            Self::Unknown if value.is_nan() => {}
            Self::Flat(flat) if same(*flat) => {}
            Self::Unknown | Self::Flat(_) => {
                let before = self.at(step);
                *self = columns.take(before).map_or(Self::LeftOut, Self::Full);
                self.set(step, value, false, columns);
            }
        }
    }

    /// Gives its room back.
    pub(super) fn end(&mut self, columns: &mut Columns) {
        if matches!(self, Self::Full(_)) {
            columns.give_back();
        }
        *self = Self::Unknown;
    }
}

fn slot(step: u64) -> usize {
    usize::try_from(step % STEPS_MAX as u64).unwrap_or(0)
}
