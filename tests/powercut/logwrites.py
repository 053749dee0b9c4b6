"""The log of dm-log-writes, and the disks that a power cut could have left.

The log is every write in the order in which the disk was told, and every flush. A write is in it once it was flushed,
so between two flushes stand the writes that a cache without power may have kept, lost, or kept in part.
"""

import struct

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
SECTOR = 512
# ext4 reads its superblock before its journal can mend it, and takes for granted that a disk writes it whole: torn,
# it has an "invalid superblock checksum". It stands in the first 4096 bytes; a request that begins there is never torn.
NEVER_TORN = 4096 // SECTOR


class Entry:
    """One request: where, its flags, and where in the log its data is."""

    def __init__(self, sector, sectors, flags, offset):
        self.sector, self.sectors, self.flags, self.offset = sector, sectors, flags, offset


def entries(log):
    """All requests of the log, in order."""
    with open(log, "rb") as file:
        magic, version, count, size = struct.unpack("<QQQI", file.read(28))
        if magic != MAGIC or version != 1:
            raise ValueError("this is no log of dm-log-writes")
        found, offset = [], size
        for _ in range(count):
            file.seek(offset)
            sector, sectors, flags, data = struct.unpack("<QQQQ", file.read(32))
            offset += size
            length = 0 if flags & DISCARD else sectors * SECTOR
            found.append(Entry(sector, sectors, flags, offset))
            # A mark has its text in its own block; anything else has its data in the blocks behind.
            offset += 0 if flags & MARK else length
    return found


class Replay:
    """A disk that is brought forward through the log."""

    def __init__(self, log, image):
        self.log, self.image = open(log, "rb"), image
        self.entries = entries(log)
        self.done = 0

    def apply(self, file, entry, chance=None):
        """Writes a request to the disk; with `chance`, each of its sectors only perhaps."""
        if entry.flags & MARK:
            return
        if entry.flags & DISCARD:
            for sector in range(entry.sectors):
                if chance is None or chance.random() < 0.5:
                    file.seek((entry.sector + sector) * SECTOR)
                    file.write(bytes(SECTOR))
            return
        if entry.sector < NEVER_TORN:
            chance = None
        self.log.seek(entry.offset)
        data = self.log.read(entry.sectors * SECTOR)
        if chance is None:
            file.seek(entry.sector * SECTOR)
            file.write(data)
            return
        for sector in range(entry.sectors):
            if chance.random() < 0.5:
                file.seek((entry.sector + sector) * SECTOR)
                file.write(data[sector * SECTOR : (sector + 1) * SECTOR])

    def points(self):
        """
        Where something became certain: a flush made all before it so, a write with FUA itself. A cut falls between two
        of them.
        """
        return [index for index, entry in enumerate(self.entries) if entry.flags & (FLUSH | FUA)]

    def forward(self, end):
        """Brings the disk to where everything before entry `end` is on it."""
        with open(self.image, "r+b") as file:
            for entry in self.entries[self.done : end]:
                self.apply(file, entry)
        self.done = end

    def cut(self, point, next_point, chance, copy):
        """
        Makes of a copy, which has everything up to `point`, what a cut before `next_point` may leave: of each request
        between the two all, or nothing, or some of its sectors; or all of them, and some sectors of `next_point`
        itself, which may be written only when those before it are certain.
        """
        with open(copy, "r+b") as file:
            if chance.random() < 0.2:
                for entry in self.entries[point + 1 : next_point]:
                    self.apply(file, entry)
                self.apply(file, self.entries[next_point], chance)
                return
            for entry in self.entries[point + 1 : next_point]:
                luck = chance.random()
                if luck < 0.4:
                    self.apply(file, entry)
                elif luck < 0.7:
                    self.apply(file, entry, chance)
