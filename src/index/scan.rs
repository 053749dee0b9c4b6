//! Walks a plan's lists: ordinals in order, each once.

use super::Index;
use super::plan::{Driver, Part, Plan, Rest, within};
use crate::query::Direction;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// The ordinals of a plan's events within some bounds, in one direction.
pub(crate) struct Scan<'i>(Merged<Filtered<'i>>);

impl<'i> Scan<'i> {
    pub fn new(plan: &'i Plan, index: &'i Index, bounds: &Range<u32>, direction: Direction) -> Scan<'i> {
        let parts = plan.parts.iter().map(|part| Filtered::new(part, index, bounds, direction));
        Scan(Merged::new(parts.collect(), direction))
    }

    /// Passes over at most `count` events; how many. Quick where the lists tell, one by one elsewhere.
    pub fn pass_over(&mut self, count: u64) -> u64 {
        if let Some(runs) = self.runs()
            && let [run] = &mut runs.sources[..]
        {
            return run.pass_over(count);
        }
        (0..count).take_while(|_| self.next().is_some()).count() as u64
    }

    /// The ordinals that are left, if they are all of a range.
    pub fn range(&mut self) -> Option<Range<u32>> {
        match &self.runs()?.sources[..] {
            [Run { kind: Kind::All(range), .. }] => Some(range.clone()),
            _ => None,
        }
    }

    /// Passes over all events that are left; how many.
    pub fn count_rest(&mut self) -> u64 {
        if let Some(runs) = self.runs() {
            // They share no event, and each has its next one in the heap.
            let in_heap = runs.heap.as_ref().map_or(0, |heap| heap.len() as u64);
            let in_runs: Option<u64> = runs.sources.iter().map(Run::len).sum();
            if let Some(in_runs) = in_runs {
                return in_runs + in_heap;
            }
        }
        self.fold(0, |count, _| count + 1)
    }

    /// The runs, if every candidate on them is an event of the plan, and there are no others.
    fn runs(&mut self) -> Option<&mut Merged<Run<'i>>> {
        match &mut self.0.sources[..] {
            [Filtered { rest: None, runs, .. }] => Some(runs),
            _ => None,
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0.next()
    }
}

/// One filter's events.
struct Filtered<'i> {
    runs: Merged<Run<'i>>,
    /// What is still to be asked, `None` if nothing.
    rest: Option<&'i Rest>,
    index: &'i Index,
}

impl<'i> Filtered<'i> {
    fn new(part: &'i Part, index: &'i Index, bounds: &Range<u32>, direction: Direction) -> Filtered<'i> {
        let bounds = part.bounds.start.max(bounds.start)..part.bounds.end.min(bounds.end);
        let bounds = bounds.start..bounds.end.max(bounds.start);
        let run = |kind| Run { kind, direction };
        let runs = match &part.driver {
            Driver::All(None) => vec![run(Kind::All(bounds))],
            Driver::All(Some(window)) => vec![run(Kind::Window(bounds, window, index))],
            Driver::Lists(lists) => {
                lists.iter().map(|&list| run(Kind::List(within(index.list(list), &bounds)))).collect()
            }
            Driver::Events(events) => vec![run(Kind::List(within(events, &bounds)))],
        };
        Filtered { runs: Merged::new(runs, direction), rest: Some(&part.rest).filter(|rest| !rest.is_nothing()), index }
    }
}

impl Iterator for Filtered<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self.rest {
            None => self.runs.next(),
            Some(rest) => {
                let index = self.index;
                self.runs.find(|&ordinal| rest.matches(ordinal, index))
            }
        }
    }
}

impl Rest {
    fn matches(&self, ordinal: u32, index: &Index) -> bool {
        let among = |numbers: &Option<Vec<u32>>, number: &dyn Fn() -> u32| {
            numbers.as_ref().is_none_or(|numbers| numbers.binary_search(&number()).is_ok())
        };
        let stream = || index.event_streams[ordinal as usize];
        among(&self.types, &|| index.event_types[ordinal as usize])
            && among(&self.streams, &stream)
            && among(&self.domains, &|| index.streams.get(stream()).domain)
            && self.window.as_ref().is_none_or(|window| window.contains(&index.times.get(ordinal)))
            && among(&self.events, &|| ordinal)
            && self.tags.iter().all(|&tag| index.tags.postings(tag).binary_search(&ordinal).is_ok())
    }
}

/// A source of candidates, consumed from one end.
struct Run<'i> {
    kind: Kind<'i>,
    direction: Direction,
}

enum Kind<'i> {
    All(Range<u32>),
    Window(Range<u32>, &'i Range<i64>, &'i Index),
    List(&'i [u32]),
}

impl Run<'_> {
    /// How many candidates are left, `None` where only a walk would tell.
    fn len(&self) -> Option<u64> {
        match &self.kind {
            Kind::All(range) => Some(range.len() as u64),
            Kind::List(list) => Some(list.len() as u64),
            Kind::Window(..) => None,
        }
    }

    fn pass_over(&mut self, count: u64) -> u64 {
        let Some(left) = self.len() else {
            return (0..count).take_while(|_| self.next().is_some()).count() as u64;
        };
        let passed = count.min(left);
        match (&mut self.kind, self.direction) {
            (Kind::All(range), Direction::Forward) => range.start += passed as u32,
            (Kind::All(range), Direction::Backward) => range.end -= passed as u32,
            (Kind::List(list), Direction::Forward) => *list = &list[passed as usize..],
            (Kind::List(list), Direction::Backward) => *list = &list[..list.len() - passed as usize],
            (Kind::Window(..), _) => {}
        }
        passed
    }
}

impl Iterator for Run<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match (&mut self.kind, self.direction) {
            (Kind::All(range), Direction::Forward) => range.next(),
            (Kind::All(range), Direction::Backward) => range.next_back(),
            (Kind::List(list), Direction::Forward) => list.split_off_first().copied(),
            (Kind::List(list), Direction::Backward) => list.split_off_last().copied(),
            (Kind::Window(range, window, index), Direction::Forward) => {
                let found = index.times.first_in(range.clone(), window);
                range.start = found.map_or(range.end, |ordinal| ordinal + 1);
                found
            }
            (Kind::Window(range, window, index), Direction::Backward) => {
                let found = index.times.last_in(range.clone(), window);
                range.end = found.unwrap_or(range.start);
                found
            }
        }
    }
}

/// Several ordered sources as one, without repetition.
struct Merged<S> {
    sources: Vec<S>,
    /// The next item of each source that has one, with the source's place; `None` for up to one source, which needs no heap.
    heap: Option<BinaryHeap<Reverse<(u32, usize)>>>,
    /// Turned round for backward, so that the smallest key is always next.
    flip: u32,
    last: Option<u32>,
}

impl<S: Iterator<Item = u32>> Merged<S> {
    fn new(mut sources: Vec<S>, direction: Direction) -> Merged<S> {
        let flip = if direction == Direction::Backward { u32::MAX } else { 0 };
        let heap = (sources.len() > 1).then(|| {
            let heads = sources
                .iter_mut()
                .enumerate()
                .filter_map(|(place, source)| Some(Reverse((source.next()? ^ flip, place))));
            heads.collect()
        });
        Merged { sources, heap, flip, last: None }
    }
}

impl<S: Iterator<Item = u32>> Iterator for Merged<S> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let Some(heap) = &mut self.heap else {
            return self.sources.first_mut()?.next();
        };
        loop {
            let mut top = heap.peek_mut()?;
            let Reverse((key, place)) = *top;
            match self.sources[place].next() {
                Some(next) => *top = Reverse((next ^ self.flip, place)),
                None => {
                    std::collections::binary_heap::PeekMut::pop(top);
                }
            }
            if self.last.replace(key) != Some(key) {
                return Some(key ^ self.flip);
            }
        }
    }
}
