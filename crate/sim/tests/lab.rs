//! The lab's checkers: what is broken on purpose is found while a class plays, and what is not broken is not accused.

use std::collections::BTreeMap;

use roundtable_sim::lab::Lab;
use serde_json::{Value, json};

/// So many games of each: a bug is to be seen in one of them at least, and none is to be seen where there is none.
const SEEDS: u64 = 8;

/// A room of six in which much happens, with a bug or without. What the checkers have found, if anything.
fn play(seed: u64, plant: Option<&str>) -> Option<Value> {
    let node =
        |index: usize| json!({ "name": format!("n{index}"), "device": format!("d{}", index % 5), "capacity": 32 });
    let nodes: Vec<Value> = (0..6).map(node).collect();
    let setup = json!({ "version": 1, "seed": seed, "n": 3, "nodes": nodes, "plant": plant });
    let mut lab = Lab::new(&setup.to_string()).expect("a good setup");
    let act = |lab: &mut Lab, step: Value| {
        lab.act(&step.to_string()).map(|_| ()).unwrap_or_else(|error| panic!("{step}: {error}"));
    };
    lab.run(3_000, || true);
    act(&mut lab, json!({ "load": { "every": 60, "keys": 12, "reads": 40 } }));
    let rounds = [
        vec![json!({ "partition": [["n0", "n1", "n2"], ["n3", "n4", "n5"]] })],
        vec![json!("heal"), json!({ "introduce": ["n0", "n3"] })],
        vec![json!({ "crash": "n2" })],
        vec![json!({ "put": { "tab": "n0", "key": "a", "value": "one" } }), json!({ "crash": "n3" })],
        vec![json!({ "delete": { "tab": "n1", "key": "load-1" } }), json!({ "open": ["n2", "n3"] })],
        vec![json!({ "freeze": "n4" })],
        vec![json!({ "resume": "n4" }), json!({ "full_disk": "n1" })],
        vec![json!({ "free_disk": "n1" }), json!({ "close": "n5" })],
        vec![json!({ "open": "n5" }), json!({ "crash_in_persist": { "tabs": "n0", "is_kept": false } })],
        vec![json!({ "network": { "lost": 5, "doubled": 3, "reordered": 5 } })],
        vec![json!({ "crash": "n4" })],
        vec![json!({ "wipe": "n4" }), json!({ "network": {} }), json!({ "open": ["n0", "n4"] })],
        vec![json!({ "leave": "n2" })],
        vec![json!({ "load": { "every": 0 } })],
    ];
    let found = |lab: &Lab| -> Value { serde_json::from_str(&lab.state("{}").expect("a good view")).expect("JSON") };
    for steps in rounds {
        for step in steps {
            act(&mut lab, step);
        }
        lab.run(6_000, || true);
        if !found(&lab)["violation"].is_null() {
            break;
        }
    }
    lab.run(45_000, || true);
    let state = found(&lab);
    let violation = state["violation"].clone();
    if violation.is_null() {
        return None;
    }
    assert_eq!(state["now"], violation["at"], "time stands where it was found");
    assert_eq!(lab.run(1_000, || true), 0, "and does not go on");
    for ms in [lab.now() / 2, lab.now().saturating_sub(1)] {
        lab.seek(ms);
        lab.run(60_000_000, || true);
        let again = found(&lab);
        let ends = ["violation", "now", "trace", "next"].map(|what| (&again[what], &state[what]));
        assert!(ends.iter().all(|(again, first)| again == first), "lived through again from {ms}: {ends:#?}");
    }
    Some(violation)
}

#[test]
fn what_is_not_broken_is_not_accused() {
    for seed in 0..SEEDS {
        assert_eq!(play(seed, None), None, "seed {seed}");
    }
}

#[test]
fn bugs_for_a_class_are_found() {
    let mut found = BTreeMap::new();
    let mut missed = Vec::new();
    for plant in plants().iter().filter(|plant| plant["classroom"] == true) {
        let name = plant["name"].as_str().unwrap_or_default();
        let Some(violation) = (0..SEEDS).find_map(|seed| play(seed, Some(name))) else {
            missed.push(name.to_owned());
            continue;
        };
        let what = violation["what"].as_str().unwrap_or_default();
        assert!(!what.is_empty() && !what.contains("tab "), "tabs go by their names: {what}");
        assert!(violation["rule"].as_str().is_some_and(|rule| rule.ends_with('.')), "{violation}");
        found.insert(name.to_owned(), format!("{}: {what}", violation["checker"]));
    }
    println!("{found:#?}");
    assert!(missed.is_empty(), "{missed:?} are not found, but {found:#?}");
}

#[test]
fn every_bug_that_can_be_planted_says_what_it_breaks() {
    let is_told = |plant: &Value| plant["about"].as_str().is_some_and(|about| about.ends_with('.'));
    assert!(plants().len() >= 40 && plants().iter().all(is_told));
    let is_long = |plant: &&Value| plant["classroom"] == true && plant["try"].is_string();
    assert!(plants().iter().filter(is_long).count() >= 5);
}

fn plants() -> Vec<Value> {
    serde_json::from_str(&Lab::plants()).expect("JSON")
}
