//! Ways over others, in a room too large for links between all.
//!
//! *What is known*: everybody tells its neighbours whom it is linked with, when that changes and every ten seconds:
//! fourteen links are some 250 bytes, and what a node then sees, two steps far, is nearly everybody of 64 and a fifth
//! of a thousand. Tables of ways to all would cost each node the size of the room with every change of it.
//!
//! *How a message goes*: to a neighbour that has a link with its receiver; else to the neighbour that itself, or by one
//! of its links, is nearest to it on the ring of ids (greedy routing with lookahead: Manku, Naor, Wieder, STOC 2004).
//! Everybody has links with the three next to it on each side, so that there is always one who is nearer, and of a
//! thousand nodes any is reached in about four steps. Where the ring is torn, a message wanders, but not far: at most
//! [`HOPS_MAX`] steps. A way to where nobody nearer is known is not looked for, since wandering finds most.
//!
//! *Two tries*: a small message leaves by two neighbours at once, and its receiver drops the second copy. That costs as
//! many frames as an acknowledgement would, and hides the death of a relay without waiting for it. A large one, one for
//! which nobody waits (a comparison), and any where answers take long, leaves by one, by another each time; if it is
//! lost it is, as over a link that broke, for the layers above to notice.
//!
//! *Who is out of reach*: if nothing has come back for three seconds from somebody who was asked something, it is
//! passed over (`Membership::set_lost`), and asked now and then, until something does. That is no evidence of its
//! death.
//!
//! *Lives*: over a link, an answer can only reach the life that asked. Here a message says which life of its sender it
//! is from, and an answer for which life of its receiver: another drops it, and whoever has begun a new life is owed no
//! answer any more. On a link that has just opened a hello says it; until that has come, answers say there too for
//! which life they are, and a life that gets those of another says its hello again, for it was lost.
//!
//! Invariants: no message is passed on more than [`HOPS_MAX`] times; a neighbour has so much passed on in a second and
//! no more; what is remembered is bounded by the members and by the links.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::LINKS_MAX;
use super::choice::distance;
use super::load::{Load, Loads};
use super::peer::{PROMOTED_MS, Peer, Wait};
use super::ways::Ways;
use crate::id::NodeId;
use crate::marks::{Mark, Marks};
use crate::membership::Membership;
use crate::planted::Plant;
use crate::time::{Instant, Millis};
use crate::wire::{self, Lane, Message, Outbox, Relayed, WireError};

/// How often a message may be passed on.
pub const HOPS_MAX: u8 = 8;
/// How many steps more it costs to be passed on to nobody nearer: where the receiver is gone, all would wander.
const WANDERING: u8 = 3;
/// How many bytes a message may have to leave by two ways.
const TWICE_BYTES_MAX: usize = 16 * 1024;
/// How many links a neighbour may say that it has.
const NEIGHBOURS_LINKS_MAX: usize = 2 * LINKS_MAX;
/// How soon up to so many links are told again when they have changed, more of them later; and when they have not.
pub(super) const TELL_MS: Millis = 1_000;
const TELL_LINKS: u64 = 12;
const TELL_AGAIN_MS: Millis = 10_000;
/// When somebody who was asked and says nothing is asked whether it is there; how often when it is out of reach.
const ASK_MS: Millis = 1_000;
const ASK_LOST_MS: Millis = 5_000;
/// After how long without a word somebody is out of reach, who was asked so often.
const LOST_MS: Millis = 3_000;
const LOST_ASKED: u32 = 2;
/// How many are asked at a time: where many owe a word at the same moment, it is they or the way that are busy.
const ASKS_MAX: usize = 8;
/// How many links are earned so at a time.
pub(super) const PROMOTED_MAX: usize = 4;

/// What is to be done with a message that came over others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// It is for this node: this frame.
    Here(Vec<u8>),
    /// It is to be passed on, to this neighbour.
    PassOn(NodeId, Relayed),
    /// It is the answer to another life of this node: whoever sent it has not heard which one this is.
    ForAnotherLife,
    /// It goes no further.
    Nowhere,
}

/// What was told of this node's links, and when.
#[derive(Debug, Clone)]
struct Told {
    at: Instant,
    links: Vec<(NodeId, bool)>,
    /// Up to this revision of the links that is what they are.
    revision: u64,
}

/// Ways over others, and what has gone over them.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    number: u32,
    peers: BTreeMap<NodeId, Peer>,
    /// Those whose answer is waited for, and some whose answer is not any more.
    waiting: BTreeSet<NodeId>,
    ways: Ways,
    /// All whose link was earned, and some whose link is not any more.
    earned: BTreeSet<NodeId>,
    /// Goes on whenever what the neighbours say of their links may have changed.
    wishes: u64,
    told: Option<Told>,
    loads: Loads,
}

impl Routes {
    /// With this limit on what is passed on for a neighbour.
    pub fn new(load_max: Load) -> Routes {
        Routes { loads: Loads::new(load_max), ..Routes::default() }
    }

    /// A link has opened. Which life is at its other end is not known yet.
    pub fn on_link_up(&mut self, id: NodeId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            (peer.is_unsure, peer.waits) = (peer.life.is_some(), None);
        }
    }

    /// A link has closed. Tells whether what its other end has asked may still be answered, over others.
    pub fn on_link_down(&mut self, now: Instant, id: NodeId, is_sparse: bool) -> bool {
        self.ways.forget(id);
        self.earned.remove(&id);
        self.wishes += 1;
        self.loads.forget(id);
        if !is_sparse {
            self.peers.remove(&id);
        }
        if let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.promoted.is_some()) {
            (peer.promoted, peer.demoted) = (None, Some(now));
        }
        self.peers.get(&id).is_some_and(|peer| peer.life.is_some())
    }

    /// This life of a node has said something. Tells whether another one was known: what that had asked is answered no
    /// more.
    pub fn on_life(&mut self, from: NodeId, life: u32, is_linked: bool) -> bool {
        let peer = self.peers.entry(from).or_default();
        let is_other = peer.life.is_some_and(|known| known != life);
        if is_other {
            (peer.top, peer.seen) = (0, 0);
        }
        peer.life = Some(life);
        peer.is_unsure &= !is_linked;
        is_other
    }

    /// Something has come from this node, on whatever way.
    pub fn on_heard(&mut self, now: Instant, from: NodeId, membership: &mut Membership, marks: &Marks) {
        // It is asked with all that comes, and few of a thousand are waited for.
        if !self.waiting.remove(&from) {
            return;
        }
        let waited = self.peers.get_mut(&from).and_then(|peer| peer.waits.take());
        let Some(Wait { since, .. }) = waited else { return };
        if membership.is_lost(from) {
            marks.hit(Mark::BackInReach);
            membership.set_lost(from, false);
        } else {
            membership.note_answer(now.since(since));
        }
    }

    /// A neighbour tells of its links.
    pub fn on_links(
        &mut self,
        from: NodeId,
        links: Vec<(NodeId, bool)>,
        membership: &Membership,
    ) -> Result<(), WireError> {
        if links.len() > NEIGHBOURS_LINKS_MAX {
            return Err(WireError::Limit);
        }
        if membership.links().contains(&from) {
            self.ways.told(from, links);
            self.wishes += 1;
        }
        Ok(())
    }

    /// A number that is another when a neighbour may have said something else of its links.
    pub(super) fn wishes(&self) -> u64 {
        self.wishes
    }

    /// Whether a neighbour has said that it wants its link with this node, and how many links it wants and has.
    pub(super) fn wish_of(&self, neighbour: NodeId, me: NodeId) -> Option<(bool, usize)> {
        let links = self.ways.links_of(neighbour)?;
        let wish = links.iter().find(|(id, _)| *id == me)?.1;
        Some((wish, links.iter().filter(|(_, is_wanted)| *is_wanted).count()))
    }

    /// With whom so much is said over others that a link is worth it: the latest first.
    pub(super) fn promoted(&self, now: Instant) -> Vec<NodeId> {
        let is_fresh = |at: &Instant| now.since(*at) < PROMOTED_MS;
        debug_assert!(self.peers.iter().all(|(id, peer)| peer.promoted.is_none() || self.earned.contains(id)));
        let promoted_at = |id| self.peers.get(id)?.promoted.filter(is_fresh);
        let promoted = self.earned.iter().filter_map(|id| Some((promoted_at(id)?, *id)));
        let mut promoted: Vec<(Instant, NodeId)> = promoted.collect();
        promoted.sort_unstable_by(|one, other| other.cmp(one));
        promoted.into_iter().take(PROMOTED_MAX).map(|(_, id)| id).collect()
    }

    /// Tell all neighbours of this node's links, if it is time. Links of one revision are the same links.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        pause_ms: Millis,
        revision: u64,
        links: impl FnOnce() -> Vec<(NodeId, bool)>,
        out: &mut Outbox,
    ) {
        let ago = self.told.as_ref().map(|told| (now.since(told.at), told));
        let soon = |told: &Told| pause_ms * (told.links.len() as u64).max(TELL_LINKS) / TELL_LINKS;
        let is_known = |told: &Told| told.revision == revision;
        if ago.is_some_and(|(ago, told)| ago < soon(told) || is_known(told) && ago < TELL_AGAIN_MS) {
            return;
        }
        let links = links();
        if ago.is_none_or(|(ago, told)| ago >= TELL_AGAIN_MS || told.links != links) {
            out.extend(links.iter().map(|(link, _)| (*link, Message::Links(links.clone()))));
            self.told = Some(Told { at: now, links, revision });
        } else if let Some(told) = &mut self.told {
            told.revision = revision;
        }
    }

    /// Over which neighbours, at most so many, somebody without a link is reached: best first.
    pub fn toward(
        &self,
        to: NodeId,
        is_free: impl Fn(NodeId) -> bool,
        membership: &Membership,
        random: &mut fastrand::Rng,
        count: usize,
    ) -> Vec<NodeId> {
        let links = membership.links().iter().copied().filter(|&id| is_free(id) && id != to);
        let mut links: Vec<NodeId> = links.collect();
        // Of those equally near, which many are who have a link with it, another each time.
        crate::id::shuffle(random, &mut links);
        // Who does not answer comes last. Few are asked whether they do: the first mostly does.
        let mut away = Vec::new();
        let answers = |id: &NodeId| {
            let answers = membership.answers(*id);
            away.extend((!answers).then_some(*id));
            answers
        };
        let mut found: Vec<NodeId> = self.ways.nearest(to, links).filter(answers).take(count).collect();
        found.extend(away.into_iter().take(count - found.len()));
        found
    }

    /// What a message is wrapped in and to whom it is handed; `None`: it goes as it is, over the link. Empty: nowhere.
    pub fn wrap(
        &mut self,
        now: Instant,
        to: NodeId,
        message: &Message,
        membership: &Membership,
        random: &mut fastrand::Rng,
        marks: &Marks,
    ) -> Option<Vec<(NodeId, Message)>> {
        let is_linked = membership.links().contains(&to);
        let peer = self.peers.get(&to).copied().unwrap_or_default();
        if is_linked && !(peer.is_unsure && message.is_answer()) {
            if peer.promoted.is_some() {
                // It was earned before, and is for longer.
                self.peers.entry(to).or_default().talk(now, marks);
            }
            return None;
        }
        let is_answer = message.is_answer();
        let is_known = membership.status(to).is_some();
        let has_asked = is_answer && peer.life.is_some();
        let may_go = message.is_relayable() && is_known && (has_asked || !is_answer && membership.is_sparse());
        if !may_go {
            return Some(Vec::new());
        }
        let bytes = wire::encode(message);
        let ways = match is_linked {
            true => alloc::vec![to],
            false => {
                let is_small = bytes.len() <= TWICE_BYTES_MAX && message.lane() != Lane::Bulk;
                let is_twice = is_small && !membership.is_late();
                let count = if is_twice { 2 } else { 1 };
                let mut ways = self.toward(to, |_| true, membership, random, count);
                if let (true, [first, second]) = (membership.planted().has(Plant::BothOneWay), &mut ways[..]) {
                    *second = *first;
                }
                ways
            }
        };
        self.number = self.number.wrapping_add(1);
        let entry = self.peers.entry(to).or_default();
        if !is_linked {
            if entry.talk(now, marks) {
                self.earned.insert(to);
            }
            if !is_answer {
                entry.waits.get_or_insert(Wait { since: now, again: now + membership.patience_ms(ASK_MS), asked: 0 });
                self.waiting.insert(to);
            }
        }
        let for_life = if is_answer { peer.life } else { None };
        let (from, life) = (membership.own().id(), membership.life());
        let (number, lane) = (self.number, message.lane());
        let relayed = Relayed { from, to, life, for_life, number, hops: HOPS_MAX, lane, bytes };
        Some(ways.into_iter().map(|way| (way, Message::Relayed(relayed.clone()))).collect())
    }

    /// A message has come over a link, from or for somebody else. The first part tells whether another life of its
    /// sender was known.
    pub fn on_relayed(
        &mut self,
        now: Instant,
        link: NodeId,
        mut relayed: Relayed,
        membership: &Membership,
        random: &mut fastrand::Rng,
        marks: &Marks,
    ) -> Result<(bool, Arrival), WireError> {
        let Relayed { from, to, life, number, .. } = relayed;
        let me = membership.own().id();
        if from == me {
            // It has come round.
            return Ok((false, Arrival::Nowhere));
        }
        if to == me {
            if membership.status(from).is_none() {
                return Err(WireError::Forged);
            }
            let is_other = self.on_life(from, life, link == from);
            if relayed.for_life.is_some_and(|life| life != membership.life()) {
                marks.hit(Mark::AnswerForAnotherLife);
                return Ok((is_other, Arrival::ForAnotherLife));
            }
            let peer = self.peers.entry(from).or_default();
            if !peer.is_new(number) {
                marks.hit(Mark::RelayedTwice);
                return Ok((is_other, Arrival::Nowhere));
            }
            if peer.talk(now, marks) {
                self.earned.insert(from);
            }
            return Ok((is_other, Arrival::Here(relayed.bytes)));
        }
        self.loads.take(now, link, relayed.bytes.len() as u64, marks)?;
        let lowered = relayed.hops.min(HOPS_MAX).checked_sub(1);
        let lowered = if membership.planted().has(Plant::RelayForEver) { Some(HOPS_MAX) } else { lowered };
        let Some(hops) = lowered else {
            marks.hit(Mark::HopsSpent);
            return Ok((false, Arrival::Nowhere));
        };
        relayed.hops = hops;
        marks.hit(Mark::Relayed);
        if membership.links().contains(&to) {
            return Ok((false, Arrival::PassOn(to, relayed)));
        }
        marks.hit(Mark::RelayedFurther);
        let ways = self.toward(to, |id| id != link && id != from, membership, random, 1);
        let Some(&way) = ways.first() else { return Ok((false, Arrival::Nowhere)) };
        if self.ways.reach_of(way, to) >= distance(me, to) {
            // Nobody is nearer than this node.
            marks.hit(Mark::RelayWanders);
            relayed.hops = relayed.hops.saturating_sub(WANDERING);
        }
        Ok((false, Arrival::PassOn(way, relayed)))
    }

    /// When somebody is to be asked again, or is out of reach.
    pub fn poll_timeout(&self) -> Option<Instant> {
        debug_assert!(self.peers.iter().all(|(id, peer)| peer.waits.is_none() || self.waiting.contains(id)));
        let peers = self.waiting.iter().filter_map(|id| self.peers.get(id));
        peers.filter_map(|peer| peer.waits.map(|wait| wait.again)).min()
    }

    /// Ask those again who say nothing; pass over those who have not for long.
    pub fn handle_timeout(&mut self, now: Instant, membership: &mut Membership, marks: &Marks, out: &mut Outbox) {
        let peers = &mut self.peers;
        self.waiting.retain(|id| peers.get(id).is_some_and(|peer| peer.waits.is_some()));
        let due = self.waiting.iter().filter_map(|id| Some((peers.get(id)?.waits?, *id)));
        let mut due: Vec<(Wait, NodeId)> = due.filter(|(wait, _)| wait.again <= now).collect();
        due.sort_by_key(|(wait, _)| wait.asked);
        let mut asks = ASKS_MAX;
        for (mut wait, id) in due {
            let Some(peer) = peers.get_mut(&id) else { continue };
            if !membership.is_sparse() || membership.links().contains(&id) || !membership.is_here(id) {
                // It is probed, or thought away: it is not for this to say.
                membership.set_lost(id, false);
                peer.waits = None;
                continue;
            }
            let is_lost = wait.asked >= LOST_ASKED && now.since(wait.since) >= membership.patience_ms(LOST_MS);
            if is_lost && !membership.is_lost(id) {
                marks.hit(Mark::OutOfReach);
                membership.set_lost(id, true);
            }
            wait.again = wait.again.max(now) + membership.patience_ms(if is_lost { ASK_LOST_MS } else { ASK_MS });
            if asks > 0 {
                asks -= 1;
                wait.asked += 1;
                membership.ask(id, out);
            }
            peer.waits = Some(wait);
        }
    }
}

#[cfg(test)]
mod tests;
