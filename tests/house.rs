//! The arrows of the house: which module may use which.
//!
//! They point one way, and that is what keeps the parts exchangeable. An engine that knows the store
//! or another engine cannot be replaced by one that a user brings; a store that knows its engines by
//! name must change for each new one; a core that knows the C API cannot be linked by a binding that
//! leaves it out. None of this breaks a test of behaviour on the day when it happens. It is found
//! months later, as a second engine that will not fit. So the table below is the whole truth: an arrow
//! that it lacks is refused, and so is one that it has and the code does not.
//!
//! The code is read as text, comments and strings left out, and so are conditions: what a test module
//! inside `src` uses counts as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms, lowest first, and what each uses. A room is a file or folder of `src`, and each engine
/// is a room of its own.
const HOUSE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("process", &["error"]),
    ("time", &[]),
    ("huge", &[]),
    ("id", &["error", "time"]),
    ("event", &["time"]),
    ("behaviour", &["error"]),
    ("registry", &["behaviour", "error", "event"]),
    ("query", &["time"]),
    ("append", &["error", "event", "query", "time"]),
    ("call", &["error", "process"]),
    ("json", &["append", "error", "event", "id", "query", "time"]),
    ("index", &["append", "query"]),
    ("engine", &["append", "call", "error", "json", "query"]),
    ("engine::custom", &["append", "behaviour", "call", "engine", "error", "json", "process", "query"]),
    ("engine::memory", &["append", "call", "engine", "error", "huge", "index", "json", "query"]),
    ("engine::file", &["append", "call", "engine", "error", "huge", "index", "json", "process", "query", "time"]),
    ("engine::postgres", &["append", "call", "engine", "error", "json", "process", "query"]),
    ("copy", &["append", "call", "engine", "error", "json", "query", "time"]),
    ("store", &["append", "call", "copy", "cursor", "engine", "error", "event", "json", "query", "time"]),
    ("cursor", &["append", "call", "engine", "error", "json", "query", "store"]),
    (
        "config",
        &[
            "behaviour",
            "engine::custom",
            "engine::file",
            "engine::memory",
            "engine::postgres",
            "error",
            "json",
            "registry",
            "store",
        ],
    ),
    ("ffi", &["behaviour", "call", "config", "cursor", "error", "process", "query", "registry", "store"]),
    // A store on a disk that a test brings, and what that disk must be.
    ("simulation", &["config", "engine::file"]),
    // What the crate offers to Rust.
    ("lib", &["behaviour", "config", "cursor", "error", "json", "process", "query", "registry", "store", "time"]),
];

/// A store opens cursors and a cursor reads its store: the one pair that knows each other.
const PAIR: (&str, &str) = ("store", "cursor");

/// Parts of `src/engine` that every engine shares: they are the trait's, and no engines.
const SHARED_BY_ENGINES: [&str; 1] = ["checks"];

/// A file that is longer holds a second idea.
const LINES_MAX: usize = 600;

/// An embedded library says nothing by itself, and holds nothing that is unfinished.
const FORBIDDEN_MACROS: [&str; 7] = ["print", "println", "eprint", "eprintln", "dbg", "todo", "unimplemented"];

#[test]
fn the_code_keeps_to_the_house() {
    let files = source();
    assert!(files.len() > 30, "only {} files were found", files.len());
    let complaints = complaints(&files);
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_table_has_no_arrow_that_points_up() {
    for (rank, (room, used)) in HOUSE.iter().enumerate() {
        assert!(used.is_sorted(), "{room}: in alphabetical order");
        for target in *used {
            let target_rank = HOUSE.iter().position(|(room, _)| room == target);
            let down = target_rank.is_some_and(|target_rank| target_rank < rank);
            assert!(down || (*room, *target) == PAIR, "{room} uses {target}, which is not below it");
            assert_ne!(*target, "ffi", "{room}: nothing uses the C API");
            if target.starts_with("engine::") {
                assert!(matches!(*room, "config" | "simulation"), "only the composition root names an engine");
            }
        }
    }
}

/// The files of `src`, by their path below it.
fn source() -> BTreeMap<String, String> {
    fn gather(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).expect("src can be listed") {
            let entry = entry.expect("src can be listed");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("it is a file or a folder").is_dir() {
                gather(&entry.path(), &format!("{name}/"), files);
            } else if name.ends_with(".rs") {
                files.insert(name, std::fs::read_to_string(entry.path()).expect("source is UTF-8"));
            }
        }
    }
    let mut files = BTreeMap::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    files
}

/// All that is wrong with these files.
fn complaints(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut arrows = BTreeSet::new();
    let modules: BTreeSet<Vec<String>> = files.keys().map(|name| module_of(name)).collect();
    for (name, text) in files {
        let tokens = tokens(text);
        let module = module_of(name);
        let from = room_of(&module, &modules).unwrap_or_else(|| String::from("lib"));
        if !HOUSE.iter().any(|(room, _)| *room == from) {
            complaints.push(format!("{name}: `{from}` has no place in the table"));
        }
        for path in paths(&tokens, &module) {
            match room_of(&path, &modules) {
                Some(to) if to == from => {}
                Some(to) => {
                    if !HOUSE.iter().any(|(room, used)| *room == from && used.contains(&to.as_str())) {
                        complaints.push(format!("{name}: `{from}` must not use `{to}` ({})", path.join("::")));
                    }
                    arrows.insert((from.clone(), to));
                }
                // By its short name a thing hides where it lives.
                None => complaints.push(format!("{name}: name the module of `crate::{}`", path.join("::"))),
            }
        }
        complaints.extend(habits(name, text, &tokens));
    }
    for (room, used) in HOUSE {
        for target in *used {
            if !arrows.contains(&(String::from(*room), String::from(*target))) {
                complaints.push(format!("`{room}` does not use `{target}`: take it out of the table"));
            }
        }
    }
    complaints
}

/// What no file may have, arrows aside.
fn habits(name: &str, text: &str, tokens: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines >= LINES_MAX {
        complaints.push(format!("{name}: {lines} lines, {LINES_MAX} are too many: what is the second idea?"));
    }
    for pair in tokens.windows(2) {
        if pair[1] == "!" && FORBIDDEN_MACROS.contains(&pair[0]) {
            complaints.push(format!("{name}: {}! does not belong here", pair[0]));
        }
        // Both would hide a file from this test.
        if pair == ["[", "path"] || pair == ["include", "!"] {
            complaints.push(format!("{name}: {}{} hides code", pair[0], pair[1]));
        }
    }
    if tokens.contains(&"unsafe") && !name.starts_with("ffi/") {
        complaints.push(format!("{name}: unsafe code outside ffi"));
    }
    // The one place where it is allowed, for ffi.
    if tokens.contains(&"unsafe_code") && name != "lib.rs" {
        complaints.push(format!("{name}: the lint on unsafe code is for lib.rs to set"));
    }
    complaints
}

/// The module that a file is: `engine/memory.rs` is `engine::memory`, `lib.rs` is the root.
fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(String::from).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// The room in which a path ends, `None` for the root.
fn room_of(path: &[String], modules: &BTreeSet<Vec<String>>) -> Option<String> {
    let first = path.first().filter(|first| modules.iter().any(|module| module.first() == Some(first)))?;
    if first == "engine"
        && let Some(second) = path.get(1)
        && !SHARED_BY_ENGINES.contains(&second.as_str())
        && modules.iter().any(|module| module.starts_with(&path[..2]))
    {
        return Some(format!("engine::{second}"));
    }
    Some(first.clone())
}

/// All paths in a file of this module that begin at the crate, above, here, or in a module that is
/// declared here; as seen from the crate.
fn paths(tokens: &[&str], module: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut here = module.to_vec();
    // The depth of braces at which each inline module ends.
    let mut inline: Vec<usize> = Vec::new();
    let mut depth = 0;
    let children: BTreeSet<&str> =
        tokens.windows(3).filter(|tokens| tokens[0] == "mod" && tokens[2] == ";").map(|tokens| tokens[1]).collect();
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                    here.pop();
                }
            }
            "mod" if tokens.get(at + 2) == Some(&"{") => {
                inline.push(depth);
                here.push(String::from(tokens[at + 1]));
            }
            _ => {}
        }
        let begins = tokens.get(at + 1) == Some(&"::") && (at == 0 || !matches!(tokens[at - 1], "::" | "."));
        let start = match *token {
            "crate" => Vec::new(),
            "self" | "super" => here.clone(),
            child if inline.is_empty() && children.contains(child) => here.clone(),
            _ => continue,
        };
        if begins {
            tree(tokens, at, &start, &mut paths);
        } else if children.contains(token) && tokens[..at].ends_with(&["use"]) {
            paths.push(here.iter().cloned().chain([token.to_string()]).collect());
        }
    }
    paths
}

/// Follows the path that begins at `at`, into all its branches; where it ends.
fn tree(tokens: &[&str], mut at: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at).copied() {
            Some("{") => {
                at += 1;
                while !matches!(tokens.get(at), Some(&"}") | None) {
                    at = tree(tokens, at, &path, paths);
                    // To the next branch, over a new name.
                    while !matches!(tokens.get(at), Some(&"," | &"}") | None) {
                        at += 1;
                    }
                    at += (tokens.get(at) == Some(&",")) as usize;
                }
                return at + 1;
            }
            Some("crate" | "self") => {}
            Some("super") => {
                path.pop();
            }
            Some(name) => path.push(String::from(name)),
            None => {}
        }
        at += 1;
        if tokens.get(at) != Some(&"::")
            || !tokens.get(at + 1).is_some_and(|next| is_name(next) || *next == "{" || *next == "*")
        {
            paths.push(path);
            return at;
        }
        at += 1;
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names and marks of Rust code, without comments, strings and characters.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            '\'' => character(rest),
            _ if is_name(rest) => {
                let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (prefix, behind) = rest.split_at(name);
                match (prefix, behind.chars().next()) {
                    ("r" | "br" | "cr", Some('"' | '#')) if raw_string(behind).is_some() => {
                        name + raw_string(behind).unwrap_or_default()
                    }
                    ("b" | "c", Some('"')) => name + string(behind),
                    ("b", Some('\'')) => name + character(behind),
                    _ => {
                        tokens.push(prefix);
                        name
                    }
                }
            }
            ':' if rest.starts_with("::") => {
                tokens.push(&rest[..2]);
                2
            }
            mark => {
                if !mark.is_whitespace() {
                    tokens.push(&rest[..mark.len_utf8()]);
                }
                mark.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of `#"…"#`, if this is one.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let body = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(hashes + 1 + body.find(&end)? + end.len())
}

/// A character, or the apostrophe of a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some(_)) => 3 + text[3..].find('\'').map_or(0, |end| end + 1),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// Every rule is broken once, on a copy: a test that finds nothing proves nothing.
#[test]
fn every_arrow_that_is_turned_is_found() {
    let source = source();
    for (file, planted, complaint) in [
        ("error.rs", "use crate::time::Timestamp;", "`error` must not use `time`"),
        ("error.rs", "use crate::{time::{Timestamp as T}, ffi};", "`error` must not use `ffi`"),
        ("time.rs", "type X = crate::id::Ids;", "`time` must not use `id`"),
        ("query.rs", "use super::json;", "`query` must not use `json`"),
        ("append.rs", "use crate::call::Call;", "`append` must not use `call`"),
        ("call.rs", "use crate::store::Store;", "`call` must not use `store`"),
        ("json/mod.rs", "use crate::engine::Read;", "`json` must not use `engine`"),
        ("json/walk.rs", "use super::super::index::Index;", "`json` must not use `index`"),
        ("index/mod.rs", "use crate::json::write_numbered;", "`index` must not use `json`"),
        ("index/scan.rs", "mod tests { use super::super::super::engine; }", "`index` must not use `engine`"),
        ("engine/mod.rs", "use crate::index::Index;", "`engine` must not use `index`"),
        ("engine/mod.rs", "type X = memory::Memory;", "`engine` must not use `engine::memory`"),
        ("engine/mod.rs", "use self::memory::Memory;", "`engine` must not use `engine::memory`"),
        ("engine/checks.rs", "use super::memory;", "`engine` must not use `engine::memory`"),
        ("engine/memory.rs", "use crate::store::Store;", "`engine::memory` must not use `store`"),
        ("engine/memory.rs", "use super::super::{config};", "`engine::memory` must not use `config`"),
        ("engine/file/mod.rs", "use super::memory::Memory;", "`engine::file` must not use `engine::memory`"),
        ("engine/tape/reel.rs", "use crate::error::Error;", "`engine::tape` has no place in the table"),
        ("store.rs", "use crate::engine::memory::Memory;", "`store` must not use `engine::memory`"),
        ("store.rs", "fn f() { crate::config::open() }", "`store` must not use `config`"),
        ("store.rs", "use crate::{json::{self, Input}, index};", "`store` must not use `index`"),
        ("cursor/mod.rs", "pub(in crate::ffi) fn f() {}", "`cursor` must not use `ffi`"),
        ("cursor/ahead/mod.rs", "use crate::engine::postgres;", "`cursor` must not use `engine::postgres`"),
        ("config.rs", "use crate::ffi::handle;", "`config` must not use `ffi`"),
        ("ffi/store.rs", "use crate::json::Input;", "`ffi` must not use `json`"),
        ("ffi/store.rs", "use crate::engine;", "`ffi` must not use `engine`"),
        ("lib.rs", "pub use engine::Engine;", "`lib` must not use `engine`"),
        ("lib.rs", "use ffi;", "`lib` must not use `ffi`"),
        ("engine/memory.rs", "use crate::Store;", "name the module of `crate::Store`"),
        ("engine/memory.rs", "use super::super::*;", "name the module of `crate::*`"),
        ("news.rs", "", "`news` has no place in the table"),
        ("store.rs", "fn f() { unsafe { g() } }", "unsafe code outside ffi"),
        ("store.rs", "#![allow(unsafe_code)]", "lint on unsafe code"),
        ("time.rs", "#[path = \"x\"] mod x;", "[path hides code"),
        ("time.rs", "include!(\"x\");", "include! hides code"),
    ] {
        let mut files = source.clone();
        files.entry(String::from(file)).or_default().push_str(&format!("\n{planted}\n"));
        let complaints = complaints(&files);
        assert!(complaints.iter().any(|said| said.contains(complaint)), "{file}: {planted}\n{complaints:#?}");
    }
    for name in FORBIDDEN_MACROS {
        for planted in [format!("fn f() {{ {name}!() }}"), format!("fn f() {{ std::{name}!(\"x\"); }}")] {
            let mut files = source.clone();
            files.entry(String::from("ffi/store.rs")).or_default().push_str(&planted);
            let complaint = format!("ffi/store.rs: {name}! does not belong here");
            assert!(complaints(&files).contains(&complaint), "{planted}");
        }
    }
    let mut long = source.clone();
    long.insert(String::from("time.rs"), "\n".repeat(LINES_MAX));
    assert!(complaints(&long).iter().any(|said| said.starts_with("time.rs: 600 lines")));
    let mut empty = source;
    empty.insert(String::from("call.rs"), String::new());
    assert!(complaints(&empty).contains(&String::from("`call` does not use `error`: take it out of the table")));
}

#[test]
fn what_only_looks_like_an_arrow_is_none() {
    let source = source();
    assert_eq!(complaints(&source), [] as [String; 0]);
    for harmless in [
        "// use crate::ffi::handle; unsafe {}",
        "/* use crate::ffi; /* dbg!(1) */ unsafe */",
        "const X: &str = \"use crate::ffi; \\\" unsafe {} println!()\";",
        "const X: &str = r#\"use crate::ffi; \" unsafe {}\"#;",
        "const X: &[u8] = b\"crate::ffi\";",
        "const X: (char, u8, char) = ('\"', b'\\'', '\\u{22}'); // crate::ffi",
        "fn f<'a>(x: &'a str) -> &'a str { let ffi = x; ffi }",
        "mod tests { use super::*; use super::super::error::Error; use crate::error; }",
        "type X = other::crate_::ffi;",
        "use serde_json::json;",
    ] {
        let mut files = source.clone();
        files.entry(String::from("id.rs")).or_default().push_str(&format!("\n{harmless}\n"));
        assert_eq!(complaints(&files), [] as [String; 0], "{harmless}");
    }
}
