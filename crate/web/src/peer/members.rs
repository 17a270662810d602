//! What the application was last told of the members, and what has changed since.

use std::collections::BTreeMap;

use roundtable_core::id::NodeId;
use roundtable_core::membership::Status;
use roundtable_core::node::{MemberView, View};

/// Something about one member is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberChange {
    /// The member as it is now.
    pub member: MemberView,
    /// Its status before, if it was known.
    pub previous: Option<Status>,
}

/// The members, as the application knows them.
#[derive(Debug, Default)]
pub struct Members {
    version_of_view: Option<u64>,
    version: u64,
    list: Vec<MemberView>,
}

impl Members {
    /// The list, and a number that changes whenever it does.
    pub fn current(&self) -> (u64, Vec<MemberView>) {
        (self.version, self.list.clone())
    }

    /// Whether the node may know better.
    pub fn is_stale(&self, view: View<'_>) -> bool {
        self.version_of_view != Some(view.members_version())
    }

    /// Take over what the node knows, and say what changed, in the order of the list; those who are gone come last, as
    /// departed.
    pub fn refresh(&mut self, view: View<'_>) -> Vec<MemberChange> {
        if !self.is_stale(view) {
            return Vec::new();
        }
        self.version_of_view = Some(view.members_version());
        self.replace(view.members())
    }

    fn replace(&mut self, list: Vec<MemberView>) -> Vec<MemberChange> {
        let mut before: BTreeMap<NodeId, MemberView> =
            core::mem::take(&mut self.list).into_iter().map(|member| (member.id, member)).collect();
        let mut changes = Vec::new();
        for member in &list {
            let was = before.remove(&member.id);
            if was.as_ref() != Some(member) {
                let previous = was.map(|was| was.status);
                changes.push(MemberChange { member: member.clone(), previous });
            }
        }
        changes.extend(before.into_values().map(|gone| MemberChange {
            previous: Some(gone.status),
            member: MemberView { status: Status::Departed, linked: false, share: 0, ..gone },
        }));
        self.list = list;
        if !changes.is_empty() {
            self.version += 1;
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::id::DeviceId;
    use roundtable_core::wire::Presence;

    fn member(id: u8, status: Status) -> MemberView {
        MemberView {
            id: NodeId::from_bytes([id; 16]),
            device: DeviceId::from_bytes([0; 16]),
            label: "".into(),
            capacity: 128,
            presence: Presence::Visible,
            status,
            presence: Presence::Visible,
            me: id == 0,
            linked: true,
            share: 7,
        }
    }

    #[test]
    fn only_what_changed_is_told_and_with_what_it_was() {
        let mut members = Members::default();
        assert_eq!(members.replace(vec![member(0, Status::Up), member(1, Status::Up)]).len(), 2);
        let changes = members.replace(vec![member(0, Status::Up), member(1, Status::Suspect)]);
        let expected = MemberChange { member: member(1, Status::Suspect), previous: Some(Status::Up) };
        assert_eq!(changes, [expected]);
        let version = members.current().0;
        assert_eq!(members.replace(vec![member(0, Status::Up), member(1, Status::Suspect)]), []);
        assert_eq!(members.current().0, version);
    }

    #[test]
    fn who_is_gone_from_the_list_has_departed() {
        let mut members = Members::default();
        members.replace(vec![member(0, Status::Up), member(1, Status::Leaving)]);
        let changes = members.replace(vec![member(0, Status::Up)]);
        assert_eq!((changes[0].member.status, changes[0].previous), (Status::Departed, Some(Status::Leaving)));
        assert!(!changes[0].member.linked);
    }
}
