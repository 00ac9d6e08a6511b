//! The filter: what of a text may pass.

mod ahead;
mod bounds;
mod none;
mod oracle;
mod places;
pub(crate) mod property;
mod rows;
mod styles;
mod suite;
mod traps;

use headgate::filter::{Judge, Object, Verdict};

/// Shows or hides everything.
struct Always(Verdict);

impl Judge for Always {
    fn judge(&mut self, _object: &Object<'_>) -> Verdict {
        self.0.clone()
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
