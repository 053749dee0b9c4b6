#![no_main]
use libfuzzer_sys::fuzz_target;
use runestore_fuzz::Directory;

fuzz_target!(|directory: Directory| runestore_fuzz::directory_target(&directory));
