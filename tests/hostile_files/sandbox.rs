//! A directory in which a sample is damaged, again and again.

use crate::sample::{Sample, files_of};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// See the module.
pub struct Sandbox<'s> {
    sample: &'s Sample,
    home: tempfile::TempDir,
}

impl<'s> Sandbox<'s> {
    /// In memory where the machine has a file system there: nothing here must outlive a crash.
    pub fn new(sample: &'s Sample) -> Sandbox<'s> {
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let sandbox = Sandbox { sample, home: home.expect("there is room for a directory") };
        fs::create_dir(sandbox.path()).expect("the directory can be made");
        sandbox.restore();
        sandbox
    }

    /// Where the store is.
    pub fn path(&self) -> PathBuf {
        self.home.path().join("store")
    }

    /// Writes a file of the store, whatever was there.
    pub fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.path().join(name), content).expect("the file can be written");
    }

    /// Changes one byte of a file.
    pub fn change(&self, name: &str, offset: usize, byte: u8) {
        let file = fs::File::options().write(true).open(self.path().join(name)).expect("the file is there");
        file.write_all_at(&[byte], offset as u64).expect("the file can be written");
    }

    /// Makes the store what it was.
    pub fn restore(&self) {
        for entry in fs::read_dir(self.path()).expect("the store can be listed") {
            let entry = entry.expect("the store can be listed");
            let kind = entry.file_type().expect("it has a type");
            let name = entry.file_name().to_string_lossy().into_owned();
            let removed = match (kind.is_dir(), kind.is_file() && self.sample.files.contains_key(&name)) {
                (true, _) => fs::remove_dir_all(entry.path()),
                (false, false) => fs::remove_file(entry.path()),
                (false, true) => Ok(()),
            };
            removed.expect("it can be removed");
        }
        for (name, content) in &self.sample.files {
            self.put(name, content);
        }
    }

    /// Whether the store is as it was, but for this byte.
    pub fn is_unchanged(&self, name: &str, offset: usize, byte: u8) -> bool {
        let mut wanted = self.sample.files.clone();
        wanted.entry(name.into()).and_modify(|content| content[offset] = byte);
        files_of(&self.path()) == wanted
    }
}
