//! The answering side of a comparison. It keeps one scope per node, and works out everything else from the question.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{LISTED_MAX, part_of};
use crate::coordinator::Surroundings;
use crate::handoff::{Handoff, size};
use crate::id::{Key, NodeId};
use crate::planted::Plant;
use crate::ring::{PART_FANOUT, RangeSet};
use crate::wire::{Message, Object, Part, PartSummary, Purpose, Scope, Wanted, WireError};

/// The most parts one message may ask for, ranges one scope may have, positions one message may want.
const PARTS_MAX: usize = 256;
const RANGES_MAX: usize = 65_536;
const POSITIONS_MAX: usize = 4_096;
/// About how many bytes of objects one answer holds.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How many sessions of one node are answered at a time.
const SCOPES_MAX: usize = 4;

/// Which scopes other nodes compare with this one.
#[derive(Debug, Clone, Default)]
pub struct Answering {
    scopes: BTreeMap<NodeId, Vec<(u32, RangeSet)>>,
}

impl Answering {
    /// That node is gone, and its sessions with it.
    pub fn forget(&mut self, id: NodeId) {
        self.scopes.remove(&id);
    }

    fn scope(&self, from: NodeId, session: u32) -> Option<&RangeSet> {
        self.scopes.get(&from)?.iter().find(|(number, _)| *number == session).map(|(_, scope)| scope)
    }

    fn open(&mut self, near: &Surroundings<'_>, from: NodeId, session: u32, scope: Scope) -> Result<bool, WireError> {
        let ranges = match scope {
            Scope::Shared(hash) if hash != near.ring.hash() => return Ok(false),
            Scope::Shared(_) => near.ring.arcs_where(|owners| owners.contains(&near.me) && owners.contains(&from)),
            Scope::Ranges(pairs) if pairs.len() > RANGES_MAX => return Err(WireError::Limit),
            Scope::Ranges(pairs) => RangeSet::parse(pairs).ok_or(WireError::Malformed)?,
        };
        let scopes = self.scopes.entry(from).or_default();
        scopes.retain(|(number, _)| *number != session);
        if scopes.len() >= SCOPES_MAX {
            scopes.remove(0);
        }
        scopes.push((session, ranges));
        Ok(true)
    }

    /// Say what is held in the parts that are asked for. Tells the ring's hash if all of what both own is the same.
    pub fn on_compare(
        &mut self,
        near: &mut Surroundings<'_>,
        from: NodeId,
        session: u32,
        scope: Option<Scope>,
        parts: Vec<(Part, Option<u128>)>,
    ) -> Result<Option<u64>, WireError> {
        if parts.len() > PARTS_MAX {
            return Err(WireError::Limit);
        }
        let shared = match &scope {
            Some(Scope::Shared(hash)) => Some(*hash),
            _ => None,
        };
        let is_open = match scope {
            Some(scope) => self.open(near, from, session, scope)?,
            None => self.scope(from, session).is_some(),
        };
        let Some(scope) = self.scope(from, session).filter(|_| is_open) else {
            near.out.push((from, Message::Mismatch { session }));
            return Ok(None);
        };
        let answers: Vec<(Part, PartSummary)> =
            parts.into_iter().map(|(part, theirs)| (part, summarize(near, scope, part, theirs))).collect();
        let is_same = answers.iter().any(|(part, summary)| part.depth == 0 && *summary == PartSummary::Same);
        let message = Message::Summary { session, parts: answers };
        // "The same" also says that it is durable here.
        if is_same {
            near.gated.push((from, message))
        } else {
            near.out.push((from, message))
        }
        Ok(shared.filter(|_| is_same))
    }

    /// Send what is wanted, as much as fits one answer.
    pub fn on_want(
        &mut self,
        near: &mut Surroundings<'_>,
        handoff: &mut Handoff,
        from: NodeId,
        session: u32,
        what: Wanted,
    ) -> Result<(), WireError> {
        let Some(scope) = self.scope(from, session) else {
            near.out.push((from, Message::Mismatch { session }));
            return Ok(());
        };
        let (objects, next) = match what {
            Wanted::Positions(positions) if positions.len() > POSITIONS_MAX => return Err(WireError::Limit),
            Wanted::Positions(mut positions) => {
                positions.sort_unstable();
                positions.retain(|&position| scope.contains(position));
                let keys = positions.into_iter().flat_map(|at| near.store.at(at).map(move |key| (at, key)));
                fill(near, keys)
            }
            Wanted::All { part, from: start } => {
                let range = part_of(scope, part);
                let items = near.store.items(&range).filter(|(position, ..)| position.0 >= start);
                fill(near, items.map(|(position, key, _)| (position.0, key)))
            }
        };
        handoff.shipments.send(near.now, from, Purpose::Answer(session), objects, next, near.out);
        Ok(())
    }
}

fn summarize(near: &Surroundings<'_>, scope: &RangeSet, part: Part, theirs: Option<u128>) -> PartSummary {
    let range = part_of(scope, part);
    let ours = near.store.sum(&range);
    if theirs == Some(ours.fingerprint) || near.planted.has(Plant::ForgeEqual) {
        return PartSummary::Same;
    }
    if ours.count <= LISTED_MAX || part.depth >= crate::ring::PART_DEPTH_MAX {
        let items = near.store.items(&range).map(|(position, _, fingerprint)| (position.0, fingerprint as u64));
        return PartSummary::Items(items.collect());
    }
    let children = (0..PART_FANOUT).map(|child| {
        let child = Part { depth: part.depth + 1, index: part.index.wrapping_mul(PART_FANOUT).wrapping_add(child) };
        near.store.sum(&part_of(scope, child)).fingerprint
    });
    PartSummary::Split(children.collect())
}

/// As many objects as fit, all of one position or none of it; and the position to go on from.
fn fill<'a>(near: &Surroundings<'_>, keys: impl Iterator<Item = (u64, &'a Key)>) -> (Vec<(Key, Object)>, Option<u64>) {
    let (mut objects, mut bytes, mut last) = (Vec::new(), 0, None);
    for (position, key) in keys {
        if bytes >= ANSWER_BYTES_MAX && last != Some(position) {
            return (objects, Some(position));
        }
        let Some(object) = near.store.object(key) else { continue };
        bytes += key.as_bytes().len() + size(object);
        last = Some(position);
        objects.push((key.clone(), object.clone()));
    }
    (objects, None)
}
