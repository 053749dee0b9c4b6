//! Directories for stores, removed at the end, and those that a run left behind when it was stopped, at the beginning.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// See the module.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Under `build`, on the disk that the project is on.
    pub fn new(name: &str) -> Scratch {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("it is made");
        Scratch(path.canonicalize().expect("it is there"))
    }

    /// An empty directory of this name.
    pub fn fresh(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("it is made");
        path
    }

    /// The directory of this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Ends the run unless so many bytes are free.
    pub fn need(&self, bytes: u64) {
        let free = nix::sys::statvfs::statvfs(&self.0).expect("it tells");
        let free = free.blocks_available() * free.fragment_size();
        assert!(free > bytes, "{} MB are needed on the disk, and {} MB are free", bytes / 1_000_000, free / 1_000_000);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The bytes that a directory's files take on the disk.
pub fn disk_bytes(directory: &Path) -> u64 {
    entries(directory).map(|path| fs::metadata(path).expect("it is there").blocks() * 512).sum()
}

/// How many files have a name that ends so.
pub fn count(directory: &Path, ending: &str) -> usize {
    entries(directory).filter(|path| path.to_string_lossy().ends_with(ending)).count()
}

/// Copies a directory's files, and waits until they are on the disk.
pub fn copy(from: &Path, to: &Path) {
    for path in entries(from) {
        let copy = to.join(path.file_name().expect("it has a name"));
        fs::copy(&path, &copy).expect("it is copied");
        fs::File::open(copy).and_then(|file| file.sync_all()).expect("it syncs");
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it is read").path())
}
