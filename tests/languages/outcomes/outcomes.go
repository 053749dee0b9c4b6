// What docs/LANGUAGES.md says of closing, threads and cancelling, from Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"runestore"
)

var event = []runestore.Event{{Type: "T", Domain: "d", InstanceID: "i"}}

func opened() *runestore.Store {
	store, err := runestore.Open(os.Getenv("OUTCOMES_STORE"), nil)
	must(err)
	return store
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func outcome(err error) string {
	var failed *runestore.Error
	switch {
	case err == nil:
		return "nothing"
	case errors.As(err, &failed):
		return failed.Code.String()
	default:
		return err.Error()
	}
}

func append1(store *runestore.Store) (uint64, error) {
	stored, err := store.Append(event, nil)
	if err != nil {
		return 0, err
	}
	return stored[0].SequenceNumber, nil
}

func read(ctx context.Context, cursor *runestore.Cursor) (positions []uint64, err error) {
	for cursor.Next(ctx) {
		positions = append(positions, cursor.Event().SequenceNumber)
	}
	return positions, cursor.Err()
}

func follower(store *runestore.Store) *runestore.Cursor {
	cursor, err := store.Follow(nil, nil)
	must(err)
	return cursor
}

func all(store *runestore.Store) []uint64 {
	cursor, err := store.Cursor(nil, nil)
	must(err)
	defer cursor.Close()
	positions, err := read(context.Background(), cursor)
	must(err)
	return positions
}

func closedMeanwhile(store *runestore.Store, work func() error) string {
	running := make(chan error)
	go func() { running <- work() }()
	time.Sleep(100 * time.Millisecond)
	must(store.Close())
	return outcome(<-running)
}

func twoThreads(store *runestore.Store) {
	before, err := store.Head()
	must(err)
	var group sync.WaitGroup
	for _, name := range []string{"0", "1"} {
		name := name
		group.Add(1)
		go func() {
			defer group.Done()
			for data := 1; data <= 1000; data++ {
				_, err := store.Append([]runestore.Event{{Type: "T", Domain: "two", InstanceID: name, Data: data}}, nil)
				must(err)
			}
		}()
	}
	group.Wait()
	events, err := store.GetEvents(runestore.Query{Domain: []string{"two"}}, nil)
	must(err)
	gap, order, last := "no", "its", map[string]int{}
	for index, event := range events {
		if event.SequenceNumber != before+1+uint64(index) {
			gap = "a"
		}
		last[event.InstanceID]++
		if string(event.Data) != strconv.Itoa(last[event.InstanceID]) {
			order = "another"
		}
	}
	fmt.Printf("two threads on one store: %d events, %s gap, each thread's in %s order\n", len(events), gap, order)
}

func main() {
	store := opened()
	_, err := append1(store)
	must(err)
	cursor, err := store.Cursor(nil, nil)
	must(err)
	must(store.Close())
	_, err = append1(store)
	fmt.Println("append after close:", outcome(err))
	_, err = store.GetEvents(nil, nil)
	fmt.Println("get_events after close:", outcome(err))
	_, err = read(context.Background(), cursor)
	fmt.Println("a cursor after close:", outcome(err))
	if err := store.Close(); err == nil {
		fmt.Println("close again: no harm")
	}

	store = opened()
	fmt.Println("a wait, closed meanwhile:", closedMeanwhile(store, func() error {
		_, err := store.Wait(context.Background(), 1_000_000)
		return err
	}))

	store = opened()
	cursor = follower(store)
	fmt.Println("a follower, closed meanwhile:", closedMeanwhile(store, func() error {
		_, err := read(context.Background(), cursor)
		return err
	}))

	store = opened()
	acknowledged := all(store)
	fmt.Println("appends, closed meanwhile:", closedMeanwhile(store, func() error {
		for {
			position, err := append1(store)
			if err != nil {
				return err
			}
			acknowledged = append(acknowledged, position)
		}
	}))
	store = opened()
	there, found := all(store), "not what is there"
	if len(there) > 1 && fmt.Sprint(there) == fmt.Sprint(acknowledged) {
		found = "all there"
	}
	fmt.Println("what was acknowledged:", found)

	twoThreads(store)

	ctx, cancel := context.WithCancel(context.Background())
	cursor = follower(store)
	running := make(chan error)
	go func() {
		_, err := read(ctx, cursor)
		running <- err
	}()
	time.Sleep(100 * time.Millisecond)
	cancel()
	ending, goesOn := "ends", "goes on"
	if err := <-running; !errors.Is(err, context.Canceled) {
		ending = outcome(err)
	}
	if _, err := append1(store); err != nil {
		goesOn = outcome(err)
	}
	fmt.Printf("a follower, cancelled: it %s, and the store %s\n", ending, goesOn)
	must(store.Close())
}
