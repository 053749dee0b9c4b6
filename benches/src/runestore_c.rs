//! Runestore as a C program has it: only the functions of `include/runestore.h`.

use super::peer::{Peer, Queries, THREADS};
use super::workload::{Batch, Questions, Row, rfc3339};
use std::ffi::{c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

// Links the library; its Rust interface is not used.
use runestore as _;

unsafe extern "C" {
    fn store_init(
        config: *const c_char,
        len: usize,
        store: *mut *mut c_void,
        error: *mut *mut c_char,
        error_len: *mut usize,
    ) -> i32;
    fn store_close(store: *mut c_void, error: *mut *mut c_char, error_len: *mut usize) -> i32;
    fn store_append(
        store: *mut c_void,
        events: *const c_char,
        events_len: usize,
        opts: *const c_char,
        opts_len: usize,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_get_events(
        store: *mut c_void,
        query: *const c_char,
        query_len: usize,
        opts: *const c_char,
        opts_len: usize,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_cursor_open(
        store: *mut c_void,
        query: *const c_char,
        query_len: usize,
        opts: *const c_char,
        opts_len: usize,
        cursor: *mut *mut c_void,
        error: *mut *mut c_char,
        error_len: *mut usize,
    ) -> i32;
    fn store_cursor_next(
        cursor: *mut c_void,
        max_events: usize,
        timeout_ms: i64,
        position: *mut u64,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_cursor_close(cursor: *mut c_void) -> i32;
    fn store_free(buffer: *mut c_void);
}

pub struct Store(*mut c_void);

// SAFETY: `include/runestore.h` promises that any number of threads may use a store at once.
unsafe impl Sync for Store {}

/// # Safety
///
/// `at` is null, or there are `length` bytes.
unsafe fn text(at: *const c_char, length: usize) -> String {
    let bytes: &[u8] = if at.is_null() {
        &[]
    } else {
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts(at.cast(), length) }
    };
    String::from_utf8_lossy(bytes).into()
}

impl Store {
    /// An empty store in memory.
    pub fn in_memory() -> Store {
        Store::open("{}")
    }

    /// The store in a directory, durable.
    pub fn durable(directory: &Path) -> Store {
        Store::open(&format!(r#"{{"store":"file","store_opts":{{"path":"{}"}}}}"#, directory.display()))
    }

    /// The same, in segments of so many bytes.
    pub fn in_segments(directory: &Path, segment_bytes: u64) -> Store {
        let path = directory.display();
        Store::open(&format!(r#"{{"store":"file","store_opts":{{"path":"{path}","segment_bytes":{segment_bytes}}}}}"#))
    }

    /// The store in a schema of a PostgreSQL database.
    pub fn in_schema(url: &str, schema: &str) -> Store {
        Store::open(&format!(r#"{{"store":"postgres","store_opts":{{"url":"{url}","schema":"{schema}"}}}}"#))
    }

    fn open(config: &str) -> Store {
        let (mut store, mut error, mut length) = (null_mut(), null_mut(), 0);
        // SAFETY: text and out-parameters live until the call returns, and on an error there are `length` bytes.
        unsafe {
            let status = store_init(config.as_ptr().cast(), config.len(), &mut store, &mut error, &mut length);
            assert_eq!(status, 0, "{config}: {}", text(error, length));
        }
        Store(store)
    }

    fn append_one(&self, events: &str) {
        const SUMMARY: &str = r#"{"return":"summary"}"#;
        let (mut out, mut length) = (null_mut(), 0);
        // SAFETY: the handle is open, the texts and out-parameters live until the call returns, and the answer has
        // `length` bytes until it is freed, once.
        unsafe {
            let status = store_append(
                self.0,
                events.as_ptr().cast(),
                events.len(),
                SUMMARY.as_ptr().cast(),
                SUMMARY.len(),
                &mut out,
                &mut length,
            );
            assert_eq!(status, 0, "{}", text(out, length));
            store_free(out.cast());
        }
    }

    /// An answer's bytes, freed again after `look` has seen them.
    fn get<T>(&self, query: &str, opts: &str, look: impl Fn(&[u8]) -> T) -> T {
        let (mut out, mut length) = (null_mut(), 0);
        // SAFETY: the handle is open, the texts and out-parameters live until the call returns, and the
        // answer has `length` bytes until it is freed, once.
        unsafe {
            let (opts_at, opts_len) = if opts.is_empty() { (null(), 0) } else { (opts.as_ptr().cast(), opts.len()) };
            let status =
                store_get_events(self.0, query.as_ptr().cast(), query.len(), opts_at, opts_len, &mut out, &mut length);
            assert_eq!(status, 0, "{query}");
            let seen = look(std::slice::from_raw_parts(out.cast(), length));
            store_free(out.cast());
            seen
        }
    }

    fn read(&self, query: &str, opts: &str) {
        self.get(query, opts, |answer| {
            std::hint::black_box(answer);
        });
    }
}

fn stream_query(domain: &str, instance_id: &str) -> String {
    format!(r#"{{"domain":"{domain}","instance_id":"{instance_id}"}}"#)
}

fn window_query((from, to): (u64, u64)) -> String {
    format!(r#"{{"from":"{}","to":"{}"}}"#, rfc3339(from), rfc3339(to))
}

impl Peer for Store {
    fn append(&mut self, batches: &[Batch]) {
        batches.iter().for_each(|batch| self.append_one(&batch.text));
    }

    fn append_singly(&mut self, rows: &[Row]) {
        rows.iter().for_each(|row| self.append_one(&row.json));
    }

    fn append_from_threads(&mut self, rows: &[Row]) {
        let store = &*self;
        std::thread::scope(|scope| {
            for share in rows.chunks(rows.len().div_ceil(THREADS)) {
                scope.spawn(move || share.iter().for_each(|row| store.append_one(&row.json)));
            }
        });
    }

    fn scan(&mut self) {
        const OPTIONS: &str = r#"{"max_bytes":300000}"#;
        let mut cursor = null_mut();
        // SAFETY: as in `get`; the cursor is open until it is closed.
        unsafe {
            let opened = store_cursor_open(
                self.0,
                null(),
                0,
                OPTIONS.as_ptr().cast(),
                OPTIONS.len(),
                &mut cursor,
                null_mut(),
                null_mut(),
            );
            assert_eq!(opened, 0);
            let (mut out, mut length, mut position) = (null_mut(), 0, 0);
            while store_cursor_next(cursor, 0, 0, &mut position, &mut out, &mut length) == 0 {
                std::hint::black_box(std::slice::from_raw_parts(out.cast::<u8>(), length));
                store_free(out.cast());
            }
            store_cursor_close(cursor);
        }
    }

    fn read_all(&mut self) {
        self.read("null", "");
    }

    fn newest(&mut self) {
        self.read("null", r#"{"direction":"backward","limit":1}"#);
    }

    fn queries(&mut self) -> Option<&mut dyn Queries> {
        Some(self)
    }
}

impl Queries for Store {
    fn stream(&mut self, domain: &str, instance_id: &str) {
        self.read(&stream_query(domain, instance_id), "");
    }

    fn page(&mut self, event_type: &str, offset: usize) {
        self.read(&format!(r#"{{"type":"{event_type}"}}"#), &format!(r#"{{"limit":100,"offset":{offset}}}"#));
    }

    fn window(&mut self, window: (u64, u64)) {
        self.read(&window_query(window), "");
    }

    fn counts(&mut self, questions: &Questions) -> [usize; 3] {
        let (domain, instance_id) = questions.stream(7);
        let of_type = format!(r#"{{"type":"{}"}}"#, Questions::PAGE_TYPE);
        [stream_query(&domain, &instance_id), of_type, window_query(questions.window(0))].map(|query| {
            // One event a line, and no line break inside.
            let lines = |answer: &[u8]| answer.iter().filter(|byte| **byte == b'\n').count();
            self.get(&query, r#"{"format":"ndjson"}"#, lines)
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle is open.
        unsafe { store_close(self.0, null_mut(), null_mut()) };
    }
}
