package runestore

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
)

// A Cursor reads events piece by piece, in bounded memory:
//
//	for cursor.Next(ctx) {
//		handle(cursor.Event())
//	}
//	if err := cursor.Err(); err != nil {
//
// One goroutine at a time uses a cursor; Close may come from any. It is closed by Close, or some time after nothing refers
// to it any more.
type Cursor struct {
	store    *Store // a store is open as long as a cursor of it is used
	handle   uint64
	backward bool
	after    uint64 // the query's
	closed   atomic.Bool

	event    StoredEvent
	rest     []StoredEvent // fetched, to come after event
	position uint64        // behind rest
	done     bool
	err      error
}

// Cursor opens a cursor over the events of this moment that the selection means. Options may be nil.
func (s *Store) Cursor(selection Selection, options *ReadOptions) (*Cursor, error) {
	return s.cursor(selection, options)
}

// Follow opens a cursor that goes on with new events as they are committed: what is there and what comes are one sequence,
// nothing skipped and nothing twice. It ends after Limit events, or behind the query's UpTo. Options may be nil.
func (s *Store) Follow(selection Selection, options *ReadOptions) (*Cursor, error) {
	return s.cursor(selection, options, "follow")
}

func (s *Store) cursor(selection Selection, options *ReadOptions, flags ...string) (*Cursor, error) {
	a := nativeCursorOpen(s.handle, selectionText(selection), options.text(flags...))
	if _, err := s.answered(a); err != nil {
		return nil, err
	}
	c := &Cursor{store: s, handle: a.number, backward: options != nil && options.Backward}
	if selection != nil {
		c.after = selection.after()
		c.position = c.after
	}
	runtime.SetFinalizer(c, func(c *Cursor) { c.Close() })
	return c, nil
}

// Next goes to the next event, and waits for one where the cursor follows. It is false at the end, and where Err is not
// nil: after ctx is done, which ends a wait within 50 ms, it is ctx.Err(). Nothing is skipped by an error: after all but
// ErrClosed, Next may be called again. After its store was closed a cursor still gives what it had fetched.
func (c *Cursor) Next(ctx context.Context) bool {
	c.err = c.next(ctx)
	return c.err == nil && !c.done
}

func (c *Cursor) next(ctx context.Context) error {
	if c.closed.Load() {
		return newError(ErrClosed, nil)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(c.rest) == 0 && !c.done {
		if err := c.fetch(ctx); err != nil {
			return err
		}
	}
	if len(c.rest) > 0 {
		c.event, c.rest = c.rest[0], c.rest[1:]
	}
	return nil
}

func (c *Cursor) fetch(ctx context.Context) error {
	a, err := c.store.waiting(ctx, func(ms int64) answer {
		a := nativeCursorNext(c.handle, 0, ms)
		if a.status >= 0 {
			c.position = a.number
		}
		return a
	})
	if err != nil {
		return err
	}
	if c.done = a.status == statusDone; c.done {
		return nil
	}
	c.rest = nil // its end holds on to the piece before
	return c.store.decoded(a, &c.rest)
}

// Event is the event that the last Next went to.
func (c *Cursor) Event() StoredEvent { return c.event }

// Err is why the last Next was false, nil at the end.
func (c *Cursor) Err() error { return c.err }

// Position says that Next has given everything up to it, or it does not match: the number to keep as a checkpoint, and to
// begin behind another time as the query's After. One that goes backward reaches the beginning last, and says 0, or the
// query's After, until then.
func (c *Cursor) Position() uint64 {
	switch {
	case len(c.rest) == 0:
		return c.position
	case c.backward:
		return c.after
	}
	return c.event.SequenceNumber
}

// Close lets go of what the cursor holds, and ends a Next that waits with ErrClosed. Any goroutine may call it, any number
// of times, also after its store was closed.
func (c *Cursor) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	runtime.SetFinalizer(c, nil)
	// The store's close has ended its cursors, but each is still to be released.
	if err := nativeCursorClose(c.handle).err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}
