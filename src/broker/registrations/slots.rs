//! Small numbers in place of things: a registration is two of them.

/// Things with a number each; numbers are used again.
#[derive(Debug)]
pub(super) struct Slots<T> {
    things: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { things: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub fn insert(&mut self, thing: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.things[slot as usize] = Some(thing);
            return slot;
        }
        let slot = u32::try_from(self.things.len()).expect("bounds on things are below 2^32");
        self.things.push(Some(thing));
        slot
    }

    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let thing = self.things.get_mut(slot as usize)?.take();
        if thing.is_some() {
            self.free.push(slot);
        }
        thing
    }

    pub fn get(&self, slot: u32) -> Option<&T> {
        self.things.get(slot as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.things.get_mut(slot as usize)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let numbered = (0u32..).zip(&self.things);
        numbered.filter_map(|(slot, thing)| Some((slot, thing.as_ref()?)))
    }

    /// What there is in each slot, in the order of the numbers.
    pub fn map<U>(&self, mut map: impl FnMut(&T) -> U) -> Vec<Option<U>> {
        self.things.iter().map(|thing| thing.as_ref().map(&mut map)).collect()
    }

    pub fn len(&self) -> usize {
        self.things.len() - self.free.len()
    }
}

/// A set of numbers: four bytes each.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotSet(Vec<u32>);

impl SlotSet {
    /// False if it was in there.
    pub fn insert(&mut self, slot: u32) -> bool {
        match self.0.binary_search(&slot) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, slot);
                true
            }
        }
    }

    /// False if it was not in there.
    pub fn remove(&mut self, slot: u32) -> bool {
        let found = self.0.binary_search(&slot);
        found.map(|at| self.0.remove(at)).is_ok()
    }

    pub fn contains(&self, slot: u32) -> bool {
        self.0.binary_search(&slot).is_ok()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    pub fn to_vec(&self) -> Vec<u32> {
        self.0.clone()
    }
}
