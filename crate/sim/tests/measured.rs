//! The bars of what is quickly measured hold in every test run; `measure all` of the command line measures the rest.

use roundtable_sim::measure::{self, Figure, Options, Subject};

fn assert_holds(subject: Subject, options: &Options) {
    let figures = measure::run(subject, options);
    assert!(figures.iter().any(|figure| figure.bar.is_some()), "there are bars");
    assert!(figures.iter().all(Figure::holds), "{}", measure::table(&[(subject, figures)]));
}

fn quick() -> Options {
    Options { quick: true, ..Options::default() }
}

#[test]
fn a_ring_is_balanced_and_moves_only_what_it_must() {
    assert_holds(Subject::Ring, &Options { nodes: Some(10), ..Options::default() });
}

#[test]
fn a_room_at_rest_gossips_less_than_a_kibibyte_a_second() {
    assert_holds(Subject::Gossip, &quick());
}

#[test]
fn two_stores_are_compared_for_a_third_of_the_rivals_bytes_and_within_the_logarithm() {
    assert_holds(Subject::Repair, &quick());
}

#[test]
fn only_the_share_moves_when_a_node_joins_or_leaves_and_nothing_when_one_is_reloaded() {
    assert_holds(Subject::Transfer, &quick());
}

#[test]
fn a_put_and_a_get_take_one_round_trip_and_two_messages_an_owner() {
    assert_holds(Subject::Requests, &quick());
}

#[test]
fn a_key_takes_two_hundred_bytes_of_memory_beside_itself_and_its_value() {
    assert_holds(Subject::Memory, &quick());
}

#[test]
fn a_large_room_forms_and_comes_through_the_death_of_a_tenth_and_of_half() {
    assert_holds(Subject::Thousand, &quick());
}

#[test]
fn the_page_tells_of_every_subject_and_of_no_missed_bar() {
    let page = include_str!("../MEASURED.md");
    for subject in Subject::ALL {
        assert!(page.contains(&format!("\n## {}\n", subject.name())), "{}", subject.name());
    }
    assert!(!page.contains("MISSED"));
}
