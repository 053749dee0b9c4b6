"""Reads index files, as docs/FORMAT.md describes them, and compares all that they say with the log."""

import json
import os
import struct
import uuid
from datetime import datetime, timedelta, timezone

from crc32c import crc32c
from xxh64 import xxh64

MAGIC = b"RuneIdx\n"
PAGE = 4096
ROOM = PAGE - 4
SIZES = [12, 8, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4, 16, 4, 12, 20, 16, 4, 12, 32, 1]
(
    PLACES, TIMES, SPANS, TYPE_BUCKETS, TYPES, DOMAIN_BUCKETS, DOMAINS, TAG_BUCKETS, TAGS, STREAM_BUCKETS, STREAMS,
    INSTANCE_BUCKETS, INSTANCES, POSTINGS, STREAM_PLACES, RUNS, RUN_FENCES, KEY_BUCKETS, KEYS, FILTER, STATE,
) = range(21)
SALTS = [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31]
DAY_MILLIS = 24 * 60 * 60 * 1000


class Unlike(Exception):
    """An index file is not as the page says, or does not agree with the log."""


def demand(holds, what):
    if not holds:
        raise Unlike(what)


def read_indexes(folder, store):
    """Each index file that is there: its name, and what is wrong with it."""
    answers = []
    indexes = {}
    for segment, frames in zip(store.segments, store.frames):
        name = segment.name.replace(".log", ".idx")
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        try:
            index = Index(content, store, segment, frames)
            indexes[segment.ordinal] = index
            index.check()
            index.check_keys(indexes)
            answers.append((name, []))
        except (Unlike, struct.error, ValueError) as fault:
            answers.append((name, [f"{name}: {fault}"]))
    return answers


class Event:
    def __init__(self, text):
        pairs = json.loads(text, object_pairs_hook=lambda pairs: pairs)
        fields = dict(pairs)
        self.type, self.domain, self.instance_id = fields["type"], fields["domain"], fields["instance_id"]
        self.tags = fields["tags"]
        self.id = uuid.UUID(fields["id"])
        since = datetime.strptime(fields["inserted_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        self.time = (since - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)

    def stream(self):
        return self.domain, self.instance_id


class Index:
    def __init__(self, content, store, segment, frames):
        self.content, self.segment = content, segment
        header = content[:PAGE]
        demand(len(header) == PAGE and header[:8] == MAGIC, "it does not begin as an index file")
        self.seed = crc32c(header[:ROOM])
        demand(self.seed == struct.unpack_from("<I", header, ROOM)[0], "the header's CRC does not hold")
        version, _, _, incompatible = struct.unpack_from("<IIII", header, 8)
        demand(version == 1 and incompatible == 0, "another version wrote it")
        own_store, ordinal, salt, first, self.end = struct.unpack_from("<16sQ8sQQ", header, 24)
        self.count, self.chain, pages, sections = struct.unpack_from("<IIII", header, 72)
        self.covers, self.keys_base, earliest, latest = struct.unpack_from("<QQqq", header, 88)
        self.times = earliest, latest
        self.id_span = header[120:136], header[136:152]
        self.floor, self.streams_at = struct.unpack_from("<16sI", header, 152)
        demand(not any(header[172:176]) and not any(header[176 + 21 * 8 : ROOM]), "the rest of the header is not 0")
        demand(pages * PAGE == len(content), "it has another length than its header says")
        demand(sections == len(SIZES), "it has another number of sections")
        self.sections = [struct.unpack_from("<II", header, 176 + 8 * nth) for nth in range(sections)]
        bound = (own_store, ordinal, salt, first)
        demand(bound == (segment.store, segment.ordinal, segment.salt, segment.first), "it is of another segment")
        self.frames = [frame for frame in frames if frame.end <= self.end]
        last = self.frames[-1] if self.frames else None
        demand(last is not None and (last.end, last.crc) == (self.end, self.chain), "it is of another state")
        self.events = [Event(text) for frame in self.frames for text in frame.texts]
        demand(self.count == len(self.events), "it has another number of events")
        # The store's UUID, as two numbers.
        low, high = struct.unpack("<QQ", segment.store)
        self.hash_seed = low ^ high
        self.check_pages(pages)

    def check_pages(self, pages):
        for page in range(1, pages):
            bytes_ = self.content[page * PAGE : (page + 1) * PAGE]
            crc = crc32c(bytes_[:ROOM], crc32c(struct.pack("<I", page), self.seed))
            demand(crc == struct.unpack_from("<I", bytes_, ROOM)[0], f"the CRC of page {page} does not hold")
        page = 1
        for (first, records), size in zip(self.sections, SIZES):
            demand(first == page, "a section does not follow on the one before")
            page += -(-records // (ROOM // size))
        demand(page == pages, "there are pages of no section")

    def records(self, section):
        """The records of a section, each as bytes."""
        first, records = self.sections[section]
        size = SIZES[section]
        per_page = ROOM // size
        found = []
        for page in range(first, first - (-records // per_page)):
            used = min(per_page, records - len(found)) * size
            start = page * PAGE
            demand(not any(self.content[start + used : start + ROOM]), f"the rest of page {page} is not 0")
            found += [self.content[start + at : start + at + size] for at in range(0, used, size)]
        return found

    def unpacked(self, section, layout):
        return [struct.unpack(layout, record) for record in self.records(section)]

    def hash(self, kind, *parts):
        return xxh64(bytes([kind]) + b"".join(parts), self.hash_seed)

    def stream_hash(self, stream):
        domain, instance_id = (name.encode() for name in stream)
        return self.hash(4, struct.pack("<Q", len(domain)), domain, instance_id)

    def check(self):
        places = [place for frame in self.frames for place in frame.places]
        self.places = self.unpacked(PLACES, "<III")
        demand(self.places == places, "its places are not those of the log")
        times = [event.time for event in self.events]
        demand([time for (time,) in self.unpacked(TIMES, "<q")] == times, "its times are not those of the log")
        spans = [times[at : at + 256] for at in range(0, len(times), 256)]
        demand(self.unpacked(SPANS, "<qq") == [(min(span), max(span)) for span in spans], "its spans are wrong")
        demand(self.times == ((min(times), max(times)) if times else (0, 0)), "its earliest and latest are wrong")
        self.postings = [ordinal for (ordinal,) in self.unpacked(POSTINGS, "<I")]
        streams = self.streams_at, self.streams_at + len(self.events)
        by_stream = [places[ordinal] for ordinal in self.postings[slice(*streams)]]
        demand(self.unpacked(STREAM_PLACES, "<III") == by_stream, "its places by stream are wrong")
        names = lambda kind, of: self.lists(of, lambda name: self.hash(kind, name.encode()))
        self.check_names(TYPE_BUCKETS, TYPES, names(1, lambda event: [event.type]))
        self.check_names(DOMAIN_BUCKETS, DOMAINS, names(2, lambda event: [event.domain]))
        self.check_names(TAG_BUCKETS, TAGS, names(3, lambda event: event.tags))
        self.check_names(INSTANCE_BUCKETS, INSTANCES, names(5, lambda event: [event.instance_id]))
        by_hash = self.lists(lambda event: [event.stream()], self.stream_hash)
        for _, first, count in self.check_names(STREAM_BUCKETS, STREAMS, by_hash):
            demand(streams[0] <= first and first + count <= streams[1], "a stream's list is outside of the streams'")
        self.check_runs()
        self.check_state()

    def lists(self, of, hash_of):
        """The events of each name that `of` finds in an event, as (hash, ordinals)."""
        found = {}
        for ordinal, event in enumerate(self.events):
            for name in of(event):
                found.setdefault(name, []).append(ordinal)
        return sorted((hash_of(name), ordinals) for name, ordinals in found.items())

    def check_names(self, buckets, table, wanted):
        entries = self.unpacked(table, "<QII")
        demand(entries == sorted(entries), "a table of names is not sorted")
        told = sorted((hash_, self.postings[first : first + count]) for hash_, first, count in entries)
        demand(told == wanted, f"the lists of section {table} are not those of the log")
        self.check_buckets(buckets, [hash_ for hash_, _, _ in entries])
        return entries

    def check_buckets(self, section, hashes):
        bits = 0
        while 128 << bits < len(hashes) and bits < 24:
            bits += 1
        wanted = []
        if bits:
            wanted = [sum(1 for hash_ in hashes if hash_ >> 64 - bits < bucket) for bucket in range((1 << bits) + 1)]
        demand([start for (start,) in self.unpacked(section, "<I")] == wanted, f"the buckets of {section} are wrong")

    def check_runs(self):
        self.runs = self.unpacked(RUNS, "<16sI")
        demand(self.runs == sorted(self.runs), "the runs of ids are not sorted")
        fences = [first for first, _ in self.runs[:: ROOM // 20]]
        demand([fence for (fence,) in self.unpacked(RUN_FENCES, "<16s")] == fences, "the fences of runs are wrong")
        in_runs = [event.id.bytes for ordinal, event in enumerate(self.events) if self.in_run(ordinal)]
        demand(self.id_span == (min(in_runs, default=bytes(16)), max(in_runs, default=bytes(16))), "the ids' span")
        timely = [
            event.id.bytes
            for ordinal, event in enumerate(self.events)
            if self.in_run(ordinal) and is_timely(event)
        ]
        demand(self.floor >= max(timely, default=bytes(16)), "the floor of single ids is too small")

    def in_run(self, ordinal):
        """Whether the event is found among the runs by its id."""
        wanted = self.events[ordinal].id
        before = [(first, start) for first, start in self.runs if first <= wanted.bytes]
        if not before:
            return False
        first, start = before[-1]
        return first == wanted.bytes and start == ordinal or start + number(wanted) - number(uuid.UUID(bytes=first)) == ordinal

    def check_state(self):
        state = b"".join(self.records(STATE))
        demand(struct.unpack_from("<Q", state)[0] == self.frames[-1].offset, "its state names another last frame")
        from reader import read_tracking

        tracking = {}
        for frame in self.frames:
            tracking.update(frame.tracking)
        told = read_tracking(state[8:])
        demand(told == sorted(told, key=lambda entry: entry[0].encode()), "its tracking is not sorted")
        demand(dict(told) == tracking, "its tracking is not the log's")

    def own_keys(self):
        """The keys that this segment adds, as (hash, position)."""
        last = {event.stream(): ordinal for ordinal, event in enumerate(self.events)}
        keys = [(self.stream_hash(stream), ordinal) for stream, ordinal in last.items()]
        others = (ordinal for ordinal in range(len(self.events)) if not self.in_run(ordinal))
        keys += [(self.hash(6, self.events[ordinal].id.bytes), ordinal) for ordinal in others]
        return [(hash_, self.segment.first + ordinal) for hash_, ordinal in keys]

    def check_keys(self, indexes):
        covered = range(self.segment.ordinal - self.covers + 1, self.segment.ordinal + 1)
        demand(self.covers >= 1 and covered[0] >= 1, "it covers segments that there are not")
        missing = [ordinal for ordinal in covered if ordinal not in indexes]
        keys = [(hash_, self.keys_base + position) for hash_, position in self.unpacked(KEYS, "<QI")]
        demand(keys == sorted(keys), "the keys are not sorted")
        if not missing:
            demand(self.keys_base == indexes[covered[0]].segment.first, "its keys count from another position")
            wanted = sorted(key for ordinal in covered for key in indexes[ordinal].own_keys())
            demand(keys == wanted, "its keys are not those of the log")
        self.check_buckets(KEY_BUCKETS, [hash_ for hash_, _ in keys])
        blocks = [list(block) for block in self.unpacked(FILTER, "<8I")]
        demand(len(blocks) in [-(-len(keys) * bits // 256) for bits in (12, 16)], "its filter has another length")
        made = [[0] * 8 for _ in blocks]
        for hash_, _ in keys:
            block = made[(hash_ >> 32) * len(blocks) >> 32]
            for word, salt in enumerate(SALTS):
                block[word] |= 1 << ((hash_ & 0xFFFFFFFF) * salt % 2**32 >> 27)
        demand(blocks == made, "its filter is not that of its keys")


def number(id_):
    """A UUIDv7 without version and variant: 122 bits."""
    value = id_.int
    return (value >> 80) << 74 | (value >> 64 & 0xFFF) << 62 | value & (1 << 62) - 1


def is_timely(event):
    is_v7 = event.id.version == 7
    return is_v7 and (event.id.int >> 80) <= event.time // 1000 + DAY_MILLIS
