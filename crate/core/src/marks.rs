//! Marks on the branches that are rarely taken, to see that a long run takes each of them at all: a rule that no run
//! ever comes to is a rule that nothing has checked (Kladov, "A Trick For Test Maintenance", 2018; TigerBeetle's
//! simulator does the like).
//!
//! A branch says `marks.hit(Mark::…)`, one line where the rare thing is decided. The counters are handed in with the
//! limits of the configuration, as a planted bug is, and shared by all nodes that got the same: there are no globals. A
//! node never reads them, so they change nothing of what it does. Without the cargo feature `marks` the type is of size
//! zero and a hit is nothing. Only the simulator turns the feature on; its soak fails if one of these was never hit.

#[cfg(feature = "marks")]
use alloc::sync::Arc;
#[cfg(feature = "marks")]
use alloc::vec::Vec;
#[cfg(feature = "marks")]
use core::sync::atomic::{AtomicU32, Ordering};

/// Names each mark and says in words when it is hit.
macro_rules! marks {
    ($($name:ident: $when:literal,)*) => {
        /// One branch that is rarely taken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark {
            $(#[doc = $when] $name,)*
        }

        impl Mark {
            /// All of them, each with when it is hit.
            pub const ALL: &[(Mark, &'static str)] = &[$((Mark::$name, $when),)*];
        }
    };
}

marks! {
    // What this node holds: `store`.
    EpochAfterUncleanStop: "a node that had not stopped cleanly begins an epoch",
    EpochForKeyLetGo: "a write had not seen an earlier one of ours on a key that was let go: an epoch begins",
    EpochForFullMemo: "more keys were let go than are remembered, and an epoch begins",
    HintsRestored: "a node starts with hints of an earlier life",
    HintsAdopted: "what a closed tab left behind is held for whom it may concern",
    GhostMet: "something comes of a key whose tombstone was reaped",
    GhostForgotten: "a ghost is forgotten for a newer one",
    GhostAnswers: "an owner asks after a tombstone that was reaped here",
    ManySiblings: "more than eight values that have not seen each other",
    CopiesRestored: "a node starts with copies of what others own",
    // The disk: `node`.
    BatchRefused: "the disk refuses a batch, and its rows are handed over again",
    AnswerParked: "who waits for the disk goes on waiting while some rows are refused",
    LinkReplaced: "a link opens in the place of one that was not missed",
    ClockSuspended: "a wall clock jumps, and is not believed",
    ClockConfirmed: "another device confirms a wall clock that had jumped",
    ClockSetBack: "a wall clock that had jumped is set back to where it was",
    // Puts and deletes: `coordinator`.
    PutWaitsForMint: "a put waits until dots may be made",
    MintRefused: "the disk refuses the row that opens the mint, and puts that wait for it fail",
    PutRefusedHere: "the disk of its own node refuses a put",
    EditReads: "an edit reads first, for its node does not hold enough",
    EditTakesAway: "an item or a field is taken away",
    OwnerRefuses: "an owner's disk refuses a write, and a fallback is asked",
    FallbackRefuses: "a fallback's disk refuses a write, and the next one is asked",
    ReplicaGone: "one who was asked to store a write goes away before it answers",
    NobodyStandsIn: "no fallback is left to stand in for an owner, and the hint stays here",
    MetWithFallback: "a put is met only because a fallback stands in",
    MetByFallbacks: "a put is met by fallbacks alone",
    RisesLate: "a receipt rises after its deadline",
    HintAtDeadline: "an owner that has not confirmed by the deadline is held a hint",
    WriteSuperseded: "a write is superseded before all owners have it",
    WriteUnfollowed: "more writes are followed than may be, and the oldest is let go",
    DeleteUnsure: "a delete could not read as many owners as it should",
    ReadWaitsForLinks: "a read waits for owners that are here and not linked",
    // Gets and listings: `coordinator`.
    NotYetAsked: "an owner that answered \"not yet\" is asked again",
    OwnArcArrives: "a node's own arc arrives while a read of it waits",
    HelperAsked: "a node whose answer does not count is asked for what it knows",
    StandInAsked: "another answers a read in the place of a suspect owner",
    ReadUnmet: "a read is answered at its deadline with what there is",
    ReaderGone: "one who was asked to read goes away before it answers",
    KeyDisputed: "a listing reads a key that one has and another has deleted",
    // What moves, and what may go: `handoff`.
    HintReaddressed: "a hint is addressed to the present owners of its key",
    HintDissolves: "the holder of a hint has become an owner, and needs it no more",
    ShipmentLost: "a batch that was not acknowledged in time is given up",
    ReceiverFull: "the disk of the receiver refuses a batch",
    ArcGivenUp: "an arc is waited for no longer, for no link with its source comes about",
    SourceGone: "the source of an incoming arc goes away",
    StrayLetGo: "an object that is not this node's to keep is let go",
    StrayKept: "a stray is kept, for an owner's arc is incoming",
    StrayUnknown: "an owner holds something else than the stray, and is sent it",
    StrayChanged: "a stray has changed by the time all owners have confirmed it",
    AskedInVain: "an owner that was asked about strays does not answer",
    Reaped: "a tombstone past the horizon is reaped",
    CopyPromoted: "a copy for the user is joined with what its node has come to own",
    CopyUnknown: "the first owner knows nothing of a copy, and it goes",
    // Comparisons: `repair`.
    RingsDiffer: "a comparison cannot be made, for the rings differ",
    RingChanges: "the ring changes during a comparison",
    ComparisonStalls: "a comparison in which nothing moves is given up",
    QuestionResent: "a question of a comparison is asked again",
    PartCut: "a part that differs is cut",
    PartCutAgain: "a part of a part that differs is cut once more",
    SymbolsTell: "what differs is told by coded symbols",
    SymbolsAsked: "coded symbols do not tell yet, and more are asked for",
    SymbolsGivenUp: "too much differs for coded symbols, and ranges are split",
    VersionsDiffer: "both sides hold a version of one key",
    NewsOnBothSides: "each side knows something of one key that the other lacks",
    ComparisonLeads: "two compare with each other at once, and one does not answer, for the other leaves it to it",
    ComparisonYields: "two compare with each other at once, and one leaves it to the other",
    GossipDiffers: "probes show that two owners hold different things",
    StraysCompared: "what an owner left behind is compared with the present one",
    ConfirmedByComparison: "a write is confirmed by a comparison",
    // Who is here: `membership`.
    SuspicionRefuted: "a node hears that it is suspected, and refutes it",
    DormancyRefuted: "a node hears that it is thought dormant, and refutes it",
    SuspicionConfirmed: "another node confirms a suspicion",
    HearsayDoubted: "what is claimed of a node just heard from is put to that node",
    SuspectHeard: "a suspect gives a sign of life, and has longer",
    RelayVouches: "a relay vouches for a node that has not answered",
    RelaysSilent: "relays that are there say nothing, and a node doubts itself",
    NobodyToAsk: "there is nobody to ask about a node that does not answer",
    WakesLate: "a node wakes up late, and holds nothing against the others",
    VerdictPutOff: "a verdict that is late itself is put off once",
    Dormant: "a suspect becomes dormant",
    DormantReturns: "a dormant node is back",
    Departed: "a node that was away past the horizon has departed",
    RecordOvertaken: "a node hears of a later record of its own than it remembers",
    HelloAgain: "a link has opened and a hello was lost",
    NobodyHasSaid: "in a large room nobody says anything of a node, and that is held against nobody",
    SharedAsBefore: "the ring changes, and two own nothing together that was not found equal: they do not compare anew",
    RingOutlived: "the ring changes, and a source goes on being asked about what is incoming",
    SourceWaits: "a source holds something that is incoming, and waits for another that is fetched from",
    // Links and ways over others in a large room: `overlay`.
    Sparse: "a room grows too large for links between all",
    Meshed: "a room has shrunk, and has links between all again",
    AskedOverOthers: "a link closes with a question on it, which is asked once more over others",
    HungUp: "a link that neither end wants is hung up",
    LinksCapped: "there are more links than there may be, and one is hung up",
    Promoted: "a pair that talks much over others earns a link",
    Relayed: "a message is passed on",
    RelayedFurther: "a message is passed on to who has no link with its receiver either",
    RelayWanders: "a message is passed on to nobody nearer",
    HopsSpent: "a message has been passed on as often as may be",
    RelayedTwice: "a message arrives by a second way, and is dropped",
    SentTogether: "frames that were said one after another leave in one",
    RecordsAlone: "others' records are written with nothing else",
    RelayRefuses: "more is to be passed on for a neighbour than may be",
    AnswerForAnotherLife: "an answer arrives that an earlier life had asked for",
    LifeReplaced: "a node has begun another life, and what its last one had asked is not answered",
    OutOfReach: "nothing comes back from a node over others, and it is passed over",
    BackInReach: "something comes back from a node that was out of reach",
}

impl Mark {
    /// Whether only a room too large for links between all comes to it.
    pub fn is_of_large_rooms(self) -> bool {
        self >= Mark::NobodyHasSaid
    }
}

/// Counts how often each branch was taken, for whoever holds a copy: copies share their counters.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    #[cfg(feature = "marks")]
    counters: Option<Arc<[AtomicU32]>>,
}

impl Marks {
    /// This branch was taken.
    #[cfg(feature = "marks")]
    pub fn hit(&self, mark: Mark) {
        if let Some(counter) = self.counters.as_ref().and_then(|counters| counters.get(mark as usize)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// This branch was taken: nobody counts, in this build.
    #[cfg(not(feature = "marks"))]
    pub const fn hit(&self, _mark: Mark) {}

    /// The branch that is taken if something holds that nobody else asks for.
    #[cfg(feature = "marks")]
    pub fn hit_if(&self, mark: Mark, holds: impl FnOnce() -> bool) {
        if self.counters.is_some() && holds() {
            self.hit(mark);
        }
    }

    /// The branch that is taken if something holds that nobody else asks for: nobody asks, in this build.
    #[cfg(not(feature = "marks"))]
    pub fn hit_if(&self, _mark: Mark, _holds: impl FnOnce() -> bool) {}
}

#[cfg(feature = "marks")]
impl Marks {
    /// Counters that count. Those by default do not.
    pub fn counting() -> Marks {
        Marks { counters: Some(Mark::ALL.iter().map(|_| AtomicU32::new(0)).collect()) }
    }

    /// How often each was hit by now, in the order of [`Mark::ALL`].
    pub fn counts(&self) -> Vec<u32> {
        self.counters.iter().flat_map(|counters| counters.iter()).map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Marks};

    #[test]
    fn every_mark_says_something_else() {
        for (index, (mark, when)) in Mark::ALL.iter().enumerate() {
            assert_eq!(*mark as usize, index);
            assert!(Mark::ALL[..index].iter().all(|(_, other)| other != when), "{mark:?}");
        }
    }

    #[cfg(not(feature = "marks"))]
    #[test]
    fn without_the_feature_nothing_is_left_of_it() {
        assert_eq!(core::mem::size_of::<Marks>(), 0);
        Marks::default().hit_if(Mark::Reaped, || unreachable!("nobody asks"));
    }

    #[cfg(feature = "marks")]
    #[test]
    fn copies_count_together_and_those_by_default_not_at_all() {
        let marks = Marks::counting();
        marks.clone().hit(Mark::Reaped);
        marks.hit_if(Mark::Reaped, || true);
        marks.hit_if(Mark::Departed, || false);
        let hits = |marks: &Marks, mark: Mark| marks.counts()[mark as usize];
        assert_eq!((hits(&marks, Mark::Reaped), hits(&marks, Mark::Departed)), (2, 0));
        let none = Marks::default();
        none.hit(Mark::Reaped);
        assert!(none.counts().is_empty());
    }
}
