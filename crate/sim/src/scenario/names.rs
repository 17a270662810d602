//! Tabs and keys by their names, and the choice of keys.
//!
//! Where a key lies follows from the identities that a seed draws. A scenario that needs a key whose owners are certain
//! tabs says so, and of `name`, `name~1`, `name~2` … the first that lies there is taken.

use std::collections::BTreeMap;

use roundtable_core::id::{Key, NodeId, Position};
use roundtable_core::ring::Ring;

use super::data::{Names, Placement, Scenario};
use crate::World;

/// How many names are tried for one key.
const TRIES_MAX: u32 = 50_000;
const BUCKET: &str = "scenario";

/// Something makes no sense in a file, in words.
pub(crate) type Mistake = String;

/// What a scenario's names mean in one play.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    /// Where all keys are.
    pub(super) bucket: &'static str,
    tabs: BTreeMap<String, usize>,
    keys: BTreeMap<String, Key>,
    /// The rounds of the loops that are being gone through, outermost first.
    rounds: Vec<(String, u64)>,
}

impl Cast {
    /// Nobody, and keys of this bucket.
    pub(crate) fn of(bucket: &'static str) -> Cast {
        Cast { bucket, tabs: BTreeMap::new(), keys: BTreeMap::new(), rounds: Vec::new() }
    }

    /// Prepare all tabs of a scenario.
    pub(super) fn prepare(scenario: &Scenario, world: &mut World) -> Cast {
        let mut cast = Cast::of(BUCKET);
        for (device, tabs) in (0_u8..).zip(&scenario.devices) {
            for name in tabs {
                let settings = scenario.settings.get(name);
                let at = world.prepare(device, |config| {
                    config.label.clone_from(name);
                    config.capacity = settings.and_then(|settings| settings.capacity).unwrap_or(config.capacity);
                    config.n = settings.and_then(|settings| settings.n).unwrap_or(config.n);
                    let ghosts = settings.and_then(|settings| settings.ghosts);
                    config.limits.ghosts_max = ghosts.unwrap_or(config.limits.ghosts_max);
                });
                cast.tabs.insert(name.clone(), at);
            }
        }
        cast
    }

    /// Choose the keys that must lie in certain places.
    pub(super) fn choose_keys(&mut self, scenario: &Scenario, world: &World) -> Result<(), Mistake> {
        for (name, placements) in &scenario.keys {
            let rings = placements.iter().map(|placement| self.wanted(scenario, world, placement));
            let wanted = rings.collect::<Result<Vec<Wanted>, Mistake>>()?;
            let try_name = |number: u32| if number == 0 { name.clone() } else { format!("{name}~{number}") };
            let found = (0..TRIES_MAX).map(try_name).filter_map(|name| Key::new(BUCKET, &name).ok()).find(|key| {
                let position = World::room().position(key);
                wanted.iter().all(|wanted| wanted.is_met_at(position))
            });
            let key = found.ok_or_else(|| format!("no key called {name:?} lies where it should"))?;
            self.keys.insert(name.clone(), key);
        }
        Ok(())
    }

    fn wanted(&self, scenario: &Scenario, world: &World, placement: &Placement) -> Result<Wanted, Mistake> {
        let at_first = || scenario.devices.iter().flatten().filter(|tab| !scenario.later.contains(tab)).cloned();
        let among = placement.among.clone().unwrap_or_else(|| at_first().collect());
        let tabs = among.iter().map(|name| self.tab(name)).collect::<Result<Vec<usize>, Mistake>>()?;
        let ids = |names: &[String]| {
            names.iter().map(|name| Ok(world.hosts[self.tab(name)?].id)).collect::<Result<Vec<NodeId>, Mistake>>()
        };
        Ok(Wanted {
            ring: world.ring_of(&tabs),
            owners: ids(&placement.owners)?,
            others: ids(&placement.others)?,
            fallbacks: ids(&placement.fallbacks)?,
            tokens_ahead: placement.tokens_ahead,
        })
    }

    /// A text with the rounds of loops in it.
    pub(crate) fn text(&self, raw: &str) -> String {
        self.rounds
            .iter()
            .rev()
            .fold(raw.to_owned(), |text, (name, round)| text.replace(&format!("{{{name}}}"), &round.to_string()))
    }

    /// A round of a loop begins.
    pub(crate) fn enter(&mut self, name: &str, round: u64) {
        self.rounds.push((name.to_owned(), round));
    }

    /// It ends.
    pub(crate) fn leave(&mut self) {
        self.rounds.pop();
    }

    /// A tab.
    pub(crate) fn tab(&self, name: &str) -> Result<usize, Mistake> {
        let name = self.text(name);
        self.tabs.get(&name).copied().ok_or_else(|| format!("there is no tab {name:?}"))
    }

    /// Several.
    pub(crate) fn tabs(&self, names: &Names) -> Result<Vec<usize>, Mistake> {
        names.iter().map(|name| self.tab(name)).collect()
    }

    /// A name for a tab that has come into being.
    pub(crate) fn name_tab(&mut self, name: &str, at: usize) -> Result<(), Mistake> {
        match self.tabs.insert(name.to_owned(), at) {
            None => Ok(()),
            Some(_) => Err(format!("there are two tabs called {name:?}")),
        }
    }

    /// What a tab is called, for people.
    pub(crate) fn name_of(&self, at: usize) -> &str {
        self.tabs.iter().find(|(_, tab)| **tab == at).map_or("?", |(name, _)| name)
    }

    /// What the tabs of these identities are called, for people.
    pub(crate) fn names_of<'a>(&self, world: &World, ids: impl IntoIterator<Item = &'a NodeId>) -> Vec<&str> {
        let name = |id: &NodeId| world.tabs_of(*id).first().map_or("?", |&at| self.name_of(at));
        ids.into_iter().map(name).collect()
    }

    /// A key.
    pub(crate) fn key(&self, name: &str) -> Result<Key, Mistake> {
        let name = self.text(name);
        match self.keys.get(&name) {
            Some(key) => Ok(key.clone()),
            None => Key::new(self.bucket, &name).map_err(|error| format!("{name:?} is no key: {error}")),
        }
    }
}

/// A placement, on the ring it speaks of.
struct Wanted {
    ring: Ring,
    owners: Vec<NodeId>,
    others: Vec<NodeId>,
    fallbacks: Vec<NodeId>,
    tokens_ahead: Option<usize>,
}

impl Wanted {
    fn tokens_ahead_of(&self, position: Position) -> usize {
        self.ring.tokens().filter(|(token, _)| *token >= position).count()
    }

    fn is_met_at(&self, position: Position) -> bool {
        let list = self.ring.preference_list(position);
        self.owners.iter().all(|id| list.owners().contains(id))
            && !self.others.iter().any(|id| list.owners().contains(id))
            && list.fallbacks().starts_with(&self.fallbacks)
            && self.tokens_ahead.is_none_or(|ahead| ahead == self.tokens_ahead_of(position))
    }
}
