package runestore

/*
#include <runestore.h>

// Handles are numbers in the shape of a pointer. Go's collector would take them for addresses, so Go sees numbers only;
// and an answer is returned whole, since the address of a Go variable given to C puts that variable on the heap.
typedef struct {
	char *text;
	size_t length;
	uint64_t number;
	int32_t status;
} answer;

#define STORE(handle) ((store_t *)(uintptr_t)(handle))
#define CURSOR(handle) ((store_cursor_t *)(uintptr_t)(handle))

static answer open_store(const char *config, size_t length) {
	answer a = {0};
	store_t *store;
	a.status = store_init(config, length, &store, &a.text, &a.length);
	a.number = (uintptr_t)store;
	return a;
}

static answer close_store(uint64_t store) {
	answer a = {0};
	a.status = store_close(STORE(store), &a.text, &a.length);
	return a;
}

static answer append_events(uint64_t store, const char *events, size_t events_length, const char *opts, size_t opts_length) {
	answer a = {0};
	a.status = store_append(STORE(store), events, events_length, opts, opts_length, &a.text, &a.length);
	return a;
}

static answer get_events(uint64_t store, const char *query, size_t query_length, const char *opts, size_t opts_length) {
	answer a = {0};
	a.status = store_get_events(STORE(store), query, query_length, opts, opts_length, &a.text, &a.length);
	return a;
}

static answer wait_head(uint64_t store, uint64_t after, int64_t timeout_ms) {
	answer a = {0};
	a.status = store_wait(STORE(store), after, timeout_ms, &a.number, &a.text, &a.length);
	return a;
}

static answer tracking(uint64_t store, const char *source, size_t length) {
	answer a = {0};
	a.status = store_tracking(STORE(store), source, length, &a.number, &a.text, &a.length);
	return a;
}

static answer interrupt(uint64_t store) {
	answer a = {0};
	a.status = store_interrupt(STORE(store));
	return a;
}

static answer info(uint64_t store) {
	answer a = {0};
	a.status = store_info(STORE(store), &a.text, &a.length);
	return a;
}

static answer verify(uint64_t store) {
	answer a = {0};
	a.status = store_verify(STORE(store), NULL, 0, &a.text, &a.length);
	return a;
}

static answer backup(uint64_t store, const char *path, size_t length) {
	answer a = {0};
	a.status = store_backup(STORE(store), path, length, NULL, 0, &a.text, &a.length);
	return a;
}

static answer copy_store(uint64_t source, uint64_t target) {
	answer a = {0};
	a.status = store_copy(STORE(source), STORE(target), NULL, 0, &a.text, &a.length);
	return a;
}

static answer open_cursor(uint64_t store, const char *query, size_t query_length, const char *opts, size_t opts_length) {
	answer a = {0};
	store_cursor_t *cursor;
	a.status = store_cursor_open(STORE(store), query, query_length, opts, opts_length, &cursor, &a.text, &a.length);
	a.number = (uintptr_t)cursor;
	return a;
}

static answer cursor_next(uint64_t cursor, size_t max_events, int64_t timeout_ms) {
	answer a = {0};
	a.status = store_cursor_next(CURSOR(cursor), max_events, timeout_ms, &a.number, &a.text, &a.length);
	return a;
}

static answer cursor_cancel(uint64_t cursor) {
	answer a = {0};
	a.status = store_cursor_cancel(CURSOR(cursor));
	return a;
}

static answer cursor_close(uint64_t cursor) {
	answer a = {0};
	a.status = store_cursor_close(CURSOR(cursor));
	return a;
}
*/
import "C"

import "unsafe"

// answer is what a function of the library gave.
type answer struct {
	status Code
	text   []byte // nil where there is no buffer
	number uint64 // a handle, a position or a head
}

func (a answer) err() error {
	if a.status >= 0 {
		return nil
	}
	return newError(a.status, a.text)
}

// taken copies an answer into Go's memory and frees what C handed out.
func taken(a C.answer) answer {
	out := answer{status: Code(a.status), number: uint64(a.number)}
	if a.text != nil {
		// Not C.GoBytes, whose length is an int of C.
		out.text = append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(a.text)), int(a.length))...)
		C.store_free(unsafe.Pointer(a.text))
	}
	return out
}

var noBytes [1]byte

// input is a text as C takes it, borrowed for the call: nil is absent, an empty one a text without a byte.
func input(text []byte) (*C.char, C.size_t) {
	switch {
	case text == nil:
		return nil, 0
	case len(text) == 0:
		return (*C.char)(unsafe.Pointer(&noBytes[0])), 0
	}
	return (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text))
}

func nativeOpen(config []byte) answer {
	c, length := input(config)
	return taken(C.open_store(c, length))
}

func nativeClose(store uint64) answer {
	return taken(C.close_store(C.uint64_t(store)))
}

func nativeAppend(store uint64, events, options []byte) answer {
	e, eventsLength := input(events)
	o, optionsLength := input(options)
	return taken(C.append_events(C.uint64_t(store), e, eventsLength, o, optionsLength))
}

func nativeGetEvents(store uint64, query, options []byte) answer {
	q, queryLength := input(query)
	o, optionsLength := input(options)
	return taken(C.get_events(C.uint64_t(store), q, queryLength, o, optionsLength))
}

func nativeWait(store, after uint64, ms int64) answer {
	return taken(C.wait_head(C.uint64_t(store), C.uint64_t(after), C.int64_t(ms)))
}

func nativeTracking(store uint64, source []byte) answer {
	s, length := input(source)
	return taken(C.tracking(C.uint64_t(store), s, length))
}

func nativeInterrupt(store uint64) answer {
	return taken(C.interrupt(C.uint64_t(store)))
}

func nativeInfo(store uint64) answer {
	return taken(C.info(C.uint64_t(store)))
}

func nativeVerify(store uint64) answer {
	return taken(C.verify(C.uint64_t(store)))
}

func nativeBackup(store uint64, path []byte) answer {
	p, length := input(path)
	return taken(C.backup(C.uint64_t(store), p, length))
}

func nativeCopy(source, target uint64) answer {
	return taken(C.copy_store(C.uint64_t(source), C.uint64_t(target)))
}

func nativeCursorOpen(store uint64, query, options []byte) answer {
	q, queryLength := input(query)
	o, optionsLength := input(options)
	return taken(C.open_cursor(C.uint64_t(store), q, queryLength, o, optionsLength))
}

func nativeCursorNext(cursor uint64, eventsMax int, ms int64) answer {
	return taken(C.cursor_next(C.uint64_t(cursor), C.size_t(eventsMax), C.int64_t(ms)))
}

// nativeCursorCancel is for the vectors, whose test may not call C itself: a cursor is ended by its close.
func nativeCursorCancel(cursor uint64) answer {
	return taken(C.cursor_cancel(C.uint64_t(cursor)))
}

func nativeCursorClose(cursor uint64) answer {
	return taken(C.cursor_close(C.uint64_t(cursor)))
}

func nativeStatusName(status int32) string {
	return C.GoString(C.store_status_name(C.int32_t(status)))
}

// nativeVersions are the library's version, the interface's that it has, and that of the header.
func nativeVersions() (library string, has, header uint32) {
	return C.GoString(C.store_version()), uint32(C.store_abi_version()), C.STORE_ABI_VERSION
}
