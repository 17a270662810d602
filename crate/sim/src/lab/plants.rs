//! The bugs that can be planted, in words for a class: what the rule is, what the bug breaks, and what to try.
//!
//! All of the core's can be planted. For some it takes a month of virtual time, or forty tabs, to show; those that show
//! within a minute of play are told at length, and a test sees to it that the live checkers find them.

use roundtable_core::planted::Plant;
use serde_json::{Value, json};

/// A bug for a class.
struct Told {
    plant: Plant,
    about: &'static str,
    attempt: &'static str,
}

const TOLD: [Told; 7] = [
    Told {
        plant: Plant::LoseASibling,
        about: "Two writes that had not seen each other must both be kept, until somebody who has seen both decides. \
                With this bug only one of them is kept, as in stores where the last write wins: somebody's confirmed \
                write is gone without a word.",
        attempt: "Cut the room in two, write the same key on both sides, and heal the cut.",
    },
    Told {
        plant: Plant::AckBeforePersist,
        about: "A copy counts as stored only once it is on disk. With this bug a node says \"stored\" when it has \
                merely heard of the value: if it dies in the next few milliseconds the confirmed write is gone.",
        attempt: "Write a few keys, and look at who the receipt names.",
    },
    Told {
        plant: Plant::AckThoughRefused,
        about: "A node whose disk is full must say so, so that the copy is put elsewhere. With this bug it says \
                \"stored\" all the same, and has nothing.",
        attempt: "Fill the disk of one node, and write keys that it owns.",
    },
    Told {
        plant: Plant::DropHintUnconfirmed,
        about: "Who keeps a copy for an absent owner may drop it only when that owner has it on disk. With this bug \
                it drops the copy when it has sent it: if the message is lost, or the owner dies before it is on \
                disk, the copy never arrives.",
        attempt: "Crash an owner, write its keys, let a few messages in a hundred get lost, and open it again.",
    },
    Told {
        plant: Plant::OverwriteOnRepair,
        about: "What a repair brings is joined with what is there already. With this bug it replaces it, so an old \
                copy can wipe out a newer write.",
        attempt: "Cut the room in two, write on both sides, and heal the cut.",
    },
    Told {
        plant: Plant::MintTwice,
        about: "Every write gets one name, made once by the node that takes it from its user. With this bug a node \
                that stores a copy gives it another name, so one write becomes two, and what was overwritten comes \
                back beside what took its place.",
        attempt: "Write the same key several times, from nodes that do not own it.",
    },
    Told {
        plant: Plant::ForgetHints,
        about: "What is kept for an absent owner is on disk, and must be known again after a restart. With this bug \
                a node that restarts has forgotten for whom it keeps what.",
        attempt: "Crash an owner, write its keys, then restart the fallback that keeps them, and bring the owner back.",
    },
];

/// All bugs, those for a class first.
pub(super) fn all() -> Value {
    let told = TOLD.iter().map(|Told { plant, about, attempt }| {
        json!({ "name": plant.name(), "about": about, "try": attempt, "classroom": true })
    });
    let is_told = |plant: Plant| TOLD.iter().any(|told| told.plant == plant);
    let others = Plant::ALL.iter().filter(|(plant, ..)| !is_told(*plant)).map(|(_, name, breaks)| {
        let about = format!("With this bug {breaks}. It may take long to show.");
        json!({ "name": name, "about": about, "classroom": false })
    });
    told.chain(others).collect()
}
