// One event a call, and one event a read, in memory: usage: calls CALLS. Prints seconds.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"runestore"
)

type money struct {
	Cents int `json:"cents"`
}

func main() {
	calls, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	store, err := runestore.Open("", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	begun := time.Now()
	for n := 0; n < calls; n++ {
		event := runestore.Event{Type: "Deposited", Domain: "account", InstanceID: "a-" + strconv.Itoa(n%1000), Data: money{n}}
		stored, err := store.Append([]runestore.Event{event}, nil)
		if err != nil || stored[0].SequenceNumber != uint64(n+1) {
			log.Fatal(stored, err)
		}
	}
	fmt.Println("append", time.Since(begun).Seconds())
	begun = time.Now()
	for n := 0; n < calls; n++ {
		upTo := uint64(n + 1)
		events, err := store.GetEvents(runestore.Query{After: uint64(n), UpTo: &upTo}, nil)
		if err != nil || len(events) != 1 {
			log.Fatal(events, err)
		}
		var m money
		if err := events[0].Decode(&m); err != nil || m.Cents != n {
			log.Fatal(m, err)
		}
	}
	fmt.Println("get_events", time.Since(begun).Seconds())
}
