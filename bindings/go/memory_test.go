package runestore

// Memory that was used is given back. RUNESTORE_TEST_CALLS=1000000 for the long run; 0 leaves it out.

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The texts in these calls have a KiB each. If one call of ten kept one, 100,000 calls would come to 7,500 KiB between the
// first quarter and the last; in a million calls even a block of 32 bytes from one of ten would be seen. Until malloc has found
// its size it comes and goes by some hundred KiB.
const grownMaxKiB = 2000

const controlCalls = 100_000

func callsOfTheMemoryTest(t *testing.T) int {
	calls := controlCalls
	if text := os.Getenv("RUNESTORE_TEST_CALLS"); text != "" {
		var err error
		if calls, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if calls == 0 {
		t.Skip("RUNESTORE_TEST_CALLS is 0")
	}
	return calls
}

func residentKiB(t *testing.T) int {
	// Twice, with time between: what only finalizers free is gone then.
	for i := 0; i < 2; i++ {
		debug.FreeOSMemory()
		time.Sleep(20 * time.Millisecond)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// grown makes the calls in four rounds after one, and says how many KiB the last three have added to what was there after
// the first of the four.
func grown(t *testing.T, calls int, round func(calls int)) int {
	round(calls / 4)
	var points []int
	for i := 0; i < 4; i++ {
		round(calls / 4)
		points = append(points, residentKiB(t))
	}
	fmt.Printf("memory: %s: %d calls, resident KiB at the quarters %v, grown by %d\n",
		t.Name(), calls, points, points[3]-points[0])
	return points[3] - points[0]
}

var kib = strings.Repeat("x", 1024)

func failOn(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMemoryOfAppendsAndReads(t *testing.T) {
	// A store in memory holds what is appended, so each has so many events and is closed.
	const each = 500
	event := Event{Type: "Opened", Domain: "account", InstanceID: "a-1", Data: kib}
	calls := callsOfTheMemoryTest(t)
	more := grown(t, calls, func(calls int) {
		for done := 0; done < calls; done += 2 * each {
			store, err := Open("", nil)
			failOn(t, err)
			for n := uint64(0); n < each; n++ {
				_, err := store.Append([]Event{event}, nil)
				failOn(t, err)
				events, err := store.GetEvents(Query{After: n}, nil)
				failOn(t, err)
				if len(events) != 1 || events[0].SequenceNumber != n+1 {
					t.Fatal(events)
				}
			}
			failOn(t, store.Close())
		}
	})
	if more > grownMaxKiB {
		t.Errorf("%d KiB more", more)
	}
}

func TestMemoryOfCursorsErrorsAndWhatIsNotClosed(t *testing.T) {
	store, err := Open("", nil)
	failOn(t, err)
	defer store.Close()
	event := Event{Type: "Opened", Domain: "account", InstanceID: "a-1", Data: kib}
	_, err = store.Append([]Event{event, event}, nil)
	failOn(t, err)
	wrong := event
	wrong.ID = kib
	ctx := context.Background()
	calls := callsOfTheMemoryTest(t)
	more := grown(t, calls, func(calls int) {
		for n := 0; n < calls; n += 10 {
			if _, err := store.Append([]Event{event}, &AppendOptions{ExpectedVersion: NoStream}); err == nil {
				t.Fatal("appended")
			}
			if _, err := store.Append([]Event{wrong}, nil); err == nil {
				t.Fatal("appended")
			}
			if _, err := store.GetEvents(RawQuery(`{"`+kib+`":1}`), nil); err == nil {
				t.Fatal("read")
			}
			if _, err := Open(kib+"\xff", nil); err == nil {
				t.Fatal("opened")
			}
			_, err = store.Info()
			failOn(t, err)
			closed, err := store.Cursor(nil, nil)
			failOn(t, err)
			for closed.Next(ctx) {
			}
			failOn(t, closed.Close())
			// Left open, in the middle of a piece.
			left, err := store.Follow(nil, nil)
			failOn(t, err)
			left.Next(ctx)
			if n%100 == 0 {
				forgotten, err := Open("", nil)
				failOn(t, err)
				_, err = forgotten.Append([]Event{event}, nil)
				failOn(t, err)
			}
		}
	})
	if more > grownMaxKiB {
		t.Errorf("%d KiB more", more)
	}
}

// The control: an answer of every tenth call is kept, as it would be by a call that did not free it.
func TestTheMemoryTestSeesALeak(t *testing.T) {
	callsOfTheMemoryTest(t)
	var kept [][]byte
	more := grown(t, controlCalls, func(calls int) {
		for n := 0; n < calls; n += 10 {
			kept = append(kept, append([]byte(nil), kib...))
		}
	})
	if more <= grownMaxKiB {
		t.Errorf("%d texts were kept, and it has grown by %d KiB", len(kept), more)
	}
}
