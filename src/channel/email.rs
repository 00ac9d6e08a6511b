//! Email in common: `providers.md` section 8.
