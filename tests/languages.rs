//! The Rust programs of docs/LANGUAGES.md do what the page says; those in other languages run with each language's tests.

use std::process::Command;

mod program {
    include!("languages/program.rs");

    pub fn run() -> runestore::Result<()> {
        main()
    }
}

#[path = "languages/outcomes/outcomes.rs"]
mod outcomes;

const PAGE: &str = include_str!("../docs/LANGUAGES.md");

fn block(fence: &str) -> &str {
    let begun = PAGE.split_once(&format!("\n```{fence}\n")).expect("the page has such a block").1;
    &begun[..begun.find("```").expect("it ends")]
}

/// Run by the tests below, in a folder of its own.
#[test]
#[ignore = "prints, for the test that reads it"]
fn run_the_program() {
    program::run().expect("it runs");
}

/// The same.
#[test]
#[ignore = "prints, for the test that reads it"]
fn run_the_outcomes() {
    outcomes::main();
}

/// What one of them prints.
fn printed(test: &str) -> String {
    let folder = tempfile::tempdir().expect("it is made");
    let this = std::env::current_exe().expect("it is known");
    let run = Command::new(this)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let printed = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    printed
}

#[test]
fn the_program_prints_what_the_page_says() {
    assert_eq!(block("rust"), include_str!("languages/program.rs"), "tests/languages/program.rs is the page's program");
    let printed = printed("run_the_program");
    assert!(printed.contains(block("text")), "{printed}");
}

#[test]
fn closing_threads_and_cancelling_come_to_what_the_page_says() {
    let printed = printed("run_the_outcomes");
    assert!(printed.contains(block("outcomes")), "{printed}");
}
