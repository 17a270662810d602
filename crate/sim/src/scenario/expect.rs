//! What must hold at some moment of a scenario, as data. Most of it is only looked at; `reads` asks.

use serde::Deserialize;

use super::ask::{Shows, Wanted};
use super::data::Names;

/// What must hold. Who is not named is everyone who is open.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// A get at each of these tabs is met and shows this.
    Reads(Reads),
    /// What each of these tabs holds of a key, whether it is theirs or not.
    Holds(Holds),
    /// What a named put or delete was told last.
    Receipt(ReceiptIs),
    /// What a named get was told.
    Read(ReadIs),
    /// How many hints these tabs hold together.
    Hints(Amount),
    /// What is thought of tabs.
    Status(StatusIs),
    /// How often something was told of since the last mark.
    Events(Events),
    /// How many actors the clock of a key has.
    Clock(ClockIs),
    /// How many rows of objects and hints these tabs wrote since the last mark.
    Writes(Amount),
    /// On how many disks a key lies.
    Copies(Copies),
    /// Who owns a key.
    Owners(Owners),
    /// How many copies the room keeps, as these tabs know it.
    N(NIs),
    /// Each of these has a link with each other.
    Meshed(Names),
    /// These tabs are closed: one that was to die in a persist has done so.
    Closed(Names),
}

/// What gets show.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reads {
    /// Of which key.
    pub key: String,
    /// Where.
    pub by: Option<Names>,
    /// A quorum, if nothing is said.
    pub level: Option<Wanted>,
    /// What each must show.
    pub shows: Shows,
}

/// What tabs hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// Of which key.
    pub key: String,
    /// Who.
    pub by: Option<Names>,
    /// What.
    pub shows: Shows,
}

/// What a receipt says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptIs {
    /// Of which request.
    pub of: String,
    /// Whether its level is met.
    pub met: Option<bool>,
    /// How many it needs.
    pub needed: Option<u8>,
    /// At least `local`, `one`, `quorum` or `all`.
    pub reached: Option<String>,
    /// These owners, and no others.
    pub owners: Option<Names>,
    /// These fallbacks, and no others.
    pub fallbacks: Option<Names>,
    /// On how many devices it is.
    pub devices: Option<u8>,
    /// `complete`, `superseded`, or `no`.
    pub ended: Option<String>,
    /// The request failed for this reason.
    pub failed: Option<String>,
}

/// What a read says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadIs {
    /// Of which request.
    pub of: String,
    /// Whether its level is met.
    pub met: Option<bool>,
    /// These answered, and no others.
    pub answered: Option<Names>,
    /// None but these answered.
    pub among: Option<Names>,
}

/// So many.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Of whom.
    pub by: Option<Names>,
    /// At least.
    pub at_least: Option<u64>,
    /// At most.
    pub at_most: Option<u64>,
}

/// What is thought of tabs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusIs {
    /// Of whom.
    pub of: Names,
    /// By whom; never by themselves.
    pub by: Option<Names>,
    /// `up`, `suspect`, `dormant`, `departed` or `unknown`; or one of several.
    pub is: Names,
}

/// What is counted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Which.
    pub kind: Kind,
    /// Told by whom; by anybody there ever was, if nothing is said.
    pub by: Option<Names>,
    /// About whom.
    pub about: Option<String>,
    /// At least so many.
    pub at_least: Option<u64>,
    /// At most so many.
    pub at_most: Option<u64>,
}

/// Kinds of events. Of those that tell of several keys, tombstones or objects, these are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Up,
    Suspect,
    Dormant,
    Departed,
    HintStored,
    HintDelivered,
    SiblingsCreated,
    Expired,
    ReadRepaired,
    ArcIncoming,
    ArcTransferred,
    LetGo,
    Reaped,
    Reconciled,
    PersistFailed,
    CapacityLowered,
    FrameDropped,
    EpochBegun,
    CopiesFull,
    Written,
}

/// How large a clock is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockIs {
    /// Of which key.
    pub key: String,
    /// At most so many actors.
    pub at_most: usize,
}

/// Where copies lie.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copies {
    /// Of which key.
    pub key: String,
    /// On at least so many disks, of closed tabs too.
    pub disks_at_least: Option<usize>,
    /// On at most so many.
    pub disks_at_most: Option<usize>,
    /// On at least so many devices.
    pub devices_at_least: Option<usize>,
}

/// Who owns a key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owners {
    /// Which.
    pub key: String,
    /// As these know it.
    pub by: Option<Names>,
    /// These, and no others.
    pub are: Option<Names>,
    /// None of these.
    pub lack: Option<Names>,
    /// On at least so many devices.
    pub devices_at_least: Option<usize>,
}

/// How many copies are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NIs {
    /// As these know it.
    pub by: Option<Names>,
    /// So many.
    pub is: u8,
}
