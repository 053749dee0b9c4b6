//! When events were inserted, with the earliest and the latest time of each 256 of them, so that a window of time is
//! found without reading all. Nothing is assumed of the order.

use super::header::Part;
use super::page::{Records, u64_at};
use super::{Fault, Idx};
use std::ops::Range;

/// A span is the earliest and the latest time of so many events.
pub const EVENTS_PER_SPAN: u32 = 256;

/// The spans of all events.
pub struct Spans(Vec<(i64, i64)>);

impl Idx {
    /// Reads all spans: for half a million events these are nine pages.
    pub(super) fn spans(&self) -> Result<Spans, Fault> {
        let section = self.header.section(Part::Spans);
        let mut spans = Vec::with_capacity(section.records as usize);
        self.pages.each(&section, 0..section.records, |bytes| {
            spans.extend(bytes.chunks_exact(16).map(|span| (time_at(span, 0), time_at(span, 8))));
        })?;
        Ok(Spans(spans))
    }

    /// The ranges of those events in `bounds` whose time lies in `window`, ascending, no two next to each other.
    pub(super) fn in_window(
        &self,
        spans: &Spans,
        bounds: Range<u32>,
        window: &Range<i64>,
    ) -> Result<Vec<Range<u32>>, Fault> {
        let mut found: Vec<Range<u32>> = Vec::new();
        let mut add = |range: Range<u32>| match found.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => found.push(range),
        };
        let mut times = Records::new(&self.pages, self.header.section(Part::Times));
        let mut at = bounds.start;
        while at < bounds.end {
            let end = bounds.end.min((at / EVENTS_PER_SPAN + 1).saturating_mul(EVENTS_PER_SPAN));
            match spans.all_in(at, window) {
                Some(true) => add(at..end),
                Some(false) => {}
                None => {
                    for ordinal in at..end {
                        if window.contains(&time_at(times.get(ordinal)?, 0)) {
                            add(ordinal..ordinal + 1);
                        }
                    }
                }
            }
            at = end;
        }
        Ok(found)
    }

    /// Keeps those events whose time lies in `window`.
    pub(super) fn keep_in_window(
        &self,
        spans: &Spans,
        events: &mut Vec<u32>,
        window: &Range<i64>,
    ) -> Result<(), Fault> {
        let mut times = Records::new(&self.pages, self.header.section(Part::Times));
        let mut fault = None;
        events.retain(|&ordinal| {
            spans.all_in(ordinal, window).unwrap_or_else(|| match times.get(ordinal) {
                Ok(time) => window.contains(&time_at(time, 0)),
                Err(error) => {
                    fault.get_or_insert(error);
                    false
                }
            })
        });
        fault.map_or(Ok(()), Err)
    }
}

impl Spans {
    /// The bounds, without what at their ends is outside of the window.
    pub fn around(&self, bounds: Range<u32>, window: &Range<i64>) -> Range<u32> {
        let first = bounds.start / EVENTS_PER_SPAN;
        let last = bounds.end.div_ceil(EVENTS_PER_SPAN);
        let is_in = |(earliest, latest): &(i64, i64)| *latest >= window.start && *earliest < window.end;
        let spans = self.0.get(first as usize..last as usize).unwrap_or_default();
        let (Some(from), Some(to)) = (spans.iter().position(is_in), spans.iter().rposition(is_in)) else {
            return bounds.start..bounds.start;
        };
        let start = bounds.start.max((first + from as u32) * EVENTS_PER_SPAN);
        start..bounds.end.min((first + to as u32 + 1).saturating_mul(EVENTS_PER_SPAN)).max(start)
    }

    /// Whether all events around this one lie in the window, or none; `None` where their times must be asked.
    fn all_in(&self, ordinal: u32, window: &Range<i64>) -> Option<bool> {
        let (earliest, latest) = *self.0.get((ordinal / EVENTS_PER_SPAN) as usize)?;
        match (window.contains(&earliest) && window.contains(&latest), latest < window.start || earliest >= window.end)
        {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

pub fn time_at(bytes: &[u8], at: usize) -> i64 {
    u64_at(bytes, at) as i64
}
