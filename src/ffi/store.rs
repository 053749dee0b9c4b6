//! The functions of a store.

use super::buffer::{Out, OutNumber, input, misuse, plain, required, write};
use super::cursor::timeout;
use super::guard::{guard, guard_status, guard_without_answer};
use super::handle::{issue, look_up, store_t, take_back};
use super::status::{STORE_OK, STORE_TIMEOUT};
use crate::query::Format;
use crate::store::Store;
use serde_json::Value;
use std::ffi::c_char;

/// Opens a store.
///
/// config is {"store": NAME, "store_opts": {...}}; absent or {} is the memory engine. *store is the
/// handle, or NULL. On an error *error says why. docs/EVENTS.md lists the engines and their options.
///
/// {"store":"file","store_opts":{"path":"ledger.runes"}} keeps the events in that directory, made if it
/// is not there. An append is on the disk when it returns; "sync" in store_opts can promise less
/// (docs/DURABILITY.md). One handle may write a store at a time, in all processes together; any number
/// may read it beside that one, with "read_only":true. What does not change any more is read as mapped
/// memory: where a disk fails that has read it well before, or a file is cut off during a call, the system
/// ends the process with SIGBUS. With "mmap":false each of these is an error.
///
/// {"store":"postgres","store_opts":{"url":"postgresql://..."}} keeps them in a PostgreSQL database, which any
/// number of handles may write at a time (docs/POSTGRES.md).
///
/// Errors: misuse (store is NULL), invalid_json, invalid_options, too_large, unsupported, no_space (the
/// disk is full, or too many handles are open), locked (another handle writes the store), not_found
/// ("create":false or "read_only":true, and no store is there), corrupt, io.
/// Thread: any.
///
/// Example:
///
///     store_t *store;
///     int32_t status = store_init(NULL, 0, &store, NULL, NULL);
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_init(
    config: *const c_char,
    config_len: usize,
    store: *mut *mut store_t,
    error: *mut *mut c_char,
    error_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that error and error_len are NULL or writable.
    let error = unsafe { Out::new(error, error_len) };
    write(store, std::ptr::null_mut());
    guard_without_answer(error, || {
        if store.is_null() {
            return Err(misuse("store is NULL: give the address of a store_t *"));
        }
        // SAFETY: the caller promised config_len readable bytes.
        let config = unsafe { input("config", config, config_len) }?;
        write(store, issue(Store::open_bytes(config)?)?);
        Ok(STORE_OK)
    })
}

/// Closes a store: stops its reads at the next event, lets a commit that has begun finish, wakes all
/// that wait with closed, and returns when all of it is done and released. Its cursors end, but each
/// is still to be closed with store_cursor_close. Whatever this returns, the handle is gone; but from inside a
/// function of the engine that the store uses this is misuse, and nothing happens.
///
/// Errors: misuse, closed, forked, and the engine's own.
/// Thread: any, also while other threads use the store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_close(store: *mut store_t, error: *mut *mut c_char, error_len: *mut usize) -> i32 {
    // SAFETY: the caller promised that error and error_len are NULL or writable.
    let error = unsafe { Out::new(error, error_len) };
    guard_without_answer(error, || {
        // Where this is refused, the handle stays: it is in use by whoever is inside.
        if let Ok(store) = look_up::<Store, _>(store) {
            store.check_outside()?;
        }
        take_back::<Store, _>(store)?.close()?;
        Ok(STORE_OK)
    })
}

/// Stores one event (a JSON object) or several (an array of at most 100,000 objects and 64 MiB) in
/// one atomic batch: all of them get adjacent positions, or nothing is stored.
///
/// An event needs the strings type, domain and instance_id; the last two name its stream. It may have
/// id (a UUID), version (of its schema), inserted_at (RFC 3339), tags (strings), data (any JSON) or
/// data_base64, and metadata (an object). Any other field is an error. The store adds sequence_number,
/// stream_version, and an id and inserted_at where there is none.
///
/// opts may hold expected_version (of the batch's only stream: a number, 0 if it must not exist, or
/// "exists"), expect (the same for streams named one by one), condition (a query that no event may
/// match), tracking (a position that a reader has handled) and return ("summary").
///
/// On success *out is the array of the stored events, or with {"return":"summary"} where they are; pass
/// NULL for out if you want neither (*out_len is 0 then). To be able to repeat an append whose outcome
/// you did not learn, give each event an id of your own: a batch that is stored already is answered,
/// not stored twice.
///
/// Errors: misuse, closed, invalid_json, invalid_event, invalid_options, invalid_query (of a
/// condition), too_large, duplicate_id, conflict, no_space, read_only, corrupt, io, indeterminate,
/// interrupted, forked. After any of them but indeterminate, nothing was stored. After indeterminate
/// every later append on this handle is io: close it, open the store again, and append the batch again
/// with the ids that the error lists.
/// Thread: any number at once.
///
/// Example:
///
///     const char *event = "{\"type\":\"Opened\",\"domain\":\"account\",\"instance_id\":\"a-1\"}";
///     const char *opts = "{\"expected_version\":0}";
///     char *out;
///     size_t out_len;
///     int32_t status = store_append(store, event, strlen(event), opts, strlen(opts), &out, &out_len);
///     printf("%s: %s\n", store_status_name(status), out);
///     store_free(out);
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_append(
    store: *mut store_t,
    events: *const c_char,
    events_len: usize,
    opts: *const c_char,
    opts_len: usize,
    out: *mut *mut c_char,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that out and out_len are NULL or writable.
    let out = unsafe { Out::new(out, out_len) };
    let wanted = out.wanted();
    guard(out, |answer| {
        let store = look_up::<Store, _>(store)?;
        // SAFETY: the caller promised events_len and opts_len readable bytes.
        let (events, opts) = unsafe { (required("events", events, events_len)?, input("opts", opts, opts_len)?) };
        store.append_into(events, opts, Format::Array, wanted.then_some(answer))?;
        Ok(STORE_OK)
    })
}

/// The events that match a query, as a JSON array in the order of their positions.
///
/// query is an object of conditions that must all hold, an array of such objects (any of which is
/// enough), or absent for all events. Its keys are type, domain, instance_id and id (a string, or an
/// array of which any will do), tags (an array, all of which an event carries), from and to (RFC 3339,
/// to itself excluded), after and up_to (positions), and after_version (in one stream). opts may hold limit,
/// offset, direction ("forward" or "backward"), pagination (true) and format ("array" or "ndjson").
/// The answer is of one moment: every batch that was acknowledged before the call, no part of a
/// batch, no gap. It is one buffer, however large: read what may not fit in memory with a cursor.
///
/// Errors: misuse, closed, invalid_json, invalid_query, invalid_options, too_large, no_space (of
/// memory), corrupt, io, interrupted, forked.
/// Thread: any number at once.
///
/// Example:
///
///     const char *query = "{\"domain\":\"account\",\"type\":[\"Opened\",\"Closed\"]}";
///     const char *opts = "{\"limit\":10,\"direction\":\"backward\"}";
///     store_get_events(store, query, strlen(query), opts, strlen(opts), &out, &out_len);
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_get_events(
    store: *mut store_t,
    query: *const c_char,
    query_len: usize,
    opts: *const c_char,
    opts_len: usize,
    out: *mut *mut c_char,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that out and out_len are NULL or writable.
    let out = unsafe { Out::new(out, out_len) };
    guard(out, |answer| {
        let store = look_up::<Store, _>(store)?;
        // SAFETY: the caller promised query_len and opts_len readable bytes.
        let (query, opts) = unsafe { (input("query", query, query_len)?, input("opts", opts, opts_len)?) };
        store.get_events_into(query, opts, answer)?;
        Ok(STORE_OK)
    })
}

/// Waits until the store's head (its last position, 0 if it is empty) is larger than after, at most
/// timeout_ms milliseconds: -1 waits for ever, 0 looks and returns. *head is the head then, also on
/// STORE_TIMEOUT.
///
/// Errors: misuse (also for a timeout below -1), closed, io, interrupted, forked.
/// Thread: any number at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_wait(
    store: *mut store_t,
    after: u64,
    timeout_ms: i64,
    head: *mut u64,
    error: *mut *mut c_char,
    error_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that head, error and error_len are NULL or writable.
    let (error, head) = unsafe { (Out::new(error, error_len), OutNumber::new(head)) };
    guard_without_answer(error, || {
        let store = look_up::<Store, _>(store)?;
        let reached = store.wait(after, timeout(timeout_ms)?)?;
        head.give(reached);
        Ok(if reached > after { STORE_OK } else { STORE_TIMEOUT })
    })
}

/// The position that a reader named source has recorded with the append option tracking; *position
/// is 0 if it has recorded none. source is plain text of 1 to 1024 bytes, not JSON.
///
/// Errors: misuse, closed, invalid_json (source is not UTF-8), invalid_options (it cannot be a name),
/// io, forked.
/// Thread: any number at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_tracking(
    store: *mut store_t,
    source: *const c_char,
    source_len: usize,
    position: *mut u64,
    error: *mut *mut c_char,
    error_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that position, error and error_len are NULL or writable.
    let (error, position) = unsafe { (Out::new(error, error_len), OutNumber::new(position)) };
    guard_without_answer(error, || {
        let store = look_up::<Store, _>(store)?;
        // SAFETY: the caller promised source_len readable bytes.
        let source = unsafe { required("source", source, source_len) }?;
        position.give(store.tracking(plain("source", source)?)?);
        Ok(STORE_OK)
    })
}

/// Ends the calls in progress on a store with interrupted, those of its cursors included; calls that
/// begin later are not touched. An append whose commit has begun still finishes.
///
/// Errors: misuse, closed, forked.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_interrupt(store: *mut store_t) -> i32 {
    guard_status(|| {
        look_up::<Store, _>(store)?.interrupt()?;
        Ok(STORE_OK)
    })
}

/// What is known about a store, as a JSON object: engine, head, events, bytes, segments, sync,
/// read_only, epoch, format and version, as far as its engine has them.
///
/// Errors: misuse, closed, io, forked.
/// Thread: any number at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_info(store: *mut store_t, out: *mut *mut c_char, out_len: *mut usize) -> i32 {
    // SAFETY: the caller promised that out and out_len are NULL or writable.
    let out = unsafe { Out::new(out, out_len) };
    guard(out, |answer| {
        let info = look_up::<Store, _>(store)?.info()?;
        answer.extend_from_slice(Value::from(info).to_string().as_bytes());
        Ok(STORE_OK)
    })
}

/// Reads all that is stored and checks it. *out is {"ok":...,"events":...,"bytes":...,"problems":[...]}:
/// what is damaged is no error of this call, but a problem with file, offset, message, and the positions
/// concerned (first, last) where they are known. opts is reserved: pass NULL and 0.
///
/// Errors: misuse, closed, unsupported (the memory engine keeps nothing that could be damaged), io,
/// interrupted, forked.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_verify(
    store: *mut store_t,
    opts: *const c_char,
    opts_len: usize,
    out: *mut *mut c_char,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that out and out_len are NULL or writable.
    let out = unsafe { Out::new(out, out_len) };
    guard(out, |answer| {
        let store = look_up::<Store, _>(store)?;
        // SAFETY: the caller promised opts_len readable bytes.
        unsafe { input("opts", opts, opts_len) }?;
        answer.extend_from_slice(Value::from(store.verify()?).to_string().as_bytes());
        Ok(STORE_OK)
    })
}

/// Copies a store, which may be in use, into the new directory path, where it opens as a store of its
/// own, and reads the copy to check it. *out is {"events":...,"bytes":...,"head":...,"segments":...}. path
/// is plain text, not JSON. opts is reserved: pass NULL and 0.
///
/// Errors: misuse, closed, invalid_json (path is not UTF-8), invalid_options (the directory is not
/// empty), unsupported (the memory engine), corrupt (the store is damaged), io, no_space, interrupted,
/// forked. After any of them there is no copy.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_backup(
    store: *mut store_t,
    path: *const c_char,
    path_len: usize,
    opts: *const c_char,
    opts_len: usize,
    out: *mut *mut c_char,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that out and out_len are NULL or writable.
    let out = unsafe { Out::new(out, out_len) };
    guard(out, |answer| {
        let store = look_up::<Store, _>(store)?;
        // SAFETY: the caller promised path_len and opts_len readable bytes.
        let (path, _) = unsafe { (required("path", path, path_len)?, input("opts", opts, opts_len)?) };
        answer.extend_from_slice(Value::from(store.backup(plain("path", path)?)?).to_string().as_bytes());
        Ok(STORE_OK)
    })
}

/// Copies a store into another one, whatever the engines of the two: events with their positions, ids and
/// times, and the positions of tracking sources. What target has already must be the beginning of source: so a
/// copy that ended early is gone on with by copying again. At the end all that source had when the call began is
/// read in both and compared. *out is {"copied":...,"events":...,"head":...}. Both stores may be in use, but
/// nobody else may append to target. Batches need not begin and end where they did. opts is reserved: pass NULL
/// and 0.
///
/// Errors: misuse (also where both are one store), closed, conflict (target is not the beginning of source, or
/// somebody else appends to it: reason copy or condition, sequence_number), read_only, interrupted (of either
/// store), forked, and what either engine has to say. What was appended before stays.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_copy(
    source: *mut store_t,
    target: *mut store_t,
    opts: *const c_char,
    opts_len: usize,
    out: *mut *mut c_char,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that out and out_len are NULL or writable.
    let out = unsafe { Out::new(out, out_len) };
    guard(out, |answer| {
        let (source, target) = (look_up::<Store, _>(source)?, look_up::<Store, _>(target)?);
        // SAFETY: the caller promised opts_len readable bytes.
        unsafe { input("opts", opts, opts_len) }?;
        answer.extend_from_slice(Value::from(source.copy_to(&target)?).to_string().as_bytes());
        Ok(STORE_OK)
    })
}
