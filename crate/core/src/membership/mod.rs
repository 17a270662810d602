//! Who is here.

/// What a node believes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Opening; not yet heard of by anyone.
    Joining,
    /// Answers.
    Up,
    /// Has not answered for seconds, or said goodbye: hints are held for it, the ring stays.
    Suspect,
    /// Has been away for long enough that others stand in for it: keeps its record, owns nothing.
    Dormant,
    /// Hands its data off and will depart.
    Leaving,
    /// Gone for good.
    Departed,
}
