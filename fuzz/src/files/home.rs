//! A directory of the store that is looked at, filled anew for each input.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A store's files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The directory of this process under this name. run.sh puts it into memory, and takes it away.
pub fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("runestore-fuzz-{}", std::process::id())).join(name)
}

/// Fills a directory with these files and nothing else; its name.
pub fn fill(name: &str, files: &Files) -> String {
    let path = place(name);
    fs::create_dir_all(&path).expect("the directory can be made");
    for entry in fs::read_dir(&path).expect("the directory can be listed") {
        let entry = entry.expect("the directory can be listed");
        if !entry.file_name().to_str().is_some_and(|name| files.contains_key(name)) {
            fs::remove_file(entry.path()).expect("the file can be removed");
        }
    }
    for (name, content) in files {
        fs::write(path.join(name), content).expect("the file can be written");
    }
    path.into_os_string().into_string().expect("its name is UTF-8")
}
