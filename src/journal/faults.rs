//! Files that fail, or forget what was not synced.
