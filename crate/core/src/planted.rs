//! Bugs that are planted on purpose, to see that the checkers of the simulator are not blind: a build with one of them
//! must fail (the last of the design's invariants). Mutation testing by hand, one mutant a rule (DeMillo, Lipton,
//! Sayward, "Hints on test data selection", 1978).
//!
//! Each bug is one branch where the real rule is kept, asked as `planted.has(Plant::…)`. Which one, if any,
//! travels from the limits of the configuration to the modules that ask; there are no globals. Without the cargo
//! feature `plants` the type is of size zero and every answer is a constant no, so that nothing of it is left in a
//! browser's build. Only the simulator turns the feature on.

/// One bug that can be planted, named after the rule it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plant {
    /// After a clean stop the counter begins at zero again, whatever dots of this node are seen.
    ReuseADot,
    /// After an unclean stop the old epoch goes on.
    KeepTheEpoch,
    /// Dots are made before the row that says so is durable.
    MintBeforeDurable,
    /// Hints are not read back when a node starts.
    ForgetHints,
    /// A hint is dropped when it is sent, not when it is confirmed.
    DropHintUnconfirmed,
    /// What repair brings replaces what is held.
    OverwriteOnRepair,
    /// A replica acknowledges before its disk has the write.
    AckBeforePersist,
    /// A replica whose disk refused a write has acknowledged it.
    AckThoughRefused,
    /// The walk of the ring does not look at devices.
    SameDeviceReplicas,
    /// What a node gains by a change of the ring counts as arrived at once.
    SkipAnArc,
    /// An owner whose arc is incoming answers as if it had it.
    CountIncoming,
    /// A coordinator that is no owner counts its own copy.
    CountNonOwner,
    /// A quorum is one of those present, not of the room's N.
    QuorumOfPresent,
    /// A node that is thought to be away does not refute it.
    ForgetRefutation,
    /// A value that arrives as a hint is written anew, although its delete is known.
    ResurrectByHint,
    /// A put that is brought to a replica is given a dot there once more.
    MintTwice,
    /// Of concurrent values one is kept.
    LoseASibling,
    /// A join takes the values and not the context.
    ContextNotMerged,
    /// The walk of the ring ends at the last token.
    IgnoreTheWrap,
    /// A comparison says "the same", whatever is held.
    ForgeEqual,
    /// Every other node walks the ring the other way round.
    WrongOrder,
    /// Tombstones are left out of what is sent in bulk.
    TombstoneNotSent,
    /// At its deadline a receipt counts those who never answered.
    RiseWithoutAnswer,
    /// A delete without a context does not read first.
    DeleteUnread,
    /// A write without a context supersedes what its application was never shown.
    SupersedeUnseen,
    /// A node that leaves does not wait until its data lies elsewhere.
    DepartUnconfirmed,
    /// The first epoch of a node is always the same one.
    FixedEpoch,
    /// Every start begins an epoch, clean or not.
    EpochPerStart,
    /// Tombstones are reaped whatever their age.
    ReapEarly,
    /// Nothing is remembered of a tombstone that was reaped.
    ForgetGhosts,
    /// Whoever was away past the horizon drops what it holds.
    DropPastHorizon,
    /// What is no longer owned is let go without asking its owners.
    LetGoUnasked,
    /// Hints are not addressed anew when the ring changes.
    HintsForTheDormant,
    /// What closed tabs of the device left behind is not taken over.
    AdoptNothing,
    /// A receipt names fallbacks among the owners.
    StandInsAreOwners,
    /// A read is answered by whoever answers first.
    ReadOne,
    /// A read sends what it found to whoever has it already.
    RepairAlways,
    /// What is sent in bulk has forgotten when it expires.
    ExpiryNotSent,
    /// A last-write-wins put does not supersede what its node holds.
    LwwByStampAlone,
    /// The hybrid clock follows a stamp however far ahead it is.
    FollowAnyStamp,
    /// The room keeps as many copies as anybody asks for.
    BelieveAnyN,
    /// The record of a node that has departed is forgotten.
    ForgetDeparted,
    /// A node tells others of itself alone.
    OwnRecordOnly,
    /// A coordinator that keeps a copy for its user counts towards W.
    CountInterest,
    /// When a pin ends, what its node owns is dropped with the copies.
    EvictOwned,
    /// A watch of many keys brings nothing of what others own.
    WatchHeldAlone,
    /// What the first owner lacks of the copies is sent to it.
    PushCopies,
    /// Nobody dials a node that is thought dormant.
    NeverRedial,
    /// A suspect is thought dormant at once.
    DormantAtOnce,
    /// A node is accused without asking others.
    AccuseAlone,
    /// Who adds to a counter writes the new sum and leaves the last one there.
    AddAnew,
    /// What takes an item out of a set, or a field out of a map, takes all that is held.
    RemoveUnseen,
    /// What is passed on may be passed on for ever.
    RelayForEver,
    /// What one end does not want is hung up, whatever the other end wants.
    HangUpWanted,
    /// Who gets answers for an earlier life of its does not say that this is another.
    GreetOnce,
    /// What leaves twice leaves both times by the same neighbour.
    BothOneWay,
}

/// Which bug this node has, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Planted {
    #[cfg(feature = "plants")]
    plant: Option<Plant>,
}

#[cfg(not(feature = "plants"))]
impl Planted {
    /// Whether this bug was planted: never, in this build.
    pub const fn has(self, _plant: Plant) -> bool {
        false
    }
}

#[cfg(feature = "plants")]
impl Planted {
    /// A node with this bug.
    pub const fn with(plant: Plant) -> Planted {
        Planted { plant: Some(plant) }
    }

    /// Whether this bug was planted.
    pub fn has(self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }
}

#[cfg(feature = "plants")]
impl Plant {
    /// All of them, with the name by which each is planted and what it breaks.
    pub const ALL: [(Plant, &'static str, &'static str); 56] = [
        (Plant::ReuseADot, "reuse-a-dot", "after a clean stop the counter begins at zero again"),
        (Plant::KeepTheEpoch, "keep-the-epoch", "after an unclean stop no new epoch begins"),
        (Plant::MintBeforeDurable, "mint-before-durable", "dots are made before the disk knows that there may be some"),
        (Plant::ForgetHints, "forget-hints", "hints are not read back when a node starts"),
        (Plant::DropHintUnconfirmed, "drop-hint-unconfirmed", "a hint is dropped when sent, not when confirmed"),
        (Plant::OverwriteOnRepair, "overwrite-on-repair", "what repair brings replaces what is held"),
        (Plant::AckBeforePersist, "ack-before-persist", "a replica acknowledges what its disk does not have yet"),
        (Plant::AckThoughRefused, "ack-though-refused", "a replica acknowledges what its disk has refused"),
        (Plant::SameDeviceReplicas, "same-device-replicas", "the preference list does not look at devices"),
        (Plant::SkipAnArc, "skip-an-arc", "what a node gains by a change of the ring counts as arrived at once"),
        (Plant::CountIncoming, "count-incoming", "an owner whose arc is incoming counts as an answer"),
        (Plant::CountNonOwner, "count-non-owner", "a coordinator that is no owner counts towards W"),
        (Plant::QuorumOfPresent, "quorum-of-present", "a quorum is one of those present, not of N"),
        (Plant::ForgetRefutation, "forget-refutation", "a node that is thought to be away does not refute it"),
        (Plant::ResurrectByHint, "resurrect-by-hint", "a value that arrives as a hint wins over its delete"),
        (Plant::MintTwice, "mint-twice", "a put that is brought to a replica is given a dot there once more"),
        (Plant::LoseASibling, "lose-a-sibling", "of concurrent values one is kept"),
        (Plant::ContextNotMerged, "context-not-merged", "a join takes the values and not the context"),
        (Plant::IgnoreTheWrap, "ignore-the-wrap", "the last arc of the ring has not the owners of the first"),
        (Plant::ForgeEqual, "forge-equal", "a comparison says the same, whatever is held"),
        (Plant::WrongOrder, "wrong-order", "every other node walks the ring the other way round"),
        (Plant::TombstoneNotSent, "tombstone-not-sent", "repair and transfer leave tombstones out"),
        (Plant::RiseWithoutAnswer, "rise-without-answer", "at its deadline a receipt counts those who never answered"),
        (Plant::DeleteUnread, "delete-unread", "a delete without a context does not read what it deletes"),
        (Plant::SupersedeUnseen, "supersede-unseen", "a put supersedes what its application was never shown"),
        (
            Plant::DepartUnconfirmed,
            "depart-unconfirmed",
            "a node that leaves does not wait until its data is elsewhere",
        ),
        (Plant::FixedEpoch, "fixed-epoch", "the first epoch of a node is always the same"),
        (Plant::EpochPerStart, "epoch-per-start", "every start begins an epoch, clean or not"),
        (Plant::ReapEarly, "reap-early", "tombstones are reaped whatever their age"),
        (Plant::ForgetGhosts, "forget-ghosts", "nothing is remembered of a tombstone that was reaped"),
        (Plant::DropPastHorizon, "drop-past-horizon", "whoever was away past the horizon drops what it holds"),
        (Plant::LetGoUnasked, "let-go-unasked", "what is no longer owned is let go without asking its owners"),
        (Plant::HintsForTheDormant, "hints-for-the-dormant", "hints are not addressed anew when the ring changes"),
        (Plant::AdoptNothing, "adopt-nothing", "what closed tabs left behind is not taken over"),
        (Plant::StandInsAreOwners, "stand-ins-are-owners", "a receipt names fallbacks among the owners"),
        (Plant::ReadOne, "read-one", "a read is answered by whoever answers first"),
        (Plant::RepairAlways, "repair-always", "a read sends what it found to whoever has it already"),
        (Plant::ExpiryNotSent, "expiry-not-sent", "what is sent in bulk has forgotten when it expires"),
        (Plant::LwwByStampAlone, "lww-by-stamp-alone", "a last-write-wins put does not supersede what its node holds"),
        (Plant::FollowAnyStamp, "follow-any-stamp", "the hybrid clock follows a stamp however far ahead"),
        (Plant::BelieveAnyN, "believe-any-n", "the room keeps as many copies as anybody asks for"),
        (Plant::ForgetDeparted, "forget-departed", "the record of a node that has departed is forgotten"),
        (Plant::OwnRecordOnly, "own-record-only", "a node tells others of itself alone"),
        (Plant::CountInterest, "count-interest", "a coordinator that keeps a copy for its user counts towards W"),
        (Plant::EvictOwned, "evict-owned", "when a pin ends, what its node owns is dropped with the copies"),
        (Plant::WatchHeldAlone, "watch-held-alone", "a watch of many keys brings nothing of what others own"),
        (Plant::PushCopies, "push-copies", "what the first owner lacks of the copies is sent to it"),
        (Plant::NeverRedial, "never-redial", "nobody dials a node that is thought dormant"),
        (Plant::DormantAtOnce, "dormant-at-once", "a suspect is thought dormant at once"),
        (Plant::AccuseAlone, "accuse-alone", "a node is accused without asking others"),
        (Plant::AddAnew, "add-anew", "who adds to a counter leaves the sum that the new one includes"),
        (Plant::RemoveUnseen, "remove-unseen", "what takes one item out of a set takes all that is held"),
        (Plant::RelayForEver, "relay-for-ever", "what is passed on may be passed on for ever"),
        (Plant::HangUpWanted, "hang-up-wanted", "what one end does not want is hung up, whatever the other wants"),
        (Plant::GreetOnce, "greet-once", "who is answered as an earlier life of its does not say which this is"),
        (Plant::BothOneWay, "both-one-way", "what leaves twice leaves both times by the same neighbour"),
    ];

    /// Whether it shows only where not all are linked with all.
    pub fn is_of_large_rooms(self) -> bool {
        matches!(self, Plant::RelayForEver | Plant::HangUpWanted | Plant::GreetOnce | Plant::BothOneWay)
    }

    /// The bug of this name.
    pub fn named(name: &str) -> Option<Plant> {
        Plant::ALL.iter().find(|(_, known, _)| *known == name).map(|(plant, ..)| *plant)
    }

    /// The name by which it is planted.
    pub fn name(self) -> &'static str {
        Plant::ALL.iter().find(|(plant, ..)| *plant == self).map_or("", |(_, name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(not(feature = "plants"))]
    #[test]
    fn without_the_feature_nothing_is_left_of_it() {
        assert_eq!(core::mem::size_of::<super::Planted>(), 0);
        const { assert!(!super::Planted {}.has(super::Plant::ReuseADot)) };
    }

    #[cfg(feature = "plants")]
    #[test]
    fn every_plant_has_a_name_of_its_own() {
        use super::{Plant, Planted};
        for (plant, name, _) in Plant::ALL {
            assert_eq!((Plant::named(name), plant.name()), (Some(plant), name));
            assert!(Planted::with(plant).has(plant) && !Planted::default().has(plant));
        }
    }
}
