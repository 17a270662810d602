//! What this session's application was shown of each key: the context of its next write.
//!
//! It is the coordinator's to say; it lies here since mostly it is what is held, and then costs nothing. It is on no
//! disk, and outlives the key's being let go.

use super::Store;
use crate::clock::VersionVector;
use crate::id::Key;

impl Store {
    /// What was shown of a key.
    pub fn shown(&self, key: &Key) -> Option<VersionVector> {
        self.objects.shown(self.room.position(key), key)
    }

    /// Whether it was shown anything of a key.
    pub fn is_shown(&self, key: &Key) -> bool {
        self.objects.is_shown(self.room.position(key), key)
    }

    /// Remember that it was shown this much, beside what it was shown before.
    pub fn show(&mut self, key: &Key, context: &VersionVector) {
        self.objects.show(self.room.position(key), key, context);
    }
}
