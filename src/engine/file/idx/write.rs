//! Makes an index file: first all that is sorted, in memory; then the header, which says where everything will lie; then the
//! sections, through a buffer of a few pages.

use super::super::place::Place;
use super::super::storage::{File, write_all_at};
use super::filter::blocks;
use super::hash::{Hash, Kind};
use super::header::{Header, Part};
use super::ids::{encode_run, is_timely};
use super::keys::Merge;
use super::page::{PAGE, Section};
use super::sink::Sink;
use super::table::{bucket, bucket_records};
use super::times::EVENTS_PER_SPAN;
use super::{Content, Fault};
use crate::index::{Index, Names, Stream};
use uuid::Uuid;

/// See [`super::write`].
pub fn write(file: &dyn File, content: &Content<'_>) -> Result<u64, Fault> {
    let Content { binding, index, places, state, older, merge } = content;
    if places.len() != index.len() || index.len() != binding.events as usize {
        return Err(Fault::Io(std::io::Error::other("an index was to be written of other events than it holds")));
    }
    let hash = Hash::of_store(&binding.store);
    let mut lists = Lists::new(index, hash).ok_or_else(too_large)?;
    let before = older.first().filter(|before| before.binding().segment.checked_add(1) == Some(binding.segment));
    let ids = Ids::new(index, before.map_or(Uuid::nil(), |before| before.header.id_floor));
    // What this segment adds to the key table: each stream's last event, and the ids that are in no run.
    let mut keys = std::mem::take(&mut lists.last_of_streams);
    keys.extend(ids.others.iter().map(|(id, ordinal)| (hash.id(*id), *ordinal)));
    sort_by_hash(&mut keys, |(hash, ordinal)| (*hash, *ordinal));

    let own = keys.len() as u32;
    let merge = Merge::new(binding, own, if *merge { older } else { &[] });
    let times = index.times();
    let count = |length: usize| u32::try_from(length).ok();
    let run_section = Section { page: 1, records: ids.runs.len() as u32, size: 20 };
    let [types, domains, tags, streams, instances] = lists.directories.each_ref().map(|entries| entries.len() as u32);
    let records = [
        binding.events,
        binding.events,
        binding.events.div_ceil(EVENTS_PER_SPAN),
        bucket_records(types),
        types,
        bucket_records(domains),
        domains,
        bucket_records(tags),
        tags,
        bucket_records(streams),
        streams,
        bucket_records(instances),
        instances,
        lists.postings,
        binding.events,
        run_section.records,
        run_section.pages(),
        bucket_records(merge.entries),
        merge.entries,
        blocks(merge.entries),
        count(state.len()).ok_or_else(too_large)?,
    ];
    let mut header = Header::new((*binding).clone(), records).ok_or_else(too_large)?;
    header.covers = merge.covers;
    header.keys_base = merge.keys_base;
    header.times = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    header.streams_at = lists.streams_at;
    header.id_span = ids.span;
    header.id_floor = ids.floor;
    let (page, seed) = header.encode();
    write_all_at(file, &page, 0).map_err(Fault::Io)?;

    let out = Out { file, seed, header: &header };
    out.section(Part::Places, places.iter().map(encode_place))?;
    out.section(Part::Times, times.iter().map(|time| time.to_le_bytes()))?;
    out.section(
        Part::Spans,
        times.chunks(EVENTS_PER_SPAN as usize).map(|times| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&times.iter().min().copied().unwrap_or(0).to_le_bytes());
            bytes[8..].copy_from_slice(&times.iter().max().copied().unwrap_or(0).to_le_bytes());
            bytes
        }),
    )?;
    let parts = [
        (Part::TypeBuckets, Part::Types),
        (Part::DomainBuckets, Part::Domains),
        (Part::TagBuckets, Part::Tags),
        (Part::StreamBuckets, Part::Streams),
        (Part::InstanceBuckets, Part::Instances),
    ];
    for ((buckets, entries), directory) in parts.into_iter().zip(&lists.directories) {
        out.directory(buckets, entries, directory)?;
    }
    lists.write(index, Sink::new(file, seed, header.section(Part::Postings)))?;
    let by_stream = index.streams().iter().flat_map(|stream| stream.postings());
    out.section(Part::StreamPlaces, by_stream.map(|ordinal| encode_place(&places[*ordinal as usize])))?;
    out.section(Part::Runs, ids.runs.iter().map(|(first, ordinal)| encode_run(*first, *ordinal)))?;
    let per_page = run_section.per_page() as usize;
    out.section(Part::RunFences, ids.runs.iter().step_by(per_page).map(|(first, _)| first.into_bytes()))?;
    merge.write(file, seed, &header, &keys)?;
    let mut sink = Sink::new(file, seed, header.section(Part::State));
    sink.push(state)?;
    sink.finish()?;
    Ok(u64::from(header.pages) * PAGE as u64)
}

fn encode_place(place: &Place) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&place.offset.to_le_bytes());
    bytes[4..8].copy_from_slice(&place.len.to_le_bytes());
    bytes[8..].copy_from_slice(&place.crc.to_le_bytes());
    bytes
}

/// Sorts by a hash and a number. They are compared as one number, which takes half as long as a pair.
fn sort_by_hash<T>(entries: &mut [T], key: impl Fn(&T) -> (u64, u32)) {
    entries.sort_unstable_by_key(|entry| {
        let (hash, number) = key(entry);
        u128::from(hash) << 32 | u128::from(number)
    });
}

fn too_large() -> Fault {
    Fault::Io(std::io::Error::new(
        std::io::ErrorKind::FileTooLarge,
        "an index file would have more than 2^32 records or pages",
    ))
}

/// Writes whole sections.
struct Out<'a> {
    file: &'a dyn File,
    seed: u32,
    header: &'a Header,
}

impl Out<'_> {
    fn section<const N: usize>(&self, part: Part, records: impl Iterator<Item = [u8; N]>) -> Result<(), Fault> {
        let mut sink = Sink::new(self.file, self.seed, self.header.section(part));
        for record in records {
            sink.push(&record)?;
        }
        sink.finish()
    }

    fn directory(&self, buckets: Part, entries: Part, directory: &[Entry]) -> Result<(), Fault> {
        let records = self.header.section(buckets).records;
        let mut next = 0;
        let starts = (0..records).map(|number| {
            while directory.get(next).is_some_and(|entry| bucket(entry.hash, records) < number) {
                next += 1;
            }
            (next as u32).to_le_bytes()
        });
        self.section(buckets, starts)?;
        self.section(
            entries,
            directory.iter().map(|entry| {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&entry.hash.to_le_bytes());
                bytes[8..12].copy_from_slice(&entry.start.to_le_bytes());
                bytes[12..].copy_from_slice(&entry.count.to_le_bytes());
                bytes
            }),
        )
    }
}

/// Where the list of one name lies among all lists.
struct Entry {
    hash: u64,
    start: u32,
    count: u32,
}

/// All lists of events, laid out.
struct Lists<'a> {
    /// Of types, domains, tags, streams and instances, each sorted by hash.
    directories: [Vec<Entry>; 5],
    /// Each stream's hash and its last event.
    last_of_streams: Vec<(u64, u32)>,
    /// The instances with more than one stream: their events are a list of their own.
    instances: Vec<Vec<&'a Stream>>,
    /// The first record of the streams' lists.
    streams_at: u32,
    /// How many ordinals there are on all lists.
    postings: u32,
}

impl<'a> Lists<'a> {
    /// `None` where there are too many.
    fn new(index: &'a Index, hash: Hash) -> Option<Lists<'a>> {
        let mut end: u32 = 0;
        let mut entry = |hash: u64, count: usize| {
            let start = end;
            end = end.checked_add(u32::try_from(count).ok()?)?;
            Some(Entry { hash, start, count: count as u32 })
        };
        let mut of = |kind, names: &Names| -> Option<Vec<Entry>> {
            names.iter().map(|(name, postings)| entry(hash.name(kind, name), postings.len())).collect()
        };
        let types = of(Kind::Type, index.types())?;
        let domains = of(Kind::Domain, index.domains())?;
        let tags = of(Kind::Tag, index.tags())?;
        let streams_at = [&types, &domains, &tags].into_iter().flatten().map(|entry| entry.count).sum();
        let (mut streams, mut last_of_streams) = (Vec::new(), Vec::new());
        let mut by_instance: Vec<(u64, &Stream, u32)> = Vec::new();
        for stream in index.streams().iter() {
            let domain = index.domains().name(stream.domain);
            let entry = entry(hash.stream(domain, stream.instance_id()), stream.postings().len())?;
            by_instance.push((hash.name(Kind::Instance, stream.instance_id()), stream, entry.start));
            last_of_streams.extend(stream.postings().last().map(|last| (entry.hash, *last)));
            streams.push(entry);
        }
        by_instance.sort_unstable_by_key(|(hash, stream, _)| (*hash, stream.instance_id()));
        let mut instances = Vec::new();
        let mut several = Vec::new();
        let is_same = |(hash, one, _): &(u64, &Stream, u32), (next_hash, next, _): &(u64, &Stream, u32)| {
            hash == next_hash && one.instance_id() == next.instance_id()
        };
        for group in by_instance.chunk_by(is_same) {
            match group {
                // Its events are its only stream's.
                [(hash, stream, start)] => {
                    instances.push(Entry { hash: *hash, start: *start, count: stream.postings().len() as u32 });
                }
                group => {
                    instances
                        .push(entry(group[0].0, group.iter().map(|(_, stream, _)| stream.postings().len()).sum())?);
                    several.push(group.iter().map(|(_, stream, _)| *stream).collect());
                }
            }
        }
        let mut directories = [types, domains, tags, streams, instances];
        directories.iter_mut().for_each(|entries| sort_by_hash(entries, |entry| (entry.hash, entry.start)));
        Some(Lists { directories, last_of_streams, instances: several, streams_at, postings: end })
    }

    /// Writes the lists in the order in which they were laid out.
    fn write(&self, index: &Index, mut sink: Sink<'_>) -> Result<(), Fault> {
        for names in [index.types(), index.domains(), index.tags()] {
            for (_, postings) in names.iter() {
                sink.push_numbers(postings)?;
            }
        }
        for stream in index.streams().iter() {
            sink.push_numbers(stream.postings())?;
        }
        for streams in &self.instances {
            let mut events: Vec<u32> = streams.iter().flat_map(|stream| stream.postings()).copied().collect();
            events.sort_unstable();
            sink.push_numbers(&events)?;
        }
        sink.finish()
    }
}

/// The ids, by where they go.
struct Ids {
    /// Runs, of one id too, each with its first event. Sorted.
    runs: Vec<(Uuid, u32)>,
    /// The ids of the key table.
    others: Vec<(Uuid, u32)>,
    span: (Uuid, Uuid),
    floor: Uuid,
}

impl Ids {
    fn new(index: &Index, floor: Uuid) -> Ids {
        let mut ids = Ids { runs: Vec::new(), others: Vec::new(), span: (Uuid::nil(), Uuid::nil()), floor };
        let mut last = Uuid::nil();
        let mut note = |id: Uuid, ordinal: u32| {
            last = last.max(id);
            let time = index.times().get(ordinal as usize).copied().unwrap_or(0);
            if is_timely(id, time) {
                ids.floor = ids.floor.max(id);
            }
        };
        for run in index.id_runs() {
            note(run.last(), run.ordinal + (run.count - 1));
            ids.runs.push((run.first, run.ordinal));
        }
        for (id, ordinal) in index.single_ids() {
            if id > floor && is_timely(id, index.times().get(ordinal as usize).copied().unwrap_or(0)) {
                note(id, ordinal);
                ids.runs.push((id, ordinal));
            } else {
                ids.others.push((id, ordinal));
            }
        }
        ids.runs.sort_unstable();
        ids.span = (ids.runs.first().map_or(Uuid::nil(), |(first, _)| *first), last);
        ids
    }
}
