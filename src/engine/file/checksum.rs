//! CRC32C, the checksum of everything in a store's files.

use crc_fast::{CrcAlgorithm, Digest};

/// The checksum of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The checksum of what has the checksum `before`, and `bytes` behind it.
pub(super) fn crc32c_append(before: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!before));
    digest.update(bytes);
    digest.finalize() as u32
}

/// The checksum of a salt, and of `bytes` behind it: what was written for another segment does not pass here.
pub(super) fn salted_crc(salt: u64, bytes: &[u8]) -> u32 {
    crc32c_append(crc32c(&salt.to_le_bytes()), bytes)
}

#[cfg(test)]
mod tests {
    use super::{crc32c, crc32c_append};

    /// The check value of the catalogue of CRCs, and the sums that RFC 3720 gives (B.4).
    #[test]
    fn known_sums_come_out() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
        assert_eq!(crc32c(b""), 0);
    }

    /// Whatever way the crate takes for a length: each has the sum that is defined bit by bit.
    #[test]
    fn pieces_have_the_sum_of_the_whole() {
        let bit_by_bit = |bytes: &[u8]| {
            let step = |sum: u32, _| (sum >> 1) ^ (0x82f6_3b78 * (sum & 1));
            !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
        };
        let bytes: Vec<u8> = (0..5_000_u32).map(|at| ((at * at) >> 3) as u8).collect();
        for len in (0..600).chain([1_023, 1_024, 4_092, 5_000]) {
            let whole = bit_by_bit(&bytes[..len]);
            assert_eq!(crc32c(&bytes[..len]), whole, "{len} bytes");
            for cut in [0, 1, len / 3, len] {
                let (one, two) = bytes[..len].split_at(cut.min(len));
                assert_eq!(crc32c_append(crc32c(one), two), whole, "{len} bytes, cut at {cut}");
            }
        }
    }
}
