#![no_main]
use libfuzzer_sys::fuzz_target;
use runestore_fuzz::Sequence;

fuzz_target!(|sequence: Sequence| runestore_fuzz::calls_target(sequence));
