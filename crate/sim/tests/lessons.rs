//! All lessons, in every test run: each still tells what it says, and ends with the trace that its file names.
//!
//! After a change of what nodes do: look at each, then `cargo run -p roundtable-sim -- lessons --write`.

use std::collections::BTreeSet;
use std::fs;

use roundtable_sim::lab::{LESSONS, Lab, Lesson};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/lessons");

fn all() -> Vec<Lesson> {
    let read = |(id, text): &(&str, &str)| {
        let lesson = Lesson::parse(text).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(lesson.id, *id);
        lesson
    };
    LESSONS.iter().map(read).collect()
}

#[test]
fn every_lesson_tells_what_it_says_and_ends_with_its_trace() {
    for lesson in all() {
        let lab = lesson.play().unwrap_or_else(|what| panic!("{}: {what}", lesson.id));
        let again = "look at it, then run `cargo run -p roundtable-sim -- lessons --write`";
        assert_eq!(lab.trace(), lesson.trace, "the trace of {} is another: {again}", lesson.id);
    }
}

#[test]
fn a_lessons_link_leads_to_where_it_was_made() {
    for lesson in all() {
        let lab = lesson.play().unwrap_or_else(|what| panic!("{}: {what}", lesson.id));
        let link = lab.link().expect("a lesson is short enough for a link");
        let other = Lab::from_link(&link).expect("a link that was just made");
        assert_eq!((other.trace(), other.now()), (lab.trace(), lab.now()), "{}", lesson.id);
    }
}

#[test]
fn every_file_is_compiled_in_and_there_are_at_least_ten() {
    let files: BTreeSet<String> = fs::read_dir(FOLDER)
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    let known: BTreeSet<String> = LESSONS.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(files, known);
    assert!(known.len() >= 10);
}

#[test]
fn a_lesson_that_is_wrong_is_told_at_its_step() {
    let (_, text) = LESSONS[0];
    let mut lesson = Lesson::parse(text).expect("a good lesson");
    let Some(step) = lesson.steps.first_mut() else { panic!("a lesson has steps") };
    step.expect.push(serde_json::json!({ "hints": { "at_least": 1_000 } }));
    let what = lesson.play().map(|_| ()).expect_err("there are not so many hints");
    assert!(what.starts_with("step 1, ") && what.contains("hints"), "{what}");
    assert!(Lesson::parse(&text.replacen("\"steps\"", "\"stops\"", 1)).is_err_and(|what| what.contains("stops")));
    assert!(Lab::lesson("no-such-lesson").is_err_and(|what| what.contains("There is no lesson")));
}
