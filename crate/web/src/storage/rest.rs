//! When the disk rests between two commits: the pure half of how much of a machine it may take.
//!
//! A transaction costs a processor a millisecond or two whatever is in it, and the browser, its disk and all its tabs
//! share a few of those. Two tabs that answer each other would commit each message by itself, and spend more on that
//! than on all else. So the disk rests for as long as it worked, and what comes meanwhile has company: it takes half of
//! one processor at most, and no batch waits for longer than another commit would have taken.
//!
//! It does not rest where somebody waits for each write before the next: what is put in the very task in which a commit
//! ends follows from it, and goes at once. Nor where there is company enough already, nor where the page is hidden, as
//! its timers run once a second.

use roundtable_core::time::{Instant, Millis};

/// So many rows gain nothing by more.
const ROWS_ENOUGH: usize = 32;
/// The longest: a disk that is slow once, or a page that was, is not waited for.
const REST_MAX_MS: Millis = 20;

/// What is known of the last commit.
#[derive(Debug, Default)]
pub(super) struct Rest {
    until: Instant,
    /// Whether this is the task in which it ended.
    pub(super) just_ended: bool,
}

impl Rest {
    /// A commit that began then ends now. What is told in whole milliseconds may have been one more.
    pub(super) fn on_commit(&mut self, begun: Instant, now: Instant) {
        self.until = now + (now.since(begun) + 1).min(REST_MAX_MS);
        self.just_ended = true;
    }

    /// The task in which it ended is over.
    pub(super) fn on_turn(&mut self) {
        self.just_ended = false;
    }

    /// For how long what waits, so many rows, is still to wait.
    pub(super) fn left(&self, rows: usize, now: Instant) -> Millis {
        if rows >= ROWS_ENOUGH { 0 } else { self.until.since(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(begun: u64, now: u64) -> Rest {
        let mut rest = Rest::default();
        rest.on_commit(Instant(begun), Instant(now));
        rest.on_turn();
        rest
    }

    #[test]
    fn it_is_as_long_as_the_work_was_and_no_longer_than_it_may_be() {
        assert_eq!(Rest::default().left(1, Instant(0)), 0);
        assert_eq!(after(100, 103).left(1, Instant(103)), 4);
        assert_eq!(after(100, 103).left(1, Instant(105)), 2);
        assert_eq!(after(100, 103).left(1, Instant(200)), 0);
        assert_eq!(after(100, 900).left(1, Instant(900)), REST_MAX_MS);
    }

    #[test]
    fn many_do_not_wait() {
        assert_eq!(after(100, 103).left(ROWS_ENOUGH - 1, Instant(103)), 4);
        assert_eq!(after(100, 103).left(ROWS_ENOUGH, Instant(103)), 0);
    }

    #[test]
    fn a_commit_has_just_ended_until_its_task_is_over() {
        let mut rest = Rest::default();
        assert!(!rest.just_ended);
        rest.on_commit(Instant(100), Instant(103));
        assert!(rest.just_ended);
        rest.on_turn();
        assert!(!rest.just_ended);
    }
}
