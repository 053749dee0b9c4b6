//! What of the sealed log a query can reach: with many parts, most have nothing of a stream, and the key tables, which are few,
//! know that of all parts at once.

use super::part::Files;
use super::sealed::Sealed;
use crate::error::Result;
use crate::query::{Direction, Query};
use std::ops::Range;

/// Parts are passed over from so many on …
const PARTS_MIN: usize = 3;
/// … where no more streams are asked for than this.
const STREAMS_MAX: usize = 8;

/// Which positions a query can match: of those from `from` to `through`, the end excluded, only the ones in `holding`, ascending.
pub(super) struct Reach {
    holding: Vec<Range<u64>>,
    from: u64,
    through: u64,
}

impl Reach {
    /// What a query can match of the sealed parts.
    pub fn of(query: &Query, sealed: &Sealed, files: &Files) -> Result<Reach> {
        let (from, through) = match sealed.parts() {
            [first, .., last] => (first.first(), last.bounds.next),
            _ => (0, 0),
        };
        let all = Reach { holding: Vec::new(), from, through: from };
        let mut streams = Vec::new();
        for filter in &query.filters {
            let (Some(domains), Some(instances)) = (&filter.domains, &filter.instance_ids) else { return Ok(all) };
            let pairs =
                domains.iter().flat_map(|domain| instances.iter().map(move |instance| (&**domain, &**instance)));
            streams.extend(pairs.take(STREAMS_MAX + 1));
        }
        if sealed.parts().len() < PARTS_MIN || streams.len() > STREAMS_MAX {
            return Ok(all);
        }
        Ok(Reach { holding: sealed.holding(files, &streams)?, from, through })
    }

    /// Moves the beginning of what is left, or its end, to where the query can match; whether anything is left.
    pub fn pass_over(&self, left: &mut Range<u64>, direction: Direction) -> bool {
        match direction {
            Direction::Forward if (self.from..self.through).contains(&left.start) => {
                let behind = self.holding.partition_point(|part| part.end <= left.start);
                let next = self.holding.get(behind).map_or(self.through, |part| part.start);
                left.start = left.start.max(next).min(left.end);
            }
            Direction::Backward if left.end > self.from && left.end <= self.through => {
                let before = self.holding.partition_point(|part| part.start < left.end);
                let last = before.checked_sub(1).map_or(self.from, |last| self.holding[last].end);
                left.end = left.end.min(last).max(left.start);
            }
            _ => {}
        }
        !left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;
    use crate::query::Direction::{Backward, Forward};

    #[test]
    fn what_holds_nothing_is_passed_over_and_what_grows_is_not() {
        let reach = Reach { holding: vec![10..20, 20..30, 50..60], from: 1, through: 80 };
        let cases = [
            (Forward, 1..100, 10..100),
            (Forward, 15..100, 15..100),
            (Forward, 30..100, 50..100),
            (Forward, 60..100, 80..100),
            (Forward, 85..100, 85..100),
            (Forward, 30..40, 40..40),
            (Backward, 1..100, 1..100),
            (Backward, 1..81, 1..81),
            (Backward, 1..80, 1..60),
            (Backward, 1..55, 1..55),
            (Backward, 1..50, 1..30),
            (Backward, 1..10, 1..1),
            (Backward, 35..50, 35..35),
        ];
        for (direction, left, wanted) in cases {
            let mut passed = left.clone();
            assert_eq!(reach.pass_over(&mut passed, direction), !wanted.is_empty(), "{left:?} {direction:?}");
            assert_eq!(passed, wanted, "{left:?} {direction:?}");
        }
    }

    #[test]
    fn where_nothing_is_known_nothing_is_passed_over() {
        let reach = Reach { holding: Vec::new(), from: 1, through: 1 };
        for direction in [Forward, Backward] {
            let mut left = 1..50;
            assert!(reach.pass_over(&mut left, direction));
            assert_eq!(left, 1..50);
        }
    }
}
