//! Texts across the boundary: borrowed on the way in, owned by the caller on the way out.

use crate::error::{Error, ErrorKind, Result};
use std::ffi::c_char;

/// Room before every buffer for its capacity, which freeing needs. Sixteen keeps the text aligned.
const HEADER: usize = 16;

/// A text to be handed out. It is built in place, so that handing out copies nothing.
pub(super) fn new_buffer() -> Vec<u8> {
    vec![0; HEADER]
}

/// Where a caller wants a buffer, or does not.
pub(super) struct Out {
    buffer: *mut *mut c_char,
    length: *mut usize,
}

impl Out {
    /// Writes NULL and 0, which stay where nothing is given.
    ///
    /// # Safety
    ///
    /// Each of the two is NULL or may be written, until the call returns.
    pub unsafe fn new(buffer: *mut *mut c_char, length: *mut usize) -> Out {
        let out = Out { buffer, length };
        out.write(std::ptr::null_mut(), 0);
        out
    }

    /// Whether the caller takes a buffer.
    pub fn wanted(&self) -> bool {
        !self.buffer.is_null()
    }

    /// Hands `text` out, which began as [`new_buffer`].
    pub fn give(&self, mut text: Vec<u8>) {
        if !self.wanted() {
            return;
        }
        let length = text.len() - HEADER;
        text.push(0);
        mark(&mut text);
        let start = std::mem::ManuallyDrop::new(text).as_mut_ptr();
        // SAFETY: the vector has at least HEADER bytes.
        self.write(unsafe { start.add(HEADER) }.cast(), length);
    }

    /// Hands `error` out.
    pub fn give_error(&self, error: &Error) {
        if self.wanted() {
            let mut text = new_buffer();
            text.extend_from_slice(error.to_json().as_bytes());
            self.give(text);
        }
    }

    fn write(&self, buffer: *mut c_char, length: usize) {
        write(self.buffer, buffer);
        write(self.length, length);
    }
}

/// Writes into a buffer's header what freeing and taking it back need.
fn mark(buffer: &mut Vec<u8>) {
    let (capacity, address) = (buffer.capacity(), buffer.as_ptr() as usize);
    buffer[..WORD].copy_from_slice(&capacity.to_ne_bytes());
    buffer[WORD..2 * WORD].copy_from_slice(&(address ^ MARK).to_ne_bytes());
}

const WORD: usize = size_of::<usize>();
/// Tells a buffer of ours from any other, as far as looking can.
const MARK: usize = 0x5275_6e65_7374_6f72;

/// Copies a buffer that an engine hands over, and frees it.
///
/// # Safety
///
/// `buffer` is NULL or what store_alloc or another function of this library gave, not freed yet.
pub(super) unsafe fn taken_over(
    buffer: *mut c_char,
    length: usize,
) -> std::result::Result<Option<Vec<u8>>, &'static str> {
    if buffer.is_null() {
        return Ok(None);
    }
    // SAFETY: the header lies before every buffer of ours. Of any other this reads what its allocator keeps there.
    let (capacity, mark) = unsafe {
        let header = buffer.cast::<u8>().sub(HEADER).cast::<usize>();
        (header.read_unaligned(), header.add(1).read_unaligned())
    };
    if mark != (buffer as usize - HEADER) ^ MARK {
        return Err("the buffer is not one of store_alloc");
    }
    // SAFETY: the capacity says that so many bytes may be read; length is compared with it first.
    let copy =
        (length < capacity - HEADER).then(|| unsafe { std::slice::from_raw_parts(buffer.cast(), length) }.to_vec());
    // SAFETY: it is ours, and given up by the engine.
    unsafe { store_free(buffer.cast()) };
    copy.map(Some).ok_or("the length is larger than that of the buffer")
}

/// A number that a caller may want.
pub(super) struct OutNumber(*mut u64);

impl OutNumber {
    /// Writes 0, which stays where nothing is given.
    ///
    /// # Safety
    ///
    /// `number` is NULL or may be written, until the call returns.
    pub unsafe fn new(number: *mut u64) -> OutNumber {
        write(number, 0);
        OutNumber(number)
    }

    pub fn give(&self, number: u64) {
        write(self.0, number);
    }
}

/// Writes through an out-parameter, if there is one.
pub(super) fn write<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: whoever made the Out, OutNumber or handle out-parameter promised that it may be written.
        unsafe { out.write(value) }
    }
}

/// The bytes of an input, `None` if it is absent.
///
/// # Safety
///
/// `start` is NULL, or `length` bytes from there may be read until the call returns.
pub(super) unsafe fn input<'a>(name: &str, start: *const c_char, length: usize) -> Result<Option<&'a [u8]>> {
    match (start.is_null(), length) {
        (true, 0) => Ok(None),
        (true, _) => Err(misuse(format!("{name} is NULL, but its length is {length}: give the text, or NULL and 0"))),
        (false, _) if length > isize::MAX as usize => {
            Err(misuse(format!("{name} has the length {length}, which no object in memory can have")))
        }
        // SAFETY: the caller of the export promised `length` readable bytes.
        (false, _) => Ok(Some(unsafe { std::slice::from_raw_parts(start.cast(), length) })),
    }
}

/// The same for an input that must be there.
///
/// # Safety
///
/// As [`input`].
pub(super) unsafe fn required<'a>(name: &str, start: *const c_char, length: usize) -> Result<&'a [u8]> {
    // SAFETY: the same promise.
    unsafe { input(name, start, length) }?.ok_or_else(|| misuse(format!("{name} is NULL: it must be given")))
}

/// An input that is plain text, not JSON.
pub(super) fn plain<'a>(name: &'static str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        Error::new(ErrorKind::InvalidJson, format!("{name}: the text is not UTF-8 at byte {offset}"))
            .with("in", name)
            .with("offset", offset)
    })
}

pub(super) fn misuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Misuse, message)
}

/// Makes a buffer of length bytes for an engine to hand over (store_engine_t), with room for a NUL behind
/// them, all zero. Free it with store_free if it is not handed over. NULL where there is no memory for it.
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn store_alloc(length: usize) -> *mut std::ffi::c_void {
    let mut buffer = Vec::new();
    let Some(bytes) = length.checked_add(HEADER + 1) else { return std::ptr::null_mut() };
    if buffer.try_reserve_exact(bytes).is_err() {
        return std::ptr::null_mut();
    }
    buffer.resize(bytes, 0);
    mark(&mut buffer);
    let start = std::mem::ManuallyDrop::new(buffer).as_mut_ptr();
    // SAFETY: the vector has more than HEADER bytes.
    unsafe { start.add(HEADER) }.cast()
}

/// Frees a buffer that any function of this library handed out. NULL is fine. Free each buffer once,
/// with this and never with free(). Any thread, also after the store was closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_free(buffer: *mut std::ffi::c_void) {
    if buffer.is_null() {
        return;
    }
    // SAFETY: the caller promised a buffer of ours, so HEADER bytes lie before it, the capacity first;
    // what Out::give forgot is a vector of that capacity.
    unsafe {
        let start = buffer.cast::<u8>().sub(HEADER);
        let capacity = start.cast::<usize>().read_unaligned();
        // Whoever hands it over again has handed over nothing of ours.
        start.cast::<usize>().add(1).write_unaligned(0);
        drop(Vec::from_raw_parts(start, 0, capacity));
    }
}
