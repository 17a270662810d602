//! The simulator for a web page: rooms of many nodes on a virtual network, run in one tab; kept out of the library's
//! wasm.
//!
//! Nothing is decided here: it is `roundtable_sim` without its command line, with JavaScript's types. [`Lab`] is what
//! the page at `/lab` holds. [`trace`] shows that a seed is the same run wherever it runs: it gives the number that
//! `roundtable-sim traces` prints, and every test run compares the two over many seeds, for a difference would mean
//! that something in a node hangs on its machine.

mod throughput;

use roundtable_sim::{lab, soak};
use wasm_bindgen::prelude::*;

/// A panic becomes an exception that says what panicked, instead of a bare trap. The instance is not to be used after.
#[wasm_bindgen(start)]
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}

/// A room of virtual tabs, with time in the page's hand: [`roundtable_sim::lab::Lab`]. Structured values are JSON text.
/// Every error is an `Error` whose message is a sentence.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Lab {
    lab: lab::Lab,
}

#[wasm_bindgen(js_namespace = performance)]
extern "C" {
    /// Milliseconds since some moment: how long a run has taken so far.
    #[wasm_bindgen(js_name = now)]
    fn milliseconds() -> f64;
}

/// How much memory is asked for at once: what a lab of twenty tabs needs within its first minutes.
const RESERVED_BYTES: usize = 96 * 1_024 * 1_024;

/// Ask for much memory once. By itself the allocator asks for a page at a time, and each makes the browser move or map
/// the memory anew and collect its garbage, which took half of a run. It is not used until something is put there.
fn reserve() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut memory: Vec<u8> = Vec::new();
        // What cannot be had is done without.
        let _ = memory.try_reserve_exact(RESERVED_BYTES);
        std::hint::black_box(memory);
    });
}

/// Whole milliseconds of a number; what is none is none at all.
fn whole(ms: f64) -> u64 {
    // A negative number, or none, becomes 0; one beyond all becomes the largest.
    ms as u64
}

fn told<T>(outcome: Result<T, String>) -> Result<T, JsError> {
    outcome.map_err(|sentence| JsError::new(&sentence))
}

#[wasm_bindgen]
impl Lab {
    /// A room that has just been opened.
    ///
    /// # Errors
    /// If it is no setup of a lab.
    #[wasm_bindgen(constructor)]
    pub fn new(setup: &str) -> Result<Lab, JsError> {
        reserve();
        told(lab::Lab::new(setup)).map(|lab| Lab { lab })
    }

    /// The lab that a link says, at its time.
    ///
    /// # Errors
    /// If it is mangled, of another kind, or of a version to come.
    pub fn from_link(fragment: &str) -> Result<Lab, JsError> {
        reserve();
        told(lab::Lab::from_link(fragment)).map(|lab| Lab { lab })
    }

    /// This lab, up to now, for a URL's fragment.
    ///
    /// # Errors
    /// If its history is too long for one.
    pub fn link(&self) -> Result<String, JsError> {
        told(self.lab.link())
    }

    /// A small text of the page's own, carried in links.
    ///
    /// # Errors
    /// If it is not small.
    pub fn mark(&mut self, page_state: &str) -> Result<(), JsError> {
        told(self.lab.mark(page_state))
    }

    /// That text.
    pub fn marked(&self) -> String {
        self.lab.marked().to_owned()
    }

    /// Milliseconds since the room was opened.
    pub fn now(&self) -> f64 {
        self.lab.now() as f64
    }

    /// The furthest time reached on this line of history.
    pub fn end(&self) -> f64 {
        self.lab.end() as f64
    }

    /// Let time pass, until the budget of real time is used up, or a checker finds something wrong. How much has
    /// passed.
    pub fn run(&mut self, ms: f64, budget_ms: f64) -> f64 {
        let end = milliseconds() + budget_ms;
        self.lab.run(whole(ms), || milliseconds() < end) as f64
    }

    /// The next happening; `undefined`: nothing more happens.
    pub fn step(&mut self) -> Option<String> {
        self.lab.step()
    }

    /// Let time pass until something holds, at most so long. Whether it holds.
    ///
    /// # Errors
    /// If it is nothing to wait for.
    pub fn run_until(&mut self, what: &str, ms_max: f64) -> Result<bool, JsError> {
        told(self.lab.run_until(what, whole(ms_max)))
    }

    /// Go to a time that was lived through already.
    pub fn seek(&mut self, ms: f64) {
        self.lab.seek(whole(ms));
    }

    /// An independent copy.
    pub fn fork(&self) -> Lab {
        Lab { lab: self.lab.fork() }
    }

    /// Do something, now.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn act(&mut self, step: &str) -> Result<String, JsError> {
        told(self.lab.act(step))
    }

    /// All that there is now, in the way that a view asks for.
    ///
    /// # Errors
    /// If it is no view, or of what does not exist.
    pub fn state(&self, view: &str) -> Result<String, JsError> {
        told(self.lab.state(view))
    }

    /// Entries of the log from this number on.
    pub fn log(&self, since: f64) -> String {
        self.lab.log(whole(since))
    }

    /// The space-time diagram of a span.
    pub fn diagram(&self, from_ms: f64, to_ms: f64) -> String {
        self.lab.diagram(whole(from_ms), whole(to_ms))
    }

    /// A hash of everything that has come out of any node.
    pub fn trace(&self) -> String {
        self.lab.trace()
    }

    /// The lessons there are.
    pub fn lessons() -> String {
        lab::Lab::lessons()
    }

    /// A lesson.
    ///
    /// # Errors
    /// If there is none of this id.
    pub fn lesson(id: &str) -> Result<String, JsError> {
        told(lab::Lab::lesson(id))
    }

    /// The bugs that can be planted.
    pub fn plants() -> String {
        lab::Lab::plants()
    }
}

/// Run the soak of one seed in a room of so many tabs at first. The hash of all that came out of any node, as 16
/// hexadecimal digits.
///
/// # Errors
/// If there is no such number of tabs.
#[wasm_bindgen]
pub fn trace(seed: u64, nodes_min: u32, nodes_max: u32) -> Result<String, JsError> {
    let report = soak::run(seed, &nodes(nodes_min, nodes_max)?);
    Ok(format!("{:016x}", report.trace))
}

/// The same run, every output of every node a line: when, at which tab, what. For looking at where two runs part.
///
/// # Errors
/// If there is no such number of tabs.
#[wasm_bindgen]
pub fn replay(seed: u64, nodes_min: u32, nodes_max: u32) -> Result<String, JsError> {
    let plan = soak::Plan::of(seed, &nodes(nodes_min, nodes_max)?);
    Ok(soak::run_plan(&plan, Default::default(), true).lines.join("\n") + "\n")
}

fn nodes(min: u32, max: u32) -> Result<std::ops::Range<usize>, JsError> {
    if min == 0 || min > max || max > u32::from(u16::MAX) {
        return Err(JsError::new(&format!("{min} to {max} is no number of tabs")));
    }
    Ok(min as usize..max as usize + 1)
}
