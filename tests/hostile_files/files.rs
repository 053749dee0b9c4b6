//! Files are cut off, taken away, exchanged, and put where they do not belong.

use crate::judge::{Allowed, CORRUPT, FILES, judge};
use crate::layout::stretches;
use crate::sample::{Sample, open};
use crate::sandbox::Sandbox;
use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

const FIRST: &str = "00000000000000000001.log";
const LAST: &str = "00000000000000000003.log";
const WATERMARK: &str = "watermark";

/// Something that is done to a store: what it is, whether any file that holds events is touched, and how it is done.
type Deed<'d> = (String, bool, Box<dyn Fn(&Path) + 'd>);

/// Does each of these to a store of its own, and looks at that, to read and to write. What does not touch the
/// log must not matter; what does may be an error.
fn all_right(sample: &Sample, deeds: &[Deed<'_>]) {
    let sandbox = Sandbox::new(sample);
    let mut faults = Vec::new();
    for (name, touches_log, deed) in deeds {
        for read_only in [true, false] {
            sandbox.restore();
            deed(&sandbox.path());
            let kinds = if *touches_log { FILES } else { &[] };
            let allowed = Allowed { kinds, sound_up_to: 0, queries: usize::MAX };
            let judged = catch_unwind(AssertUnwindSafe(|| judge(&sample.truth, &sandbox.path(), read_only, &allowed)));
            let judged = judged.unwrap_or_else(|_| Err(String::from("it panics")));
            if let Err(fault) = judged {
                faults.push(format!("{name}, to {}: {fault}", if read_only { "read" } else { "write" }));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {} deeds\n{}", faults.len(), deeds.len(), faults.join("\n"));
}

fn segments(sample: &Sample) -> Vec<&String> {
    sample.files.keys().filter(|name| name.ends_with(".log")).collect()
}

#[test]
fn a_log_that_was_cut_off_is_an_error() {
    let sample = Sample::new(0);
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for name in segments(&sample) {
        let content = &sample.files[name];
        let edges = stretches(content).into_iter().map(|stretch| stretch.bytes.start);
        let mut lengths: Vec<usize> = edges.flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1]).collect();
        lengths.extend((0..content.len()).step_by(if content.len() > 10_000 { 211 } else { 11 }));
        lengths.retain(|length| *length < content.len());
        for length in lengths {
            let cut = move |path: &Path| fs::write(path.join(name), &content[..length]).expect("it can be written");
            deeds.push((format!("{name} cut to {length} bytes"), true, Box::new(cut)));
        }
    }
    assert!(deeds.len() > 500, "only {} lengths", deeds.len());
    all_right(&sample, &deeds);
}

#[test]
fn a_cut_log_without_its_watermark_is_a_prefix_of_whole_batches() {
    let sample = Sample::new(0);
    let content = &sample.files[LAST];
    let batches: Vec<u64> = stretches(content).iter().map(|stretch| stretch.before).collect();
    let sandbox = Sandbox::new(&sample);
    for length in 4096..content.len() {
        sandbox.restore();
        fs::remove_file(sandbox.path().join(WATERMARK)).expect("it can be removed");
        sandbox.put(LAST, &content[..length]);
        let store = match open(&sandbox.path(), length % 2 == 0) {
            Ok(store) => store,
            Err(error) => {
                assert!(CORRUPT.contains(&error.kind()), "cut to {length}: {error}");
                continue;
            }
        };
        let head = store.head().expect("it has a head");
        assert!(
            batches.contains(&head) || head == sample.truth.texts.len() as u64,
            "cut to {length}: the head is {head}"
        );
        match store.get_events_json(None, Some(r#"{"format":"ndjson"}"#)) {
            Ok(all) => assert_eq!(all, sample.truth.texts[..head as usize].concat().as_bytes(), "cut to {length}"),
            Err(error) => assert!(CORRUPT.contains(&error.kind()), "cut to {length}: {error}"),
        }
        store.close().expect("it closes");
    }
}

#[test]
fn a_log_with_more_behind_it_is_the_same_log() {
    let sample = Sample::new(0);
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for name in segments(&sample) {
        for (what, more) in [("zeros", vec![0; 70_000]), ("noise", b"\xf5RF1\x01 not a frame ".repeat(3000))] {
            let content = [&sample.files[name][..], &more].concat();
            let longer = move |path: &Path| fs::write(path.join(name), &content).expect("it can be written");
            deeds.push((format!("{name} with {what} behind it"), false, Box::new(longer)));
        }
        // Its own bytes once more: frames that were written for another place.
        let content = [&sample.files[name][..], &sample.files[name][4096..]].concat();
        let twice = move |path: &Path| fs::write(path.join(name), &content).expect("it can be written");
        deeds.push((format!("{name} with its own frames behind it"), false, Box::new(twice)));
    }
    all_right(&sample, &deeds);
}

#[test]
fn missing_files_of_the_log_are_an_error_and_others_are_not() {
    let sample = Sample::new(0);
    let names: Vec<&String> = sample.files.keys().collect();
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for some in 1..1 << names.len() {
        let gone: Vec<&String> =
            names.iter().enumerate().filter(|(nth, _)| some >> nth & 1 == 1).map(|(_, name)| *name).collect();
        let logs = gone.iter().filter(|name| name.ends_with(".log")).count();
        let what = format!("without {gone:?}");
        let remove =
            move |path: &Path| gone.iter().for_each(|name| fs::remove_file(path.join(name)).expect("it is there"));
        deeds.push((what, logs > 0, Box::new(remove)));
    }
    all_right(&sample, &deeds);
}

#[test]
fn files_under_other_names_are_found_out() {
    let sample = Sample::new(0);
    let names: Vec<&String> = sample.files.keys().collect();
    let files = &sample.files;
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for &from in &names {
        for &to in names.iter().filter(|to| **to != from) {
            let is_log = from.ends_with(".log") || to.ends_with(".log");
            let swap = move |path: &Path| {
                fs::write(path.join(to), &files[from]).expect("it can be written");
                fs::write(path.join(from), &files[to]).expect("it can be written");
            };
            deeds.push((format!("{from} and {to} exchanged"), is_log, Box::new(swap)));
            let double = move |path: &Path| fs::write(path.join(to), &files[from]).expect("it can be written");
            deeds.push((format!("{from} also as {to}"), to.ends_with(".log"), Box::new(double)));
        }
        // As the next segment, and as one behind a gap.
        for ordinal in [4, 5, 1 << 40, u64::MAX] {
            let name = format!("{ordinal:020}.log");
            let content = &files[from];
            let add = move |path: &Path| fs::write(path.join(&name), content).expect("it can be written");
            deeds.push((format!("{from} also as segment {ordinal}"), true, Box::new(add)));
        }
    }
    all_right(&sample, &deeds);
}

#[test]
fn files_of_another_store_are_found_out() {
    let sample = Sample::new(0);
    let other = Sample::new(1);
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for (name, content) in &other.files {
        let replace = move |path: &Path| fs::write(path.join(name), content).expect("it can be written");
        deeds.push((format!("{name} of another store"), name.ends_with(".log"), Box::new(replace)));
    }
    let next =
        |path: &Path| fs::write(path.join("00000000000000000004.log"), &other.files[LAST]).expect("it can be written");
    deeds.push((String::from("another store's last segment behind the last"), true, Box::new(next)));
    all_right(&sample, &deeds);
}

#[test]
fn empty_files_are_no_events() {
    let sample = Sample::new(0);
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for name in sample.files.keys() {
        for length in [0, 1, 511, 512, 4095, 4096] {
            let blank = move |path: &Path| fs::write(path.join(name), vec![0; length]).expect("it can be written");
            deeds.push((format!("{length} zeros as {name}"), name.ends_with(".log"), Box::new(blank)));
        }
    }
    all_right(&sample, &deeds);
}

#[test]
fn a_damaged_watermark_changes_nothing() {
    let sample = Sample::new(0);
    let content = &sample.files[WATERMARK];
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for offset in 0..content.len() {
        let flip = move |path: &Path| {
            let mut content = content.clone();
            content[offset] ^= 1 << (offset % 8);
            fs::write(path.join(WATERMARK), content).expect("it can be written");
        };
        deeds.push((format!("watermark byte {offset} bit {}", offset % 8), false, Box::new(flip)));
    }
    for length in (0..content.len()).step_by(64) {
        let cut = move |path: &Path| fs::write(path.join(WATERMARK), &content[..length]).expect("it can be written");
        deeds.push((format!("watermark cut to {length} bytes"), false, Box::new(cut)));
    }
    all_right(&sample, &deeds);
}

#[test]
fn what_does_not_belong_to_the_store_is_left_alone() {
    let sample = Sample::new(0);
    let strangers = [
        "notes.txt",
        "1.log",
        "0000000000000000001.log",
        "000000000000000000001.log",
        "0000000000000000000a.log",
        "+0000000000000000004.log",
        "00000000000000000004.LOG",
        "00000000000000000004.log.bak",
        "00000000000000000004.idx",
        "99999999999999999999.log",
        "spare.tmp",
        "index.tmp",
        "\u{feff}watermark",
    ];
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for name in strangers {
        let add = move |path: &Path| fs::write(path.join(name), b"nobody reads this").expect("it can be written");
        deeds.push((format!("with {name}"), false, Box::new(add)));
    }
    let folder = |path: &Path| fs::create_dir(path.join("00000000000000000004.idx")).expect("it can be made");
    deeds.push((String::from("with a folder that is called as an index"), false, Box::new(folder)));
    all_right(&sample, &deeds);
    let sandbox = Sandbox::new(&sample);
    sandbox.put("notes.txt", b"mine");
    open(&sandbox.path(), false).expect("it opens").close().expect("it closes");
    assert_eq!(fs::read(sandbox.path().join("notes.txt")).expect("it is there"), b"mine");
}

#[test]
fn folders_links_and_pipes_are_no_files() {
    let sample = Sample::new(0);
    let outside = tempfile::tempdir().expect("there is room for a directory");
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for name in sample.files.keys().map(String::as_str).chain(["spare.tmp", "index.tmp"]) {
        let target = outside.path().join(name);
        // The very content, so that following the link would work.
        fs::write(&target, sample.files.get(name).map_or(&b"precious"[..], Vec::as_slice)).expect("it can be written");
        let gone = move |path: &Path| {
            let _ = fs::remove_file(path.join(name));
        };
        let is_ours = sample.files.contains_key(name);
        let folder = move |path: &Path| {
            gone(path);
            fs::create_dir(path.join(name)).expect("it can be made");
        };
        deeds.push((format!("a folder as {name}"), true, Box::new(folder)));
        let link = move |path: &Path| {
            gone(path);
            symlink(&target, path.join(name)).expect("it can be made");
        };
        deeds.push((format!("a link as {name}"), is_ours, Box::new(link)));
        let dangling = move |path: &Path| {
            gone(path);
            symlink("nowhere", path.join(name)).expect("it can be made");
        };
        deeds.push((format!("a link to nowhere as {name}"), is_ours, Box::new(dangling)));
        let pipe = move |path: &Path| {
            gone(path);
            let made = std::process::Command::new("mkfifo").arg(path.join(name)).status().expect("mkfifo runs");
            assert!(made.success());
        };
        deeds.push((format!("a pipe as {name}"), is_ours, Box::new(pipe)));
    }
    all_right(&sample, &deeds);
    for name in sample.files.keys() {
        let now = fs::read(outside.path().join(name)).expect("it is there");
        assert_eq!(&now, &sample.files[name], "{name}: nothing is written through a link");
    }
}

#[test]
fn a_store_whose_files_are_all_links_is_refused() {
    let sample = Sample::new(0);
    let sandbox = Sandbox::new(&sample);
    let elsewhere = sandbox.path().with_file_name("elsewhere");
    fs::rename(sandbox.path(), &elsewhere).expect("it can be renamed");
    fs::create_dir(sandbox.path()).expect("it can be made");
    for name in sample.files.keys() {
        symlink(elsewhere.join(name), sandbox.path().join(name)).expect("it can be made");
    }
    for read_only in [true, false] {
        let error = open(&sandbox.path(), read_only).expect_err("no link is followed");
        assert!(FILES.contains(&error.kind()), "{error}");
    }
    assert_eq!(crate::sample::files_of(&elsewhere), sample.files);
    assert!(sample.files.contains_key(FIRST));
}
