//! What is made above an engine of the user's own, while its store holds off other appends: the checks of an append,
//! and the numbers that its events are to get.

use super::Custom;
use super::pull::Pull;
use crate::append::Batch;
use crate::call::Call;
use crate::engine::Committed;
use crate::error::{Error, Result};
use crate::query::{Direction, Filter, Query};
use hashbrown::HashMap;
use std::borrow::Cow;
use std::cell::RefCell;
use uuid::Uuid;

/// So many ids are looked up with one query.
const IDS_AT_ONCE: usize = 1000;

/// All that an engine has committed, up to `head`.
pub(super) struct Above<'a> {
    pub engine: &'a Custom,
    pub head: u64,
    pub call: &'a Call<'a>,
    /// Texts that a look-up by id brought with it.
    texts: RefCell<HashMap<u64, String>>,
}

impl<'a> Above<'a> {
    pub fn new(engine: &'a Custom, head: u64, call: &'a Call<'a>) -> Above<'a> {
        Above { engine, head, call, texts: RefCell::default() }
    }

    /// The stream versions that the events of a batch are to get.
    pub fn versions(&self, batch: &Batch) -> Result<Vec<u64>> {
        let mut versions: HashMap<(&str, &str), u64> = HashMap::new();
        let mut numbers = Vec::with_capacity(batch.len());
        for (domain, instance_id) in batch.streams() {
            let version = match versions.entry((domain, instance_id)) {
                hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                hashbrown::hash_map::Entry::Vacant(entry) => entry.insert(self.stream_version(domain, instance_id)?),
            };
            *version += 1;
            numbers.push(*version);
        }
        Ok(numbers)
    }

    fn pull<'q>(&self, query: &'q Query, after: u64, direction: Direction, wanted: u64) -> Pull<'q> {
        Pull { query, after, up_to: self.head, direction, wanted, complete: true }
    }
}

fn only(filter: Filter) -> Query {
    Query { filters: vec![filter] }
}

impl Committed for Above<'_> {
    fn positions_of(&self, ids: &[Uuid]) -> Result<Vec<Option<u64>>> {
        let mut found = HashMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let query = only(Filter { ids: Some(ids.to_vec()), ..Filter::default() });
            let pull = self.pull(&query, 0, Direction::Forward, ids.len() as u64 + 1);
            self.engine.pull(&pull, Some(self.call), &mut |head, text| {
                found.insert(head.id, head.sequence_number);
                let text = String::from_utf8_lossy(text).into_owned();
                self.texts.borrow_mut().insert(head.sequence_number, text);
                true
            })?;
        }
        Ok(ids.iter().map(|id| found.get(id).copied()).collect())
    }

    fn text(&self, position: u64) -> Result<Cow<'_, str>> {
        let text = self.texts.borrow().get(&position).cloned();
        text.map(Cow::Owned).ok_or_else(|| Error::internal(format_args!("the event at {position} was not looked up")))
    }

    fn stream_version(&self, domain: &str, instance_id: &str) -> Result<u64> {
        if let Some(version) = self.engine.known_version(domain, instance_id) {
            return Ok(version);
        }
        let filter = Filter {
            domains: Some(vec![String::from(domain)]),
            instance_ids: Some(vec![String::from(instance_id)]),
            ..Filter::default()
        };
        let mut version = 0;
        let query = only(filter);
        self.engine.pull(&self.pull(&query, 0, Direction::Backward, 1), Some(self.call), &mut |head, _| {
            version = head.stream_version;
            false
        })?;
        self.engine.know_version(domain, instance_id, version);
        Ok(version)
    }

    fn first_match(&self, query: &Query, after: u64, call: &Call<'_>) -> Result<Option<u64>> {
        let mut position = None;
        self.engine.pull(&self.pull(query, after, Direction::Forward, 1), Some(call), &mut |head, _| {
            position = Some(head.sequence_number);
            false
        })?;
        Ok(position)
    }

    fn tracking(&self, source: &str) -> Result<u64> {
        self.engine.recorded(source)
    }
}
