//! Hashes of names and ids: the only trace of them in an index file.
//!
//! XXH64, the same on every machine and for ever. Its seed is the store's UUID, so that nobody can make names that collide in all
//! stores; and if names collide, it costs time and changes no answer.

use super::page::u64_at;
use std::hash::Hasher;
use twox_hash::XxHash64;
use uuid::Uuid;

/// Hashes the names of one store.
#[derive(Debug, Clone, Copy)]
pub struct Hash {
    seed: u64,
}

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Type = 1,
    Domain = 2,
    Tag = 3,
    Stream = 4,
    Instance = 5,
    Id = 6,
}

impl Hash {
    pub fn of_store(store: &[u8; 16]) -> Hash {
        Hash { seed: u64_at(store, 0) ^ u64_at(store, 8) }
    }

    pub fn name(&self, kind: Kind, name: &str) -> u64 {
        self.parts(kind, &[name.as_bytes()])
    }

    pub fn stream(&self, domain: &str, instance_id: &str) -> u64 {
        // The length tells where the one name ends and the other begins.
        let length = (domain.len() as u64).to_le_bytes();
        self.parts(Kind::Stream, &[&length, domain.as_bytes(), instance_id.as_bytes()])
    }

    pub fn id(&self, id: Uuid) -> u64 {
        self.parts(Kind::Id, &[id.as_bytes()])
    }

    fn parts(&self, kind: Kind, parts: &[&[u8]]) -> u64 {
        let mut hasher = XxHash64::with_seed(self.seed);
        hasher.write(&[kind as u8]);
        for part in parts {
            hasher.write(part);
        }
        #[cfg(test)]
        return hasher.finish() & KEPT.get();
        #[cfg(not(test))]
        hasher.finish()
    }
}

#[cfg(test)]
thread_local! {
    /// The bits of a hash that are kept: a test that keeps few has many collisions.
    pub static KEPT: std::cell::Cell<u64> = const { std::cell::Cell::new(u64::MAX) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_format() {
        // As an implementation in Python gives them from docs/FORMAT.md.
        let hash = Hash::of_store(&[0; 16]);
        assert_eq!(hash.name(Kind::Type, "Opened"), 0xd757_68f2_eef6_dce3);
        assert_eq!(hash.stream("a", "bc"), 0x3947_9032_bf0a_3fd3);
        let seven = Hash::of_store(&[7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(seven.id(Uuid::from_bytes(std::array::from_fn(|byte| byte as u8))), 0x513a_0405_ac14_f36a);
        assert_ne!(hash.stream("a", "bc"), hash.stream("ab", "c"));
    }
}
