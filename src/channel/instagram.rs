//! Instagram messaging: `providers.md` section 4.
//!
//! Its messaging events are [`super::messenger`]'s with other ids, a mid for what was seen, and stories.

use super::{event::Event, messenger, meta::envelope::Place};

/// Reads an item of an account's `messaging` or `standby`.
pub(super) fn messaging<'a>(place: &Place<'a>, raw: &'a str) -> Event {
    messenger::private(place, raw, "igsid")
}

/// Reads an item of an account's `changes`: comments and mentions.
pub(super) fn change<'a>(place: &Place<'a>, raw: &'a str) -> Event {
    let public = ["comments", "live_comments", "mentions", "story_insights"];
    messenger::public_or_private(place, raw, &public, messaging)
}
