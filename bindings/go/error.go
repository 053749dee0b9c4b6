package runestore

import "encoding/json"

// A Code is the kind of an error, the same in every language. Each is an error to compare with:
//
//	errors.Is(err, runestore.ErrConflict)
type Code int32

const (
	// ErrMisuse: the call itself is wrong. Correct the program.
	ErrMisuse Code = -1
	// ErrClosed: the store or the cursor is closed, or was during the call. An append that says so stored nothing.
	ErrClosed Code = -2
	// ErrInvalidJSON: a text is not JSON that every parser can read back. Details: in, offset.
	ErrInvalidJSON Code = -3
	// ErrInvalidEvent: the JSON is sound, but it is no event. Details: index, field.
	ErrInvalidEvent Code = -4
	// ErrInvalidQuery: the JSON is sound, but it is no query. Details: index, key.
	ErrInvalidQuery Code = -5
	// ErrInvalidOptions: an option is unknown, of the wrong type or out of range. Details: option.
	ErrInvalidOptions Code = -6
	// ErrConflict: a check inside the commit failed; nothing was stored. Read again, decide again. Details: reason,
	// expected, actual, and domain and instance_id, or sequence_number, or source.
	ErrConflict Code = -7
	// ErrDuplicateID: an id is stored already, or stands twice in the batch; nothing was stored. Details: ids.
	ErrDuplicateID Code = -8
	// ErrTooLarge: a limit on size or number was passed; nothing was stored. Details: limit, actual.
	ErrTooLarge Code = -9
	// ErrNotFound: what was asked for does not exist.
	ErrNotFound Code = -10
	// ErrReadOnly: the store was opened for reading only.
	ErrReadOnly Code = -11
	// ErrLocked: another writer holds the store.
	ErrLocked Code = -12
	// ErrIO: the operating system refused.
	ErrIO Code = -13
	// ErrNoSpace: there is no room left; nothing was stored. Try again once there is.
	ErrNoSpace Code = -14
	// ErrCorrupt: stored data is damaged.
	ErrCorrupt Code = -15
	// ErrUnsupported: this engine or this build cannot do it.
	ErrUnsupported Code = -16
	// ErrEngine: an engine that the program registered failed.
	ErrEngine Code = -17
	// ErrIndeterminate: it could not be learnt whether the batch was stored. Append it again with its ids. Details: ids.
	ErrIndeterminate Code = -18
	// ErrInterrupted: Interrupt ended the call. An append that says so stored nothing.
	ErrInterrupted Code = -19
	// ErrForked: the handle belongs to the parent process.
	ErrForked Code = -20
	// ErrInternal: a defect in Runestore. Close the store and report it.
	ErrInternal Code = -99
)

// String is the code's name, such as "conflict".
func (c Code) String() string { return nativeStatusName(int32(c)) }

// Error is "runestore: " and the name.
func (c Code) Error() string { return "runestore: " + c.String() }

// An Error is what the functions of this package return where the store refuses.
type Error struct {
	Code    Code
	Message string          // what was found, where, and what to do; may be empty
	Details json.RawMessage // the JSON object {"code":...,"message":...,details}, or nil
}

func newError(code Code, text []byte) *Error {
	e := &Error{Code: code, Details: text}
	var object struct{ Message string }
	if json.Unmarshal(text, &object) == nil {
		e.Message = object.Message
	}
	return e
}

// refused is an error that this package finds itself, in the shape of the library's.
func refused(code Code, message string) *Error {
	text, err := json.Marshal(map[string]string{"code": code.String(), "message": message})
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return &Error{Code: code, Message: message, Details: text}
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.Error()
	}
	return e.Code.Error() + ": " + e.Message
}

// Is makes errors.Is(err, ErrConflict) and the like true.
func (e *Error) Is(target error) bool { return target == e.Code }
