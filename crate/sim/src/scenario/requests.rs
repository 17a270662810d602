//! Requests of a scenario: how they are made, waited for and judged. What they are is said in `ask`.

use std::collections::BTreeSet;

use roundtable_core::clock::VersionVector;
use roundtable_core::coordinator::{Keep, Level, ReadReply, Reply, Request, Terms};
use roundtable_core::datatype::DataType;
use roundtable_core::id::{Key, RequestId};

use super::ask::{Await, Delete, Get, Put, Seen, Shows, Update, Wanted, items_of};
use super::instant::Asked;
use super::names::Mistake;
use super::play::Play;
use crate::soak::Written;

/// How long a request is waited for: longer than any takes at its default timeout.
const ANSWER_MS: u64 = 20_000;

/// An update whose read is not yet answered.
#[derive(Debug, Clone)]
pub(super) struct Updating {
    tab: usize,
    id: RequestId,
    key: Key,
    item: String,
    terms: Terms,
}

/// The words of a value.
pub(crate) fn text_of(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload.get(8..).unwrap_or_default()).into_owned()
}

/// The words of all siblings.
pub(crate) fn texts_of(read: &ReadReply) -> Vec<String> {
    read.siblings.iter().map(|payload| text_of(payload)).collect()
}

fn terms(level: Option<Wanted>, timeout_ms: Option<u64>) -> Terms {
    Terms { level: level.map(Level::from), timeout_ms }
}

impl Play {
    pub(super) fn put(&mut self, put: &Put) -> Result<(), Mistake> {
        let Asked { tab, id, .. } = self.ask_put(put)?;
        self.on_asked(tab, id, put.later, put.met)
    }

    pub(super) fn ask_put(&mut self, put: &Put) -> Result<Asked, Mistake> {
        let (tab, key) = (self.open_tab(&put.tab)?, self.cast.key(&put.key)?);
        let context = self.context(&put.context, tab, &key)?;
        let datatype = if put.lww { DataType::LastWriteWins } else { DataType::Register };
        let keep = Keep { datatype, ttl_ms: put.ttl };
        let text = self.cast.text(&put.value);
        if put.ttl.is_some() {
            self.soak.oracle.may_expire(self.soak.written + 1);
        }
        let terms = terms(put.level, put.timeout);
        let id = self.soak.write(tab, Written { key: key.clone(), text: &text, keep, context, terms });
        self.call(put.r#as.as_deref(), tab, id);
        Ok(Asked { tab, id, kind: "put", key, level: terms.level })
    }

    pub(super) fn get(&mut self, get: &Get) -> Result<(), Mistake> {
        let Asked { tab, id, .. } = self.ask_get(get)?;
        self.on_asked(tab, id, get.later, get.met)?;
        if get.later {
            return if get.shows.is_none() { Ok(()) } else { Err("what is not waited for shows nothing yet".into()) };
        }
        if let Some(Reply::Read(read)) = self.soak.world.last(tab, id).cloned() {
            let key = self.cast.key(&get.key)?;
            if let Some(shows) = &get.shows {
                self.judge_shown(&key, shows, &texts_of(&read));
            }
            self.last_read.insert((tab, key), read.context);
        }
        Ok(())
    }

    pub(super) fn ask_get(&mut self, get: &Get) -> Result<Asked, Mistake> {
        let (tab, key) = (self.open_tab(&get.tab)?, self.cast.key(&get.key)?);
        let terms = terms(get.level, get.timeout);
        let id = self.read(tab, &key, terms);
        self.call(get.r#as.as_deref(), tab, id);
        Ok(Asked { tab, id, kind: "get", key, level: terms.level })
    }

    /// Ask for a key, and let what is checked of every read be checked of it.
    pub(crate) fn read(&mut self, tab: usize, key: &Key, terms: Terms) -> RequestId {
        let level = terms.level.unwrap_or(Level::Quorum);
        let id = self.soak.world.request(tab, Request::Get { key: key.clone(), terms });
        self.soak.watch.on_get(id, key.clone(), level, false);
        self.keys_read.insert(id, key.clone());
        id
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Result<(), Mistake> {
        let Asked { tab, id, .. } = self.ask_delete(delete)?;
        self.on_asked(tab, id, delete.later, delete.met)
    }

    pub(super) fn ask_delete(&mut self, delete: &Delete) -> Result<Asked, Mistake> {
        let (tab, key) = (self.open_tab(&delete.tab)?, self.cast.key(&delete.key)?);
        let context = self.context(&delete.context, tab, &key)?;
        let terms = terms(delete.level, delete.timeout);
        if context.is_none() {
            self.soak.on_unguided(tab, self.soak.world.next_request(), &key, true);
        }
        let id = self.soak.world.request(tab, Request::Delete { key: key.clone(), context, terms });
        self.call(delete.r#as.as_deref(), tab, id);
        Ok(Asked { tab, id, kind: "delete", key, level: terms.level })
    }

    pub(super) fn update(&mut self, update: &Update) -> Result<(), Mistake> {
        let Asked { tab, id, .. } = self.ask_update(update)?;
        if update.later {
            return Ok(());
        }
        // The read's answer makes the put, which has the next number.
        self.answered(tab, id);
        self.go_on_with_updates();
        match self.updated.remove(&id) {
            Some(put) => self.on_asked(tab, put.id, false, update.met),
            None => {
                self.accuse("the read of an update was not answered".into());
                Ok(())
            }
        }
    }

    pub(super) fn ask_update(&mut self, update: &Update) -> Result<Asked, Mistake> {
        let (tab, key) = (self.open_tab(&update.tab)?, self.cast.key(&update.key)?);
        let item = self.cast.text(&update.add);
        self.added.entry(key.clone()).or_default().insert(item.clone());
        let terms = terms(update.level, None);
        let id = self.read(tab, &key, terms);
        self.updating.push(Updating { tab, id, key: key.clone(), item, terms });
        Ok(Asked { tab, id, kind: "get", key, level: terms.level })
    }

    /// Write what updates make of what they have read.
    pub(crate) fn go_on_with_updates(&mut self) {
        for updating in std::mem::take(&mut self.updating) {
            let Updating { tab, id, key, item, terms } = updating.clone();
            match self.soak.world.last(tab, id).cloned() {
                Some(Reply::Read(read)) if self.soak.world.is_open(tab) => {
                    let siblings = texts_of(&read);
                    let items = siblings.iter().flat_map(|value| items_of(value)).chain([item]);
                    let text = items.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(",");
                    let (keep, context) = (Keep::default(), Some(read.context));
                    let put = self.soak.write(tab, Written { key: key.clone(), text: &text, keep, context, terms });
                    self.updated.insert(id, Asked { tab, id: put, kind: "put", key, level: terms.level });
                }
                // Its application is gone, and what it would have added.
                _ if !self.soak.world.is_open(tab) => {
                    self.added.entry(key).or_default().remove(&item);
                }
                _ => self.updating.push(updating),
            }
        }
    }

    pub(super) fn await_answer(&mut self, awaited: &Await) -> Result<(), Mistake> {
        let (tab, id) = self.asked(&awaited.of)?;
        self.judge_answer(tab, id, awaited.met);
        if let Some(shows) = &awaited.shows {
            let Some(Reply::Read(read)) = self.soak.world.last(tab, id).cloned() else {
                return Err(format!("{:?} is no read that was answered", awaited.of));
            };
            let key = self.keys_read.get(&id).cloned().ok_or_else(|| format!("{:?} is no get", awaited.of))?;
            self.judge_shown(&key, shows, &texts_of(&read));
        }
        Ok(())
    }

    /// A request may have a name.
    fn call(&mut self, name: Option<&str>, tab: usize, id: RequestId) {
        if let Some(name) = name {
            let name = self.cast.text(name);
            self.asked.insert(name, (tab, id));
        }
    }

    /// A request was made: wait for it.
    fn on_asked(&mut self, tab: usize, id: RequestId, is_later: bool, met: Option<bool>) -> Result<(), Mistake> {
        match (is_later, met) {
            (true, Some(_)) => return Err("what is not waited for is not met yet".into()),
            (true, None) => self.pass(0),
            (false, met) => self.judge_answer(tab, id, met),
        }
        Ok(())
    }

    /// Wait for an answer, and see whether its level is met.
    fn judge_answer(&mut self, tab: usize, id: RequestId, met: Option<bool>) {
        self.answered(tab, id);
        let is_met = match self.soak.world.last(tab, id) {
            Some(Reply::Receipt(receipt)) => Some(receipt.met),
            Some(Reply::Read(read)) => Some(read.met),
            Some(Reply::Keys(_) | Reply::Changes(_) | Reply::Failed(_) | Reply::Left { .. } | Reply::Adopted) => None,
            Some(Reply::Pinned | Reply::Unpinned(_)) => None,
            None => return self.accuse("it is not answered".into()),
        };
        if met.is_some() && is_met != met {
            let answer = format!("{:?}", self.soak.world.last(tab, id));
            self.accuse(format!("met is to be {met:?}, and it is {is_met:?}: {answer}"));
        }
    }

    fn answered(&mut self, tab: usize, id: RequestId) {
        self.pass_until(ANSWER_MS, |play| play.soak.world.last(tab, id).is_some());
    }

    fn judge_shown(&mut self, key: &Key, shows: &Shows, found: &[String]) {
        let added = self.added.get(key).cloned().unwrap_or_default();
        if let Err(what) = self.with_rounds(shows).judge(found, &added) {
            self.accuse(format!("{key:?}: {what}"));
        }
    }

    /// The same, with the rounds of loops in its words.
    pub(super) fn with_rounds(&self, shows: &Shows) -> Shows {
        let texts = |values: &Vec<String>| values.iter().map(|value| self.cast.text(value)).collect::<Vec<_>>();
        Shows {
            is: shows.is.as_ref().map(texts),
            one_of: shows.one_of.as_ref().map(|sets| sets.iter().map(texts).collect()),
            contains: texts(&shows.contains),
            lacks: texts(&shows.lacks),
            ..shows.clone()
        }
    }

    fn context(&self, seen: &Seen, tab: usize, key: &Key) -> Result<Option<VersionVector>, Mistake> {
        match seen {
            Seen::Session => Ok(None),
            Seen::Blind => Ok(Some(VersionVector::new())),
            Seen::LastRead => {
                let read = self.last_read.get(&(tab, key.clone()));
                read.cloned().map(Some).ok_or_else(|| format!("{} has not read {key:?}", self.cast.name_of(tab)))
            }
            Seen::Of(name) => {
                let (tab, id) = self.asked(name)?;
                match self.soak.world.last(tab, id) {
                    Some(Reply::Read(read)) => Ok(Some(read.context.clone())),
                    Some(Reply::Receipt(receipt)) => Ok(Some(receipt.context.clone())),
                    _ => Err(format!("{name:?} has no context")),
                }
            }
        }
    }
}
