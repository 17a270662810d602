//! Counters, sets and maps: what is done to them, and what a read of one must show.
//!
//! Each type has a bucket of its own. Items and fields are few, so that many edits meet.

use roundtable_core::coordinator::{Level, Reply, Request, Terms};
use roundtable_core::datatype::{Edit, Value, merged};
use roundtable_core::id::Key;
use roundtable_core::wire::Payload;

use super::Step;
use super::run::Soak;

const COUNTERS: &str = "counters";
const SETS: &str = "sets";
const MAPS: &str = "maps";
/// So many items and fields there are.
const ITEMS: u64 = 4;
/// How long an item lives that is to expire: some do within the run.
const TTL_MS: u64 = 20_000;

/// Whether a key holds parts of a value rather than values.
pub(super) fn is_of_parts(key: &Key) -> bool {
    [COUNTERS, SETS, MAPS].contains(&key.bucket())
}

impl Soak {
    /// One edit; `what` says which item, and whether it expires.
    pub(super) fn edit(&mut self, step: Step, tab: usize, key: &Key, what: u64, terms: Terms) {
        let value = |number: u64| -> Payload { Value::Number(number as f64).encode().into() };
        let (item, field) = (value(what % ITEMS), format!("field {}", what % ITEMS));
        let is_removal = matches!(step, Step::Remove | Step::UnsetField);
        self.written += u64::from(!is_removal);
        let (bucket, edit) = match step {
            Step::Add => (COUNTERS, Edit::Add(what as f64 - 3.0)),
            Step::Insert => (SETS, Edit::Insert(item)),
            Step::Remove => (SETS, Edit::Remove(item)),
            Step::SetField => (MAPS, Edit::Set { field, value: value(self.written) }),
            _ => (MAPS, Edit::Unset { field }),
        };
        // An amount that expires would not be in the sum.
        let is_brief = step == Step::Insert && what >= 3 * ITEMS;
        if is_brief {
            self.oracle.may_expire(self.written);
        }
        // Before the request: it may be answered at once.
        let id = self.world.next_request();
        if !is_removal {
            self.watch.numbers.insert(id, self.written);
        }
        self.watch.edits.insert(id, edit.clone());
        let key = Key::new(bucket, key.name()).expect("a short name");
        let ttl_ms = is_brief.then_some(TTL_MS);
        self.world.request(tab, Request::Edit { key, edit, ttl_ms, context: None, terms });
    }

    /// A quorum read anywhere shows what all that there is makes; where too few are left for one, a local read does.
    pub(super) fn judge_read_of_parts(&mut self, key: &Key, index: usize) {
        let alive = self.world.alive();
        let Some(&tab) = alive.get(index % alive.len().max(1)) else { return };
        let is_quorum = alive.len() >= usize::from(Level::Quorum.needed(self.world.node(tab).view().n()));
        let level = if is_quorum { Level::Quorum } else { Level::Local };
        let shown = |soak: &Soak| merged(&soak.joined(key), soak.world.node(tab).view().expiry_clock()).siblings;
        let before = shown(self);
        let terms = Terms { level: Some(level), timeout_ms: None };
        let id = self.world.request(tab, Request::Get { key: key.clone(), terms });
        self.pass(200);
        let found = match self.world.last(tab, id) {
            Some(Reply::Read(read)) if read.met => Some(read.siblings.clone()),
            _ => None,
        };
        // Something may expire in the very moment.
        let expected = shown(self);
        if found.as_ref() != Some(&expected) && found.as_ref() != Some(&before) {
            self.oracle.accuse(format!("{key:?}: tab {tab} reads {found:?} of {expected:?}"));
        }
    }
}
