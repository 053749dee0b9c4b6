"""XXH64."""

import struct

P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
MASK = 2**64 - 1


def _left(value, bits):
    return (value << bits | value >> 64 - bits) & MASK


def _round(lane, word):
    return _left(lane + word * P2 & MASK, 31) * P1 & MASK


def xxh64(data, seed=0):
    at = 0
    if len(data) >= 32:
        lanes = [seed + P1 + P2 & MASK, seed + P2 & MASK, seed, seed - P1 & MASK]
        while at + 32 <= len(data):
            words = struct.unpack_from("<4Q", data, at)
            lanes = [_round(lane, word) for lane, word in zip(lanes, words)]
            at += 32
        digest = sum(_left(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            digest = (digest ^ _round(0, lane)) * P1 + P4 & MASK
    else:
        digest = seed + P5 & MASK
    digest = digest + len(data) & MASK
    while at + 8 <= len(data):
        digest ^= _round(0, struct.unpack_from("<Q", data, at)[0])
        digest = _left(digest, 27) * P1 + P4 & MASK
        at += 8
    if at + 4 <= len(data):
        digest ^= struct.unpack_from("<I", data, at)[0] * P1 & MASK
        digest = _left(digest, 23) * P2 + P3 & MASK
        at += 4
    for byte in data[at:]:
        digest ^= byte * P5 & MASK
        digest = _left(digest, 11) * P1 & MASK
    digest = (digest ^ digest >> 33) * P2 & MASK
    digest = (digest ^ digest >> 29) * P3 & MASK
    return digest ^ digest >> 32


assert xxh64(b"") == 0xEF46DB3751D8E999
assert xxh64(b"\x01Opened") == 0xD75768F2EEF6DCE3
