// An account: decisions that hold, a reader that follows, an error. go run ./example [DIRECTORY]
// Without a directory the events are in memory.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"

	"runestore"
)

type money struct{ Cents int64 }

var account = runestore.Query{Domain: []string{"account"}, InstanceID: []string{"a-1"}}

func event(kind string, data any) runestore.Event {
	return runestore.Event{Type: kind, Domain: "account", InstanceID: "a-1", Data: data}
}

// withdraw takes money from the account if it is there, whoever else does so at the same time.
func withdraw(store *runestore.Store, cents int64) error {
	for {
		events, err := store.GetEvents(account, nil)
		if err != nil {
			return err
		}
		balance := int64(0)
		for _, e := range events {
			var m money
			if err := e.Decode(&m); err != nil {
				return err
			}
			balance += m.Cents
		}
		if balance < cents {
			return fmt.Errorf("%d cents are there, %d are wanted", balance, cents)
		}
		_, err = store.Append([]runestore.Event{event("Withdrawn", money{-cents})},
			&runestore.AppendOptions{ExpectedVersion: runestore.Version(uint64(len(events)))})
		// On a conflict somebody was faster: read again, decide again.
		if !errors.Is(err, runestore.ErrConflict) {
			return err
		}
	}
}

// report follows the account until ctx is done, and says after each event what the balance is.
func report(ctx context.Context, cursor *runestore.Cursor, handled func(position uint64)) error {
	balance := int64(0)
	for cursor.Next(ctx) {
		e := cursor.Event()
		var m money
		if err := e.Decode(&m); err != nil {
			return err
		}
		balance += m.Cents
		fmt.Printf("%3d %-10s %d\n", e.StreamVersion, e.Type, balance)
		handled(cursor.Position())
	}
	return cursor.Err()
}

func run(target string) error {
	store, err := runestore.Open(target, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	before, err := store.Head()
	if err != nil {
		return err
	}
	if _, err := store.Append([]runestore.Event{event("Opened", nil), event("Deposited", money{5000})}, nil); err != nil {
		return err
	}

	// Six at once want what is there for five: each is stored or refused, and the balance is right.
	var group sync.WaitGroup
	refused := make(chan error, 6)
	for i := 0; i < 6; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := withdraw(store, 1000); err != nil {
				refused <- err
			}
		}()
	}
	group.Wait()
	head, err := store.Head()
	if err != nil {
		return err
	}
	fmt.Printf("%d events more; %d of 6 refused: %v\n", head-before, len(refused), <-refused)

	// A reader of its own: what is there and what comes, until it is told to stop.
	cursor, err := store.Follow(account, nil)
	if err != nil {
		return err
	}
	defer cursor.Close()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- report(ctx, cursor, func(position uint64) {
			if position > head {
				stop()
			}
		})
	}()
	if _, err := store.Append([]runestore.Event{event("Closed", nil)}, nil); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return store.Close()
}

func main() {
	target := ""
	if len(os.Args) > 1 {
		target = os.Args[1]
	}
	if err := run(target); err != nil {
		log.Fatal(err)
	}
}
