// Package runestore is an event store that a program embeds, as it would embed SQLite.
//
// Events go in as atomic batches and come back filtered by type, domain, instance, tags and time, in one gapless order.
// docs/EVENTS.md of Runestore's repository has the rules for events, queries and options, which are the same in every
// language.
//
// A Store may be used by any number of goroutines at once, Close included. Calls run in C and cannot be ended one by
// one, so only those that wait take a context: Wait and Cursor.Next. To be able to stop a long read, read with a Cursor.
package runestore

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Store is an open store. It is closed by Close, or some time after nothing refers to it any more.
type Store struct {
	handle     uint64 // the library never issues it again, so a call after or during a close is an error and no more
	interrupts atomic.Uint64
	closing    sync.Once
	closed     error
}

// Open opens the store in a directory, which is made if it is not there; with a target that begins with postgresql:// or
// postgres://, in a PostgreSQL database; with an empty target, in memory. The options are those of docs/EVENTS.md, such as
// map[string]any{"sync": "never", "read_only": true}.
func Open(target string, options map[string]any) (*Store, error) {
	engine, member := "file", "path"
	switch {
	case target == "":
		engine, member = "memory", ""
	case strings.HasPrefix(target, "postgresql://"), strings.HasPrefix(target, "postgres://"):
		engine, member = "postgres", "url"
	}
	opts := object{}
	if member != "" {
		opts.string(member, target)
	}
	for name, value := range options {
		text, err := valueText(value)
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", name, err)
		}
		opts.key(name)
		opts.text = append(opts.text, text...)
	}
	config := object{}
	config.string("store", engine)
	config.key("store_opts")
	return OpenConfig(append(config.text, append(opts.end(), '}')...))
}

// OpenConfig opens the store of a configuration {"store":NAME,"store_opts":{...}}.
func OpenConfig(config json.RawMessage) (*Store, error) {
	library, has, header := nativeVersions()
	if has>>16 != header>>16 || has < header {
		return nil, refused(ErrUnsupported, fmt.Sprintf("the library %s has version %d.%d of the interface, this program needs %d.%d",
			library, has>>16, has&0xffff, header>>16, header&0xffff))
	}
	a := nativeOpen(config)
	if err := a.err(); err != nil {
		return nil, err
	}
	s := &Store{handle: a.number}
	// A close may wait for the disk, and other finalizers for this one.
	runtime.SetFinalizer(s, func(s *Store) { go s.Close() })
	return s, nil
}

// LibraryVersion is the version of the library that the program runs with, such as "0.1.0".
func LibraryVersion() string {
	library, _, _ := nativeVersions()
	return library
}

// Close stops reads, lets a commit that has begun finish, ends all waits with ErrClosed, and returns when files and locks are
// let go. Any goroutine may call it, any number of times.
func (s *Store) Close() error {
	s.closing.Do(func() {
		runtime.SetFinalizer(s, nil)
		s.closed = nativeClose(s.handle).err()
	})
	return s.closed
}

// ---- appending ----

// AppendOptions are the checks made inside the commit, and what is recorded with it.
type AppendOptions struct {
	ExpectedVersion Expected      // of the batch's only stream
	Expect          []Expectation // of streams named one by one, also ones that the batch does not write to
	Condition       *Condition
	Tracking        *Tracking
}

// Expected says what the version of a stream must be. The zero value asks for nothing.
type Expected struct{ text string }

var (
	// NoStream: the stream must not exist.
	NoStream = Version(0)
	// StreamExists: it must exist, at whatever version.
	StreamExists = Expected{`"exists"`}
)

// Version expects the stream's last StreamVersion to be n.
func Version(n uint64) Expected { return Expected{strconv.FormatUint(n, 10)} }

// An Expectation is what the version of one stream must be.
type Expectation struct {
	Domain, InstanceID string
	Version            Expected
}

// A Condition fails the append if an event behind the position After matches.
type Condition struct {
	FailIfEventsMatch Selection
	After             uint64
}

// Tracking records that the reader Source has handled all up to Position, which must be larger than the one recorded.
type Tracking struct {
	Source   string
	Position uint64
}

// A Summary says where events were stored. First and Last are 0 where Count is.
type Summary struct{ First, Last, Count, Head uint64 }

// Append stores the events as one atomic batch, all or nothing, and returns them as they are stored. Options may be nil.
//
// Give each event an ID, and an append whose outcome you did not learn can be repeated: a batch that is stored already is
// returned, and not stored twice.
//
// Any number of goroutines may append at once.
func (s *Store) Append(events []Event, options *AppendOptions) (stored []StoredEvent, err error) {
	err = s.append(events, options, "", &stored)
	return stored, err
}

// AppendSummary is Append with a shorter answer, which costs less.
func (s *Store) AppendSummary(events []Event, options *AppendOptions) (summary Summary, err error) {
	err = s.append(events, options, "summary", &summary)
	return summary, err
}

func (s *Store) append(events []Event, options *AppendOptions, answer string, v any) error {
	batch, err := eventsText(events)
	if err != nil {
		return err
	}
	opts, err := options.text(answer)
	if err != nil {
		return err
	}
	return s.decoded(nativeAppend(s.handle, batch, opts), v)
}

// AppendJSON is Append of JSON texts, with the answer as it comes. A nil text is absent.
func (s *Store) AppendJSON(events, options []byte) ([]byte, error) {
	return s.answered(nativeAppend(s.handle, events, options))
}

func (o *AppendOptions) text(answer string) ([]byte, error) {
	t := object{}
	if answer != "" {
		t.string("return", answer)
	}
	if o == nil {
		return t.end(), nil
	}
	o.ExpectedVersion.appendTo(&t, "expected_version")
	if len(o.Expect) > 0 {
		t.key("expect")
		for i, expectation := range o.Expect {
			if i == 0 {
				t.text = append(t.text, '[')
			} else {
				t.text = append(t.text, ',')
			}
			one := object{text: t.text}
			one.string("domain", expectation.Domain)
			one.string("instance_id", expectation.InstanceID)
			expectation.Version.appendTo(&one, "version")
			t.text = one.end()
		}
		t.text = append(t.text, ']')
	}
	if o.Condition != nil {
		query := selectionText(o.Condition.FailIfEventsMatch)
		if query == nil {
			query = []byte("null")
		}
		// It becomes a part of the options, so it must be one value.
		if !json.Valid(query) {
			return nil, refused(ErrInvalidJSON, "the condition's RawQuery is no JSON value")
		}
		t.key("condition")
		one := object{text: t.text}
		one.key("fail_if_events_match")
		one.text = append(one.text, query...)
		one.number("after", o.Condition.After)
		t.text = one.end()
	}
	if o.Tracking != nil {
		t.key("tracking")
		one := object{text: t.text}
		one.string("source", o.Tracking.Source)
		one.key("position")
		one.text = strconv.AppendUint(one.text, o.Tracking.Position, 10)
		t.text = one.end()
	}
	return t.end(), nil
}

func (e Expected) appendTo(o *object, name string) {
	o.key(name)
	if e.text == "" {
		o.text = append(o.text, `"any"`...)
	} else {
		o.text = append(o.text, e.text...)
	}
}

// ---- reading ----

// ReadOptions say how much is read. A number that is 0 says nothing.
type ReadOptions struct {
	Limit    uint64 // at most so many events
	Offset   uint64 // so many are passed over first; not for followers
	Backward bool   // from the last to the first; not for followers
	MaxBytes uint64 // for cursors: the size of what is fetched at once; by default 1 MiB
}

func (o *ReadOptions) text(flags ...string) []byte {
	t := object{}
	for _, flag := range flags {
		t.key(flag)
		t.text = append(t.text, "true"...)
	}
	if o != nil {
		t.number("limit", o.Limit)
		t.number("offset", o.Offset)
		t.number("max_bytes", o.MaxBytes)
		if o.Backward {
			t.string("direction", "backward")
		}
	}
	return t.end()
}

// GetEvents returns the events that the selection means, in the order of their positions, as of one moment. Options may be
// nil. Read what may not fit in memory with Cursor.
func (s *Store) GetEvents(selection Selection, options *ReadOptions) (events []StoredEvent, err error) {
	err = s.read(selection, options.text(), &events)
	return events, err
}

// A Page is one of the pages that a selection comes to. With Head as the UpTo of the query further pages are of the same
// moment.
type Page struct {
	Events     []StoredEvent
	Pagination struct {
		TotalCount uint64 `json:"total_count"`
		PageSize   uint64 `json:"page_size"`
		PageNumber uint64 `json:"page_number"`
		TotalPages uint64 `json:"total_pages"`
		HasNext    bool   `json:"has_next"`
		HasPrev    bool   `json:"has_prev"`
		Head       uint64
	}
}

// GetPage is GetEvents with the number of all that match. Limit is the size of a page, by default 100.
func (s *Store) GetPage(selection Selection, options *ReadOptions) (page Page, err error) {
	err = s.read(selection, options.text("pagination"), &page)
	return page, err
}

func (s *Store) read(selection Selection, options []byte, v any) error {
	return s.decoded(nativeGetEvents(s.handle, selectionText(selection), options), v)
}

// GetEventsJSON is GetEvents of JSON texts, with the answer as it comes. A nil text is absent.
func (s *Store) GetEventsJSON(query, options []byte) ([]byte, error) {
	return s.answered(nativeGetEvents(s.handle, query, options))
}

// ---- waiting ----

// Head is the position of the last event, 0 in an empty store.
func (s *Store) Head() (uint64, error) {
	a := nativeWait(s.handle, 0, 0)
	_, err := s.answered(a)
	return a.number, err
}

// Wait returns the head once it is larger than after. It ends with ctx.Err() soon after ctx is done.
func (s *Store) Wait(ctx context.Context, after uint64) (uint64, error) {
	a, err := s.waiting(ctx, func(ms int64) answer { return nativeWait(s.handle, after, ms) })
	return a.number, err
}

const (
	statusDone    Code = 1
	statusTimeout Code = 2
)

// waitMax is how long a done context may be overlooked: C waits on no context, and an interrupt would end other calls of
// the store as well.
const waitMax = 50 * time.Millisecond

// waiting makes a call that waits in slices, until it does not time out or ctx is done.
func (s *Store) waiting(ctx context.Context, call func(ms int64) answer) (answer, error) {
	begun := s.interrupts.Load()
	for {
		if err := ctx.Err(); err != nil {
			return answer{}, err
		}
		ms := int64(-1)
		if ctx.Done() != nil {
			slice := waitMax
			if deadline, ok := ctx.Deadline(); ok {
				slice = clamp(time.Until(deadline), slice)
			}
			ms = slice.Milliseconds() + 1 // not 0 for the last part of a millisecond
		}
		a := call(ms)
		if a.status != statusTimeout {
			return a, a.err()
		}
		// One that came between two slices.
		if s.interrupts.Load() != begun {
			return answer{}, newError(ErrInterrupted, nil)
		}
	}
}

// clamp is d from 0 to max.
func clamp(d, max time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d > max:
		return max
	}
	return d
}

// Interrupt ends the calls in progress on the store and its cursors with ErrInterrupted, not later ones.
func (s *Store) Interrupt() error {
	s.interrupts.Add(1)
	_, err := s.answered(nativeInterrupt(s.handle))
	return err
}

// ---- the rest ----

// Tracking is the position that the reader source has recorded, 0 if none.
func (s *Store) Tracking(source string) (uint64, error) {
	a := nativeTracking(s.handle, []byte(source))
	_, err := s.answered(a)
	return a.number, err
}

// An Info is what is known about a store. What its engine does not have is zero.
type Info struct {
	Engine   string
	Head     uint64
	Events   uint64
	Bytes    uint64
	Segments uint64
	Sync     json.RawMessage
	ReadOnly bool `json:"read_only"`
	Epoch    uint64
	Format   uint64
	Path     string
	Schema   string
	Version  string
}

// Info tells what is known about the store.
func (s *Store) Info() (info Info, err error) {
	err = s.decoded(nativeInfo(s.handle), &info)
	return info, err
}

// A Verification is what Verify found.
type Verification struct {
	OK       bool
	Events   uint64
	Bytes    uint64
	Problems []Problem
}

// A Problem is a damage, with the positions concerned where they are known, else 0.
type Problem struct {
	File        string
	Offset      uint64
	Message     string
	First, Last uint64
}

// Verify reads all that is stored and checks it. Damage is no error, but a problem in the answer.
func (s *Store) Verify() (found Verification, err error) {
	err = s.decoded(nativeVerify(s.handle), &found)
	return found, err
}

// A Backup is what was copied.
type Backup struct{ Events, Bytes, Head, Segments uint64 }

// Backup copies the store, which may be in use, into a new directory, and checks the copy.
func (s *Store) Backup(path string) (copied Backup, err error) {
	err = s.decoded(nativeBackup(s.handle, []byte(path)), &copied)
	return copied, err
}

// A Copy is what CopyTo copied this time, and what target has now.
type Copy struct{ Copied, Events, Head uint64 }

// CopyTo copies the store into another one, of any engine, with positions, ids, times and tracking. What target has must be
// the beginning of the store: a copy that ended early is gone on with by copying again.
func (s *Store) CopyTo(target *Store) (copied Copy, err error) {
	err = s.decoded(nativeCopy(s.handle, target.handle), &copied)
	runtime.KeepAlive(target)
	return copied, err
}

// answered also keeps the store, if nothing else refers to it, from being closed before the call has returned.
func (s *Store) answered(a answer) ([]byte, error) {
	runtime.KeepAlive(s)
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.text, nil
}

func (s *Store) decoded(a answer, v any) error {
	text, err := s.answered(a)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return refused(ErrInternal, "the answer cannot be read: "+err.Error())
	}
	return nil
}
