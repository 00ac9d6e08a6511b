//! The shipped presets, as an operator reads and changes them.

use headgate::config::{presets::Preset, roles};

#[test]
fn every_preset_is_read_without_a_mistake() {
    for preset in Preset::ALL {
        if let Err(mistakes) = roles::preset(preset) {
            panic!("{mistakes}");
        }
    }
}
