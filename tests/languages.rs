//! The Rust program of docs/LANGUAGES.md does what the page says; those in other languages run with each language's tests.

use std::process::Command;

mod program {
    include!("languages/program.rs");

    pub fn run() -> runestore::Result<()> {
        main()
    }
}

const PAGE: &str = include_str!("../docs/LANGUAGES.md");

fn block(fence: &str) -> &str {
    let begun = PAGE.split_once(&format!("\n```{fence}\n")).expect("the page has such a block").1;
    &begun[..begun.find("```").expect("it ends")]
}

/// Run by the test below, in a folder of its own.
#[test]
#[ignore = "prints, for the test that reads it"]
fn run_the_program() {
    program::run().expect("it runs");
}

#[test]
fn the_program_prints_what_the_page_says() {
    assert_eq!(block("rust"), include_str!("languages/program.rs"), "tests/languages/program.rs is the page's program");
    let folder = tempfile::tempdir().expect("it is made");
    let this = std::env::current_exe().expect("it is known");
    let run = Command::new(this)
        .args(["--exact", "run_the_program", "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    assert!(printed.contains(block("text")), "{printed}");
}
