//! What the commands have in common. Each command is a file: its arguments, and what it prints.

pub(crate) mod lessons;
pub(crate) mod measure;
pub(crate) mod plants;
pub(crate) mod replay;
pub(crate) mod scenario;
pub(crate) mod soak;
pub(crate) mod traces;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use roundtable_core::planted::Plant;

/// Read `3..16`.
pub(crate) fn range<T: std::str::FromStr>(text: &str) -> Result<Range<T>, String> {
    let parts = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parts.ok_or_else(|| format!("{text:?} is not a range; write it as 3..16"))
}

/// The bug of this name.
pub(crate) fn plant(name: &str) -> Result<Plant, String> {
    Plant::named(name).ok_or_else(|| format!("there is no bug {name:?}; `plants` lists those there are"))
}

/// Do something with each of these numbers, on all cores, in no order. Panics in the end if the work did.
pub(crate) fn on_all_cores<T: Send>(numbers: &Range<u64>, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(numbers.start);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    let result = work(number);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
