//! A failing plan, made shorter: delta debugging (Zeller and Hildebrandt, TSE 2002) over its steps, first a kind at a
//! time, then in halves, quarters and so on, then over the number of tabs.
//!
//! A shorter plan that fails may fail in another way than the first did; it is a fault all the same.

use std::collections::BTreeSet;

use super::{Plan, Step};

/// The shortest plan found for which `fails` holds, while `may_go_on`. The plan given must fail.
pub fn shrink(plan: &Plan, fails: impl Fn(&Plan) -> bool, may_go_on: impl Fn() -> bool) -> Plan {
    let mut best = plan.clone();
    let kinds: BTreeSet<Step> = best.acts.iter().map(|act| act.step).collect();
    for kind in kinds.into_iter().take_while(|_| may_go_on()) {
        let mut without = best.clone();
        without.acts.retain(|act| act.step != kind);
        if fails(&without) {
            best = without;
        }
    }
    let mut size = best.acts.len().div_ceil(2);
    while size > 0 && may_go_on() {
        let mut start = 0;
        while start < best.acts.len() && may_go_on() {
            let mut without = best.clone();
            without.acts.drain(start..(start + size).min(best.acts.len()));
            if fails(&without) {
                best = without;
            } else {
                start += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    // Alone, a tab meets no quorum: that is no fault.
    while best.nodes > 2 && may_go_on() {
        let fewer = Plan { nodes: best.nodes - 1, ..best.clone() };
        if !fails(&fewer) {
            break;
        }
        best = fewer;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let plan = Plan::of(3, &(8..9));
        let kept: Vec<_> = [7, 30].map(|at| plan.acts[at]).to_vec();
        let fails = |plan: &Plan| kept.iter().all(|act| plan.acts.contains(act)) && plan.nodes >= 3;
        let short = shrink(&plan, fails, || true);
        assert_eq!((short.acts, short.nodes), (kept, 3));
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let plan = Plan::of(3, &(8..9));
        assert_eq!(shrink(&plan, |_| true, || false), plan);
    }
}
