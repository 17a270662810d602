//! How a lab begins: its tabs by name and device, what it keeps, its network, and the bug that is planted, if any.
//!
//! Whatever a page or a link says is checked here, before anything is built: what follows trusts it.

use std::collections::BTreeSet;

use roundtable_core::coordinator::Level;
use roundtable_core::planted::{Plant, Planted};
use serde::Deserialize;

use super::BUCKET;
use crate::scenario::{Cast, Network, Play, Wanted};
use crate::soak::{Plan, Soak, Tight};

/// So many tabs a lab has at most.
pub const NODES_MAX: usize = 64;
const CAPACITY_MAX: u16 = 1_024;
const N_MAX: u8 = 7;
/// How long the name of a tab or of a device may be, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// How many batches a disk can be taken back by: each checkpoint holds them.
const UNDO_MAX: usize = 32;
/// Numbers above this are not what they seem in JavaScript.
const SEED_MAX: u64 = 1 << 53;

/// How a lab begins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Of this shape: 1.
    pub version: u32,
    /// What all chance is drawn from.
    pub seed: u64,
    /// The tabs.
    pub nodes: Vec<NodeSetup>,
    /// How many copies the room keeps.
    pub n: u8,
    /// The level of reads that name none.
    r: Option<Wanted>,
    /// The level of writes that name none.
    w: Option<Wanted>,
    /// How the network is from the start.
    network: Option<Network>,
    /// The bug that every node has.
    pub plant: Option<String>,
    /// The lesson that it belongs to; for the page.
    #[allow(dead_code, reason = "it is carried in links, and read by the page alone")]
    lesson: Option<String>,
}

/// A tab of a lab.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSetup {
    /// What it is called.
    pub name: String,
    /// What it fails together with.
    pub device: String,
    /// Its virtual nodes.
    pub capacity: u16,
    /// Whether it is open from the start.
    #[serde(default = "yes")]
    pub open: bool,
}

fn yes() -> bool {
    true
}

impl Setup {
    /// Read and check one.
    pub fn parse(text: &str) -> Result<Setup, String> {
        let setup: Setup =
            serde_json::from_str(text).map_err(|error| format!("This is no setup of a lab: {error}."))?;
        setup.check()?;
        Ok(setup)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!(
                "This setup is of version {}, and this lab knows version 1: reload the page to get a newer one.",
                self.version
            ));
        }
        if self.seed > SEED_MAX {
            return Err(format!("The seed {} is too large: choose one up to {SEED_MAX}.", self.seed));
        }
        if self.nodes.is_empty() || self.nodes.len() > NODES_MAX {
            return Err(format!("A lab has 1 to {NODES_MAX} nodes, and this has {}.", self.nodes.len()));
        }
        if !(1..=N_MAX).contains(&self.n) {
            return Err(format!("A room keeps 1 to {N_MAX} copies, and this wants {}.", self.n));
        }
        let mut names = BTreeSet::new();
        for node in &self.nodes {
            node.check()?;
            if !names.insert(&node.name) {
                return Err(format!("Two nodes are called {:?}: give each a name of its own.", node.name));
            }
        }
        self.network.as_ref().map_or(Ok(()), Network::check).map_err(|what| format!("The network: {what}."))?;
        self.planted().map(|_| ())
    }

    fn planted(&self) -> Result<Planted, String> {
        match &self.plant {
            None => Ok(Planted::default()),
            Some(name) => Plant::named(name)
                .map(Planted::with)
                .ok_or_else(|| format!("There is no bug called {name:?}: choose one of `plants()`.")),
        }
    }

    /// The room at its first moment: all tabs prepared, those that are to be open have just opened.
    pub(super) fn build(&self) -> Result<Play, String> {
        let plan = Plan {
            seed: self.seed,
            nodes: 0,
            devices: 1,
            keys: 1,
            is_calm: false,
            tight: Tight::default(),
            acts: Vec::new(),
        };
        let mut soak = Soak::new(plan);
        soak.world.limits.planted = self.planted()?;
        soak.world.seen = Some(Vec::new());
        soak.world.undo_max = UNDO_MAX;
        let mut play = Play::on(soak, Cast::of(BUCKET));
        if let Some(network) = &self.network {
            play.network(network);
        }
        let mut devices = Devices::default();
        for node in &self.nodes {
            self.prepare(&mut play, node, devices.number(&node.device))?;
        }
        for at in (0..self.nodes.len()).filter(|&at| self.nodes[at].open) {
            play.soak.world.reopen(at);
        }
        Ok(play)
    }

    /// One more tab, closed.
    pub(super) fn prepare(&self, play: &mut Play, node: &NodeSetup, device: u8) -> Result<usize, String> {
        let at = play.soak.world.prepare(device, |config| {
            config.label.clone_from(&node.name);
            config.capacity = node.capacity;
            config.n = self.n;
            config.r = self.r.map_or(Level::Quorum, Level::from);
            config.w = self.w.map_or(Level::Quorum, Level::from);
        });
        play.cast.name_tab(&node.name, at)?;
        Ok(at)
    }

    /// The level of requests that name none: of reads, of writes.
    pub(super) fn levels(&self) -> (Level, Level) {
        (self.r.map_or(Level::Quorum, Level::from), self.w.map_or(Level::Quorum, Level::from))
    }
}

impl NodeSetup {
    pub(super) fn check(&self) -> Result<(), String> {
        for name in [&self.name, &self.device] {
            if name.is_empty() || name.len() > NAME_BYTES_MAX {
                return Err(format!("The name {name:?} is empty or longer than {NAME_BYTES_MAX} bytes."));
            }
        }
        check_capacity(&self.name, self.capacity)
    }
}

/// Whether a node may have so many virtual nodes.
pub(super) fn check_capacity(name: &str, capacity: u16) -> Result<(), String> {
    if (1..=CAPACITY_MAX).contains(&capacity) {
        return Ok(());
    }
    Err(format!("{name:?} is to have {capacity} virtual nodes: say 1 to {CAPACITY_MAX}."))
}

/// Devices by their names, numbered in the order in which they come up.
#[derive(Debug, Clone, Default)]
pub(super) struct Devices(Vec<String>);

impl Devices {
    pub(super) fn of(nodes: &[NodeSetup]) -> Devices {
        let mut devices = Devices::default();
        nodes.iter().for_each(|node| {
            devices.number(&node.device);
        });
        devices
    }

    /// What the device of this number is called.
    pub(super) fn name(&self, number: u8) -> String {
        self.0.get(usize::from(number)).cloned().unwrap_or_default()
    }

    /// The number of a device. There are no more than there are tabs.
    pub(super) fn number(&mut self, name: &str) -> u8 {
        let known = self.0.iter().position(|device| device == name);
        let number = known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        u8::try_from(number).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Setup::parse(text).map(|_| ()).expect_err("it is wrong")
    }

    #[test]
    fn what_is_no_setup_is_told_in_a_sentence() {
        let nodes = |count: usize| {
            let node = |index| format!(r#"{{ "name": "n{index}", "device": "d{index}", "capacity": 32 }}"#);
            (0..count).map(node).collect::<Vec<_>>().join(",")
        };
        let setup = |rest: &str, count: usize| {
            format!(r#"{{ "version": 1, "seed": 7, "n": 3, "nodes": [{}]{rest} }}"#, nodes(count))
        };
        assert!(Setup::parse(&setup("", 64)).is_ok());
        assert!(wrong(&setup("", 65)).contains("1 to 64 nodes"));
        assert!(wrong(&setup("", 0)).contains("1 to 64 nodes"));
        assert!(wrong(&setup(r#", "plant": "no-such-bug""#, 3)).contains("no bug called \"no-such-bug\""));
        assert!(wrong(&setup(r#", "colour": 1"#, 3)).contains("unknown field `colour`"));
        assert!(wrong(&setup(r#", "network": { "lost": 101 }"#, 3)).contains("of a hundred"));
        assert!(wrong(&setup(r#", "network": { "latency": [5, 1] }"#, 3)).contains("shorter"));
        assert!(wrong(&setup("", 3).replace("\"n\": 3", "\"n\": 8")).contains("1 to 7 copies"));
        assert!(wrong(&setup("", 3).replace("n2", "n1")).contains("Two nodes are called \"n1\""));
        assert!(wrong(&setup("", 3).replace("\"version\": 1", "\"version\": 2")).contains("version 2"));
        assert!(wrong(&setup("", 3).replace("32", "0")).contains("virtual nodes"));
        assert!(wrong("{").contains("no setup"));
    }
}
