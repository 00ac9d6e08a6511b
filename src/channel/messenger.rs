//! Facebook Messenger: `providers.md` section 3.
