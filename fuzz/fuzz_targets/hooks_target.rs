//! Targets of requests to the webhook listener.
#![no_main]

libfuzzer_sys::fuzz_target!(|target: &[u8]| headgate::ingress::fuzzing::target(target));
