//! One key, from its name to its copies: where it lies, who is to keep it, and what each holds of it.

use roundtable_core::id::{Key, NodeId};
use roundtable_core::store::{Table, object_of_row};
use roundtable_core::wire::Object;
use serde_json::{Value, json};

use super::moment::Moment;
use super::words;
use crate::scenario::text_of;

impl Moment {
    /// A key, as a tab sees the ring, or as all see it together.
    pub(super) fn key(&self, key: &Key, seen_from: Option<usize>) -> Value {
        let world = &self.play.soak.world;
        let position = crate::World::room().position(key);
        let (owners, fallbacks) = match seen_from.filter(|&at| world.is_open(at)) {
            Some(at) => {
                let list = world.node(at).view().preference_list(key);
                (list.owners, list.fallbacks)
            }
            None => {
                let ring = world.ring_of(self.figures.seated());
                let list = ring.preference_list(position);
                (list.owners().to_vec(), list.fallbacks().to_vec())
            }
        };
        let names = |ids: &[NodeId]| -> Vec<&str> { ids.iter().map(|&id| words::name_of(&self.play, id)).collect() };
        let place_of = |at: usize| {
            let id = world.hosts[at].id;
            owners.iter().chain(&fallbacks).position(|other| *other == id)
        };
        let mut tabs: Vec<usize> = (0..world.hosts.len()).collect();
        tabs.sort_by_key(|&at| place_of(at).unwrap_or(usize::MAX));
        let replicas = tabs.into_iter().filter_map(|at| {
            let object = self.held(at, key);
            let rank = place_of(at);
            let role = match rank {
                Some(rank) if rank < owners.len() => "owner",
                Some(_) => "fallback",
                None => "other",
            };
            let hints = self.hints_for(at, key);
            // Of those who have nothing to do with it nothing is said.
            (role == "owner" || object.is_some() || !hints.is_empty()).then(|| {
                let mut replica = self.copy(object.as_ref());
                replica["name"] = json!(self.play.cast.name_of(at));
                replica["role"] = json!(role);
                replica["rank"] = json!(rank);
                replica["open"] = json!(world.is_open(at));
                replica["hintFor"] = json!(hints.first());
                replica["hintsFor"] = json!(hints);
                replica
            })
        });
        json!({
            "bucket": key.bucket(),
            "key": key.name(),
            "position": words::position(position),
            "owners": names(&owners),
            "fallbacks": names(&fallbacks),
            "replicas": replicas.collect::<Vec<_>>(),
        })
    }

    /// What a tab holds; of one that is closed, what lies on its disk.
    fn held(&self, at: usize, key: &Key) -> Option<Object> {
        let host = &self.play.soak.world.hosts[at];
        match &host.node {
            Some(node) => node.view().object(key),
            None => host.disk.row(Table::Objects, key.as_bytes()).and_then(object_of_row),
        }
    }

    fn hints_for(&self, at: usize, key: &Key) -> Vec<&str> {
        let Some(node) = &self.play.soak.world.hosts[at].node else { return Vec::new() };
        let hints = node.view();
        let hints = hints.hints().filter(|(held, _)| *held == key);
        hints.map(|(_, owner)| words::name_of(&self.play, owner)).collect()
    }

    fn copy(&self, object: Option<&Object>) -> Value {
        let Some(object) = object else { return json!({ "found": false, "siblings": [], "clock": {} }) };
        let is_concurrent = object.values().len() > 1;
        let siblings = object.dots().zip(object.values()).map(|(dot, version)| {
            json!({
                "value": text_of(&version.payload),
                "dot": words::dot(&self.play, dot),
                "concurrent": is_concurrent,
            })
        });
        json!({
            "found": object.values().len() > 0,
            "deleted": object.is_tombstone(),
            "siblings": siblings.collect::<Vec<_>>(),
            "clock": words::clock(&self.play, object.context()),
        })
    }
}
