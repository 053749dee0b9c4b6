#![no_main]
use libfuzzer_sys::fuzz_target;
use runestore_fuzz::Texts;

fuzz_target!(|texts: Texts<'_>| runestore_fuzz::reads_target(&texts));
