//! Reads everything and checks every checksum and every link.

use super::fault::Damage;
use super::idx::{self, Idx};
use super::indexed::Indexed;
use super::part::{ANOTHER, Bounds, Files};
use super::scan::{Cursor, Scanner, seal_is_sound};
use super::segment::Segment;
use super::view::{View, Visible};
use crate::call::Call;
use crate::engine::Progress;
use crate::error::{ErrorKind, Result};
use crate::json::RecordedEvent;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// So many problems are told in detail.
const PROBLEMS_MAX: usize = 1000;

/// What was found so far.
#[derive(Default)]
struct Report {
    events: u64,
    bytes: u64,
    problems: Vec<Value>,
}

impl Report {
    fn add(&mut self, damage: &Damage) {
        if self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        let mut problem = json!({ "file": damage.file, "offset": damage.offset });
        if let Some((first, last)) = damage.positions {
            problem["first"] = first.into();
            problem["last"] = last.into();
        }
        problem["message"] = damage.what.as_str().into();
        self.problems.push(problem);
    }
}

/// Checks all that is visible; what came later is left alone.
pub(super) fn verify(
    view: &View,
    visible: &Visible,
    progress: &mut Progress<'_>,
    call: &Call<'_>,
) -> Result<Map<String, Value>> {
    let (sealed, newest, damage) = {
        let live = view.live()?;
        (live.sealed.clone(), live.segment.clone(), live.damage.clone())
    };
    // The log may have gone on in another segment meanwhile.
    let gone_on = sealed.parts().iter().find(|part| part.segment.header.ordinal == visible.segment);
    let newest = gone_on.map_or(newest, |part| part.segment.clone());
    let total = newest.log_offset(visible.offset);
    let mut told = |at: u64| progress(at.min(total), total);
    told(0)?;
    let mut report = Report::default();
    for part in sealed.parts().iter().filter(|part| part.segment.header.ordinal < newest.header.ordinal) {
        let segment = &part.segment;
        let Bounds { end, chain, next } = part.bounds;
        let until = Until { end, next, chain: Some(chain) };
        let indexed = walk(&view.files, segment, &until, &mut report, &mut told, call)?;
        check_index(&view.files, segment, &indexed, &mut report)?;
        if !seal_is_sound(&view.files, segment, end, chain)? {
            let what = "what follows the end of the segment is no seal; no event is lost";
            report.add(&Damage::new(&segment.name(), end, what));
        }
    }
    let until = Until { end: visible.offset, next: visible.next, chain: None };
    let indexed = walk(&view.files, &newest, &until, &mut report, &mut told, call)?;
    check_index(&view.files, &newest, &indexed, &mut report)?;
    if let Some(damage) = damage {
        report.add(&damage);
    }
    told(total)?;
    let Report { events, bytes, problems } = report;
    let mut answer = Map::new();
    answer.insert("ok".into(), problems.is_empty().into());
    answer.insert("events".into(), events.into());
    answer.insert("bytes".into(), bytes.into());
    answer.insert("problems".into(), problems.into());
    Ok(answer)
}

/// Where a walk ends.
struct Until {
    /// The offset behind the last frame.
    end: u64,
    /// The position behind the last event.
    next: u64,
    /// The checksum of the last frame's header, where the next segment tells it.
    chain: Option<u32>,
}

/// Walks a segment up to its end.
fn walk(
    files: &Files,
    segment: &Arc<Segment>,
    &Until { end, next, chain }: &Until,
    report: &mut Report,
    told: &mut dyn FnMut(u64) -> Result<()>,
    call: &Call<'_>,
) -> Result<Indexed> {
    let directory = &*files.directory;
    let mut indexed = Indexed::new(segment.header.first);
    let again = Segment::open(directory, &files.pool, segment.header.ordinal);
    match again {
        Ok(again) if again.header == segment.header => {}
        Ok(_) => {
            report.add(&Damage::new(&segment.name(), 0, "the segment's header is not the one that it was opened with"))
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            report.add(&Damage::new(&segment.name(), 0, "the segment's header is damaged"));
        }
        Err(error) => return Err(error),
    }
    let mut scanner =
        Scanner::new(directory, segment, Cursor::start(segment), segment.end(directory, end)?, files.bugs);
    // Behind the last frame in which nothing was wrong.
    let mut cursor = scanner.cursor;
    let why = loop {
        call.check()?;
        files.pool.look();
        let at = cursor.offset;
        told(segment.log_offset(at))?;
        let Some(frame) = scanner.next()? else { break scanner.stopped };
        if frame.header.first + u64::from(frame.header.events) > next {
            break "the events of a frame reach beyond the last one";
        }
        if frame.tracking().is_none() {
            break "the tracking in a frame cannot be read";
        }
        if let Err(why) = indexed.absorb(&frame) {
            break why;
        }
        for ((place, text), position) in frame.events().zip(frame.header.first..) {
            if let Err(error) = RecordedEvent::parse(text) {
                let what = format!("the event at {position} is none: {}", error.message());
                report.add(&Damage::new(&segment.name(), place.offset.into(), what).positions(position, position));
            }
        }
        report.events += u64::from(frame.header.events);
        cursor = scanner.cursor;
        report.bytes += cursor.offset - at;
    };
    let is_all = (cursor.offset, indexed.next()) == (end, next);
    if !is_all {
        let damage = Damage::new(&segment.name(), cursor.offset, why);
        report.add(&if indexed.next() < next { damage.positions(indexed.next(), next - 1) } else { damage });
    } else if chain.is_some_and(|chain| chain != cursor.chain) {
        let damage = Damage::new(&segment.name(), cursor.offset, ANOTHER);
        let first = segment.header.first;
        report.add(&if first < next { damage.positions(first, next - 1) } else { damage });
    }
    Ok(indexed)
}

/// Checks a segment's index file, if it has one, against the log.
fn check_index(files: &Files, segment: &Segment, indexed: &Indexed, report: &mut Report) -> Result<()> {
    files.pool.look();
    let name = idx::name_of(segment.header.ordinal);
    let Ok(file) = files.pool.file(&name) else { return Ok(()) };
    let problem = |offset, what: &str| {
        Damage::new(&name, offset, format!("{what}; no event is lost, and what it tells is read from the log instead"))
    };
    let index = match Idx::open(file) {
        Ok(index) => index,
        Err(fault) => {
            report.add(&problem(0, &format!("the index cannot be read: {fault}")));
            return Ok(());
        }
    };
    if let Err(faults) = index.check_all() {
        for fault in faults {
            let offset = if let idx::Fault::Damaged { offset, .. } = &fault { *offset } else { 0 };
            report.add(&problem(offset, &fault.to_string()));
        }
        return Ok(());
    }
    let mut places = Vec::new();
    let events = index.binding().events;
    let agrees =
        index.places(0..events, &mut places).is_ok() && indexed.places.get(..events as usize) == Some(&places[..]);
    if !agrees && indexed.places.len() >= events as usize {
        report.add(&problem(0, "the index is not of this log"));
    }
    Ok(())
}
