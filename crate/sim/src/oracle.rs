//! Who knows what every write had seen: the judge of a soak.
//!
//! Each write's payload is its number, so a value found anywhere can be traced. The oracle records for every write the
//! dot it was given and the context it superseded, and for every delete its context; from that follows what may be left
//! of a key at the end, whatever happened in between. It never looks at how the nodes came to their state.

use std::collections::{BTreeMap, BTreeSet};

use roundtable_core::clock::{Dot, VersionVector};
use roundtable_core::datatype::{Edit, Part, Value, merged};
use roundtable_core::id::Key;
use roundtable_core::wire::{Object, Payload, Version};

/// What is known of one write.
#[derive(Debug, Clone)]
struct Written {
    key: Key,
    dot: Dot,
}

/// A change that supersedes what its context covers.
#[derive(Debug, Clone)]
struct Superseding {
    context: VersionVector,
    /// Its own name: whoever has seen it knows of the change.
    dot: Dot,
    /// Of an edit: what it takes away, and nothing else.
    gone: Vec<Dot>,
    /// The write it belongs to; `None` for a delete.
    write: Option<u64>,
    /// Whose disks hold it, of those that acknowledged it: while there is one, it must not be lost.
    ackers: BTreeSet<usize>,
}

impl Superseding {
    fn supersedes(&self, dot: &Dot) -> bool {
        self.context.covers(dot) || self.gone.contains(dot)
    }
}

/// The changes of one key, in the order in which they were made.
#[derive(Debug, Clone, Default)]
struct Changes {
    /// How many there were before, which nobody need know any more.
    forgotten: usize,
    kept: Vec<Superseding>,
}

impl Changes {
    fn get_mut(&mut self, place: usize) -> Option<&mut Superseding> {
        self.kept.get_mut(place.checked_sub(self.forgotten)?)
    }
}

/// Where the oracle keeps a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    key: Key,
    place: usize,
}

impl Change {
    /// Which key it changed.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

/// All writes of one run.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    writes: BTreeMap<u64, Written>,
    dots: BTreeMap<Dot, u64>,
    superseding: BTreeMap<Key, Changes>,
    /// Writes with a time to live.
    expiring: BTreeSet<u64>,
    /// What each write of a part of a value did.
    edits: BTreeMap<u64, Edit>,
    /// Edits that were made, each with what it took away, and not yet looked at.
    unjudged: Vec<(Dot, Vec<Dot>, Edit)>,
    /// Tombstones were reaped: nobody need know any more of a write that a delete had seen.
    has_reaped: bool,
    /// Writes of which nothing is known any more but that they were made.
    forgotten: BTreeSet<u64>,
    violations: Vec<String>,
}

/// The number that a payload begins with.
pub fn number_of(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().copied().map(u64::from_le_bytes)
}

impl Oracle {
    /// A write was made: its number, its dot, and what it superseded.
    pub fn on_write(&mut self, number: u64, key: &Key, dot: Dot, context: VersionVector) -> Change {
        if let Some(other) = self.dots.insert(dot, number) {
            self.violations.push(format!("dot {dot:?} names write {other} and write {number}"));
        }
        self.writes.insert(number, Written { key: key.clone(), dot });
        self.supersede(key, dot, context, Some(number))
    }

    /// A delete was made, under this dot.
    pub fn on_delete(&mut self, key: &Key, dot: Dot, context: VersionVector) -> Change {
        self.supersede(key, dot, context, None)
    }

    /// A change is an edit: it takes away these dots.
    pub fn on_edit(&mut self, change: &Change, gone: &[Dot], edit: Option<&Edit>) {
        let made = self.superseding.get_mut(&change.key).and_then(|changes| changes.get_mut(change.place));
        let (Some(made), Some(edit)) = (made, edit) else {
            self.violations.push(format!("{:?}: an edit that nobody asked for", change.key));
            return;
        };
        made.gone = gone.to_vec();
        if let Some(number) = made.write {
            self.edits.insert(number, edit.clone());
        }
        self.unjudged.push((made.dot, gone.to_vec(), edit.clone()));
    }

    /// All edits that were made by now are known: what one takes away is of the same item or field, or of the same
    /// writer.
    pub fn judge_edits(&mut self) {
        for (dot, gone, edit) in std::mem::take(&mut self.unjudged) {
            for other in gone {
                let was = self.dots.get(&other).and_then(|number| self.edits.get(number));
                let is_same = match (&edit, was) {
                    (Edit::Add(_), Some(Edit::Add(_))) => other.actor == dot.actor,
                    (Edit::Insert(item) | Edit::Remove(item), Some(Edit::Insert(was))) => item == was,
                    (Edit::Set { field, .. } | Edit::Unset { field }, Some(Edit::Set { field: was, .. })) => {
                        field == was
                    }
                    _ => false,
                };
                if !is_same {
                    self.violations.push(format!("{dot:?}: {edit:?} took away {was:?}"));
                }
            }
        }
    }

    /// What the counter at a key shows if it is right: of all that was added what anybody knows.
    fn sum(&self, key: &Key, end: &Object) -> Option<f64> {
        let known = self.edits.iter().filter_map(|(number, edit)| match edit {
            Edit::Add(by) => Some((self.writes.get(number)?, *by)),
            _ => None,
        });
        let here = known.filter(|(written, _)| written.key == *key && end.context().covers(&written.dot));
        here.map(|(_, by)| by).reduce(|sum, by| sum + by)
    }

    fn supersede(&mut self, key: &Key, dot: Dot, context: VersionVector, write: Option<u64>) -> Change {
        let changes = self.superseding.entry(key.clone()).or_default();
        changes.kept.push(Superseding { context, dot, gone: Vec::new(), write, ackers: BTreeSet::new() });
        Change { key: key.clone(), place: changes.forgotten + changes.kept.len() - 1 }
    }

    /// A change is on the disks of these tabs: it must not be lost.
    pub fn on_acknowledged(&mut self, change: &Change, tabs: &[usize]) {
        if let Some(taken) = self.superseding.get_mut(&change.key).and_then(|changes| changes.get_mut(change.place)) {
            taken.ackers.extend(tabs);
        }
    }

    /// A tab's disk has lost something; `holds` tells whether a tab's disk still holds what a context covers of a key.
    /// What it no longer holds may be lost, if none of those who acknowledged it holds it: the others may have let it
    /// go because this one had it.
    pub fn on_disk_lost(&mut self, tab: usize, holds: impl Fn(usize, &Key, &VersionVector) -> bool) {
        for (key, changes) in &mut self.superseding {
            for change in changes.kept.iter_mut().filter(|change| change.ackers.contains(&tab)) {
                let mut seen = change.context.clone();
                seen.see(change.dot);
                if !holds(tab, key, &seen) {
                    change.ackers.retain(|&acker| holds(acker, key, &seen));
                }
            }
        }
    }

    /// A tab has left for good and takes its disk with it: what it had acknowledged and still `holds` must lie
    /// `elsewhere`, on another device, unless there is an excuse. From now on it is on the disks of those who have it.
    pub fn on_left(
        &mut self,
        tab: usize,
        others: &[usize],
        elsewhere: &[usize],
        is_excused: bool,
        holds: impl Fn(usize, &Key, &VersionVector) -> bool,
    ) {
        for (key, changes) in &mut self.superseding {
            for change in changes.kept.iter_mut().filter(|change| change.ackers.contains(&tab)) {
                change.ackers.remove(&tab);
                let mut seen = change.context.clone();
                seen.see(change.dot);
                change.ackers.extend(others.iter().filter(|&&other| holds(other, key, &seen)));
                let is_elsewhere = elsewhere.iter().any(|&other| holds(other, key, &seen));
                if holds(tab, key, &seen) && !is_elsewhere && !is_excused {
                    self.violations.push(format!("{key:?}: tab {tab} has left, and nobody else holds {seen:?}"));
                }
            }
        }
    }

    /// This write has a time to live: nothing else need have superseded it when it is gone.
    pub fn may_expire(&mut self, number: u64) {
        self.expiring.insert(number);
    }

    /// Tombstones were reaped somewhere.
    pub fn on_reaped(&mut self) {
        self.has_reaped = true;
    }

    /// Whether any tombstone was reaped.
    pub fn has_reaped(&self) -> bool {
        self.has_reaped
    }

    /// How many writes were made.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether none was made.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// All keys that were ever written or deleted.
    pub fn keys(&self) -> BTreeSet<Key> {
        self.superseding.keys().cloned().collect()
    }

    /// How many changes of a key were made.
    pub fn changes_of(&self, key: &Key) -> usize {
        self.superseding.get(key).map_or(0, |changes| changes.kept.len())
    }

    /// Of each key keep so many changes, and those that no later one has superseded. What is forgotten is no longer
    /// looked for, and nobody is accused if it is found: what superseded it may be lost with the disks that had it.
    pub fn forget_superseded(&mut self, keep: usize) {
        for changes in self.superseding.values_mut() {
            while changes.kept.len() > keep {
                let Some((oldest, later)) = changes.kept.split_first() else { break };
                if !later.iter().any(|by| by.supersedes(&oldest.dot)) {
                    break;
                }
                if let Some(number) = oldest.write {
                    self.forgotten.insert(number);
                    self.writes.remove(&number);
                    self.edits.remove(&number);
                    self.expiring.remove(&number);
                }
                self.dots.remove(&oldest.dot);
                changes.kept.remove(0);
                changes.forgotten += 1;
            }
        }
    }

    /// Whether a delete took this write away, or whatever had taken its place: an edit names only what it takes away
    /// itself, not what that had replaced.
    fn is_deleted(&self, changes: &[Superseding], dot: Dot) -> bool {
        let (mut met, mut open) = (BTreeSet::from([dot]), vec![dot]);
        while let Some(dot) = open.pop() {
            for by in changes.iter().filter(|by| by.dot != dot && by.supersedes(&dot)) {
                if by.write.is_none() {
                    return true;
                }
                if met.insert(by.dot) {
                    open.push(by.dot);
                }
            }
        }
        false
    }

    /// Judge what is left of a key, all copies joined.
    pub fn judge(&mut self, key: &Key, end: &Object) {
        // What a part of a value says is not its own number; its dot is.
        let number_at = |dot: Dot, version: &Version| match version.part {
            Part::Whole => number_of(&version.payload),
            _ => Some(self.dots.get(&dot).copied().unwrap_or(u64::MAX)),
        };
        let values: BTreeSet<u64> =
            end.dots().zip(end.values()).filter_map(|(dot, version)| number_at(dot, version)).collect();
        let sum = self.sum(key, end);
        if let Some(sum) = sum {
            let shown = merged(end, None).siblings;
            let right: Payload = Value::Number(sum).encode().into();
            if shown != [right] {
                self.violations.push(format!("{key:?}: the counter shows {shown:?}, and {sum} was added"));
            }
        }
        let changes = self.superseding.get(key).map(|changes| &changes.kept[..]).unwrap_or_default();
        for (place, own) in changes.iter().enumerate() {
            let Some(number) = own.write else { continue };
            let is_superseded = |by: &&Superseding| by.write != own.write && by.supersedes(&own.dot);
            // What superseded it was mostly made soon after it.
            let mut others = changes[place..].iter().chain(&changes[..place]);
            if !end.context().covers(&own.dot) {
                let is_reaped = || self.has_reaped && self.is_deleted(changes, own.dot);
                if !own.ackers.is_empty() && !is_reaped() {
                    self.violations.push(format!("{key:?}: acknowledged write {number} is lost"));
                }
            } else if !values.contains(&number) {
                let may_be_dropped = self.expiring.contains(&number) || others.any(|by| is_superseded(&by));
                if !may_be_dropped {
                    self.violations.push(format!("{key:?}: write {number} was dropped, and nothing superseded it"));
                }
            }
            // Whoever superseded it and is itself known must have taken its place.
            let has_taken_effect = |by: &&Superseding| end.context().covers(&by.dot);
            if values.contains(&number) && others.filter(is_superseded).any(|by| has_taken_effect(&by)) {
                self.violations.push(format!("{key:?}: write {number} has returned"));
            }
        }
        for delete in changes.iter().filter(|change| change.write.is_none()) {
            if !delete.ackers.is_empty() && !end.context().covers(&delete.dot) && !self.has_reaped {
                self.violations.push(format!("{key:?}: acknowledged delete {:?} is lost", delete.dot));
            }
        }
        let is_known = |number: &u64| self.writes.contains_key(number) || self.forgotten.contains(number);
        for stranger in values.iter().filter(|number| !is_known(number)) {
            self.violations.push(format!("{key:?}: value {stranger} was never written"));
        }
    }

    /// Say what else is wrong.
    pub fn accuse(&mut self, what: String) {
        self.violations.push(what);
    }

    /// All that was found.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::id::{Actor, NodeId};

    fn dot(counter: u64) -> Dot {
        Dot { actor: Actor { node: NodeId::from_bytes([1; 16]), epoch: 1 }, counter }
    }

    fn version(number: u64) -> Version {
        Version::plain(number.to_le_bytes().to_vec().into())
    }

    fn judged(setting: impl FnOnce(&mut Oracle, &mut Object)) -> Vec<String> {
        let key = Key::new("b", "k").expect("a short name");
        let (mut oracle, mut object) = (Oracle::default(), Object::new());
        let change = oracle.on_write(1, &key, dot(1), VersionVector::new());
        oracle.on_acknowledged(&change, &[0]);
        setting(&mut oracle, &mut object);
        oracle.judge(&key, &object);
        oracle.violations().to_vec()
    }

    #[test]
    fn what_holds_is_not_accused() {
        let found = judged(|_, object| object.put(&VersionVector::new(), dot(1), version(1)));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn what_was_superseded_long_ago_is_forgotten_and_the_rest_is_judged_as_before() {
        let key = Key::new("b", "k").expect("a short name");
        let (mut oracle, mut object) = (Oracle::default(), Object::new());
        let mut seen = VersionVector::new();
        let mut last = None;
        for number in 1..=10 {
            last = Some(oracle.on_write(number, &key, dot(number), seen.clone()));
            object.put(&seen, dot(number), version(number));
            seen.see(dot(number));
        }
        oracle.forget_superseded(3);
        assert_eq!((oracle.changes_of(&key), oracle.len()), (3, 3));
        oracle.on_acknowledged(&last.expect("there was a last"), &[0]);
        oracle.judge(&key, &object);
        assert!(oracle.violations().is_empty(), "{:?}", oracle.violations());
        let mut other = Object::new();
        other.put(&VersionVector::new(), dot(2), version(2));
        oracle.judge(&key, &other);
        let found = oracle.violations();
        assert!(found.len() == 1 && found[0].contains("acknowledged write 10 is lost"), "{found:?}");
    }

    #[test]
    fn each_fault_is_accused() {
        let lost = judged(|_, _| {});
        assert!(lost[0].contains("is lost"), "{lost:?}");
        let lost_disk = judged(|oracle, _| oracle.on_disk_lost(0, |_, _, _| false));
        assert!(lost_disk.is_empty(), "nobody is left who had it: {lost_disk:?}");
        let left = judged(|oracle, _| oracle.on_left(0, &[1], &[1], false, |tab, _, _| tab == 0));
        assert!(left[0].contains("has left"), "{left:?}");
        let taken_over = judged(|oracle, _| oracle.on_left(0, &[1], &[1], false, |_, _, _| true));
        assert!(taken_over.len() == 1 && taken_over[0].contains("is lost"), "whoever has it now must not lose it");
        let kept = judged(|oracle, _| oracle.on_disk_lost(0, |_, _, _| true));
        assert!(kept[0].contains("is lost"), "{kept:?}");
        let reaped = judged(|oracle, _| {
            let key = Key::new("b", "k").expect("a short name");
            oracle.on_delete(&key, dot(2), VersionVector::from_iter([dot(1)]));
            oracle.on_reaped();
        });
        assert!(reaped.is_empty(), "its delete was forgotten with it: {reaped:?}");
        let forgotten = judged(|oracle, _| oracle.on_reaped());
        assert!(forgotten[0].contains("is lost"), "nothing had deleted it: {forgotten:?}");
        let replaced = |is_unset: bool| {
            judged(|oracle, _| {
                let key = Key::new("b", "k").expect("a short name");
                let edit = Edit::Unset { field: "f".into() };
                let put = oracle.on_write(2, &key, dot(2), VersionVector::new());
                oracle.on_edit(&put, &[dot(1)], Some(&edit));
                if is_unset {
                    let unset = oracle.on_delete(&key, dot(3), VersionVector::new());
                    oracle.on_edit(&unset, &[dot(2)], Some(&edit));
                }
                oracle.on_reaped();
            })
        };
        assert!(replaced(true).is_empty(), "what had replaced it was deleted, and that was forgotten");
        assert!(replaced(false)[0].contains("is lost"), "what had replaced it must still be known");
        let dropped = judged(|_, object| object.forget(&VersionVector::from_iter([dot(1)])));
        assert!(dropped[0].contains("was dropped"), "{dropped:?}");
        let expired = judged(|oracle, object| {
            object.forget(&VersionVector::from_iter([dot(1)]));
            oracle.may_expire(1);
        });
        assert!(expired.is_empty(), "{expired:?}");
        let returned = judged(|oracle, object| {
            object.put(&VersionVector::new(), dot(1), version(1));
            let key = Key::new("b", "k").expect("a short name");
            oracle.on_delete(&key, dot(2), VersionVector::from_iter([dot(1)]));
            object.delete(&VersionVector::new(), dot(2));
        });
        assert!(returned[0].contains("has returned"), "{returned:?}");
        let undone = judged(|oracle, object| {
            object.put(&VersionVector::new(), dot(1), version(1));
            let key = Key::new("b", "k").expect("a short name");
            let change = oracle.on_delete(&key, dot(2), VersionVector::from_iter([dot(1)]));
            oracle.on_acknowledged(&change, &[0]);
        });
        assert!(undone[0].contains("delete") && undone[0].contains("is lost"), "{undone:?}");
        let twice = judged(|oracle, object| {
            object.put(&VersionVector::new(), dot(1), version(1));
            oracle.on_write(2, &Key::new("b", "other").expect("a short name"), dot(1), VersionVector::new());
        });
        assert!(twice[0].contains("names write"), "{twice:?}");
    }
}
