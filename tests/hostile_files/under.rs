//! Files are cut off and damaged while the store is open and has read them: what it knows of them, and what of them is mapped, does
//! not count any more.

use crate::judge::CORRUPT;
use crate::sample::{Sample, Truth, open};
use crate::sandbox::Sandbox;
use runestore::Store;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// What is done to which file, and how.
type Deed = (String, String, Box<dyn Fn(&File)>);

/// Every answer is right, or an error that says what is wrong; how many were right.
fn ask(store: &Store, truth: &Truth, what: &str) -> usize {
    let all = truth.texts.concat();
    let queries = truth.asked.iter().map(|asked| (Some(&*asked.query), &*asked.options, asked.answer.as_bytes()));
    let mut right = 0;
    for (query, options, answer) in queries.chain([(None, r#"{"format":"ndjson"}"#, all.as_bytes())]) {
        match store.get_events_json(query, Some(options)) {
            Ok(given) => {
                assert_eq!(given, answer, "{what}: {query:?}");
                right += 1;
            }
            Err(error) => assert!(CORRUPT.contains(&error.kind()), "{what}: {query:?}: {error}"),
        }
    }
    right
}

/// Does something to each file of an open store that has read everything twice, so that all that may be mapped is.
fn under(deeds: &[Deed], read_only: bool) -> usize {
    let sample = Sample::new(0);
    let sandbox = Sandbox::new(&sample);
    let mut refused = 0;
    for (nth, (what, name, deed)) in deeds.iter().enumerate() {
        sandbox.restore();
        let store = open(&sandbox.path(), read_only).expect("it opens");
        for _ in 0..2 {
            assert_eq!(ask(&store, &sample.truth, what), sample.truth.asked.len() + 1);
        }
        deed(&File::options().write(true).open(sandbox.path().join(name)).expect("it is there"));
        // The first call that comes upon it can be any.
        if nth % 2 == 0 {
            store.verify().expect("it tells what it finds");
        }
        refused += usize::from(ask(&store, &sample.truth, what) <= sample.truth.asked.len());
        // A writer says at the end what it could not do.
        let _ = store.close();
    }
    refused
}

/// The files of events and their indexes, with what they hold.
fn files(sample: &Sample) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    sample.files.iter().filter(|(name, _)| name.ends_with(".log") || name.ends_with(".idx"))
}

#[test]
fn a_file_that_is_cut_off_under_an_open_store_is_an_error() {
    let sample = Sample::new(0);
    let mut deeds: Vec<Deed> = Vec::new();
    for (name, content) in files(&sample) {
        for len in (0..content.len()).step_by(content.len() / 9 + 1) {
            let cut = move |file: &File| file.set_len(len as u64).expect("it is cut");
            deeds.push((format!("{name} cut to {len} bytes"), name.clone(), Box::new(cut)));
        }
    }
    for read_only in [true, false] {
        let refused = under(&deeds, read_only);
        assert!(refused >= deeds.len() / 3, "{refused} of {} cuts were noticed", deeds.len());
    }
}

#[test]
fn a_byte_that_is_damaged_under_an_open_store_is_an_error() {
    let sample = Sample::new(0);
    let mut deeds: Vec<Deed> = Vec::new();
    for (name, content) in files(&sample) {
        for at in (content.len() / 20..content.len()).step_by(content.len() / 15) {
            let byte = content[at] ^ 0x10;
            let damage = move |file: &File| file.write_all_at(&[byte], at as u64).expect("it is written");
            deeds.push((format!("{name} damaged at {at}"), name.clone(), Box::new(damage)));
        }
    }
    for read_only in [true, false] {
        let refused = under(&deeds, read_only);
        assert!(refused >= deeds.len() / 5, "{refused} of {} damages were noticed", deeds.len());
    }
}
