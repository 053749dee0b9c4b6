"""CRC32C, as docs/FORMAT.md says."""


def _table():
    entries = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        entries.append(byte)
    return entries


TABLE = _table()


def crc32c(data, before=0):
    """The CRC of what has the CRC `before`, with `data` behind it."""
    crc = before ^ 0xFFFFFFFF
    table = TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283
