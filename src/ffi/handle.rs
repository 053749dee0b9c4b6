//! Handles: what C holds for a store or a cursor. They are numbers in the shape of a pointer, never
//! addresses, so that a stale or an invented one is found out instead of followed.
//!
//! From the lowest bit: a 1 (no aligned pointer has that), two bits for the kind, twelve for the
//! depth of forks at which the handle was issued, 22 for the slot, 26 for the slot's generation.
//!
//! The table belongs to one process. In a forked child its lock may be held by a thread that does
//! not exist there; so the child never touches the parent's table, and begins one of its own.

use super::buffer::misuse;
use crate::call::cursor_closed;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::process::{Process, forked, note_fork};
use crate::store::Store;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// An open store. Use it from any number of threads at once; close it with store_close.
#[allow(non_camel_case_types)]
pub struct store_t {
    _private: [u8; 0],
}

/// A result that is read piece by piece, or a subscription. It may move between threads, one
/// store_cursor_next at a time; close it with store_cursor_close.
#[allow(non_camel_case_types)]
pub struct store_cursor_t {
    _private: [u8; 0],
}

const KIND_BITS: u32 = 2;
const DEPTH_BITS: u32 = 12;
const SLOT_BITS: u32 = 22;
const GENERATION_BITS: u32 = 26;
const _: () = assert!(usize::BITS == 64 && 1 + KIND_BITS + DEPTH_BITS + SLOT_BITS + GENERATION_BITS < 64);

/// What a handle can stand for.
pub(super) trait Held: Sized {
    /// The kind's bits, never the same for two.
    const KIND: usize;
    const NAME: &'static str;
    fn held(entry: &Entry) -> Option<&Arc<Self>>;
    fn entry(held: Arc<Self>) -> Entry;
    fn closed() -> Error;
}

#[derive(Clone)]
pub(super) enum Entry {
    Store(Arc<Store>),
    Cursor(Arc<Cursor>),
}

impl Held for Store {
    const KIND: usize = 1;
    const NAME: &'static str = "store";

    fn held(entry: &Entry) -> Option<&Arc<Store>> {
        if let Entry::Store(store) = entry { Some(store) } else { None }
    }

    fn entry(held: Arc<Store>) -> Entry {
        Entry::Store(held)
    }

    fn closed() -> Error {
        Error::closed()
    }
}

impl Held for Cursor {
    const KIND: usize = 2;
    const NAME: &'static str = "cursor";

    fn held(entry: &Entry) -> Option<&Arc<Cursor>> {
        if let Entry::Cursor(cursor) = entry { Some(cursor) } else { None }
    }

    fn entry(held: Arc<Cursor>) -> Entry {
        Entry::Cursor(held)
    }

    fn closed() -> Error {
        cursor_closed()
    }
}

/// Issues a handle for `held`.
pub(super) fn issue<T: Held, H>(held: Arc<T>) -> Result<*mut H> {
    let table = Table::current();
    let mut slots = table.slots.write().unwrap_or_else(PoisonError::into_inner);
    let slot = match slots.free.pop() {
        Some(slot) => slot,
        None if slots.all.len() < 1 << SLOT_BITS && table.depth < 1 << DEPTH_BITS => {
            slots.all.push(Slot { generation: 1, entry: None });
            slots.all.len() - 1
        }
        None => {
            let message = format!("{} handles are open: close those that are not needed any more", slots.all.len());
            return Err(Error::new(ErrorKind::NoSpace, message));
        }
    };
    slots.all[slot].entry = Some(T::entry(held));
    let parts = Parts { kind: T::KIND, depth: table.depth, slot, generation: slots.all[slot].generation };
    Ok(parts.encode() as *mut H)
}

/// What `handle` stands for.
pub(super) fn look_up<T: Held, H>(handle: *mut H) -> Result<Arc<T>> {
    let (table, parts) = resolve::<T, H>(handle)?;
    let slots = table.slots.read().unwrap_or_else(PoisonError::into_inner);
    slots.entry::<T>(&parts).cloned()
}

/// Takes back `handle`: from now on it is `closed`. What it stood for.
pub(super) fn take_back<T: Held, H>(handle: *mut H) -> Result<Arc<T>> {
    let (table, parts) = resolve::<T, H>(handle)?;
    let mut slots = table.slots.write().unwrap_or_else(PoisonError::into_inner);
    let held = slots.entry::<T>(&parts)?.clone();
    let slot = &mut slots.all[parts.slot];
    slot.entry = None;
    slot.generation += 1;
    // A slot whose generations are used up is retired.
    if slot.generation < 1 << GENERATION_BITS {
        slots.free.push(parts.slot);
    }
    Ok(held)
}

/// The table that `handle` belongs to, before any lock.
fn resolve<T: Held, H>(handle: *mut H) -> Result<(&'static Table, Parts)> {
    if handle.is_null() {
        return Err(misuse(format!("the {} is NULL", T::NAME)));
    }
    let parts = Parts::decode(handle as usize).filter(|parts| parts.kind == T::KIND).ok_or_else(never_issued::<T>)?;
    let table = Table::current();
    match parts.depth.cmp(&table.depth) {
        std::cmp::Ordering::Less => Err(forked()),
        std::cmp::Ordering::Equal => Ok((table, parts)),
        std::cmp::Ordering::Greater => Err(never_issued::<T>()),
    }
}

fn never_issued<T: Held>() -> Error {
    misuse(format!("this is no {} handle: give the one that was handed out", T::NAME))
}

struct Parts {
    kind: usize,
    depth: usize,
    slot: usize,
    generation: usize,
}

impl Parts {
    fn encode(&self) -> usize {
        let mut number = self.generation;
        number = number << SLOT_BITS | self.slot;
        number = number << DEPTH_BITS | self.depth;
        number = number << KIND_BITS | self.kind;
        number << 1 | 1
    }

    fn decode(number: usize) -> Option<Parts> {
        let mut rest = number >> 1;
        let mut part = |bits: u32| {
            let part = rest & ((1 << bits) - 1);
            rest >>= bits;
            part
        };
        let parts = Parts {
            kind: part(KIND_BITS),
            depth: part(DEPTH_BITS),
            slot: part(SLOT_BITS),
            generation: part(GENERATION_BITS),
        };
        (number & 1 == 1 && rest == 0).then_some(parts)
    }
}

struct Table {
    process: Process,
    /// 0 in the process that loaded the library, one more in each generation of forked children.
    depth: usize,
    slots: RwLock<Slots>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<usize>,
}

struct Slot {
    /// Of the handle that is open, or of the next one to be issued.
    generation: usize,
    entry: Option<Entry>,
}

impl Slots {
    fn entry<T: Held>(&self, parts: &Parts) -> Result<&Arc<T>> {
        let slot = self.all.get(parts.slot).ok_or_else(never_issued::<T>)?;
        if (1..slot.generation).contains(&parts.generation) {
            return Err(T::closed());
        }
        let entry = slot.entry.as_ref().filter(|_| parts.generation == slot.generation);
        entry.and_then(T::held).ok_or_else(never_issued::<T>)
    }
}

impl Table {
    /// This process's table. It is never freed.
    fn current() -> &'static Table {
        static CURRENT: AtomicPtr<Table> = AtomicPtr::new(std::ptr::null_mut());
        watch_forks();
        loop {
            let known = CURRENT.load(Ordering::Acquire);
            // SAFETY: CURRENT is NULL or points to a table that was leaked below.
            let table = unsafe { known.as_ref() };
            if let Some(table) = table.filter(|table| table.process == Process::current()) {
                return table;
            }
            let depth = table.map_or(0, |parent| parent.depth + 1);
            let fresh = Box::into_raw(Box::new(Table { process: Process::current(), depth, slots: RwLock::default() }));
            if CURRENT.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // SAFETY: another thread was quicker, so nobody else has seen this one.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }
}

/// Has the C library tell of forks, once in the life of a process and its children.
fn watch_forks() {
    type Handler = unsafe extern "C" fn();
    unsafe extern "C" {
        fn pthread_atfork(prepare: Option<Handler>, parent: Option<Handler>, child: Option<Handler>) -> c_int;
    }
    extern "C" fn in_child() {
        note_fork();
    }
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if !BEGUN.load(Ordering::Relaxed) && !BEGUN.swap(true, Ordering::Relaxed) {
        // SAFETY: pthread_atfork is the C library's, and the handler may run in any child: it adds to an atomic number.
        // Where there is no memory for it, the process id has to do.
        let _ = unsafe { pthread_atfork(None, None, Some(in_child)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of<T>(result: Result<T>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn a_stale_handle_is_closed_even_when_its_slot_is_used_again() {
        let first: *mut store_t = issue(Store::open("{}").unwrap()).unwrap();
        assert!(look_up::<Store, _>(first).is_ok());
        take_back::<Store, _>(first).unwrap();
        assert_eq!(kind_of(look_up::<Store, _>(first)), Some(ErrorKind::Closed));
        let second: *mut store_t = issue(Store::open("{}").unwrap()).unwrap();
        assert_ne!(first, second);
        assert_eq!(kind_of(look_up::<Store, _>(first)), Some(ErrorKind::Closed));
        assert_eq!(kind_of(take_back::<Store, _>(first)), Some(ErrorKind::Closed));
        take_back::<Store, _>(second).unwrap();
        an_invented_handle_is_misuse_or_closed();
    }

    // Not a test of its own: a handle invented here could be one that is open there.
    fn an_invented_handle_is_misuse_or_closed() {
        let real: *mut store_t = issue(Store::open("{}").unwrap()).unwrap();
        assert_eq!(kind_of(look_up::<Cursor, _>(real)), Some(ErrorKind::Misuse));
        let real = real as usize;
        for bit in 0..64 {
            let invented = (real ^ 1 << bit) as *mut store_t;
            let kind = kind_of(look_up::<Store, _>(invented));
            assert!(matches!(kind, Some(ErrorKind::Misuse | ErrorKind::Closed)), "bit {bit}: {kind:?}");
        }
        for invented in [0, 1, 8, usize::MAX, real + 2, &raw const real as usize] {
            let kind = kind_of(look_up::<Store, _>(invented as *mut store_t));
            assert!(matches!(kind, Some(ErrorKind::Misuse | ErrorKind::Closed)), "{invented:x}: {kind:?}");
        }
        take_back::<Store, _>(real as *mut store_t).unwrap();
    }
}
