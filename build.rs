//! Generates the C header from `src/ffi` and names the shared library.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The major version of the C interface (`STORE_ABI_VERSION` in `src/ffi/info.rs`): programs link
/// against `librunestore.so.1`, whichever version of the library that is.
const ABI_MAJOR: u32 = 1;

fn main() {
    println!("cargo::rerun-if-changed=src/ffi");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=include/runestore.h");
    if env::var_os("CARGO_FEATURE_CAPI").is_some() {
        header();
        soname();
    }
}

/// Writes `runestore.h` to `OUT_DIR`, and to `include/` only where it differs: the committed header
/// is the one that programs use, and a published crate's folder is not to be written to.
fn header() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is sound");
    let mut builder = cbindgen::Builder::new().with_config(config);
    // In the order in which a reader of the header wants them.
    for module in ["info", "status", "handle", "buffer", "store", "cursor", "engine"] {
        builder = builder.with_src(root.join("src/ffi").join(module).with_extension("rs"));
    }
    let generated = out.join("runestore.h");
    builder.generate().expect("src/ffi is readable for cbindgen").write_to_file(&generated);

    let generated = fs::read_to_string(generated).expect("it was just written");
    // The one struct that is not opaque gets its name as a tag too, so that a program can declare it beforehand.
    let generated = generated.replace("typedef struct {", "typedef struct store_engine_t {").into_bytes();
    let committed = root.join("include/runestore.h");
    if fs::read(&committed).ok().as_ref() != Some(&generated) {
        fs::create_dir_all(root.join("include")).expect("the source folder is writable");
        fs::write(committed, generated).expect("the source folder is writable");
    }
}

/// Gives the shared library its soname, and the build folder a link of that name, so that a program
/// linked against the build folder also runs from there.
fn soname() {
    let name = format!("librunestore.so.{ABI_MAJOR}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{name}");
    // OUT_DIR is target/<profile>/build/<package>/out.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    if let Some(profile) = out.ancestors().nth(3) {
        link(&profile.join(name));
    }
}

fn link(name: &Path) {
    // The link is a convenience: where it cannot be made, the library is still whole.
    if fs::symlink_metadata(name).is_err() {
        let _ = std::os::unix::fs::symlink("librunestore.so", name);
    }
}
