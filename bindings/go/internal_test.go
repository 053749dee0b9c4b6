package runestore

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestACursorThatNobodyRefersToIsClosed(t *testing.T) {
	store, err := Open("", nil)
	failOn(t, err)
	defer store.Close()
	handle := func() uint64 {
		cursor, err := store.Follow(nil, nil)
		failOn(t, err)
		return cursor.handle
	}()
	for end := time.Now().Add(10 * time.Second); nativeCursorNext(handle, 0, 0).status != ErrClosed; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still open")
		}
		runtime.GC()
	}
}

func TestAnInterruptBetweenTwoSlicesOfAWaitEndsIt(t *testing.T) {
	store, err := Open("", nil)
	failOn(t, err)
	defer store.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = store.waiting(ctx, func(int64) answer {
		failOn(t, store.Interrupt())
		return answer{status: statusTimeout}
	})
	if !errors.Is(err, ErrInterrupted) {
		t.Error(err)
	}
}
