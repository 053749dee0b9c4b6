//! Calls that no correct program makes, between those that one does: each is refused, and changes nothing.

use crate::c::{self, Handle, Kind};
use crate::store::Error;
use library::ErrorKind;
use std::cell::RefCell;

/// A wrong call.
#[derive(Clone, Copy, Debug)]
pub struct Stray {
    /// Which function, modulo their number.
    pub function: u8,
    pub handle: Invented,
}

/// A handle that is none of the function's kind, or the argument that is wrong where the handle is right.
#[derive(Clone, Copy, Debug)]
pub enum Invented {
    Null,
    /// An open handle of the other kind.
    OtherKind,
    /// An open handle with one bit changed.
    Flipped(u8),
    Number(u64),
    /// An open store, and NULL or a timeout that there is not.
    WrongArgument,
}

thread_local! {
    static STRAYS: RefCell<Vec<Stray>> = const { RefCell::new(Vec::new()) };
}

/// Lets these be done, one at each [`next`], the last first.
pub fn set(strays: Vec<Stray>) {
    STRAYS.set(strays);
}

/// Does the next wrong call, if there is one left.
pub fn next() {
    let Some(stray) = STRAYS.with_borrow_mut(Vec::pop) else { return };
    let open = c::open_handles();
    let of_kind = |kind| open.iter().rev().find(move |entry| entry.0 == kind).map(|entry| entry.1);
    let functions = if stray.function.is_multiple_of(2) { Kind::Store } else { Kind::Cursor };
    let other = if functions == Kind::Store { Kind::Cursor } else { Kind::Store };
    let handle = match stray.handle {
        Invented::Null => Some(0),
        Invented::OtherKind => of_kind(other),
        Invented::Flipped(bit) => of_kind(functions).map(|handle| handle ^ 1 << (bit % 64)),
        Invented::Number(number) => Some(number as Handle),
        Invented::WrongArgument => {
            if let Some(store) = of_kind(Kind::Store) {
                refused(stray, wrong_argument(stray.function, store), &[ErrorKind::Misuse]);
            }
            return;
        }
    };
    let Some(handle) = handle.filter(|handle| !open.contains(&(functions, *handle))) else { return };
    let wanted: &[ErrorKind] = match stray.handle {
        Invented::Null | Invented::OtherKind => &[ErrorKind::Misuse],
        // It may have been a handle once.
        _ => &[ErrorKind::Misuse, ErrorKind::Closed],
    };
    let outcome = match functions {
        Kind::Store => on_store(stray.function / 2, handle),
        Kind::Cursor => on_cursor(stray.function / 2, handle),
    };
    refused(stray, outcome, wanted);
}

fn on_store(function: u8, store: Handle) -> Result<(), Error> {
    match function % 8 {
        0 => c::close(store),
        1 => c::append(store, Some(b"[]"), None, true).map(drop),
        2 => c::get_events(store, None, None).map(drop),
        3 => c::wait(store, 0, 0).map(drop),
        4 => c::tracking(store, Some(b"a")).map(drop),
        5 => c::interrupt(store),
        6 => c::info(store).map(drop),
        _ => c::cursor_open(store, None, None).map(drop),
    }
}

fn on_cursor(function: u8, cursor: Handle) -> Result<(), Error> {
    match function % 3 {
        0 => c::cursor_close(cursor),
        1 => c::cursor_cancel(cursor),
        _ => c::cursor_next(cursor, 0, 0).map(drop),
    }
}

fn wrong_argument(function: u8, store: Handle) -> Result<(), Error> {
    match function % 4 {
        0 => c::append(store, None, None, true).map(drop),
        1 => c::append(store, None, Some(b"{}"), false).map(drop),
        2 => c::tracking(store, None).map(drop),
        _ => c::wait(store, 0, -2).map(drop),
    }
}

fn refused(stray: Stray, outcome: Result<(), Error>, wanted: &[ErrorKind]) {
    let kind = outcome.as_ref().map_err(Error::kind);
    assert!(kind.is_err_and(|kind| wanted.contains(&kind)), "{stray:?} came to {outcome:?}, wanted {wanted:?}");
}
