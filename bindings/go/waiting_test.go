package runestore_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"runestore"
)

// soon is far more than a wait may overlook a context, and far less than for ever.
const soon = 5 * time.Second

func walk(t testing.TB, store *runestore.Store, selection runestore.Selection, options *runestore.ReadOptions) (positions []uint64) {
	t.Helper()
	cursor, err := store.Cursor(selection, options)
	must(t, err)
	for cursor.Next(context.Background()) {
		positions = append(positions, cursor.Event().SequenceNumber)
	}
	must(t, cursor.Err())
	must(t, cursor.Close())
	return positions
}

// within runs a call in a goroutine of its own and fails if it does not end soon; it returns how long it took.
func within(t testing.TB, call func()) time.Duration {
	t.Helper()
	begun := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	select {
	case <-done:
	case <-time.After(soon):
		t.Fatal("it hangs")
	}
	return time.Since(begun)
}

func numbered(n int) []runestore.Event {
	events := make([]runestore.Event, n)
	for i := range events {
		events[i] = opened()
		events[i].Tags = []string{strings.Repeat("x", i%7+1)}
		events[i].Data = i + 1
	}
	return events
}

func TestACursorGivesAllOfItPieceByPiece(t *testing.T) {
	store := memory(t)
	stored := appended(t, store, numbered(1000)...)
	cursor, err := store.Cursor(runestore.Query{After: 10}, &runestore.ReadOptions{MaxBytes: 3000})
	must(t, err)
	same(t, "position at first", cursor.Position(), uint64(10))
	appended(t, store, opened()) // not of its moment
	var events []runestore.StoredEvent
	for cursor.Next(context.Background()) {
		event := cursor.Event()
		events = append(events, event)
		if cursor.Position() != event.SequenceNumber {
			t.Fatalf("position %d at event %d", cursor.Position(), event.SequenceNumber)
		}
	}
	must(t, cursor.Err())
	same(t, "events", events, stored[10:]) // those given first as well: no memory is shared with later ones
	if cursor.Next(context.Background()) || cursor.Err() != nil {
		t.Error("it goes on after its end", cursor.Err())
	}
	must(t, cursor.Close())
	must(t, cursor.Close())
	if cursor.Next(context.Background()) || !errors.Is(cursor.Err(), runestore.ErrClosed) {
		t.Error("it goes on after its close", cursor.Err())
	}
}

func TestPositionIsACheckpoint(t *testing.T) {
	store := memory(t)
	appended(t, store, numbered(10)...)
	// What does not match is passed as well.
	appended(t, store, runestore.Event{Type: "Other", Domain: "d", InstanceID: "i"})
	cursor, err := store.Cursor(runestore.Query{Type: []string{"Opened"}}, nil)
	must(t, err)
	for i := 0; i < 4; i++ {
		cursor.Next(context.Background())
	}
	same(t, "in the middle", cursor.Position(), uint64(4))
	same(t, "the rest", walk(t, store, runestore.Query{After: cursor.Position()}, nil), []uint64{5, 6, 7, 8, 9, 10, 11})
	for cursor.Next(context.Background()) {
	}
	same(t, "at the end", cursor.Position(), uint64(11))

	backward, err := store.Cursor(runestore.AnyOf{{After: 3}, {After: 2}}, &runestore.ReadOptions{Backward: true})
	must(t, err)
	same(t, "backward at first", backward.Position(), uint64(2))
	backward.Next(context.Background())
	same(t, "backward", []uint64{backward.Event().SequenceNumber, backward.Position()}, []uint64{11, 2})
	for backward.Next(context.Background()) {
	}
	same(t, "backward at its end", []uint64{backward.Event().SequenceNumber, backward.Position()}, []uint64{3, 11})
}

func TestAFollowerGivesWhatIsThereAndWhatComes(t *testing.T) {
	for _, target := range []string{"", filepath.Join(t.TempDir(), "ledger.runes")} {
		store := open(t, target, nil)
		appended(t, store, numbered(100)...)
		cursor, err := store.Follow(nil, &runestore.ReadOptions{Limit: 300})
		must(t, err)
		written := make(chan struct{})
		go func() {
			defer close(written)
			for i := 0; i < 200; i++ {
				if _, err := store.Append([]runestore.Event{opened()}, nil); err != nil {
					t.Error(err)
				}
			}
		}()
		n := uint64(0)
		within(t, func() {
			for cursor.Next(context.Background()) {
				n++
				if cursor.Event().SequenceNumber != n {
					t.Errorf("event %d is %d", n, cursor.Event().SequenceNumber)
				}
			}
		})
		must(t, cursor.Err())
		same(t, "events", n, uint64(300))
		<-written
		must(t, cursor.Close())
	}
}

func TestAContextEndsAWait(t *testing.T) {
	store := memory(t)
	appended(t, store, opened())
	for _, one := range []struct {
		name string
		wait func(ctx context.Context) error
	}{
		{"Wait", func(ctx context.Context) error { _, err := store.Wait(ctx, 1); return err }},
		{"Next", func(ctx context.Context) error {
			cursor, err := store.Follow(runestore.Query{After: 1}, nil)
			must(t, err)
			defer cursor.Close()
			if cursor.Next(ctx) {
				t.Error("there is an event")
			}
			return cursor.Err()
		}},
	} {
		t.Run(one.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(120*time.Millisecond, cancel) // in the middle of a slice
			var err error
			took := within(t, func() { err = one.wait(ctx) })
			if err != context.Canceled || took < 100*time.Millisecond {
				t.Errorf("cancelled: %v after %v", err, took)
			}
			ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			took = within(t, func() { err = one.wait(ctx) })
			if err != context.DeadlineExceeded || took < 20*time.Millisecond {
				t.Errorf("in time: %v after %v", err, took)
			}
			within(t, func() { err = one.wait(ctx) })
			if err != context.DeadlineExceeded {
				t.Errorf("too late from the start: %v", err)
			}
		})
	}
}

func TestADeadlineIsNotOverlookedForASlice(t *testing.T) {
	store := memory(t)
	shortest := soon
	for i := 0; i < 10; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		took := within(t, func() { store.Wait(ctx, 0) })
		cancel()
		if took < shortest {
			shortest = took
		}
	}
	if shortest > 40*time.Millisecond {
		t.Errorf("a wait of 5 ms takes %v", shortest)
	}
}

func TestACancelledWaitLeavesOthersAlone(t *testing.T) {
	store := memory(t)
	ctx, cancel := context.WithCancel(context.Background())
	others := make(chan error, 3)
	go func() { _, err := store.Wait(context.Background(), 0); others <- err }()
	go func() {
		long, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		_, err := store.Wait(long, 0)
		others <- err
	}()
	cursor, err := store.Follow(nil, nil)
	must(t, err)
	go func() { cursor.Next(context.Background()); others <- cursor.Err() }()
	time.AfterFunc(60*time.Millisecond, cancel)
	if _, err := store.Wait(ctx, 0); err != context.Canceled {
		t.Fatal(err)
	}
	select {
	case err := <-others:
		t.Fatalf("another wait ended: %v", err)
	case <-time.After(120 * time.Millisecond):
	}
	appended(t, store, opened())
	within(t, func() {
		for i := 0; i < 3; i++ {
			if err := <-others; err != nil {
				t.Error(err)
			}
		}
	})
	same(t, "event", cursor.Event().SequenceNumber, uint64(1))
}

func TestAFollowerGoesOnAfterItsContext(t *testing.T) {
	store := memory(t)
	appended(t, store, numbered(3)...)
	cursor, err := store.Follow(nil, nil)
	must(t, err)
	defer cursor.Close()
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	for cursor.Next(short) {
	}
	same(t, "why", cursor.Err(), context.DeadlineExceeded)
	same(t, "event", cursor.Event().SequenceNumber, uint64(3))
	appended(t, store, opened())
	within(t, func() {
		if !cursor.Next(context.Background()) || cursor.Event().SequenceNumber != 4 || cursor.Err() != nil {
			t.Error(cursor.Event(), cursor.Err())
		}
	})
}

func TestAContextThatIsDoneSkipsNothing(t *testing.T) {
	store := memory(t)
	appended(t, store, numbered(3)...)
	cursor, err := store.Cursor(nil, nil)
	must(t, err)
	defer cursor.Close()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for n := uint64(1); n <= 3; n++ {
		if cursor.Next(done) || cursor.Err() != context.Canceled {
			t.Fatal(cursor.Err())
		}
		if !cursor.Next(context.Background()) || cursor.Event().SequenceNumber != n {
			t.Fatal(n, cursor.Event(), cursor.Err())
		}
	}
}

func TestWait(t *testing.T) {
	store := memory(t)
	appended(t, store, opened(), opened())
	head, err := store.Wait(context.Background(), 0)
	must(t, err)
	same(t, "head", head, uint64(2))
	time.AfterFunc(20*time.Millisecond, func() { store.Append([]runestore.Event{opened()}, nil) })
	within(t, func() { head, err = store.Wait(context.Background(), 2) })
	must(t, err)
	same(t, "head", head, uint64(3))
}

func TestInterruptEndsWhatWaits(t *testing.T) {
	store := memory(t)
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, ctx := range []context.Context{context.Background(), cancellable} {
		cursor, err := store.Follow(nil, nil)
		must(t, err)
		ended := make(chan error, 2)
		go func() { _, err := store.Wait(ctx, 0); ended <- err }()
		go func() { cursor.Next(ctx); ended <- cursor.Err() }()
		time.Sleep(70 * time.Millisecond)
		must(t, store.Interrupt())
		within(t, func() {
			for i := 0; i < 2; i++ {
				if err := <-ended; !errors.Is(err, runestore.ErrInterrupted) {
					t.Error(err)
				}
			}
		})
		must(t, cursor.Close())
	}
}

func TestAfterCloseEverythingIsClosed(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "ledger.runes"), nil)
	appended(t, store, numbered(10)...)
	small := &runestore.ReadOptions{MaxBytes: 1}
	begun, err := store.Cursor(nil, small)
	must(t, err)
	if !begun.Next(context.Background()) {
		t.Fatal(begun.Err())
	}
	untouched, err := store.Follow(nil, nil)
	must(t, err)
	must(t, store.Close())
	must(t, store.Close())

	ctx := context.Background()
	for name, call := range map[string]func() error{
		"Append":        func() error { _, err := store.Append([]runestore.Event{opened()}, nil); return err },
		"AppendSummary": func() error { _, err := store.AppendSummary(nil, nil); return err },
		"GetEvents":     func() error { _, err := store.GetEvents(nil, nil); return err },
		"GetPage":       func() error { _, err := store.GetPage(nil, nil); return err },
		"Cursor":        func() error { _, err := store.Cursor(nil, nil); return err },
		"Follow":        func() error { _, err := store.Follow(nil, nil); return err },
		"Head":          func() error { _, err := store.Head(); return err },
		"Wait":          func() error { _, err := store.Wait(ctx, 0); return err },
		"Tracking":      func() error { _, err := store.Tracking("x"); return err },
		"Info":          func() error { _, err := store.Info(); return err },
		"Verify":        func() error { _, err := store.Verify(); return err },
		"Backup":        func() error { _, err := store.Backup("x"); return err },
		"CopyTo":        func() error { _, err := store.CopyTo(memory(t)); return err },
		"into it":       func() error { _, err := memory(t).CopyTo(store); return err },
		"Interrupt":     store.Interrupt,
		"begun":         func() error { begun.Next(ctx); return begun.Err() },
		"untouched":     func() error { untouched.Next(ctx); return untouched.Err() },
	} {
		if err := call(); !errors.Is(err, runestore.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, begun.Close())
	must(t, begun.Close())
	must(t, untouched.Close())
}

func TestCloseDuringCalls(t *testing.T) {
	for round := 0; round < 5; round++ {
		store := open(t, "", nil)
		appended(t, store, opened())
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		calls := []func() error{
			func() error { _, err := store.Wait(context.Background(), 1<<62); return err },
			func() error { _, err := store.Wait(ctx, 1<<62); return err },
			func() error { _, err := store.Append([]runestore.Event{opened()}, nil); return err },
			func() error { _, err := store.GetEvents(nil, nil); return err },
			func() error {
				cursor, err := store.Follow(nil, nil)
				if err != nil {
					return err
				}
				defer cursor.Close()
				for cursor.Next(ctx) {
				}
				return cursor.Err()
			},
		}
		var group sync.WaitGroup
		for _, call := range calls {
			for i := 0; i < 2; i++ {
				group.Add(1)
				go func(call func() error) {
					defer group.Done()
					for {
						if err := call(); err != nil {
							if !errors.Is(err, runestore.ErrClosed) {
								t.Error(err)
							}
							return
						}
					}
				}(call)
			}
		}
		time.Sleep(20 * time.Millisecond)
		for i := 0; i < 3; i++ {
			group.Add(1)
			go func() {
				defer group.Done()
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
		}
		within(t, group.Wait)
	}
}

func TestClosingACursorEndsItsWait(t *testing.T) {
	store := memory(t)
	cursor, err := store.Follow(nil, nil)
	must(t, err)
	time.AfterFunc(50*time.Millisecond, func() { cursor.Close() })
	within(t, func() {
		if cursor.Next(context.Background()) || !errors.Is(cursor.Err(), runestore.ErrClosed) {
			t.Error(cursor.Err())
		}
	})
	appended(t, store, opened()) // the store goes on
}

// eventually collects until it is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * soon); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
		runtime.GC()
	}
}

func TestWhatNobodyRefersToIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.runes")
	func() {
		store, err := runestore.Open(path, nil)
		must(t, err)
		appended(t, store, opened())
		cursor, err := store.Cursor(nil, nil)
		must(t, err)
		cursor.Next(context.Background())
	}()
	eventually(t, "the lock is still held", func() bool {
		store, err := runestore.Open(path, nil)
		if err == nil {
			must(t, store.Close())
		} else if !errors.Is(err, runestore.ErrLocked) {
			t.Fatal(err)
		}
		return err == nil
	})
}

func TestACursorKeepsItsStoreOpen(t *testing.T) {
	cursor := func() *runestore.Cursor {
		store, err := runestore.Open("", nil)
		must(t, err)
		appended(t, store, numbered(20)...)
		cursor, err := store.Cursor(nil, &runestore.ReadOptions{MaxBytes: 1})
		must(t, err)
		return cursor
	}()
	n := 0
	for cursor.Next(context.Background()) {
		n++
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	must(t, cursor.Err())
	same(t, "events", n, 20)
}

func TestACallKeepsItsStoreOpen(t *testing.T) {
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	go func() {
		store, err := runestore.Open("", nil)
		if err == nil {
			_, err = store.Wait(ctx, 0)
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			same(t, "the wait", err, context.DeadlineExceeded)
			return
		default:
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}
}
