//! Bits are flipped, one at a time.

use crate::judge::{Allowed, CORRUPT, Found, judge};
use crate::layout::{Region, stretches};
use crate::sample::Sample;
use crate::sandbox::Sandbox;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// One bit of one file.
struct Flip<'s> {
    file: &'s str,
    offset: usize,
    bit: usize,
    region: Region,
    sound_up_to: u64,
    /// Also opened for writing. A writer leaves sealed events alone, so not every flip among them needs that.
    writing: bool,
}

/// How many flips, and what found them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    flips: usize,
    by_opening: usize,
    by_reading: usize,
    by_verify: usize,
    by_verify_alone: usize,
    by_nothing: usize,
    /// Refused by a writer, of those that one was tried on.
    by_writer: usize,
    writers: usize,
}

#[test]
fn every_flip_below_the_durable_end_is_found() {
    let sample = Sample::new(0);
    let flips = flips(&sample);
    let (counts, faults) = run(&sample, &flips);
    let mut out = std::io::stderr();
    for (region, counts) in &counts {
        let _ = writeln!(out, "{region:?}: {counts:?}");
    }
    assert!(
        faults.is_empty(),
        "{} of {} flips\n{}",
        faults.len(),
        flips.len(),
        faults[..faults.len().min(40)].join("\n")
    );
    assert!(counts.values().all(|counts| counts.by_nothing == 0), "no flip stays unnoticed");
    assert!(flips.len() > 60_000, "only {} flips were tried", flips.len());
    let index = counts[&Region::Index];
    assert!(index.flips > 4000 && index.by_verify_alone == index.flips, "an index is a hint: {index:?}");
}

/// Every byte: of headers, tables and tracking several bits, of texts one.
fn flips(sample: &Sample) -> Vec<Flip<'_>> {
    let mut flips = Vec::new();
    for (file, content) in sample.files.iter().filter(|(name, _)| name.ends_with(".log")) {
        for stretch in stretches(content) {
            for offset in stretch.bytes {
                let nth = (offset * 5 + offset / 8) % 8;
                let is_blank = stretch.region == Region::SegmentHeader && (108..4092).contains(&offset);
                let bits = match stretch.region {
                    _ if is_blank => vec![nth],
                    Region::SegmentHeader | Region::FrameHeader => (0..8).collect(),
                    Region::Index => Vec::new(),
                    Region::Table | Region::Tracking => vec![nth, (nth + 3) % 8, (nth + 6) % 8],
                    Region::Text | Region::Padding => vec![nth],
                };
                let writing = !is_blank && stretch.region != Region::Text || offset.is_multiple_of(16);
                let (region, sound_up_to) = (stretch.region, stretch.before);
                flips.extend(bits.into_iter().map(|bit| Flip { file, offset, bit, region, sound_up_to, writing }));
            }
        }
    }
    for (file, content) in sample.files.iter().filter(|(name, _)| name.ends_with(".idx")) {
        // Most of a page is zeros.
        for offset in (0..content.len()).filter(|offset| content[*offset] != 0 || offset % 31 == 0) {
            let (bit, region, writing) = (offset % 8, Region::Index, offset.is_multiple_of(16));
            flips.push(Flip { file, offset, bit, region, sound_up_to: 0, writing });
        }
    }
    flips
}

fn run(sample: &Sample, flips: &[Flip<'_>]) -> (BTreeMap<Region, Counts>, Vec<String>) {
    let results = Mutex::new((BTreeMap::<Region, Counts>::new(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let results = &results;
            scope.spawn(move || {
                let sandbox = Sandbox::new(sample);
                for flip in flips.iter().skip(thread).step_by(threads) {
                    let tried = catch_unwind(AssertUnwindSafe(|| try_flip(sample, &sandbox, flip)));
                    let tried = tried.unwrap_or_else(|_| Err(String::from("it panics")));
                    let (counts, faults) = &mut *results.lock().expect("no thread panics with it");
                    match tried {
                        Ok((found, refused)) => counts.entry(flip.region).or_default().add(found, refused),
                        Err(fault) => {
                            faults.push(format!("{} byte {} bit {}: {fault}", flip.file, flip.offset, flip.bit));
                            sandbox.restore();
                        }
                    }
                }
            });
        }
    });
    results.into_inner().expect("no thread panics with it")
}

/// What a reader found, and whether a writer, if one was tried, refused the store.
fn try_flip(sample: &Sample, sandbox: &Sandbox<'_>, flip: &Flip<'_>) -> Result<(Found, Option<bool>), String> {
    let right = sample.files[flip.file][flip.offset];
    let wrong = right ^ 1 << flip.bit;
    sandbox.change(flip.file, flip.offset, wrong);
    let kinds = if flip.region == Region::Index { &[] } else { CORRUPT };
    // Text after text is read in the same way.
    let queries = if flip.region == Region::Text && !flip.offset.is_multiple_of(16) { 2 } else { usize::MAX };
    let allowed = Allowed { kinds, sound_up_to: flip.sound_up_to, queries };
    let found = judge(&sample.truth, &sandbox.path(), true, &allowed).map_err(|fault| format!("to read: {fault}"))?;
    let mut refused = None;
    if flip.writing {
        let allowed = Allowed { sound_up_to: 0, ..allowed };
        let written =
            judge(&sample.truth, &sandbox.path(), false, &allowed).map_err(|fault| format!("to write: {fault}"))?;
        refused = Some(written.by_opening);
        if written.by_opening && flip.offset.is_multiple_of(8) && !sandbox.is_unchanged(flip.file, flip.offset, wrong) {
            return Err(String::from("a writer refused the store, and changed it"));
        }
        if !written.by_opening {
            sandbox.restore();
        }
    }
    sandbox.change(flip.file, flip.offset, right);
    Ok((found, refused))
}

impl Counts {
    fn add(&mut self, found: Found, refused: Option<bool>) {
        self.flips += 1;
        self.by_opening += usize::from(found.by_opening);
        self.by_reading += usize::from(found.by_reading);
        self.by_verify += usize::from(found.by_verify);
        self.by_verify_alone += usize::from(found == Found { by_verify: true, ..Found::default() });
        self.by_nothing += usize::from(!found.anywhere());
        self.by_writer += usize::from(refused == Some(true));
        self.writers += usize::from(refused.is_some());
    }
}
