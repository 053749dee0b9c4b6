//! The header: page 0, which says what the file is of and where everything lies in it.

use super::page::{PAGE, ROOM, Section, array_at, header_checksum, u32_at, u64_at};
use super::times::EVENTS_PER_SPAN;
use super::{Binding, Fault};
use crate::query::POSITION_MAX;
use uuid::Uuid;

const MAGIC: [u8; 8] = *b"RuneIdx\n";
const VERSION: u32 = 1;
/// Where the table of sections begins.
const SECTIONS_AT: usize = 176;

/// The sections of the file, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Places,
    Times,
    Spans,
    TypeBuckets,
    Types,
    DomainBuckets,
    Domains,
    TagBuckets,
    Tags,
    StreamBuckets,
    Streams,
    InstanceBuckets,
    Instances,
    Postings,
    StreamPlaces,
    Runs,
    RunFences,
    KeyBuckets,
    Keys,
    Filter,
    State,
}

/// The bytes of one record of each.
pub const SIZES: [u32; 21] = [12, 8, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4, 12, 20, 16, 4, 12, 32, 1];

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub binding: Binding,
    /// How many segments the key table covers.
    pub covers: u64,
    /// The first position of the first of these; positions in the key table count from here.
    pub keys_base: u64,
    /// The earliest and the latest time; 0 without events.
    pub times: (i64, i64),
    /// The smallest and the largest id of all runs; nil without runs.
    pub id_span: (Uuid, Uuid),
    /// Later single ids go among the runs if they are larger.
    pub id_floor: Uuid,
    /// The first record of the streams' lists among all lists: there are as many records as events, and
    /// [`Part::StreamPlaces`] has the place of each.
    pub streams_at: u32,
    /// The pages of the file.
    pub pages: u32,
    sections: [Section; SIZES.len()],
}

impl Header {
    /// With its sections laid out, so many records in each; `None` where they do not fit into a file.
    pub fn new(binding: Binding, records: [u32; SIZES.len()]) -> Option<Header> {
        let mut pages: u32 = 1;
        let mut sections = [Section { page: 0, records: 0, size: 1 }; SIZES.len()];
        for ((section, records), size) in sections.iter_mut().zip(records).zip(SIZES) {
            *section = Section { page: pages, records, size };
            pages = pages.checked_add(section.pages())?;
        }
        let keys_base = binding.first;
        let nil = Uuid::nil();
        Some(Header {
            binding,
            covers: 1,
            keys_base,
            times: (0, 0),
            id_span: (nil, nil),
            id_floor: nil,
            streams_at: 0,
            pages,
            sections,
        })
    }

    pub fn section(&self, part: Part) -> Section {
        self.sections[part as usize]
    }

    /// The page, and its checksum.
    pub fn encode(&self) -> ([u8; PAGE], u32) {
        let Binding { store, segment, salt, first, events, end, chain } = &self.binding;
        let mut bytes = Vec::with_capacity(PAGE);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        // Feature bits: compatible, compatible for readers, incompatible.
        bytes.extend([0; 12]);
        bytes.extend(store);
        for number in [*segment, *salt, *first, *end] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [*events, *chain, self.pages, SIZES.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [self.covers, self.keys_base] {
            bytes.extend(number.to_le_bytes());
        }
        for time in [self.times.0, self.times.1] {
            bytes.extend(time.to_le_bytes());
        }
        for id in [self.id_span.0, self.id_span.1, self.id_floor] {
            bytes.extend(id.as_bytes());
        }
        bytes.extend(self.streams_at.to_le_bytes());
        bytes.resize(SECTIONS_AT, 0);
        for section in self.sections {
            bytes.extend(section.page.to_le_bytes());
            bytes.extend(section.records.to_le_bytes());
        }
        bytes.resize(ROOM, 0);
        let checksum = header_checksum(&bytes);
        bytes.extend(checksum.to_le_bytes());
        (array_at(&bytes, 0), checksum)
    }

    /// Reads the header of a file of `file_len` bytes; its checksum too.
    pub fn decode(page: &[u8; PAGE], file_len: u64) -> Result<(Header, u32), Fault> {
        let fault = |offset: usize, what| Fault::Damaged { segment: 0, offset: offset as u64, what };
        let (bytes, stored) = page.split_at(ROOM);
        let checksum = header_checksum(bytes);
        if bytes[..8] != MAGIC {
            return Err(fault(0, "it does not begin as an index file"));
        }
        if u32_at(stored, 0) != checksum {
            return Err(fault(ROOM, "the checksum of the header does not hold"));
        }
        // Made by another version: to this one it is as good as none.
        if u32_at(bytes, 8) != VERSION {
            return Err(fault(8, "it has a format that this version does not read"));
        }
        if u32_at(bytes, 20) != 0 {
            return Err(fault(20, "it has features that this version does not read"));
        }
        if u32_at(bytes, 84) != SIZES.len() as u32 {
            return Err(fault(84, "it has another number of sections"));
        }
        let mut sections = [Section { page: 0, records: 0, size: 1 }; SIZES.len()];
        for (number, (section, size)) in sections.iter_mut().zip(SIZES).enumerate() {
            let at = SECTIONS_AT + number * 8;
            *section = Section { page: u32_at(bytes, at), records: u32_at(bytes, at + 4), size };
        }
        let header = Header {
            binding: Binding {
                store: array_at(bytes, 24),
                segment: u64_at(bytes, 40),
                salt: u64_at(bytes, 48),
                first: u64_at(bytes, 56),
                end: u64_at(bytes, 64),
                events: u32_at(bytes, 72),
                chain: u32_at(bytes, 76),
            },
            pages: u32_at(bytes, 80),
            covers: u64_at(bytes, 88),
            keys_base: u64_at(bytes, 96),
            times: (u64_at(bytes, 104) as i64, u64_at(bytes, 112) as i64),
            id_span: (Uuid::from_bytes(array_at(bytes, 120)), Uuid::from_bytes(array_at(bytes, 136))),
            id_floor: Uuid::from_bytes(array_at(bytes, 152)),
            streams_at: u32_at(bytes, 168),
            sections,
        };
        if u64::from(header.pages) * PAGE as u64 != file_len {
            return Err(fault(80, "the file is shorter or longer than its header says"));
        }
        match header.fault() {
            Some((offset, what)) => {
                Err(Fault::Damaged { segment: header.binding.segment, offset: offset as u64, what })
            }
            None => Ok((header, checksum)),
        }
    }

    /// What cannot be, although the checksum holds.
    fn fault(&self) -> Option<(usize, &'static str)> {
        let records = |part: Part| self.section(part).records;
        let Binding { segment, first, events, .. } = self.binding;
        let positions = |first: u64| first > 0 && first.saturating_add(events.into()) <= POSITION_MAX;
        if !positions(first) {
            return Some((56, "no segment begins at this position"));
        }
        if self.covers == 0 || self.covers > segment {
            return Some((88, "the key table cannot cover so many segments"));
        }
        if self.keys_base == 0 || self.keys_base > first {
            return Some((96, "the key table cannot begin at this position"));
        }
        for (number, section) in self.sections.iter().enumerate() {
            let end = u64::from(section.page) + u64::from(section.pages());
            if section.page == 0 || end > u64::from(self.pages) {
                return Some((SECTIONS_AT + number * 8, "a section lies outside the file"));
            }
        }
        let buckets = [
            (Part::TypeBuckets, Part::Types),
            (Part::DomainBuckets, Part::Domains),
            (Part::TagBuckets, Part::Tags),
            (Part::StreamBuckets, Part::Streams),
            (Part::InstanceBuckets, Part::Instances),
            (Part::KeyBuckets, Part::Keys),
        ];
        let sound = [
            (Part::Places, records(Part::Places) == events),
            (Part::Times, records(Part::Times) == events),
            (Part::Spans, records(Part::Spans) == events.div_ceil(EVENTS_PER_SPAN)),
            (Part::StreamPlaces, records(Part::StreamPlaces) == events),
            (Part::Postings, self.streams_at.checked_add(events).is_some_and(|end| end <= records(Part::Postings))),
            (Part::RunFences, records(Part::RunFences) == self.section(Part::Runs).pages()),
            (Part::Filter, (records(Part::Filter) == 0) == (records(Part::Keys) == 0)),
        ]
        .into_iter()
        .chain(buckets.map(|(buckets, _)| {
            let records = records(buckets);
            (buckets, records == 0 || records > 2 && (records - 1).is_power_of_two())
        }));
        let unsound = sound.into_iter().find(|(_, sound)| !sound);
        unsound.map(|(part, _)| (SECTIONS_AT + part as usize * 8, "a section cannot have so many records"))
    }
}
