//! Whether what must hold does. What does not is told in words, with what was found instead.

use std::collections::BTreeSet;

use roundtable_core::coordinator::{Ended, Level, Reached, Receipt, Reply, Terms};
use roundtable_core::id::NodeId;
use roundtable_core::membership::Status;
use roundtable_core::node::Event;
use roundtable_core::store::Table;

use super::data::Names;
use super::expect::{Copies, Events, Expect, Kind, Owners, ReadIs, Reads, ReceiptIs, StatusIs};
use super::names::Mistake;
use super::play::Play;
use super::requests::{text_of, texts_of};
use crate::soak::snake;

/// How long a read may take: longer than any at its default timeout.
const READ_MS: u64 = 20_000;

/// Something holds, or what is wrong with it.
type Held = Result<(), String>;

fn held(holds: bool, what: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(what()) }
}

fn is_within(count: u64, at_least: Option<u64>, at_most: Option<u64>) -> bool {
    at_least.is_none_or(|least| count >= least) && at_most.is_none_or(|most| count <= most)
}

impl Play {
    /// Something must hold now.
    pub(super) fn expect(&mut self, expect: &Expect) -> Result<(), Mistake> {
        let held = match expect {
            Expect::Reads(reads) => self.reads(reads)?,
            other => self.look(other)?,
        };
        if let Err(what) = held {
            self.accuse(what);
        }
        Ok(())
    }

    /// Look whether something holds, without asking any node for anything.
    pub(crate) fn look(&self, expect: &Expect) -> Result<Held, Mistake> {
        match expect {
            Expect::Reads(_) => Err("what is only looked at does not read".into()),
            Expect::Holds(holds) => {
                let key = self.cast.key(&holds.key)?;
                let (shows, added) =
                    (self.with_rounds(&holds.shows), self.added.get(&key).cloned().unwrap_or_default());
                Ok(self.each(&holds.by, |at| {
                    let view = self.soak.world.node(at).view();
                    let object = view.object(&key);
                    let values = object.iter().flat_map(|object| object.values());
                    shows.judge(&values.map(|version| text_of(&version.payload)).collect::<Vec<_>>(), &added)
                })?)
            }
            Expect::Receipt(receipt) => self.receipt(receipt),
            Expect::Read(read) => self.read_is(read),
            Expect::Hints(amount) => {
                let count: u64 = self.open(&amount.by)?.iter().map(|&at| self.hints(at)).sum();
                Ok(held(is_within(count, amount.at_least, amount.at_most), || format!("there are {count} hints")))
            }
            Expect::Status(status) => self.status(status),
            Expect::Events(events) => self.events(events),
            Expect::Clock(clock) => {
                let key = self.cast.key(&clock.key)?;
                self.each(&None, |at| {
                    let actors =
                        self.soak.world.node(at).view().object(&key).map_or(0, |object| object.context().len());
                    held(actors <= clock.at_most, || format!("the clock has {actors} actors"))
                })
            }
            Expect::Writes(amount) => {
                let written = |at: usize| {
                    let before = self.marked.get(&at).map_or(0, |marked| marked.1);
                    self.soak.world.hosts[at].disk.data_changes().saturating_sub(before)
                };
                let count: u64 = self.open(&amount.by)?.into_iter().map(written).sum();
                Ok(held(is_within(count, amount.at_least, amount.at_most), || format!("{count} rows were written")))
            }
            Expect::Copies(copies) => self.copies(copies),
            Expect::Owners(owners) => self.owners(owners),
            Expect::N(n) => self.each(&n.by, |at| {
                let found = self.soak.world.node(at).view().n();
                held(found == n.is, || format!("N is {found}"))
            }),
            Expect::Meshed(names) => {
                let tabs = self.cast.tabs(names)?;
                let is_apart = |a: usize| tabs.iter().find(|&&b| a != b && !self.soak.world.is_linked(a, b));
                let apart =
                    tabs.iter().find_map(|&a| is_apart(a).map(|&b| (self.cast.name_of(a), self.cast.name_of(b))));
                Ok(held(apart.is_none(), || format!("{apart:?} have no link")))
            }
            Expect::Closed(names) => {
                let tabs = self.cast.tabs(names)?;
                Ok(held(!tabs.iter().any(|&at| self.soak.world.is_open(at)), || "not all of them are closed".into()))
            }
        }
    }

    /// Events and writes are counted from here on.
    pub(super) fn mark(&mut self) {
        let count = |(at, host): (usize, &crate::Host)| (at, (host.events.len(), host.disk.data_changes()));
        self.marked = self.soak.world.hosts.iter().enumerate().map(count).collect();
    }

    /// These tabs, or all that are open.
    fn open(&self, names: &Option<Names>) -> Result<Vec<usize>, Mistake> {
        match names {
            None => Ok(self.soak.world.alive()),
            Some(names) => names.iter().map(|name| self.open_tab(name)).collect(),
        }
    }

    /// Something holds of each of these tabs, or of all that are open.
    fn each(&self, names: &Option<Names>, holds: impl Fn(usize) -> Held) -> Result<Held, Mistake> {
        let tabs = self.open(names)?;
        let told = |at| holds(at).map_err(|what| format!("{}: {what}", self.cast.name_of(at)));
        Ok(tabs.into_iter().try_for_each(told))
    }

    fn reads(&mut self, reads: &Reads) -> Result<Held, Mistake> {
        let key = self.cast.key(&reads.key)?;
        let (shows, added) = (self.with_rounds(&reads.shows), self.added.get(&key).cloned().unwrap_or_default());
        for at in self.open(&reads.by)? {
            let terms = Terms { level: reads.level.map(Level::from), timeout_ms: None };
            let id = self.read(at, &key, terms);
            self.pass_until(READ_MS, |play| play.soak.world.last(at, id).is_some());
            let held = match self.soak.world.last(at, id) {
                Some(Reply::Read(read)) if read.met => shows.judge(&texts_of(read), &added),
                other => Err(format!("its read is not met: {other:?}")),
            };
            if let Err(what) = held {
                return Ok(Err(format!("{} reads {key:?}: {what}", self.cast.name_of(at))));
            }
        }
        Ok(Ok(()))
    }

    fn hints(&self, at: usize) -> u64 {
        self.soak.world.node(at).view().metrics().hints
    }

    /// These and no others, by their names.
    fn are(&self, found: &[NodeId], names: &Option<Names>) -> Result<bool, Mistake> {
        let Some(names) = names else { return Ok(true) };
        Ok(found.iter().copied().collect::<BTreeSet<NodeId>>() == self.ids(names)?)
    }

    fn ids(&self, names: &Names) -> Result<BTreeSet<NodeId>, Mistake> {
        Ok(self.cast.tabs(names)?.into_iter().map(|at| self.soak.world.hosts[at].id).collect())
    }

    fn receipt(&self, wanted: &ReceiptIs) -> Result<Held, Mistake> {
        let (tab, id) = self.asked(&wanted.of)?;
        let receipt = match self.soak.world.last(tab, id) {
            Some(Reply::Receipt(receipt)) => receipt,
            Some(Reply::Failed(error)) => {
                let found = snake(&format!("{error:?}"));
                return Ok(held(wanted.failed.as_ref() == Some(&found), || format!("it failed: {found}")));
            }
            other => return Ok(Err(format!("there is no receipt but {other:?}"))),
        };
        let holds = wanted.failed.is_none()
            && wanted.met.is_none_or(|met| met == receipt.met)
            && wanted.needed.is_none_or(|needed| needed == receipt.needed)
            && wanted.reached.as_ref().is_none_or(|reached| has_reached(receipt.reached, reached))
            && wanted.ended.as_ref().is_none_or(|ended| ended == ended_name(receipt.ended))
            && wanted.devices.is_none_or(|devices| devices == receipt.devices)
            && self.are(&receipt.owners, &wanted.owners)?
            && self.are(&receipt.fallbacks, &wanted.fallbacks)?;
        Ok(held(holds, || format!("the receipt of {:?} says: {}", wanted.of, self.receipt_words(receipt))))
    }

    fn receipt_words(&self, receipt: &Receipt) -> String {
        let Receipt { met, needed, reached, devices, ended, .. } = receipt;
        let names = |ids: &[NodeId]| self.cast.names_of(&self.soak.world, ids).join(" ");
        let (owners, fallbacks) = (names(&receipt.owners), names(&receipt.fallbacks));
        let ended = ended_name(*ended);
        format!(
            "met {met}, needed {needed}, reached {}, owners [{owners}], fallbacks [{fallbacks}], {devices} devices, \
             ended {ended}",
            reached_name(*reached)
        )
    }

    fn read_is(&self, wanted: &ReadIs) -> Result<Held, Mistake> {
        let (tab, id) = self.asked(&wanted.of)?;
        let Some(Reply::Read(read)) = self.soak.world.last(tab, id) else {
            return Ok(Err(format!("{:?} is not answered", wanted.of)));
        };
        let among = wanted.among.as_ref().map(|names| self.ids(names)).transpose()?;
        let holds = wanted.met.is_none_or(|met| met == read.met)
            && self.are(&read.answered, &wanted.answered)?
            && among.is_none_or(|among| read.answered.iter().all(|id| among.contains(id)));
        let answered = self.cast.names_of(&self.soak.world, &read.answered);
        Ok(held(holds, || format!("the read is met {}, and was answered by {answered:?}", read.met)))
    }

    fn status(&self, wanted: &StatusIs) -> Result<Held, Mistake> {
        let about = self.cast.tabs(&wanted.of)?;
        self.each(&wanted.by, |at| {
            about.iter().filter(|&&other| other != at).try_for_each(|&other| {
                let found = self.status_name(at, other);
                let name = self.cast.name_of(other);
                held(wanted.is.iter().any(|is| is == found), || format!("thinks {name} {found}"))
            })
        })
    }

    fn status_name(&self, at: usize, about: usize) -> &'static str {
        let (view, id) = (self.soak.world.node(at).view(), self.soak.world.hosts[about].id);
        let member = view.members().into_iter().find(|member| member.id == id);
        match member.map(|member| member.status) {
            Some(Status::Joining | Status::Up) => "up",
            Some(status) => status.name(),
            None if view.versions().iter().any(|(known, ..)| *known == id) => "departed",
            None => "unknown",
        }
    }

    fn events(&self, wanted: &Events) -> Result<Held, Mistake> {
        let by = match &wanted.by {
            Some(names) => self.cast.tabs(names)?,
            None => (0..self.soak.world.hosts.len()).collect(),
        };
        let about = wanted.about.as_ref().map(|name| self.cast.tab(name)).transpose()?;
        let about = about.map(|at| self.soak.world.hosts[at].id);
        let mut count = 0;
        for at in by {
            let from = self.marked.get(&at).map_or(0, |marked| marked.0);
            for (_, event) in self.soak.world.hosts[at].events.from(from) {
                let (kind, id, weight) = taken_apart(event);
                let is_about = about.is_none_or(|about| id == Some(about));
                count += if kind == Some(wanted.kind) && is_about { weight } else { 0 };
            }
        }
        let is_so = is_within(count, wanted.at_least, wanted.at_most);
        Ok(held(is_so, || format!("{:?} is counted {count} times", wanted.kind)))
    }

    fn copies(&self, wanted: &Copies) -> Result<Held, Mistake> {
        let key = self.cast.key(&wanted.key)?;
        let holds = |at: &usize| self.soak.world.hosts[*at].disk.row(Table::Objects, key.as_bytes()).is_some();
        let disks: Vec<usize> = (0..self.soak.world.hosts.len()).filter(holds).collect();
        let devices: BTreeSet<_> = disks.iter().map(|&at| self.soak.world.device(at)).collect();
        let is_so = wanted.disks_at_least.is_none_or(|least| disks.len() >= least)
            && wanted.disks_at_most.is_none_or(|most| disks.len() <= most)
            && wanted.devices_at_least.is_none_or(|least| devices.len() >= least);
        let names: Vec<&str> = disks.iter().map(|&at| self.cast.name_of(at)).collect();
        Ok(held(is_so, || format!("{key:?} lies with {names:?}, on {} devices", devices.len())))
    }

    fn owners(&self, wanted: &Owners) -> Result<Held, Mistake> {
        let key = self.cast.key(&wanted.key)?;
        let lack = wanted.lack.as_ref().map(|names| self.ids(names)).transpose()?.unwrap_or_default();
        self.are(&[], &wanted.are)?;
        self.each(&wanted.by, |at| {
            let found = self.soak.world.node(at).view().preference_list(&key).owners;
            let is_so = self.are(&found, &wanted.are)?
                && !lack.iter().any(|id| found.contains(id))
                && wanted.devices_at_least.is_none_or(|least| self.devices_of(&found) >= least);
            let names = self.cast.names_of(&self.soak.world, &found);
            held(is_so, || format!("the owners of {key:?} are {names:?}, on {} devices", self.devices_of(&found)))
        })
    }

    fn devices_of(&self, ids: &[NodeId]) -> usize {
        let tabs = ids.iter().filter_map(|id| self.soak.world.tabs_of(*id).first());
        tabs.map(|&at| self.soak.world.device(at)).collect::<BTreeSet<_>>().len()
    }
}

fn reached_name(reached: Reached) -> &'static str {
    match reached {
        Reached::Local => "local",
        Reached::One => "one",
        Reached::Quorum => "quorum",
        Reached::All => "all",
    }
}

/// Whether a level was reached, or a higher one.
fn has_reached(reached: Reached, name: &str) -> bool {
    let all = [Reached::Local, Reached::One, Reached::Quorum, Reached::All];
    all.into_iter().any(|level| reached_name(level) == name && level <= reached)
}

fn ended_name(ended: Option<Ended>) -> &'static str {
    match ended {
        None => "no",
        Some(Ended::Complete) => "complete",
        Some(Ended::Superseded) => "superseded",
    }
}

/// What kind of event it is, whom it is about, and of how many things it tells.
fn taken_apart(event: &Event) -> (Option<Kind>, Option<NodeId>, u64) {
    let (kind, id, weight) = match event {
        Event::Member { id, now, .. } => match now {
            Status::Up => (Kind::Up, Some(*id), 1),
            Status::Suspect => (Kind::Suspect, Some(*id), 1),
            Status::Dormant => (Kind::Dormant, Some(*id), 1),
            Status::Departed => (Kind::Departed, Some(*id), 1),
            Status::Joining | Status::Leaving => return (None, Some(*id), 0),
        },
        Event::Written { .. } => (Kind::Written, None, 1),
        Event::HintStored { owner } => (Kind::HintStored, Some(*owner), 1),
        Event::HintDelivered { owner } => (Kind::HintDelivered, Some(*owner), 1),
        Event::SiblingsCreated { .. } => (Kind::SiblingsCreated, None, 1),
        Event::Expired { keys } => (Kind::Expired, None, *keys as u64),
        Event::ReadRepaired { replica } => (Kind::ReadRepaired, Some(*replica), 1),
        Event::ArcIncoming { .. } => (Kind::ArcIncoming, None, 1),
        Event::ArcTransferred => (Kind::ArcTransferred, None, 1),
        Event::LetGo { keys } => (Kind::LetGo, None, *keys as u64),
        Event::Reaped { tombstones } => (Kind::Reaped, None, *tombstones as u64),
        Event::Reconciled { with, received, sent } => (Kind::Reconciled, Some(*with), (*received + *sent) as u64),
        Event::PersistFailed { .. } => (Kind::PersistFailed, None, 1),
        Event::FrameDropped { from, .. } => (Kind::FrameDropped, Some(*from), 1),
        Event::CapacityLowered { .. } => (Kind::CapacityLowered, None, 1),
        Event::EpochBegun { .. } => (Kind::EpochBegun, None, 1),
        Event::CopiesFull => (Kind::CopiesFull, None, 1),
    };
    (Some(kind), id, weight)
}
