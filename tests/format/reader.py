#!/usr/bin/env python3
"""Reads a store from its files, as docs/FORMAT.md describes them, and without Runestore.

    tests/format/reader.py STORE              its events on the standard output, one a line
    tests/format/reader.py --summary STORE    what else it holds, as one JSON object

Every checksum and every link is compared, index files included. Exit status 1 and a message where something is
damaged; the events before the damage are printed all the same. The store is only read.
"""

import json
import os
import re
import struct
import sys
from dataclasses import dataclass, field

from crc32c import crc32c

SEGMENT_MAGIC = b"\xf5RUNESEG"
FRAME_MAGIC = b"\xf5RF1"
WATERMARK_MAGIC = b"\xf5RUNEWM1"
SEGMENT_HEADER, FRAME_HEADER, SLOT = 4096, 80, 512
FORMAT = 1
BATCH, START, EPOCH, CLOSE, SEAL = 1, 2, 3, 4, 5
KINDS = {BATCH: "batch", START: "start", EPOCH: "epoch", CLOSE: "close", SEAL: "seal"}
FIELDS = [
    "sequence_number", "id", "type", "domain", "instance_id", "stream_version", "version", "inserted_at", "tags",
    "data", "metadata",
]


class Damaged(Exception):
    """Where a store is not as it was written."""

    def __init__(self, file, offset, what):
        super().__init__(f"{file} at byte {offset}: {what}")


class Unsupported(Exception):
    """What another version wrote."""


class Unsound(Exception):
    """Why no sound frame stands at a place."""


@dataclass
class Segment:
    name: str
    content: bytes
    store: bytes
    ordinal: int
    first: int
    base: int
    salt: bytes
    previous_end: int
    previous_chain: int
    crc: int

    def salted(self, data):
        return crc32c(data, crc32c(self.salt))


@dataclass
class Frame:
    offset: int
    end: int
    kind: int
    count: int
    first: int
    epoch: int
    flush: int
    durable_through: int
    crc: int
    # (offset in the file, length, CRC) of each text.
    places: list = field(default_factory=list)
    texts: list = field(default_factory=list)
    tracking: list = field(default_factory=list)


@dataclass
class Store:
    segments: list
    # For each segment its frames.
    frames: list
    tracking: dict
    # Log offsets: where the log ends, and D.
    end: int = 0
    durable: int = 0
    # The bytes behind the end that are not zero.
    torn: int = 0
    # How many sealed segments have a seal.
    seals: int = 0
    versions: dict = field(default_factory=dict)
    # What is wrong, if something is.
    damage: Exception = None

    def events(self):
        return (text for frames in self.frames for frame in frames for text in frame.texts)


def read_segment(folder, name, ordinal):
    with open(os.path.join(folder, name), "rb") as file:
        content = file.read()
    if len(content) < SEGMENT_HEADER:
        raise Damaged(name, 0, "shorter than a segment's header")
    if content[:8] != SEGMENT_MAGIC:
        raise Damaged(name, 0, "not the magic of a segment")
    (crc,) = struct.unpack_from("<I", content, SEGMENT_HEADER - 4)
    if crc32c(content[: SEGMENT_HEADER - 4]) != crc:
        raise Damaged(name, 0, "the segment header's CRC does not hold")
    version, length, _, _, incompatible = struct.unpack_from("<IIQQQ", content, 8)
    if version != FORMAT or incompatible:
        raise Unsupported(f"{name} has format {version} with incompatible features {incompatible:#x}")
    if length != SEGMENT_HEADER:
        raise Damaged(name, 12, f"a header of {length} bytes")
    own, first, base = struct.unpack_from("<QQQ", content, 56)
    if own != ordinal:
        raise Damaged(name, 56, f"segment {own} under another name")
    previous_end, previous_chain = struct.unpack_from("<QI", content, 96)
    if any(content[108 : SEGMENT_HEADER - 4]):
        raise Damaged(name, 108, "not zero")
    return Segment(name, content, content[40:56], own, first, base, content[80:88], previous_end, previous_chain, crc)


def read_frame(segment, offset, before, probing=False):
    """The sound frame at `offset`, which follows on `before`; of a probed one only the header is looked at."""
    content = segment.content
    header = content[offset : offset + FRAME_HEADER]
    if len(header) < FRAME_HEADER or header[:4] != FRAME_MAGIC:
        raise Unsound("there is no frame")
    (crc,) = struct.unpack_from("<I", header, 76)
    if segment.salted(header[:76]) != crc:
        raise Unsound("the header's CRC does not hold")
    kind = header[4]
    body, count, first, log_offset, epoch, flush, durable_through, _, tracking_bytes, previous, table_crc = (
        struct.unpack_from("<IIQQQQQqIII", header, 8)
    )
    table_bytes = 8 * count
    if kind not in KINDS or table_bytes + tracking_bytes > body:
        raise Unsound("no such frame can be")
    if log_offset != segment.base + offset:
        raise Unsound("it was written for another place")
    end = offset + (FRAME_HEADER + body + 7) // 8 * 8
    frame = Frame(offset, end, kind, count, first, epoch, flush, durable_through, crc)
    if probing:
        return frame
    if previous != (before.crc if before else segment.crc):
        raise Unsound("it follows on another frame")
    if first != (before.first + before.count if before else segment.first):
        raise Unsound("it does not have the next position")
    if before and epoch < before.epoch:
        raise Unsound("its epoch is smaller")
    if (kind == START) != (offset == SEGMENT_HEADER):
        raise Unsound("a start frame stands first, and nothing else does")
    if end > len(content):
        raise Unsound("the file ends in it")
    if kind != BATCH and count or kind in (EPOCH, CLOSE, SEAL) and tracking_bytes:
        raise Unsound("it has what its kind has not")
    table_at = offset + FRAME_HEADER
    texts_at = table_at + table_bytes + tracking_bytes
    if segment.salted(content[table_at:texts_at]) != table_crc:
        raise Unsound("the CRC of table and tracking does not hold")
    at = texts_at
    for length, text_crc in struct.iter_unpack("<II", content[table_at : table_at + table_bytes]):
        text = content[at : at + length]
        if at + length > table_at + body:
            raise Unsound("its texts are longer than it is")
        if crc32c(text) != text_crc:
            raise Unsound("the CRC of a text does not hold")
        frame.places.append((at, length, text_crc))
        frame.texts.append(text)
        at += length
    if at != table_at + body:
        raise Unsound("its texts are shorter than it is")
    if any(content[at:end]):
        raise Unsound("what follows it is not zero")
    frame.tracking = read_tracking(content[table_at + table_bytes : texts_at])
    return frame


def read_tracking(content):
    """The entries, as (source, position)."""
    entries = []
    at = 0
    while at < len(content):
        if at + 10 > len(content):
            raise Unsound("a tracking entry is cut off")
        position, length = struct.unpack_from("<QH", content, at)
        source = content[at + 10 : at + 10 + length]
        if len(source) != length:
            raise Unsound("a tracking source is cut off")
        try:
            entries.append((source.decode(), position))
        except UnicodeDecodeError as error:
            raise Unsound("a tracking source is no UTF-8") from error
        at += 10 + length
    return entries


def check_event(text, position, versions):
    """An event is what docs/EVENTS.md says, and has the numbers that it must have."""
    if not text.endswith(b"}\n") or b"\n" in text[:-1]:
        raise Unsound("a text is not one line")
    pairs = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    names = ["data" if name == "data_base64" else name for name, _ in pairs]
    if names != FIELDS:
        raise Unsound(f"an event with the fields {names}")
    event = dict(pairs)
    if event["sequence_number"] != position:
        raise Unsound(f"the event at {position} calls itself {event['sequence_number']}")
    stream = event["domain"], event["instance_id"]
    versions[stream] = versions.get(stream, 0) + 1
    if event["stream_version"] != versions[stream]:
        raise Unsound(f"the event at {position} has another stream_version than {versions[stream]}")


def read_seal(segment, last, following):
    """What stands behind the end of a sealed segment, if something does."""
    seal = read_frame(segment, last.end, last)
    if seal.kind != SEAL or seal.end != len(segment.content):
        raise Unsound("what follows the segment's end is no seal")
    start = read_frame(following, SEGMENT_HEADER, None)
    if seal.durable_through != following.base + start.end:
        raise Unsound("the seal tells of another segment than the next")


def walk(segment, end, versions):
    """The sound frames as far as `end`; and why there is no next one."""
    frames = []
    offset = SEGMENT_HEADER
    while offset < end:
        try:
            frame = read_frame(segment, offset, frames[-1] if frames else None)
            if frame.kind == SEAL:
                return frames, "the log goes on in the next segment"
            for place, text in enumerate(frame.texts):
                check_event(text, frame.first + place, versions)
        except (Unsound, ValueError) as why:
            return frames, str(why)
        frames.append(frame)
        offset = frame.end
    return frames, "the file ends"


def read_watermark(folder):
    """The slot that counts, as (store, epoch, head, visible, durable)."""
    try:
        with open(os.path.join(folder, "watermark"), "rb") as file:
            content = file.read(2 * SLOT)
    except FileNotFoundError:
        return None
    slots = []
    for parity, slot in enumerate((content[:SLOT], content[SLOT:])):
        # The other one may still say what was durable.
        if len(slot) < SLOT or slot[:8] != WATERMARK_MAGIC:
            continue
        if crc32c(slot[: SLOT - 4]) == struct.unpack_from("<I", slot, SLOT - 4)[0]:
            number, epoch, head, visible, durable = struct.unpack_from("<Q32xQQQQ", slot, 8)
            if number % 2 != parity or any(slot[80 : SLOT - 4]):
                raise Damaged("watermark", SLOT * parity, "not as it is written")
            slots.append((number, (slot[16:32], epoch, head, visible, durable)))
    return max(slots)[1] if slots else None


def segments_of(folder):
    """The segments that follow on each other, and what is wrong behind them."""
    ordinals = sorted(int(name[:20]) for name in os.listdir(folder) if re.fullmatch(r"[0-9]{20}\.log", name))
    segments = []
    for expected, ordinal in enumerate(ordinals, 1):
        name = f"{ordinal:020}.log"
        if ordinal != expected:
            return segments, Damaged(f"{expected:020}.log", 0, "the segment is missing")
        try:
            segment = read_segment(folder, name, ordinal)
        except Damaged as damage:
            return segments, damage
        if segments:
            before = segments[-1]
            if segment.store != before.store:
                return segments, Damaged(name, 40, "it belongs to another store")
            if segment.base != before.base + segment.previous_end:
                return segments, Damaged(name, 72, "it does not follow on the segment before")
        elif (segment.first, segment.base, segment.previous_end, segment.previous_chain) != (1, 0, 0, 0):
            return segments, Damaged(name, 64, "it is no first segment")
        segments.append(segment)
    return segments, None


def read_store(folder):
    segments, damage = segments_of(folder)
    store = Store(segments, [], {}, damage=damage)
    if not segments:
        store.damage = damage or Damaged(folder, 0, "there is no segment")
        return store
    for segment, following in zip(segments, segments[1:]):
        frames, why = walk(segment, following.previous_end, store.versions)
        store.frames.append(frames)
        last = frames[-1] if frames else None
        if last is None or last.end != following.previous_end:
            store.damage = Damaged(segment.name, last.end if last else SEGMENT_HEADER, why)
            return store
        if last.crc != following.previous_chain or last.first + last.count != following.first:
            store.damage = Damaged(following.name, 64, "it does not follow on the last frame before")
            return store
        if any(segment.content[last.end :]):
            try:
                read_seal(segment, last, following)
                store.seals += 1
            except Unsound as why:
                store.damage = store.damage or Damaged(segment.name, last.end, str(why))
    read_newest(folder, store, segments[-1])
    note_tracking(store)
    return store


def read_newest(folder, store, segment):
    frames, why = walk(segment, len(segment.content), store.versions)
    store.frames.append(frames)
    found = frames[-1].end if frames else SEGMENT_HEADER
    durable = [segment.base] + [frame.durable_through for frame in frames]
    epoch = frames[-1].epoch if frames else 0
    for offset in range(found, len(segment.content) - FRAME_HEADER + 1, 8):
        try:
            probed = read_frame(segment, offset, None, probing=True)
        except Unsound:
            continue
        if probed.epoch >= epoch:
            durable.append(probed.durable_through)
    watermark = read_watermark(folder)
    if watermark and watermark[0] == segment.store:
        durable.append(watermark[4])
    store.end = segment.base + found
    store.durable = max(durable)
    store.torn = len(segment.content[found:].rstrip(b"\0"))
    if store.damage is None and (not frames or store.end < store.durable):
        store.damage = Damaged(segment.name, found, f"{why}, and it was durable up to {store.durable} of the log")


def note_tracking(store):
    for frames in store.frames:
        for frame in frames:
            if frame.kind == START and dict(frame.tracking) != store.tracking:
                what = "a start frame with other tracking than was recorded before"
                store.damage = store.damage or Damaged("tracking", frame.offset, what)
            store.tracking.update(frame.tracking)


def summary(store, indexes):
    kinds = [KINDS[frame.kind] for frames in store.frames for frame in frames]
    return {
        "events": sum(1 for _ in store.events()),
        "segments": len(store.segments),
        "frames": {name: kinds.count(name) for kind, name in KINDS.items() if kind != SEAL},
        "epoch": max((frame.epoch for frames in store.frames for frame in frames), default=0),
        "tracking": dict(sorted(store.tracking.items())),
        "seals": store.seals,
        "torn": store.torn,
        "indexes": indexes,
    }


def main(arguments):
    wants_summary = "--summary" in arguments
    folders = [argument for argument in arguments if argument != "--summary"]
    if len(folders) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        store = read_store(folders[0])
    except Unsupported as unsupported:
        print(unsupported, file=sys.stderr)
        return 1
    from index import read_indexes

    indexes = read_indexes(folders[0], store) if store.damage is None else []
    if wants_summary:
        print(json.dumps(summary(store, len(indexes)), ensure_ascii=False))
    else:
        sys.stdout.buffer.writelines(store.events())
    complaints = [complaint for _, complaints in indexes for complaint in complaints]
    if store.damage:
        complaints.insert(0, str(store.damage))
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
