//! Topology-aware consumption: how near a consumer is to its node, and who comes first.

/// How near a consumer is to its node; counted per delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Locality {
    /// In the node's zone.
    Zone,
    /// In the node's region.
    Region,
    /// Elsewhere, or nobody asks.
    #[default]
    Global,
}

/// What a consumer's place means for its deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proximity {
    /// How its deliveries are counted.
    pub locality: Locality,
    /// Consumers of a lower rank come first; below [`RANKS`].
    pub rank: u8,
}

/// How many ranks there are.
pub const RANKS: usize = 3;

/// Where a node stands. Region and zone are compared independently; empty equals empty.
#[derive(Debug, Clone, Copy)]
pub struct Topology<'a> {
    /// Consumers that are near come first.
    pub is_aware: bool,
    /// The node's region.
    pub region: &'a str,
    /// The node's zone.
    pub zone: &'a str,
}

impl Topology<'_> {
    /// What the place of a client means that said in IDENTIFY which `(region, zone)` it is in;
    /// `None` if it never did.
    pub fn proximity(&self, place: Option<(&str, &str)>) -> Proximity {
        if !self.is_aware {
            return Proximity::default();
        }
        let in_region = place.is_some_and(|(region, _)| region == self.region);
        let in_zone = place.is_some_and(|(_, zone)| zone == self.zone);
        let locality = match (in_zone, in_region) {
            (true, _) => Locality::Zone,
            (false, true) => Locality::Region,
            (false, false) => Locality::Global,
        };
        // A node that does not say where it is prefers nobody, though it has something in common
        // with clients that do not say it either.
        let rank = match (in_zone && !self.zone.is_empty(), in_region && !self.region.is_empty()) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        Proximity { locality, rank }
    }
}

#[cfg(test)]
mod tests {
    use super::{Locality::*, *};

    #[track_caller]
    fn check(node: (&str, &str), place: Option<(&str, &str)>, locality: Locality, rank: u8) {
        let topology = Topology { is_aware: true, region: node.0, zone: node.1 };
        assert_eq!(topology.proximity(place), Proximity { locality, rank });
    }

    #[test]
    fn zone_and_region_are_compared_independently() {
        let node = ("north", "n1");
        check(node, Some(("north", "n1")), Zone, 0);
        check(node, Some(("south", "n1")), Zone, 0);
        check(node, Some(("north", "n2")), Region, 1);
        check(node, Some(("south", "s1")), Global, 2);
        check(node, Some(("", "")), Global, 2);
    }

    #[test]
    fn empty_equals_empty_but_is_not_preferred() {
        check(("", ""), Some(("", "")), Zone, 2);
        check(("north", ""), Some(("north", "")), Zone, 1);
        check(("north", ""), Some(("south", "")), Zone, 2);
        check(("", "n1"), Some(("", "n2")), Region, 2);
        check(("", "n1"), Some(("", "n1")), Zone, 0);
    }

    #[test]
    fn a_client_that_never_identified_itself_is_near_nothing() {
        check(("", ""), None, Global, 2);
        check(("north", "n1"), None, Global, 2);
    }

    #[test]
    fn without_the_experiment_everybody_is_the_same() {
        let topology = Topology { is_aware: false, region: "north", zone: "n1" };
        for place in [None, Some(("north", "n1")), Some(("north", "n2")), Some(("", ""))] {
            assert_eq!(topology.proximity(place), Proximity { locality: Global, rank: 0 });
        }
    }
}
