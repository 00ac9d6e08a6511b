//! WhatsApp Cloud API: `providers.md` section 2.
