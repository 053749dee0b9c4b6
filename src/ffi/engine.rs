//! Engines that a C program brings.

use super::buffer::{Out, misuse, plain, required, taken_over};
use super::guard::guard_without_answer;
use super::status::{STORE_ERR_INDETERMINATE, STORE_OK, store_status_name};
use crate::behaviour::{Abilities, Behaviour, Failure};
use crate::config::register_engine;
use crate::error::{Error, ErrorKind, Result};
use crate::process::Process;
use crate::registry::unregister_engine;
use serde_json::Value;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// The version of store_engine_t that this header describes.
pub const STORE_ENGINE_VERSION: u32 = 1;
/// An ability: the functions of one state may run in several threads at once (append never twice).
pub const STORE_ENGINE_CONCURRENT: u64 = 1;
/// An ability: others may write to the storage while a store is open. Expectations, conditions, tracking and
/// ids of the caller's own are unsupported then, since nothing can be judged above the engine.
pub const STORE_ENGINE_SHARED: u64 = 2;

/// An engine of your own: what keeps the events. docs/ENGINES.md says what each function is given and what
/// it must answer; examples/engines/jsonl.c is a whole one.
///
/// Set all of it to zero first, then size, version, and the functions. A function returns STORE_OK or a
/// STORE_ERR_... number; any error of it is engine for the store's callers, with your words and your number's
/// name inside, save STORE_ERR_INDETERMINATE from append, which stays what it is. An error of append promises
/// that nothing was stored.
///
/// Buffers that a function hands over, in *out and in *error, are made with store_alloc, and the library
/// frees them. *error (of append and get_events: *out) is a text for a person, or {"message":"..."}. All
/// out-parameters are NULL and 0 when a function is called, and are never NULL themselves. Inputs are borrowed
/// for the call, and end with a NUL behind their length.
///
/// The functions run in the thread that called the store: one at a time for each state, or several with
/// STORE_ENGINE_CONCURRENT; init in any thread, also several at once. They must not throw through the
/// interface, and must not call the store that they serve (misuse).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct store_engine_t {
    /// sizeof(store_engine_t).
    pub size: u32,
    /// STORE_ENGINE_VERSION.
    pub version: u32,
    /// Handed to init and destroy as it is.
    pub context: *mut c_void,
    /// Opens the storage that opts names, the text of store_opts ("{}" where there is none): *state is
    /// handed to all other functions. Required.
    pub init: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            opts: *const c_char,
            opts_len: usize,
            state: *mut *mut c_void,
            error: *mut *mut c_char,
            error_len: *mut usize,
        ) -> i32,
    >,
    /// Stores the events, all or nothing, behind all others; *out is the array of them with their
    /// sequence_number and stream_version, which opts names. Required.
    pub append: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            events: *const c_char,
            events_len: usize,
            opts: *const c_char,
            opts_len: usize,
            out: *mut *mut c_char,
            out_len: *mut usize,
        ) -> i32,
    >,
    /// *out is an array of the events that match the query, as opts says, or one a line. It may hold more
    /// than match, but must heed after, up_to, limit and direction of opts. Required.
    pub get_events: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            query: *const c_char,
            query_len: usize,
            opts: *const c_char,
            opts_len: usize,
            out: *mut *mut c_char,
            out_len: *mut usize,
        ) -> i32,
    >,
    /// Waits for an event behind after, at most timeout_ms (never more than 1000). Of use with
    /// STORE_ENGINE_SHARED only. STORE_TIMEOUT is no error. May be NULL: the store asks now and then.
    pub wait: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            after: u64,
            timeout_ms: i64,
            error: *mut *mut c_char,
            error_len: *mut usize,
        ) -> i32,
    >,
    /// Releases state; called once for each init that succeeded, after everything else. Required.
    pub close: Option<unsafe extern "C" fn(state: *mut c_void, error: *mut *mut c_char, error_len: *mut usize) -> i32>,
    /// Releases context: called exactly once, when the name was unregistered and the last store of this
    /// engine is closed. Never called for a registration that failed, nor in a forked child. May be NULL.
    pub destroy: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// STORE_ENGINE_CONCURRENT, STORE_ENGINE_SHARED, both or neither.
    pub abilities: u64,
    /// *position is what append last recorded for the source (its opts have tracking then), 0 if nothing.
    /// May be NULL: tracking is unsupported.
    pub tracking: Option<
        unsafe extern "C" fn(
            state: *mut c_void,
            source: *const c_char,
            source_len: usize,
            position: *mut u64,
            error: *mut *mut c_char,
            error_len: *mut usize,
        ) -> i32,
    >,
}

/// A table that was taken in, and the context that belongs to it.
struct Registration {
    table: store_engine_t,
    /// The registration succeeded, so the context is ours to destroy.
    owned: AtomicBool,
    process: Process,
}

// SAFETY: whoever registers an engine promises that its functions and its context may be used in any thread.
unsafe impl Send for Registration {}
// SAFETY: the same promise.
unsafe impl Sync for Registration {}

impl Drop for Registration {
    fn drop(&mut self) {
        let ours = self.owned.load(SeqCst) && self.process.check().is_ok();
        if let Some(destroy) = self.table.destroy.filter(|_| ours) {
            // SAFETY: the program registered the two together, and the last who could use them is gone.
            unsafe { destroy(self.table.context) }
        }
    }
}

/// An open storage of a registered engine.
struct Foreign {
    registration: Arc<Registration>,
    state: *mut c_void,
}

// SAFETY: as for the registration; without STORE_ENGINE_CONCURRENT no two calls are made at once.
unsafe impl Send for Foreign {}
// SAFETY: the same promise.
unsafe impl Sync for Foreign {}

/// What a function of an engine hands over.
struct Handed {
    buffer: *mut c_char,
    length: usize,
}

impl Handed {
    /// Calls a function with its two out-parameters: what it handed over, or how it failed.
    fn of(
        name: &str,
        call: impl FnOnce(*mut *mut c_char, *mut usize) -> i32,
    ) -> std::result::Result<Option<Vec<u8>>, Failure> {
        let mut handed = Handed { buffer: std::ptr::null_mut(), length: 0 };
        let status = call(&raw mut handed.buffer, &raw mut handed.length);
        // SAFETY: the engine promised buffers of store_alloc.
        let buffer = unsafe { taken_over(handed.buffer, handed.length) }.map_err(|what| {
            Failure::new(format!("{name} handed over a buffer that is none: {what}")).with_code("wrong_answer")
        })?;
        if status >= STORE_OK {
            return Ok(buffer);
        }
        let text = String::from_utf8_lossy(&buffer.unwrap_or_default()).into_owned();
        let message =
            serde_json::from_str::<Value>(&text).ok().and_then(|error| error["message"].as_str().map(String::from));
        let message = message.unwrap_or(text);
        let message = if message.is_empty() { String::from("it gave no reason") } else { message };
        let failure =
            if status == STORE_ERR_INDETERMINATE { Failure::indeterminate(message) } else { Failure::new(message) };
        // SAFETY: the names of statuses are static texts.
        let code = unsafe { CStr::from_ptr(store_status_name(status)) }.to_string_lossy().into_owned();
        Err(failure.with_code(if code == "unknown" { status.to_string() } else { code }))
    }
}

/// A text with a NUL behind it.
fn ended(text: &[u8]) -> Vec<u8> {
    [text, b"\0"].concat()
}

impl Behaviour for Foreign {
    fn abilities(&self) -> Abilities {
        let table = &self.registration.table;
        Abilities {
            concurrent: table.abilities & STORE_ENGINE_CONCURRENT != 0,
            shared: table.abilities & STORE_ENGINE_SHARED != 0,
            wait: table.wait.is_some(),
            tracking: table.tracking.is_some(),
        }
    }

    fn append(&self, events: &[u8], options: &[u8]) -> std::result::Result<Vec<u8>, Failure> {
        let Some(append) = self.registration.table.append else { return Err(Failure::new("it is not there")) };
        let (texts, opts) = (ended(events), ended(options));
        let answer = Handed::of("append", |out, out_len| {
            // SAFETY: the state is what init gave; the texts are as long as said.
            unsafe {
                append(
                    self.state,
                    texts.as_ptr().cast(),
                    events.len(),
                    opts.as_ptr().cast(),
                    options.len(),
                    out,
                    out_len,
                )
            }
        })?;
        answer
            .ok_or_else(|| Failure::new("it returned ok, and no buffer: correct the engine").with_code("wrong_answer"))
    }

    fn get_events(&self, query: &[u8], options: &[u8]) -> std::result::Result<Vec<u8>, Failure> {
        let Some(get_events) = self.registration.table.get_events else { return Err(Failure::new("it is not there")) };
        let (text, opts) = (ended(query), ended(options));
        let answer = Handed::of("get_events", |out, out_len| {
            // SAFETY: as for append.
            unsafe {
                get_events(
                    self.state,
                    text.as_ptr().cast(),
                    query.len(),
                    opts.as_ptr().cast(),
                    options.len(),
                    out,
                    out_len,
                )
            }
        })?;
        answer
            .ok_or_else(|| Failure::new("it returned ok, and no buffer: correct the engine").with_code("wrong_answer"))
    }

    fn wait(&self, after: u64, timeout: Duration) -> std::result::Result<(), Failure> {
        let Some(wait) = self.registration.table.wait else { return Ok(()) };
        let milliseconds = timeout.as_millis().clamp(1, 1000) as i64;
        // SAFETY: the state is what init gave.
        Handed::of("wait", |error, error_len| unsafe { wait(self.state, after, milliseconds, error, error_len) })
            .map(drop)
    }

    fn tracking(&self, source: &str) -> std::result::Result<u64, Failure> {
        let Some(tracking) = self.registration.table.tracking else { return Ok(0) };
        let text = ended(source.as_bytes());
        let mut position = 0;
        Handed::of("tracking", |error, error_len| {
            // SAFETY: as for append.
            unsafe { tracking(self.state, text.as_ptr().cast(), source.len(), &raw mut position, error, error_len) }
        })?;
        Ok(position)
    }

    fn close(&self) -> std::result::Result<(), Failure> {
        let Some(close) = self.registration.table.close else { return Ok(()) };
        // SAFETY: the state is what init gave, and nobody uses it after this.
        Handed::of("close", |error, error_len| unsafe { close(self.state, error, error_len) }).map(drop)
    }
}

fn open(registration: &Arc<Registration>, opts: &str) -> std::result::Result<Arc<dyn Behaviour>, Failure> {
    let table = &registration.table;
    let Some(init) = table.init else { return Err(Failure::new("it is not there")) };
    let text = ended(opts.as_bytes());
    let mut state = std::ptr::null_mut();
    Handed::of("init", |error, error_len| {
        // SAFETY: the program registered the two together; the text is as long as said.
        unsafe { init(table.context, text.as_ptr().cast(), opts.len(), &raw mut state, error, error_len) }
    })?;
    Ok(Arc::new(Foreign { registration: Arc::clone(registration), state }))
}

/// Copies the table, as far as this version knows it.
///
/// # Safety
///
/// `engine` is NULL, or as many bytes as its size says may be read.
unsafe fn table(engine: *const store_engine_t) -> Result<store_engine_t> {
    if engine.is_null() {
        return Err(misuse("engine is NULL: give the address of a store_engine_t"));
    }
    // SAFETY: every version of the table begins with these two.
    let (size, version) = unsafe { ((*engine).size, (*engine).version) };
    if size as usize != size_of::<store_engine_t>() || version != STORE_ENGINE_VERSION {
        return Err(misuse(format!(
            "engine has size {size} and version {version}, this library knows size {} and version {STORE_ENGINE_VERSION}: \
             set size to sizeof(store_engine_t) and version to STORE_ENGINE_VERSION of the library's own header",
            size_of::<store_engine_t>()
        )));
    }
    // SAFETY: the caller promised that many bytes.
    let table = unsafe { engine.read() };
    let required = [
        ("init", table.init.is_some()),
        ("append", table.append.is_some()),
        ("get_events", table.get_events.is_some()),
        ("close", table.close.is_some()),
    ];
    if let Some((name, _)) = required.iter().find(|(_, given)| !given) {
        return Err(misuse(format!("engine has no {name}: init, append, get_events and close are required")));
    }
    let known = STORE_ENGINE_CONCURRENT | STORE_ENGINE_SHARED;
    if table.abilities & !known != 0 {
        let message = format!("engine has abilities {:#x} that this library does not know", table.abilities & !known);
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(table)
}

/// Gives an engine of your own a name, by which {"store": NAME, "store_opts": {...}} opens it in this
/// process. The table is copied; context stays yours, but must stay until destroy is called.
///
/// Errors: misuse (engine or name is NULL, the table is of another version or lacks a function, the name is taken,
/// empty, longer than 1024 bytes or holds U+0000), invalid_json (the name is not UTF-8), unsupported.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_register_engine(
    name: *const c_char,
    name_len: usize,
    engine: *const store_engine_t,
    error: *mut *mut c_char,
    error_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that error and error_len are NULL or writable.
    let error = unsafe { Out::new(error, error_len) };
    guard_without_answer(error, || {
        // SAFETY: the caller promised name_len readable bytes.
        let name = plain("name", unsafe { required("name", name, name_len) }?)?;
        // SAFETY: the caller promised a table as large as it says.
        let table = unsafe { table(engine) }?;
        let registration = Arc::new(Registration { table, owned: AtomicBool::new(false), process: Process::current() });
        let opened = Arc::clone(&registration);
        register_engine(name, move |opts| open(&opened, opts))?;
        registration.owned.store(true, SeqCst);
        Ok(STORE_OK)
    })
}

/// Takes a name back. Stores that are open stay so; destroy is called when the last of them is closed,
/// which may be during this call.
///
/// Errors: misuse, invalid_json (the name is not UTF-8), not_found (no engine of that name is registered).
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_unregister_engine(
    name: *const c_char,
    name_len: usize,
    error: *mut *mut c_char,
    error_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that error and error_len are NULL or writable.
    let error = unsafe { Out::new(error, error_len) };
    guard_without_answer(error, || {
        // SAFETY: the caller promised name_len readable bytes.
        unregister_engine(plain("name", unsafe { required("name", name, name_len) }?)?)?;
        Ok(STORE_OK)
    })
}
