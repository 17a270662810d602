//! What a person does: one step without time, in the words of scenario files, or one of the lab's own.
//!
//! The lab's own are what only somebody who holds time in hand can do (take one message away, hold it back), and what
//! stands for many hands: a load of requests, drawn from the lab's seed.

use serde::Deserialize;
use serde_json::Value;

use super::load::LoadIs;
use super::setup::{Devices, NODES_MAX, NodeSetup, Setup, check_capacity};
use crate::scenario::{Mistake, Pair, Play, Step};

/// How long one act may be, in bytes.
const ACT_BYTES_MAX: usize = 8 * 1_024;
/// How much later a message may be made, in milliseconds.
const DELAY_MS_MAX: u64 = 10 * 60 * 1_000;

/// One act.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// As in scenario files.
    Step(Box<Step>),
    /// The lab's own.
    Own(Own),
}

/// What scenario files have no words for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Own {
    /// Nothing passes between two.
    Cut(Pair),
    /// It does again.
    Mend(Pair),
    /// A message on its way never arrives.
    Drop(u64),
    /// A message on its way arrives later.
    Delay(Delay),
    /// A new tab opens, for the first time.
    Join(NodeSetup),
    /// A tab has more tokens from now on, or fewer.
    Capacity(Capacity),
    /// A tab is to hand everything off and go for good.
    Leave(String),
    /// Requests come by themselves from now on; an `every` of zero ends it.
    Load(LoadIs),
}

/// Which message is how much later.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delay {
    message: u64,
    ms: u64,
}

/// Who is to have how many tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Capacity {
    tab: String,
    tokens: u16,
}

impl Act {
    /// Read one, and the text by which it is kept.
    pub(super) fn parse(text: &str) -> Result<(Act, String), String> {
        if text.len() > ACT_BYTES_MAX {
            return Err(format!("A step has at most {ACT_BYTES_MAX} bytes, and this has {}.", text.len()));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| format!("This step is no JSON: {error}."))?;
        let kept = value.to_string();
        Act::read(value).map(|act| (act, kept))
    }

    /// The act that a value says.
    pub(super) fn read(value: Value) -> Result<Act, String> {
        let word = match &value {
            Value::Object(fields) if fields.len() == 1 => fields.keys().next().cloned().unwrap_or_default(),
            Value::String(word) => word.clone(),
            _ => return Err("A step is one word with what belongs to it, such as {\"crash\": \"alice\"}.".into()),
        };
        let is_own = match word.as_str() {
            "cut" | "mend" | "drop" | "delay" | "join" | "capacity" | "load" => true,
            "leave" => value.get("leave").is_some_and(Value::is_string),
            _ => false,
        };
        let wrong = |error: serde_json::Error| format!("The step {word:?} is not understood: {error}.");
        if is_own {
            serde_json::from_value(value).map(Act::Own).map_err(wrong)
        } else {
            serde_json::from_value(value).map(|step| Act::Step(Box::new(step))).map_err(wrong)
        }
    }
}

impl Own {
    /// Do it. A load is the caller's.
    pub(super) fn take(&self, play: &mut Play, setup: &Setup, devices: &mut Devices) -> Result<(), Mistake> {
        match self {
            Own::Cut(pair) => {
                let (a, b) = play.pair(pair)?;
                play.soak.world.cut(a, b);
            }
            Own::Mend(pair) => {
                let (a, b) = play.pair(pair)?;
                play.soak.world.heal(a, b);
            }
            Own::Drop(id) => {
                if !play.soak.world.drop_frame(*id) {
                    return Err(format!("no message {id} is on its way"));
                }
            }
            Own::Delay(Delay { message, ms }) => {
                if *ms > DELAY_MS_MAX {
                    return Err(format!("a message is held back for at most {DELAY_MS_MAX} ms"));
                }
                if !play.soak.world.delay_frame(*message, *ms) {
                    return Err(format!("no message {message} is on its way"));
                }
            }
            Own::Join(node) => {
                node.check()?;
                if play.soak.world.hosts.len() >= NODES_MAX {
                    return Err(format!("a lab has at most {NODES_MAX} nodes"));
                }
                if play.cast.tab(&node.name).is_ok() {
                    return Err(format!("there is a node called {:?} already", node.name));
                }
                let at = setup.prepare(play, node, devices.number(&node.device))?;
                if node.open {
                    play.soak.world.reopen(at);
                }
            }
            Own::Capacity(Capacity { tab, tokens }) => {
                let at = play.cast.tab(tab)?;
                check_capacity(tab, *tokens)?;
                play.soak.world.set_capacity(at, *tokens);
            }
            Own::Leave(name) => play.leave_soon(name)?,
            Own::Load(load) => load.check()?,
        }
        Ok(())
    }
}
