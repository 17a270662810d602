//! How a session finds out what differs: from coded symbols (`symbols`) where little does, else by splitting ranges.
//!
//! The other side begins with symbols if the numbers of objects allow that little differs. What they leave says about
//! how much it is: so many more are asked for as that needs, or, where a list would cost less, none, and ranges are
//! split from the whole on. Symbols of one session may be of two moments; what was written between them is a
//! difference like another.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::answer::ids;
use super::session::{RESEND_MS, Session};
use super::symbols::{self, Differences, Found, SYMBOLS_MAX};
use super::tags::ROOT;
use crate::coordinator::Surroundings;
use crate::id::{Inserted, Key, Position};
use crate::marks::Mark;
use crate::ring::RangeSet;
use crate::store::Lens;
use crate::wire::{Outline, Wanted};

/// How it is found out what differs.
#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// That anything does is not known yet.
    None,
    /// From coded symbols: what there is of them, and which are asked for.
    Symbols(Differences, Option<(u32, u32)>),
    /// By splitting ranges.
    Split,
}

/// By place and tag what only the other side has, with what is held here instead.
pub(super) type Theirs = BTreeMap<(u32, u32), Option<(u64, Outline)>>;
/// What only this side has, each with its place in tags.
type Ours<'a> = Vec<(u32, Position, &'a Key)>;

impl Engine {
    /// The symbols so far, if it is the turn of these.
    fn take(&mut self, first: u32, session: u32) -> Option<Differences> {
        match self {
            Engine::None if first == 0 => Some(Differences::of(session)),
            Engine::Symbols(differences, Some((asked, _))) if *asked == first => Some(core::mem::take(differences)),
            _ => None,
        }
    }
}

impl Session {
    /// The next symbols of the whole have come. If they tell what differs, that is wanted, or sent; if not, there are
    /// more, or ranges are split.
    pub(super) fn on_symbols(
        &mut self,
        near: &mut Surroundings<'_>,
        first: u32,
        theirs: &[u8],
        wanted: &mut Vec<Wanted>,
    ) {
        let (session, scope, lens) = (self.number, self.scope.clone(), self.lens.clone());
        let Some(theirs) = symbols::from_bytes(theirs).filter(|theirs| !theirs.is_empty()) else { return };
        let Some(mut differences) = self.engine.take(first, session) else { return };
        self.progress = near.now;
        self.resend_at = near.now + RESEND_MS;
        self.asked.remove(&ROOT);
        let end = first.saturating_add(theirs.len() as u32).min(SYMBOLS_MAX);
        let ours = symbols::symbols(ids(near, &lens, &scope, session), session, first..end);
        differences.extend(&theirs, &ours);
        if let Some((theirs, ours)) = differences.found().and_then(|found| located(near, session, &lens, &scope, found))
        {
            near.marks.hit(Mark::SymbolsTell);
            self.engine = Engine::Symbols(Differences::default(), None);
            return self.settle(near, ROOT, theirs, ours, wanted);
        }
        match differences.enough(near.store.sum_of(&lens, &scope).count, near.listed_max) {
            Some(enough) => {
                near.marks.hit(Mark::SymbolsAsked);
                let run = (differences.len(), enough);
                self.engine = Engine::Symbols(differences, Some(run));
            }
            None => {
                near.marks.hit(Mark::SymbolsGivenUp);
                self.engine = Engine::Split;
                self.asked.insert(ROOT);
            }
        }
        self.ask(near);
    }
}

/// What is theirs, and our objects of these ids. `None`: we have no such objects, so the symbols were read wrong.
fn located<'a>(
    near: &'a Surroundings<'_>,
    session: u32,
    lens: &'a Lens,
    scope: &'a RangeSet,
    found: Found,
) -> Option<(Theirs, Ours<'a>)> {
    let ids: BTreeSet<u64> = found.ours.into_iter().inserted();
    let ours = near.store.items_of(lens, scope).filter_map(|(position, key, fingerprint)| {
        let id = symbols::id(position.0, fingerprint, session);
        ids.contains(&id).then(|| (symbols::parts(id).0, position, key))
    });
    let ours: Vec<_> = ours.collect();
    let theirs = found.theirs.into_iter().map(|id| (symbols::parts(id), None)).inserted();
    (ours.len() == ids.len()).then_some((theirs, ours))
}
