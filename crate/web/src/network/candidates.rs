//! The peer's candidates: which can be used, which have to wait, and which are over.
//!
//! A candidate belongs to one description of the peer's, by the user name fragment (*ufrag*) that both contain.
//! Carriers keep no order, so it may come before its description; after an ICE restart those of the description before
//! it may still come, and the browser would take them for addresses of the new one. Pure.
//!
//! Invariant: a candidate is used once its description is in place and never after that of a later one is; what waits
//! and what is remembered is bounded.

use std::collections::VecDeque;

use super::signal::Candidate;

/// How many candidates may wait; a browser has a handful.
pub(crate) const CANDIDATES_MAX: usize = 32;
/// How many descriptions that are over are remembered. What belongs to an older one waits for ever, among the bounded.
const OVER_MAX: usize = 16;

/// What to do with a candidate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give it to the browser.
    Use(Candidate),
    /// It waits for its description.
    Waits,
    /// Its description is over.
    Stale,
}

/// What is known of one peer's candidates for one connection.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// Whether any description is in place, and its fragment if it has one.
    in_place: Option<Option<String>>,
    over: VecDeque<String>,
    waiting: VecDeque<Candidate>,
}

impl Candidates {
    /// A candidate came.
    pub(crate) fn take(&mut self, candidate: Candidate) -> Verdict {
        if self.is_over(&candidate) {
            return Verdict::Stale;
        }
        if self.is_usable(&candidate) {
            return Verdict::Use(candidate);
        }
        if self.waiting.len() == CANDIDATES_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(candidate);
        Verdict::Waits
    }

    /// Whether any description of the peer's is in place.
    pub(crate) fn is_in_place(&self) -> bool {
        self.in_place.is_some()
    }

    /// This description of the peer's is in place now. The candidates that waited for it.
    pub(crate) fn on_description(&mut self, sdp: &str) -> Vec<Candidate> {
        let present =
            sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(|ufrag| ufrag.trim().to_owned());
        let before = self.in_place.replace(present.clone()).flatten();
        if let Some(before) = before.filter(|before| Some(before) != present.as_ref()) {
            if self.over.len() == OVER_MAX {
                self.over.pop_front();
            }
            self.over.push_back(before);
        }
        let waited = std::mem::take(&mut self.waiting);
        let (now, later): (VecDeque<_>, VecDeque<_>) = waited.into_iter().partition(|waits| self.is_usable(waits));
        self.waiting = later.into_iter().filter(|waits| !self.is_over(waits)).collect();
        now.into()
    }

    fn is_over(&self, candidate: &Candidate) -> bool {
        fragment(candidate).is_some_and(|ufrag| self.over.iter().any(|over| over == ufrag))
    }

    /// One that names no fragment belongs to whatever is in place.
    fn is_usable(&self, candidate: &Candidate) -> bool {
        match (&self.in_place, fragment(candidate)) {
            (None, _) => false,
            (Some(None), _) | (Some(_), None) => true,
            (Some(Some(present)), Some(ufrag)) => present == ufrag,
        }
    }
}

/// The fragment that a candidate names.
pub(crate) fn fragment(candidate: &Candidate) -> Option<&str> {
    let mut words = candidate.candidate.split_ascii_whitespace();
    words.by_ref().find(|word| *word == "ufrag")?;
    words.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(ufrag: &str, port: usize) -> Candidate {
        let candidate =
            format!("candidate:1 1 udp 2122260223 10.0.0.1 {port} typ host generation 0 ufrag {ufrag} network-id 1");
        Candidate { candidate, mid: Some("0".into()), line: Some(0) }
    }

    fn description(ufrag: &str) -> String {
        format!("v=0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:secret\r\n")
    }

    #[test]
    fn a_candidate_that_comes_first_waits_for_its_description_and_one_that_comes_late_does_not() {
        let mut candidates = Candidates::default();
        assert_eq!(candidates.take(candidate("one", 1)), Verdict::Waits);
        assert_eq!(candidates.take(candidate("two", 2)), Verdict::Waits);
        assert_eq!(candidates.on_description(&description("one")), [candidate("one", 1)]);
        assert_eq!(candidates.take(candidate("one", 3)), Verdict::Use(candidate("one", 3)));
        assert_eq!(candidates.on_description(&description("two")), [candidate("two", 2)]);
    }

    #[test]
    fn a_candidate_of_a_description_that_is_over_is_stale() {
        let mut candidates = Candidates::default();
        candidates.on_description(&description("one"));
        candidates.on_description(&description("two"));
        assert_eq!(candidates.take(candidate("one", 1)), Verdict::Stale);
        assert_eq!(candidates.take(candidate("two", 1)), Verdict::Use(candidate("two", 1)));
        assert!(candidates.on_description(&description("two")).is_empty(), "the same again changes nothing");
        assert_eq!(candidates.take(candidate("two", 1)), Verdict::Use(candidate("two", 1)));
    }

    #[test]
    fn a_candidate_that_names_no_fragment_is_used_with_whatever_is_in_place() {
        let nameless = Candidate { candidate: "candidate:1 1 udp 1 10.0.0.1 9 typ host".into(), mid: None, line: None };
        let mut candidates = Candidates::default();
        assert_eq!(candidates.take(nameless.clone()), Verdict::Waits);
        assert_eq!(candidates.on_description(&description("one")), vec![nameless.clone()]);
        assert_eq!(candidates.take(nameless.clone()), Verdict::Use(nameless));
    }

    #[test]
    fn in_any_order_each_candidate_of_the_last_description_is_used_once_and_none_of_an_earlier_one_after_it() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut candidates = Candidates::default();
            let rounds = random.usize(1..5);
            let mut to_come: Vec<Candidate> =
                (0..rounds).flat_map(|round| (0..4).map(move |port| candidate(&round.to_string(), port))).collect();
            random.shuffle(&mut to_come);
            let (mut used, mut present) = (Vec::new(), None);
            let mut use_now = |present: Option<usize>, candidate: Candidate| {
                assert_eq!(fragment(&candidate), present.map(|round| round.to_string()).as_deref());
                used.push(candidate);
            };
            for round in 0..rounds {
                for _ in 0..random.usize(..=to_come.len()) {
                    if let Verdict::Use(candidate) = candidates.take(to_come.pop().unwrap()) {
                        use_now(present, candidate);
                    }
                }
                present = Some(round);
                candidates
                    .on_description(&description(&round.to_string()))
                    .into_iter()
                    .for_each(|c| use_now(present, c));
            }
            for candidate in to_come {
                if let Verdict::Use(candidate) = candidates.take(candidate) {
                    use_now(present, candidate);
                }
            }
            let last = (rounds - 1).to_string();
            let mut ports: Vec<&Candidate> = used.iter().filter(|used| fragment(used) == Some(&*last)).collect();
            ports.sort_by(|one, other| one.candidate.cmp(&other.candidate));
            ports.dedup();
            assert_eq!(ports.len(), 4, "seed {seed}");
        }
    }

    #[test]
    fn what_waits_and_what_is_remembered_is_bounded() {
        let mut candidates = Candidates::default();
        (0..1_000).for_each(|port| assert_eq!(candidates.take(candidate("x", port)), Verdict::Waits));
        (0..1_000).for_each(|round| drop(candidates.on_description(&description(&round.to_string()))));
        assert_eq!((candidates.waiting.len(), candidates.over.len()), (CANDIDATES_MAX, OVER_MAX));
    }
}
