//! What a lab promises, whatever is in it.

use data_encoding::BASE64URL_NOPAD as BASE64;

use super::*;

/// A room of so many tabs, each on a device of its own.
pub(super) fn setup(seed: u64, nodes: usize) -> String {
    let node = |index: usize| json!({ "name": format!("n{index}"), "device": format!("d{index}"), "capacity": 32 });
    json!({ "version": 1, "seed": seed, "n": 3, "nodes": (0..nodes).map(node).collect::<Vec<_>>() }).to_string()
}

pub(super) fn lab(seed: u64, nodes: usize) -> Lab {
    Lab::new(&setup(seed, nodes)).expect("a good setup")
}

fn act(lab: &mut Lab, step: Value) -> Value {
    let told = lab.act(&step.to_string()).expect("a good step");
    serde_json::from_str(&told).expect("JSON")
}

fn state(lab: &Lab, view: Value) -> Value {
    serde_json::from_str(&lab.state(&view.to_string()).expect("a good view")).expect("JSON")
}

/// A story with every kind of happening in it.
fn story(lab: &mut Lab) {
    lab.run(4_000, || true);
    act(lab, json!({ "put": { "tab": "n0", "key": "alice", "value": "tea" } }));
    lab.run(300, || true);
    act(lab, json!({ "crash": "n1" }));
    act(lab, json!({ "put": { "tab": "n2", "key": "alice", "value": "milk" } }));
    lab.step();
    act(lab, json!({ "load": { "every": 40, "keys": 10 } }));
    lab.run(3_000, || true);
    act(lab, json!({ "partition": [["n0", "n2"], ["n3", "n4"]] }));
    lab.run(5_000, || true);
    act(lab, json!("heal"));
    act(lab, json!({ "introduce": ["n0", "n3"] }));
    act(lab, json!({ "open": "n1" }));
    act(lab, json!({ "close": "n4" }));
    lab.run(9_000, || true);
}

#[test]
fn going_back_and_forth_ends_where_it_began() {
    let mut lab = lab(7, 5);
    story(&mut lab);
    let (end, trace) = (lab.end(), lab.trace());
    let mut traces = Vec::new();
    for ms in [end / 2, 1_000, end, 4_300, 0, 7_300, end] {
        lab.seek(ms);
        assert_eq!(lab.now(), ms);
        traces.push((ms, lab.trace()));
    }
    assert!(traces.iter().filter(|(ms, _)| *ms == end).all(|(_, other)| *other == trace));
    for (ms, trace) in traces {
        lab.seek(ms);
        assert_eq!(lab.trace(), trace, "at {ms}");
    }
}

#[test]
fn living_through_the_past_again_is_the_same_as_going_there() {
    let mut lab = lab(3, 5);
    story(&mut lab);
    let (end, trace) = (lab.end(), lab.trace());
    lab.seek(2_000);
    while lab.now() < end {
        lab.run(37.min(end - lab.now()), || true);
    }
    lab.seek(end);
    assert_eq!((lab.end(), lab.trace()), (end, trace.clone()));
    lab.seek(100);
    while lab.now() < 1_500 {
        assert!(lab.step().is_some());
    }
    lab.seek(end);
    assert_eq!(lab.trace(), trace);
}

#[test]
fn a_link_leads_to_the_same_state() {
    let mut lab = lab(11, 5);
    story(&mut lab);
    lab.mark("key=alice").expect("a short mark");
    let other = Lab::from_link(&lab.link().expect("a short history")).expect("a good link");
    assert_eq!((other.now(), other.trace(), other.marked()), (lab.now(), lab.trace(), "key=alice"));
    assert_eq!(other.note, None);
    // In the middle of a moment, too.
    lab.step();
    lab.step();
    let other = Lab::from_link(&lab.link().expect("a short history")).expect("a good link");
    assert_eq!((other.now(), other.trace()), (lab.now(), lab.trace()));
    // What lies ahead is not in it.
    lab.seek(6_000);
    let other = Lab::from_link(&lab.link().expect("a short history")).expect("a good link");
    assert_eq!((other.now(), other.end(), other.trace()), (6_000, 6_000, lab.trace()));
}

#[test]
fn what_was_seen_is_told_once_however_often_it_is_lived_through_and_nothing_of_what_is_to_come() {
    let mut lab = lab(7, 5);
    story(&mut lab);
    let told = |lab: &Lab| [lab.log(0), lab.diagram(0, 30_000), state(lab, json!({}))["next"].to_string()];
    let (end, first) = (lab.end(), told(&lab));
    for ms in [0, 4_100, end / 2, end - 1] {
        lab.seek(ms);
        lab.seek(end);
        assert_eq!(told(&lab), first, "after going back to {ms}");
    }
    // Two acts with no happening between them: after the first the second is still to come.
    let mut quiet = Lab::new(&setup(3, 2)).expect("a good setup");
    let quiet_at = |quiet: &mut Lab| {
        let ticks = quiet.moment.ticks;
        quiet.run(1, || true);
        quiet.moment.ticks == ticks
    };
    assert!((0..10_000).any(|_| quiet_at(&mut quiet) && quiet_at(&mut quiet)), "two milliseconds without a happening");
    let (now, before) = (quiet.now(), quiet.log(0));
    act(&mut quiet, json!({ "crash": "n0" }));
    assert_ne!(quiet.log(0), before);
    quiet.seek(now - 1);
    assert_eq!(quiet.log(0), before, "it is in the future");
    act(&mut quiet, json!({ "freeze": "n1" }));
    assert!(!quiet.log(0).contains("crash"), "it never was: {}", quiet.log(0));
}

#[test]
fn an_act_in_the_past_drops_the_future_and_a_fork_keeps_it() {
    let mut lab = lab(5, 4);
    lab.run(6_000, || true);
    act(&mut lab, json!({ "put": { "tab": "n0", "key": "k", "value": "one" } }));
    lab.run(2_000, || true);
    let kept = lab.fork();
    lab.seek(5_000);
    act(&mut lab, json!({ "put": { "tab": "n1", "key": "k", "value": "two" } }));
    assert_eq!((lab.now(), lab.end()), (5_000, 5_000));
    lab.run(3_000, || true);
    let values =
        |lab: &Lab| state(lab, json!({ "key": { "key": "k" } }))["key"]["replicas"][0]["siblings"][0]["value"].clone();
    assert_eq!((values(&lab), values(&kept)), (json!("two"), json!("one")));
    let log: Value = serde_json::from_str(&lab.log(0)).expect("JSON");
    let acts: Vec<&Value> = log.as_array().expect("a list").iter().filter(|entry| entry["kind"] == "act").collect();
    assert_eq!(acts.len(), 1, "{acts:?}");
}

#[test]
fn a_lesson_of_one_write_can_be_followed_from_the_ask_to_the_copies() {
    let mut lab = lab(2, 5);
    assert_eq!(lab.run_until("settled", 60_000), Ok(true));
    let id =
        act(&mut lab, json!({ "put": { "tab": "n3", "key": "alice", "value": "tea", "level": "all" } }))["request"]
            .clone();
    // The node first makes sure that its disk knows of a new write's name.
    while !state(&lab, json!({}))["messages"].to_string().contains("\"store\"") {
        assert!(lab.step().is_some() && lab.now() < 61_000);
    }
    let before = state(&lab, json!({}));
    assert!(before["messages"].as_array().is_some_and(|messages| messages.iter().any(|one| one["what"] == "store")));
    assert_eq!(lab.run_until(&json!({ "request": id }).to_string(), 2_000), Ok(true));
    lab.run(100, || true);
    let seen = state(&lab, json!({ "seenFrom": "n0", "key": { "bucket": "kv", "key": "alice" } }));
    let request = &seen["requests"][0];
    assert_eq!((&request["kind"], &request["met"], &request["needed"]), (&json!("put"), &json!(true), &json!(3)));
    assert_eq!(request["answered"], 3);
    let owners = seen["key"]["owners"].as_array().expect("owners").len();
    assert_eq!((owners, seen["key"]["fallbacks"].as_array().map(Vec::len)), (3, Some(2)));
    let holders = seen["key"]["replicas"].as_array().expect("replicas").iter().filter(|one| one["found"] == true);
    assert!(holders.count() >= 3, "{seen}");
    assert_eq!(seen["members"].as_array().map(Vec::len), Some(5));
    assert_eq!(seen["tokens"].as_array().map(Vec::len), Some(160));
    let ring = seen["ring"].clone();
    assert!(state(&lab, json!({ "seenFrom": "n0", "ring": ring }))["tokens"].is_null(), "the page has them");
    let diagram: Value = serde_json::from_str(&lab.diagram(0, lab.now())).expect("JSON");
    let events = diagram["events"].as_array().expect("events");
    assert!(events.iter().any(|event| event["kind"] == "written" && event["clock"].is_object()), "{events:?}");
    assert!(diagram["messages"].as_array().is_some_and(|all| all.iter().any(|one| one["arrived"].is_u64())));
}

#[test]
fn a_node_that_is_given_more_tokens_owns_more_and_keeps_them_in_its_next_life() {
    let mut lab = lab(5, 4);
    lab.run_until("settled", 60_000).expect("a goal");
    let own = |lab: &Lab| {
        let tokens = state(lab, json!({ "seenFrom": "n1" }))["tokens"].as_array().map_or(0, Vec::len);
        let member =
            |all: &Value| all["members"].as_array().into_iter().flatten().find(|m| m["label"] == "n3").cloned();
        (tokens, member(&state(lab, json!({ "seenFrom": "n1" }))).expect("it is known")["owns"].as_f64())
    };
    let (tokens, before) = own(&lab);
    assert_eq!(tokens, 4 * 32);
    lab.act(&json!({ "capacity": { "tab": "n3", "tokens": 128 } }).to_string()).expect("it makes sense");
    assert_eq!(lab.run_until("settled", 60_000), Ok(true));
    let (tokens, after) = own(&lab);
    assert_eq!(tokens, 3 * 32 + 128, "another has heard of it");
    assert!(after > before.map(|share| share * 1.5), "{before:?} {after:?}");
    lab.act(&json!({ "crash": "n3" }).to_string()).expect("it makes sense");
    lab.act(&json!({ "open": "n3" }).to_string()).expect("it makes sense");
    assert_eq!(lab.run_until("settled", 60_000), Ok(true));
    assert_eq!(own(&lab).0, 3 * 32 + 128);
}

#[test]
fn steps_that_make_no_sense_are_sentences_and_change_nothing() {
    let mut lab = lab(9, 3);
    lab.run(3_000, || true);
    let trace = lab.trace();
    for (step, what) in [
        (json!({ "crash": "nobody" }), "there is no tab \"nobody\""),
        (json!({ "crash": ["n0", "n0"] }), "named twice"),
        (json!({ "open": "n0" }), "is open"),
        (json!({ "wipe": "n0" }), "is open"),
        (json!({ "explode": "n0" }), "\"explode\" is not understood"),
        (json!({ "run": 5 }), "lets time pass"),
        (json!({ "cut": ["n0", "n0"] }), "no link with itself"),
        (json!({ "drop": 4711_u64 }), "no message 4711"),
        (json!({ "network": { "latency": [9, 2] } }), "shorter"),
        (json!({ "days": i64::MAX }), "at most"),
        (json!({ "flap": { "between": ["n0", "n1"], "ms": 1, "times": u32::MAX } }), "at most"),
        (json!({ "put": { "tab": "n0", "key": "k", "value": "v", "met": true } }), "leave out"),
        (json!({ "put": { "tab": "n0", "key": "k".repeat(5_000), "value": "v" } }), "no key"),
        (json!({ "join": { "name": "n1", "device": "d", "capacity": 3 } }), "already"),
        (json!({ "capacity": { "tab": "n0", "tokens": 0 } }), "0 virtual nodes"),
        (json!({ "capacity": { "tab": "n0", "tokens": 60_000 } }), "60000 virtual nodes"),
        (json!({ "load": { "every": 1 } }), "requests come every"),
        (json!({ "delay": { "message": 1, "ms": u64::MAX } }), "held back"),
        (json!({ "repeat": { "times": 2_000, "steps": [] } }), "too many"),
        (json!(["crash"]), "A step is one word"),
    ] {
        let error = lab.act(&step.to_string()).expect_err("it makes no sense");
        assert!(error.contains(what) && error.ends_with('.'), "{step}: {error}");
    }
    assert!(lab.act("{").is_err_and(|error| error.contains("no JSON")));
    assert_eq!((lab.trace(), lab.now()), (trace, 3_000));
}

#[test]
fn links_that_cannot_be_read_are_sentences() {
    let mut lab = lab(1, 3);
    lab.run(500, || true);
    let link = lab.link().expect("short");
    for (link, what) in [
        (String::new(), "no version"),
        ("2.abc".into(), "version 2"),
        ("hello.world".into(), "no link of a lab"),
        ("1.!!!".into(), "letters are missing or wrong"),
        (link[..link.len() / 2].to_owned(), "cannot be read"),
        (format!("1.{}", BASE64.encode(&[7; 40])), "cannot be read"),
        ("1.".to_owned() + &"A".repeat(70_000), "too long"),
    ] {
        let error = Lab::from_link(&link).map(|_| ()).expect_err("it cannot be read");
        assert!(error.contains(what) && error.ends_with('.'), "{link:.40}: {error}");
    }
}
