//! The checkers of the soak, run live: what is wrong stops time.
//!
//! Some hold whenever something is answered (a receipt names only who has the write on disk), some at every moment (no
//! acknowledged write is lost, no value comes from nowhere or returns), and some only at rest (all agree who owns what,
//! and owners hold the same). They are the ones that judge the soak; none of them asks a node for anything, so a run
//! with them is the same run as without.

use std::collections::BTreeSet;

use roundtable_core::id::{Key, RequestId};
use roundtable_core::membership::Status;

use super::moment::LOOK_MS;
use crate::scenario::Play;

/// Every so many looks values are judged.
const VALUES_EVERY: u64 = 4;
/// Every so many looks is forgotten what is long superseded: each checkpoint holds what is known.
const FORGET_EVERY: u64 = 16;
/// So many changes of each key are known, and those that nothing has superseded.
const CHANGES_KEPT: usize = 24;
/// Of so many of the last requests it is judged what they are told.
const REQUESTS_JUDGED: u64 = 1_000;
/// So much work judging values may be at a look: pairs of changes of one key. The next look goes on where it ended.
const VALUES_WORK_MAX: usize = 20_000;
/// So many keys at most.
const VALUES_KEYS_MAX: usize = 64;
/// For so long the room has been at rest before its owners are compared.
const REST_MS: u64 = 10_000;
/// How often they are, while it rests.
const OWNERS_EVERY_MS: u64 = 10_000;

/// What is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// When it was found.
    pub(super) at: u64,
    /// Which checker found it.
    pub(super) checker: &'static str,
    /// What it checks, for people.
    pub(super) rule: &'static str,
    /// What it found.
    pub(super) what: String,
    /// Which keys it is about.
    pub(super) keys: Vec<String>,
    /// Which nodes.
    pub(super) nodes: Vec<String>,
}

/// The checkers, with what they go by.
const ANSWERS: (&str, &str) = (
    "answers",
    "What a node tells its application is true: a receipt names only nodes that have the write on disk, and a write \
     supersedes only what its application was shown.",
);
const MEMBERS: (&str, &str) =
    ("members", "What a node knows of another only gets newer: nobody goes back to an older record.");
const HINTS: (&str, &str) = ("hints", "A hint is dropped only once the node that it is for has the write on disk.");
const VALUES: (&str, &str) = (
    "values",
    "No acknowledged write is lost, no value comes from nowhere, and none that was deleted or overwritten returns.",
);
const OWNERS: (&str, &str) = (
    "owners",
    "At rest all nodes agree who owns which part of the ring, on separate devices where there are enough, and the \
     owners of each part hold the very same.",
);

/// Where the checkers are.
#[derive(Debug, Clone, Default)]
pub(super) struct Watcher {
    looks: u64,
    /// The last key whose values were judged.
    judged: Option<Key>,
    owners_at: u64,
}

impl Watcher {
    /// What was found while something was answered.
    pub(super) fn of_answers(&self, play: &Play, now: u64) -> Option<Violation> {
        found(play, ANSWERS, now)
    }

    /// Look at all that can be judged now. Where all `is_right`, only what the checkers go by later is kept up: values
    /// and owners are judged by what is there in the moment alone, which takes the most of their time.
    pub(super) fn look(
        &mut self,
        play: &mut Play,
        now: u64,
        settled_since: Option<u64>,
        is_right: bool,
    ) -> Option<Violation> {
        self.looks += 1;
        // Nothing is unanswered; writes that were made since then are not known yet.
        let gone = play.soak.take_in_news();
        debug_assert!(gone.is_empty(), "who has gone was seen to when it was answered");
        play.soak.look_at_members();
        let members = found(play, MEMBERS, now);
        play.soak.look_at_hints();
        let hints = members.or_else(|| found(play, HINTS, now));
        if hints.is_some() {
            return hints;
        }
        if self.looks.is_multiple_of(FORGET_EVERY) {
            let newest = play.soak.world.next_request().0;
            play.soak.watch.forget_before(RequestId(newest.saturating_sub(REQUESTS_JUDGED)));
            play.soak.oracle.forget_superseded(CHANGES_KEPT);
        }
        if self.looks.is_multiple_of(VALUES_EVERY) {
            self.judge_values(play, is_right);
            if let Some(values) = found(play, VALUES, now) {
                return Some(values);
            }
        }
        let has_rested = settled_since.is_some_and(|since| now.saturating_sub(since) >= REST_MS);
        if has_rested && now >= self.owners_at + OWNERS_EVERY_MS && is_undisturbed(play) {
            self.owners_at = now / LOOK_MS * LOOK_MS;
            if !is_right {
                play.soak.judge_rest();
            }
            return found(play, OWNERS, now);
        }
        None
    }

    /// Some keys, from the last one on: all that is held of each anywhere, on disks of closed tabs too.
    fn judge_values(&mut self, play: &mut Play, is_right: bool) {
        let keys = play.soak.oracle.keys();
        let after = |key: &&Key| self.judged.as_ref().is_none_or(|judged| *key > judged);
        let mut work = 0;
        let mut last = None;
        for key in keys.iter().filter(after).take(VALUES_KEYS_MAX) {
            if !is_right {
                play.soak.judge_values(key);
            }
            last = Some(key.clone());
            work += play.soak.oracle.changes_of(key).pow(2);
            if work > VALUES_WORK_MAX {
                break;
            }
        }
        let is_end = last.is_none() || last.as_ref() == keys.last();
        self.judged = last.filter(|_| !is_end);
    }
}

/// Whether nothing keeps the owners from holding the same: no cut, no loss, nobody frozen or with a disk that refuses,
/// and nobody on the way out.
fn is_undisturbed(play: &Play) -> bool {
    let world = &play.soak.world;
    let is_sound = |at: usize| !world.is_frozen(at) && !world.hosts[at].disk_full && world.hosts[at].disk_fails == 0;
    let is_plain = |status: Status| matches!(status, Status::Up | Status::Dormant);
    let tuning = &world.tuning;
    let is_lossless = tuning.loss_percent == 0 && tuning.duplicate_percent == 0 && tuning.reorder_percent == 0;
    let alive = world.alive();
    is_lossless
        && world.is_whole()
        && play.soak.twins.is_empty()
        && alive.iter().all(|&at| is_sound(at))
        && alive.iter().all(|&at| world.node(at).view().members().iter().all(|member| is_plain(member.status)))
}

/// The first thing that is wrong, if anything is.
fn found(play: &Play, (checker, rule): (&'static str, &'static str), at: u64) -> Option<Violation> {
    let raw = play.soak.oracle.violations().first()?;
    let (what, nodes) = named(play, raw);
    let is_about = |key: &Key| {
        let name = format!("{key:?}");
        raw.starts_with(&format!("{name}:")) || raw.starts_with(&format!("{name} at"))
    };
    let keys = play.soak.oracle.keys().iter().filter(|key| is_about(key)).map(|key| key.name().to_owned()).collect();
    Some(Violation { at, checker, rule, what, keys, nodes: nodes.into_iter().collect() })
}

/// The same words with the names of tabs in the place of numbers and ids; and whom it names.
fn named(play: &Play, raw: &str) -> (String, BTreeSet<String>) {
    let (mut text, mut nodes) = (raw.to_owned(), BTreeSet::new());
    for (at, host) in play.soak.world.hosts.iter().enumerate().rev() {
        let name = play.cast.name_of(at);
        let before = text.clone();
        for words in [format!("tab {at}"), format!("owner {at}")] {
            text = replaced(&text, &words, name);
        }
        text = text.replace(&format!("{:?}", host.id), name);
        if text != before {
            nodes.insert(name.to_owned());
        }
    }
    // Clocks as they are written elsewhere, and without the moment, which is told beside it.
    text = text.replace("VersionVector { entries: [", "{").replace("] }", "}");
    if let Some((key, rest)) = text.split_once(": ")
        && let Some((key, ms)) = key.split_once(" at ")
        && ms.bytes().all(|byte| byte.is_ascii_digit())
    {
        text = format!("{key}: {rest}");
    }
    (text, nodes)
}

/// A text with words in the place of others, where no further digit follows.
fn replaced(text: &str, words: &str, name: &str) -> String {
    let mut parts = text.split(words);
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_longer = part.starts_with(|next: char| next.is_ascii_digit());
        made.push_str(if is_longer { words } else { name });
        made.push_str(part);
    }
    made
}
