//! Compiles the example engine.

fn main() {
    println!("cargo::rerun-if-changed=../../examples/engines/jsonl.c");
    println!("cargo::rerun-if-changed=../../include/runestore.h");
    cc::Build::new()
        .file("../../examples/engines/jsonl.c")
        .include("../../include")
        .flag("-std=c99")
        .define("_POSIX_C_SOURCE", "200809L")
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile("jsonl");
}
