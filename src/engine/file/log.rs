//! The segments of a directory, and whether they are one log.

use super::fault::{Damage, failed};
use super::pool::Pool;
use super::segment::Segment;
use super::storage::Directory;
use crate::error::{ErrorKind, Result};
use std::sync::Arc;

/// The segments that could be read, one behind the other from the first one on, and what is wrong behind them.
pub(super) struct Listing {
    pub segments: Vec<Arc<Segment>>,
    pub damage: Option<Damage>,
}

impl Listing {
    /// Whether there is nothing of a store.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.damage.is_none()
    }
}

/// Lists a directory, and reads the headers of its segments. Other files are left alone.
pub(super) fn list(directory: &dyn Directory, pool: &Arc<Pool>) -> Result<Listing> {
    let names = directory.names().map_err(failed(directory, "list", ""))?;
    let mut ordinals: Vec<u64> = names.iter().filter_map(|name| Segment::ordinal_of(name)).collect();
    ordinals.sort_unstable();
    let mut listing = Listing { segments: Vec::new(), damage: None };
    for (ordinal, expected) in ordinals.into_iter().zip(1..) {
        if ordinal != expected {
            let next = listing.segments.last().map_or(1, |last: &Arc<Segment>| last.header.first);
            let what = format!("the segment is missing, while segment {ordinal} is there");
            listing.damage = Some(Damage::new(&Segment::name_of(expected), 0, what).onward(next));
            break;
        }
        let opened = Segment::open(directory, pool, ordinal);
        let segment = match opened {
            Ok(segment) => Arc::new(segment),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let what = error.detail("what").and_then(|what| what.as_str()).unwrap_or("its header is damaged");
                listing.damage = Some(Damage::new(&Segment::name_of(ordinal), 0, what));
                break;
            }
            Err(error) => return Err(error),
        };
        if ordinal == 1 && (segment.header.first, segment.header.base) != (1, 0) {
            listing.damage = Some(Damage::new(&Segment::name_of(1), 0, "it is no first segment"));
            break;
        }
        if let Some(previous) = listing.segments.last()
            && let Some(damage) = misfit(directory, previous, &segment)?
        {
            listing.damage = Some(damage);
            break;
        }
        listing.segments.push(segment);
    }
    Ok(listing)
}

/// Why a segment does not follow on another, if so.
pub(super) fn misfit(directory: &dyn Directory, previous: &Segment, segment: &Segment) -> Result<Option<Damage>> {
    let (before, header) = (&previous.header, &segment.header);
    let damage = |what: &str| Damage::new(&segment.name(), 0, what).onward(header.first);
    if header.store != before.store {
        return Ok(Some(damage("it belongs to another store")));
    }
    if header.base != previous.log_offset(header.previous_end) || header.first < before.first {
        return Ok(Some(damage("it does not follow on the segment before it")));
    }
    let len = previous.file.len().map_err(failed(directory, "look at", &previous.name()))?;
    if len < header.previous_end {
        let what = format!("the file is cut off: it had {} bytes", header.previous_end);
        let lost = Damage::new(&previous.name(), len, what);
        return Ok(Some(if header.first > before.first {
            lost.positions(before.first, header.first - 1)
        } else {
            lost
        }));
    }
    Ok(None)
}
