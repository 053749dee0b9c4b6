//! What a machine's directory holds: what its programs see, and what of that is on the disk.
//!
//! A file's sectors have versions. The oldest is on the platter; each write since made another, and
//! until a sync makes the newest certain, a power cut may leave any of them, for each sector its own.
//! What was done to names waits likewise for the directory's sync.
//!
//! Everything is shared and copied on write, so that a snapshot after every system call costs little.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a disk writes whole or not at all.
pub const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// The content of a file. What was never written is 0, and so is what lies behind the end.
#[derive(Clone, Default)]
pub struct Content {
    len: u64,
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
}

impl Content {
    pub fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes came; 0 at the end.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let count = (self.len.saturating_sub(offset)).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < count {
            let at = offset as usize + done;
            let piece = (PAGE - at % PAGE).min(count - done);
            let target = &mut buffer[done..done + piece];
            match self.pages.get(at / PAGE) {
                Some(Some(page)) => target.copy_from_slice(&page[at % PAGE..][..piece]),
                _ => target.fill(0),
            }
            done += piece;
        }
        count
    }

    pub fn write(&mut self, bytes: &[u8], offset: u64) {
        let end = offset + bytes.len() as u64;
        if end > self.len {
            self.set_len(end);
        }
        let mut done = 0;
        while done < bytes.len() {
            let at = offset as usize + done;
            let piece = (PAGE - at % PAGE).min(bytes.len() - done);
            let page = self.pages[at / PAGE].get_or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(page)[at % PAGE..][..piece].copy_from_slice(&bytes[done..done + piece]);
            done += piece;
        }
    }

    pub fn set_len(&mut self, len: u64) {
        self.pages.resize(len.div_ceil(PAGE as u64) as usize, None);
        let cut = len as usize % PAGE;
        if len < self.len
            && cut > 0
            && let Some(Some(page)) = self.pages.last_mut()
        {
            Arc::make_mut(page)[cut..].fill(0);
        }
        self.len = len;
    }

    pub fn sector(&self, number: u64) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        self.read(&mut sector, number * SECTOR as u64);
        sector
    }

    /// Writes a whole sector, or as much of it as lies before the end.
    pub fn put_sector(&mut self, number: u64, sector: &[u8; SECTOR]) {
        let at = number * SECTOR as u64;
        let room = self.len.saturating_sub(at).min(SECTOR as u64) as usize;
        self.write(&sector[..room], at);
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(&mut bytes, 0);
        bytes
    }
}

/// A file, apart from its names.
#[derive(Clone, Default)]
pub struct Inode {
    /// What programs see.
    pub seen: Content,
    /// What is on the disk for certain.
    pub platter: Content,
    /// The sectors of which that is not the same.
    pub unsure: BTreeMap<u64, Unsure>,
    /// The lengths that it had since the last sync, and the calls that gave them; the last is that of `seen`.
    pub lengths: Vec<(u64, u64)>,
}

/// A sector with versions that may be lost.
#[derive(Clone, Default)]
pub struct Unsure {
    /// The call that wrote, and the sector as it then was. Ascending; all are newer than the platter's.
    pub versions: Vec<(u64, Arc<[u8; SECTOR]>)>,
    /// A sync will write it. Not so after a sync that failed: the system forgets that it ever had to.
    pub dirty: bool,
}

/// More versions of one sector say nothing new; the oldest and the newest are kept.
const VERSIONS_MAX: usize = 12;

impl Inode {
    /// A file that is on the disk just like this.
    pub fn settled(content: Content) -> Inode {
        Inode { seen: content.clone(), platter: content, ..Inode::default() }
    }

    pub fn write(&mut self, bytes: &[u8], offset: u64, call: u64) {
        let before = self.seen.len();
        let end = offset + bytes.len() as u64;
        if bytes.is_empty() {
            return;
        }
        let sectors = offset / SECTOR as u64..end.div_ceil(SECTOR as u64);
        let old: Vec<[u8; SECTOR]> = sectors.clone().map(|number| self.seen.sector(number)).collect();
        self.seen.write(bytes, offset);
        for (number, old) in sectors.zip(old) {
            let new = self.seen.sector(number);
            self.changed(number, &old, new, call);
        }
        if end > before {
            self.lengths.push((call, end));
        }
    }

    fn changed(&mut self, number: u64, old: &[u8; SECTOR], new: [u8; SECTOR], call: u64) {
        if *old == new {
            // Nothing can tell the two apart, but what was forgotten must be written now.
            if let Some(unsure) = self.unsure.get_mut(&number) {
                unsure.dirty = true;
            }
            return;
        }
        let unsure = self.unsure.entry(number).or_default();
        unsure.dirty = true;
        if unsure.versions.len() == VERSIONS_MAX {
            unsure.versions.remove(VERSIONS_MAX / 2);
        }
        unsure.versions.push((call, Arc::new(new)));
    }

    pub fn set_len(&mut self, len: u64, call: u64) {
        let before = self.seen.len();
        if len == before {
            return;
        }
        if len < before {
            let sectors = len / SECTOR as u64..before.div_ceil(SECTOR as u64);
            let old: Vec<[u8; SECTOR]> = sectors.clone().map(|number| self.seen.sector(number)).collect();
            self.seen.set_len(len);
            for (number, old) in sectors.zip(old) {
                let new = self.seen.sector(number);
                self.changed(number, &old, new, call);
            }
        } else {
            self.seen.set_len(len);
        }
        self.lengths.push((call, len));
    }

    /// All that is to be written is on the disk now.
    pub fn synced(&mut self) {
        self.platter.set_len(self.seen.len());
        let seen = &self.seen;
        let platter = &mut self.platter;
        self.unsure.retain(|number, unsure| {
            if unsure.dirty {
                platter.put_sector(*number, &seen.sector(*number));
            }
            !unsure.dirty
        });
        self.lengths.clear();
    }

    /// The sync failed, and as Linux does, the system takes the pages for written: they stay readable,
    /// and no later sync writes them. Lengths are in the journal, which comes to it later.
    pub fn sync_failed(&mut self) {
        for unsure in self.unsure.values_mut() {
            unsure.dirty = false;
        }
    }
}

/// What was done to names since the directory's last sync.
#[derive(Clone, Debug)]
pub enum NameChange {
    Created { name: Arc<str>, inode: u64 },
    Renamed { from: Arc<str>, to: Arc<str>, inode: u64 },
    Removed { name: Arc<str> },
}

/// All of it, at one moment.
#[derive(Clone, Default)]
pub struct State {
    pub inodes: BTreeMap<u64, Arc<Inode>>,
    pub names: BTreeMap<Arc<str>, u64>,
    /// The names that are on the disk for certain.
    pub names_on_disk: BTreeMap<Arc<str>, u64>,
    pub name_changes: Vec<NameChange>,
    /// Which start of the machine this is.
    pub boot: u64,
    /// The process that has the lock.
    pub writer: Option<u64>,
}

impl State {
    pub fn inode(&self, name: &str) -> Option<&Inode> {
        self.names.get(name).map(|inode| &*self.inodes[inode])
    }

    pub fn inode_mut(&mut self, inode: u64) -> &mut Inode {
        Arc::make_mut(self.inodes.get_mut(&inode).expect("an inode is never taken away"))
    }

    pub fn create(&mut self, name: &str) -> u64 {
        let inode = self.inodes.len() as u64;
        let name: Arc<str> = name.into();
        self.inodes.insert(inode, Arc::default());
        self.names.insert(name.clone(), inode);
        self.name_changes.push(NameChange::Created { name, inode });
        inode
    }

    /// Whether there was such a name.
    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some((from, inode)) = self.names.remove_entry(from) else { return false };
        let to: Arc<str> = to.into();
        self.names.insert(to.clone(), inode);
        self.name_changes.push(NameChange::Renamed { from, to, inode });
        true
    }

    /// Whether there was such a name.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some((name, _)) = self.names.remove_entry(name) else { return false };
        self.name_changes.push(NameChange::Removed { name });
        true
    }

    pub fn names_synced(&mut self) {
        self.names_on_disk = self.names.clone();
        self.name_changes.clear();
    }

    /// The system has written back everything by itself, as it does when nothing happens for a while.
    pub fn settle(&mut self) {
        let named: Vec<u64> = self.names.values().copied().collect();
        for inode in named {
            let inode = self.inode_mut(inode);
            *inode = Inode::settled(inode.seen.clone());
        }
        self.names_synced();
    }
}
