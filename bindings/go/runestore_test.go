package runestore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"runestore"
)

func opened() runestore.Event {
	return runestore.Event{Type: "Opened", Domain: "account", InstanceID: "a-1"}
}

func memory(t testing.TB) *runestore.Store { return open(t, "", nil) }

func open(t testing.TB, target string, options map[string]any) *runestore.Store {
	t.Helper()
	store, err := runestore.Open(target, options)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func appended(t testing.TB, store *runestore.Store, events ...runestore.Event) []runestore.StoredEvent {
	t.Helper()
	stored, err := store.Append(events, nil)
	must(t, err)
	return stored
}

func same(t testing.TB, what string, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Errorf("%s: %+v, expected %+v", what, found, expected)
	}
}

// details reads what an error of this code tells, and is fatal for any other.
func details(t testing.TB, err error, code runestore.Code) map[string]any {
	t.Helper()
	var e *runestore.Error
	if !errors.As(err, &e) || e.Code != code || !errors.Is(err, code) || errors.Is(err, runestore.ErrForked) {
		t.Fatalf("%v, expected %v", err, code)
	}
	members := map[string]any{}
	must(t, json.Unmarshal(e.Details, &members))
	if members["code"] != code.String() || members["message"] != e.Message || !strings.Contains(e.Error(), e.Message) {
		t.Errorf("%v says %s", e, e.Details)
	}
	return members
}

func TestAnEventComesBackAsItWent(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 50, 1, 123456789, time.FixedZone("", 3601)) // no offset of RFC 3339
	given := runestore.Event{
		ID: "019A0F6E-7C1D-7C2B-A4F0-5B8E6D2C9A01", Type: "Öpened \"<&>\\\n\x01", Domain: "account", InstanceID: "a-1",
		Version: math.MaxUint32, InsertedAt: at, Tags: []string{"vip", "<é>"},
		Data: map[string]any{"owner": "Ada & <Co>"}, Metadata: struct{ By string }{"me"},
	}
	expected := runestore.StoredEvent{
		SequenceNumber: 1, ID: "019a0f6e-7c1d-7c2b-a4f0-5b8e6d2c9a01", Type: given.Type, Domain: "account", InstanceID: "a-1",
		StreamVersion: 1, Version: math.MaxUint32, InsertedAt: time.Date(2026, 11, 23, 3, 50, 0, 123456000, time.UTC),
		Tags: given.Tags, Data: json.RawMessage(`{"owner":"Ada & <Co>"}`), Metadata: json.RawMessage(`{"By":"me"}`),
	}
	for _, target := range []string{"", filepath.Join(t.TempDir(), "ledger.runes")} {
		store := open(t, target, nil)
		same(t, "stored", appended(t, store, given), []runestore.StoredEvent{expected})
		read, err := store.GetEvents(nil, nil)
		must(t, err)
		same(t, "read", read, []runestore.StoredEvent{expected})
		// Repeated, it is answered and not stored twice.
		same(t, "repeated", appended(t, store, given), []runestore.StoredEvent{expected})
		head, err := store.Head()
		must(t, err)
		same(t, "head", head, uint64(1))
	}
}

func TestWhatIsLeftOutHasADefault(t *testing.T) {
	before := time.Now().Add(-time.Minute)
	stored := appended(t, memory(t), opened())[0]
	if len(stored.ID) != 36 || stored.InsertedAt.Before(before) || time.Since(stored.InsertedAt) < -time.Minute {
		t.Errorf("%+v", stored)
	}
	stored.ID, stored.InsertedAt = "", time.Time{}
	same(t, "stored", stored, runestore.StoredEvent{SequenceNumber: 1, Type: "Opened", Domain: "account", InstanceID: "a-1",
		StreamVersion: 1, Version: 1, Tags: []string{}, Data: json.RawMessage("{}"), Metadata: json.RawMessage("{}")})
}

func TestDataKeepsItsText(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	store := memory(t)
	for _, one := range []struct {
		data any
		text string
	}{
		{nil, `{}`},
		{json.RawMessage(`null`), `null`},
		{json.RawMessage(`{"b": 1, "a":1.50, "a":[]}`), `{"b":1,"a":1.50,"a":[]}`},
		{json.RawMessage(`"\ufffd\u0000"`), `"\ufffd\u0000"`},
		{uint64(math.MaxUint64), `18446744073709551615`},
		{int64(math.MinInt64), `-9223372036854775808`},
		{map[string]any{"n": huge}, `{"n":123456789012345678901234567890}`},
		{json.Number("9007199254740993"), `9007199254740993`},
		{0.1, `0.1`},
		{"\u0000 \ufffd \\ufffd", `"\u0000 ` + "\ufffd" + ` \\ufffd"`},
		{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), `"2026-01-02T03:04:05.000000006Z"`},
		{[]string{}, `[]`},
	} {
		event := opened()
		event.Data = one.data
		same(t, "data", string(appended(t, store, event)[0].Data), one.text)
	}
}

func TestDecodeKeepsEveryDigit(t *testing.T) {
	event := opened()
	event.Data = json.RawMessage(`{"any":9007199254740993,"typed":18446744073709551615}`)
	stored := appended(t, memory(t), event)[0]
	var members map[string]any
	must(t, stored.Decode(&members))
	same(t, "any", members["any"], json.Number("9007199254740993"))
	var typed struct{ Typed uint64 }
	must(t, stored.Decode(&typed))
	same(t, "typed", typed.Typed, uint64(math.MaxUint64))
}

func TestBytesComeBackAsBytes(t *testing.T) {
	store := memory(t)
	for _, data := range [][]byte{{0, 255, 'a'}, {}, bytes.Repeat([]byte{7}, 1<<20)} {
		event := opened()
		event.Data = data
		stored := appended(t, store, event)[0]
		if stored.Bytes == nil || !bytes.Equal(stored.Bytes, data) || stored.Data != nil {
			t.Errorf("%d bytes: %d bytes, data %s", len(data), len(stored.Bytes), stored.Data)
		}
	}
	if stored := appended(t, store, opened())[0]; stored.Bytes != nil {
		t.Errorf("an event without bytes has %v", stored.Bytes)
	}
}

func TestChecksOfAnAppend(t *testing.T) {
	store := memory(t)
	sold := runestore.Event{Type: "Sold", Domain: "sale", InstanceID: "s-1", Tags: []string{"seat:12A"}}
	seat := &runestore.Condition{FailIfEventsMatch: runestore.Query{Type: []string{"Sold"}, Tags: []string{"seat:12A"}}}
	a1 := func(version runestore.Expected) []runestore.Expectation {
		return []runestore.Expectation{{"account", "a-1", version}, {"account", "a-2", runestore.NoStream}}
	}
	for _, one := range []struct {
		name    string
		event   runestore.Event
		options runestore.AppendOptions
		refused map[string]any // the details of the conflict
	}{
		{"no stream yet", opened(), runestore.AppendOptions{ExpectedVersion: runestore.NoStream}, nil},
		{"a stream by now", opened(), runestore.AppendOptions{ExpectedVersion: runestore.NoStream},
			map[string]any{"reason": "expected_version", "expected": 0.0, "actual": 1.0, "domain": "account", "instance_id": "a-1"}},
		{"the version", opened(), runestore.AppendOptions{ExpectedVersion: runestore.Version(1)}, nil},
		{"exists", opened(), runestore.AppendOptions{ExpectedVersion: runestore.StreamExists}, nil},
		{"does not exist", sold, runestore.AppendOptions{ExpectedVersion: runestore.StreamExists},
			map[string]any{"reason": "expected_version", "expected": "exists", "actual": 0.0}},
		{"streams by name", opened(), runestore.AppendOptions{Expect: a1(runestore.Version(3))}, nil},
		{"any version", opened(), runestore.AppendOptions{Expect: a1(runestore.Expected{})}, nil},
		{"another version", opened(), runestore.AppendOptions{Expect: a1(runestore.Version(3))},
			map[string]any{"reason": "expect", "expected": 3.0, "actual": 5.0}},
		{"condition", sold, runestore.AppendOptions{Condition: seat}, nil},
		{"condition that fails", sold, runestore.AppendOptions{Condition: seat},
			map[string]any{"reason": "condition", "sequence_number": 6.0}},
		{"condition behind it", sold, runestore.AppendOptions{
			Condition: &runestore.Condition{FailIfEventsMatch: seat.FailIfEventsMatch, After: 6}}, nil},
		{"condition on all", sold, runestore.AppendOptions{Condition: &runestore.Condition{After: 6}},
			map[string]any{"reason": "condition", "sequence_number": 7.0}},
		{"condition as text", sold, runestore.AppendOptions{
			Condition: &runestore.Condition{FailIfEventsMatch: runestore.RawQuery(`{"type":"Opened"}`), After: 4}},
			map[string]any{"reason": "condition", "sequence_number": 5.0}},
		{"tracking", opened(), runestore.AppendOptions{Tracking: &runestore.Tracking{Source: "mailer", Position: 17}}, nil},
		{"tracking the same", opened(), runestore.AppendOptions{Tracking: &runestore.Tracking{Source: "mailer", Position: 17}},
			map[string]any{"reason": "tracking", "expected": 17.0, "actual": 17.0, "source": "mailer"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			_, err := store.Append([]runestore.Event{one.event}, &one.options)
			if one.refused == nil {
				must(t, err)
				return
			}
			members := details(t, err, runestore.ErrConflict)
			for name, value := range one.refused {
				same(t, name, members[name], value)
			}
		})
	}
	// Options that say nothing of a version are fine for several streams.
	_, err := store.Append([]runestore.Event{opened(), sold}, &runestore.AppendOptions{})
	must(t, err)
	position, err := store.Tracking("mailer")
	must(t, err)
	same(t, "tracking", position, uint64(17))
	position, err = store.Tracking("nobody")
	must(t, err)
	same(t, "tracking", position, uint64(0))
}

func TestSummaries(t *testing.T) {
	store := memory(t)
	appended(t, store, opened())
	summary, err := store.AppendSummary([]runestore.Event{opened(), opened()}, nil)
	must(t, err)
	same(t, "summary", summary, runestore.Summary{First: 2, Last: 3, Count: 2, Head: 3})
	summary, err = store.AppendSummary(nil, &runestore.AppendOptions{Tracking: &runestore.Tracking{Source: "s", Position: 3}})
	must(t, err)
	same(t, "summary of nothing", summary, runestore.Summary{Head: 3})
}

func TestQueries(t *testing.T) {
	store := memory(t)
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	id := "0190a000-0000-7000-8000-000000000001"
	appended(t, store,
		runestore.Event{Type: "Opened", Domain: "account", InstanceID: "a-1", InsertedAt: day(1), Tags: []string{"x", "y"}},
		runestore.Event{Type: "Opened", Domain: "account", InstanceID: "a-2", InsertedAt: day(2), Tags: []string{"x"}, ID: id},
		runestore.Event{Type: "Closed", Domain: "account", InstanceID: "a-1", InsertedAt: day(3)},
		runestore.Event{Type: "Sold", Domain: "sale", InstanceID: "s\xc3\xa9", InsertedAt: day(4)})
	for _, one := range []struct {
		name      string
		selection runestore.Selection
		options   *runestore.ReadOptions
		positions []uint64
	}{
		{"all", nil, nil, []uint64{1, 2, 3, 4}},
		{"the zero query", runestore.Query{}, nil, []uint64{1, 2, 3, 4}},
		{"types", runestore.Query{Type: []string{"Sold", "Closed"}}, nil, []uint64{3, 4}},
		{"no type", runestore.Query{Type: []string{}}, nil, nil},
		{"domain and instance", runestore.Query{Domain: []string{"account"}, InstanceID: []string{"a-1"}}, nil, []uint64{1, 3}},
		{"id", runestore.Query{ID: []string{strings.ToUpper(id)}}, nil, []uint64{2}},
		{"tags", runestore.Query{Tags: []string{"x", "y"}}, nil, []uint64{1}},
		{"window", runestore.Query{From: day(2), To: day(4)}, nil, []uint64{2, 3}},
		{"positions", runestore.Query{After: 1, UpTo: runestore.Position(3)}, nil, []uint64{2, 3}},
		{"up to nothing", runestore.Query{UpTo: runestore.Position(0)}, nil, nil},
		{"version", runestore.Query{Domain: []string{"account"}, InstanceID: []string{"a-1"}, AfterVersion: 1}, nil, []uint64{3}},
		{"any of", runestore.AnyOf{{Type: []string{"Sold"}}, {Tags: []string{"y"}}}, nil, []uint64{1, 4}},
		{"any of none", runestore.AnyOf{}, nil, nil},
		{"text", runestore.RawQuery(`{"instance_id":"s\u00e9"}`), nil, []uint64{4}},
		{"a pointer", &runestore.Query{After: 3}, nil, []uint64{4}},
		{"limit and offset", nil, &runestore.ReadOptions{Limit: 2, Offset: 1}, []uint64{2, 3}},
		{"backward", nil, &runestore.ReadOptions{Limit: 2, Backward: true}, []uint64{4, 3}},
	} {
		t.Run(one.name, func(t *testing.T) {
			events, err := store.GetEvents(one.selection, one.options)
			must(t, err)
			var positions []uint64
			for _, event := range events {
				positions = append(positions, event.SequenceNumber)
			}
			same(t, "positions", positions, one.positions)
			same(t, "by cursor", walk(t, store, one.selection, one.options), one.positions)
		})
	}

	page, err := store.GetPage(runestore.Query{Domain: []string{"account"}}, &runestore.ReadOptions{Limit: 2, Offset: 2})
	must(t, err)
	same(t, "page", len(page.Events), 1)
	p := page.Pagination
	same(t, "pagination", []any{p.TotalCount, p.PageSize, p.PageNumber, p.TotalPages, p.HasNext, p.HasPrev, p.Head},
		[]any{uint64(3), uint64(2), uint64(2), uint64(2), false, true, uint64(4)})
}

func TestErrors(t *testing.T) {
	store := memory(t)
	taken := opened()
	taken.ID = "0190a000-0000-7000-8000-000000000001"
	appended(t, store, taken)
	folder := t.TempDir()
	held := filepath.Join(folder, "held")
	open(t, held, nil)
	reader := open(t, held, map[string]any{"read_only": true})
	plain := filepath.Join(folder, "plain")
	must(t, os.WriteFile(plain, nil, 0o600))
	other := memory(t)
	appended(t, other, opened())

	with := func(change func(*runestore.Event)) func() error {
		return func() error {
			event := opened()
			change(&event)
			_, err := store.Append([]runestore.Event{opened(), event}, nil)
			return err
		}
	}
	reading := func(selection runestore.Selection, options *runestore.ReadOptions) func() error {
		return func() error { _, err := store.GetEvents(selection, options); return err }
	}
	opening := func(target string, options map[string]any) func() error {
		return func() error { _, err := runestore.Open(target, options); return err }
	}
	none := map[string]any{}
	for _, one := range []struct {
		name    string
		call    func() error
		code    runestore.Code
		details map[string]any
	}{
		{"no type", with(func(e *runestore.Event) { e.Type = "" }), runestore.ErrInvalidEvent, map[string]any{"index": 1.0, "field": "type"}},
		{"NUL in a name", with(func(e *runestore.Event) { e.Domain = "a\x00b" }), runestore.ErrInvalidEvent, map[string]any{"index": 1.0, "field": "domain"}},
		{"a name too long", with(func(e *runestore.Event) { e.Type = strings.Repeat("x", 1025) }), runestore.ErrInvalidEvent, map[string]any{"field": "type"}},
		{"a name not UTF-8", with(func(e *runestore.Event) { e.InstanceID = "a\xff" }), runestore.ErrInvalidJSON, map[string]any{"in": "events"}},
		{"a tag not UTF-8", with(func(e *runestore.Event) { e.Tags = []string{"\xc3"} }), runestore.ErrInvalidJSON, map[string]any{"in": "events"}},
		{"data not UTF-8", with(func(e *runestore.Event) { e.Data = []string{"a\xffb"} }), runestore.ErrInvalidJSON, none},
		{"a key not UTF-8", with(func(e *runestore.Event) { e.Data = map[string]int{`\\` + "\xff": 1} }), runestore.ErrInvalidJSON, none},
		{"raw data not UTF-8", with(func(e *runestore.Event) { e.Data = json.RawMessage("\"\xff\"") }), runestore.ErrInvalidJSON, map[string]any{"in": "events"}},
		{"raw data no JSON", with(func(e *runestore.Event) { e.Data = json.RawMessage(`{"a":`) }), runestore.ErrInvalidJSON, none},
		{"raw data that brings a field", with(func(e *runestore.Event) { e.Data = json.RawMessage(`1,"tags":["x"]`) }), runestore.ErrInvalidJSON, none},
		{"an empty text", with(func(e *runestore.Event) { e.Data = json.RawMessage{} }), runestore.ErrInvalidJSON, none},
		{"metadata no object", with(func(e *runestore.Event) { e.Metadata = 1 }), runestore.ErrInvalidEvent, map[string]any{"index": 1.0, "field": "metadata"}},
		{"a year of five digits", with(func(e *runestore.Event) { e.InsertedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), runestore.ErrInvalidEvent, map[string]any{"field": "inserted_at"}},
		{"an id that is stored", with(func(e *runestore.Event) { e.ID = taken.ID; e.Data = 1 }), runestore.ErrDuplicateID, map[string]any{"ids": []any{taken.ID}}},
		{"data too large", with(func(e *runestore.Event) { e.Data = strings.Repeat("x", 16<<20) }), runestore.ErrTooLarge, map[string]any{"index": 1.0, "limit": float64(16 << 20)}},
		{"too many events", func() error { _, err := store.Append(make([]runestore.Event, 100_001), nil); return err }, runestore.ErrTooLarge, map[string]any{"limit": 100000.0}},
		{"text of 64 MiB and more", func() error { _, err := store.AppendJSON(bytes.Repeat([]byte{' '}, 64<<20+1), nil); return err }, runestore.ErrTooLarge, none},
		{"no events at all", func() error { _, err := store.AppendJSON(nil, nil); return err }, runestore.ErrMisuse, nil},
		{"a text without a byte", func() error { _, err := store.AppendJSON([]byte{}, nil); return err }, runestore.ErrInvalidJSON, map[string]any{"in": "events"}},
		{"a query of another key", reading(runestore.RawQuery(`[{},{"tpye":"x"}]`), nil), runestore.ErrInvalidQuery, map[string]any{"index": 1.0, "key": "tpye"}},
		{"a query no JSON", reading(runestore.RawQuery(`{`), nil), runestore.ErrInvalidJSON, map[string]any{"in": "query"}},
		{"an empty query", reading(runestore.RawQuery(``), nil), runestore.ErrInvalidJSON, map[string]any{"in": "query"}},
		{"a query not UTF-8", reading(runestore.Query{Type: []string{"\xff"}}, nil), runestore.ErrInvalidJSON, map[string]any{"in": "query"}},
		{"a version of no stream", reading(runestore.Query{AfterVersion: 1}, nil), runestore.ErrInvalidQuery, map[string]any{"key": "after_version"}},
		{"an option of cursors", reading(nil, &runestore.ReadOptions{MaxBytes: 1}), runestore.ErrInvalidOptions, map[string]any{"option": "max_bytes"}},
		{"a limit too large", reading(nil, &runestore.ReadOptions{Limit: math.MaxUint64}), runestore.ErrInvalidOptions, map[string]any{"option": "limit"}},
		{"a condition no JSON", func() error {
			_, err := store.Append(nil, &runestore.AppendOptions{Condition: &runestore.Condition{FailIfEventsMatch: runestore.RawQuery(`{},"after":9`)}})
			return err
		}, runestore.ErrInvalidJSON, none},
		{"a follower with an offset", func() error { _, err := store.Follow(nil, &runestore.ReadOptions{Offset: 1}); return err }, runestore.ErrInvalidOptions, map[string]any{"option": "offset"}},
		{"a source not UTF-8", func() error { _, err := store.Tracking("\xff"); return err }, runestore.ErrInvalidJSON, map[string]any{"in": "source"}},
		{"NUL in a source", func() error { _, err := store.Tracking("a\x00"); return err }, runestore.ErrInvalidOptions, none},
		{"no source", func() error { _, err := store.Tracking(""); return err }, runestore.ErrInvalidOptions, none},
		{"an option that is none", opening(plain+"x", map[string]any{"snyc": "never"}), runestore.ErrInvalidOptions, map[string]any{"option": "snyc"}},
		{"an option of memory", opening("", map[string]any{"sync": "never"}), runestore.ErrInvalidOptions, none},
		{"an option not UTF-8", opening(plain+"x", map[string]any{"sync": "\xff"}), runestore.ErrInvalidJSON, none},
		{"NUL in a path", opening(plain+"\x00", nil), runestore.ErrInvalidOptions, map[string]any{"option": "path"}},
		{"a path not UTF-8", opening(plain+"\xff", nil), runestore.ErrInvalidJSON, map[string]any{"in": "config"}},
		{"an engine that is none", func() error { _, err := runestore.OpenConfig([]byte(`{"store":"fiel"}`)); return err }, runestore.ErrInvalidOptions, none},
		{"a configuration no JSON", func() error { _, err := runestore.OpenConfig([]byte{}); return err }, runestore.ErrInvalidJSON, map[string]any{"in": "config"}},
		{"no store there", opening(filepath.Join(folder, "none"), map[string]any{"create": false}), runestore.ErrNotFound, map[string]any{"path": filepath.Join(folder, "none")}},
		{"a second writer", opening(held, nil), runestore.ErrLocked, map[string]any{"path": held}},
		{"a reader that writes", func() error { _, err := reader.Append([]runestore.Event{opened()}, nil); return err }, runestore.ErrReadOnly, none},
		{"a path through a file", opening(filepath.Join(plain, "x"), nil), runestore.ErrIO, map[string]any{"errno": 20.0}},
		{"a server that is none", opening("postgres://127.0.0.1:1/none?sslmode=disable", nil), 0, nil},
		{"verifying memory", func() error { _, err := store.Verify(); return err }, runestore.ErrUnsupported, none},
		{"a backup of memory", func() error { _, err := store.Backup(plain + "x"); return err }, runestore.ErrUnsupported, none},
		{"a backup not UTF-8", func() error { _, err := reader.Backup("\xff"); return err }, runestore.ErrInvalidJSON, map[string]any{"in": "path"}},
		{"a copy into itself", func() error { _, err := store.CopyTo(store); return err }, runestore.ErrMisuse, none},
		{"a copy into another past", func() error { _, err := store.CopyTo(other); return err }, runestore.ErrConflict, map[string]any{"reason": "copy", "sequence_number": 1.0}},
	} {
		t.Run(one.name, func(t *testing.T) {
			err := one.call()
			if one.code == 0 { // PostgreSQL may be left out of the library
				if !errors.Is(err, runestore.ErrIO) && !errors.Is(err, runestore.ErrUnsupported) {
					t.Fatal(err)
				}
				return
			}
			members := details(t, err, one.code)
			for name, value := range one.details {
				same(t, name, members[name], value)
			}
		})
	}
	head, err := store.Head()
	must(t, err)
	same(t, "head after all of them", head, uint64(1))

	event := opened()
	event.Data = math.NaN()
	var unsupported *json.UnsupportedValueError
	if _, err := store.Append([]runestore.Event{opened(), event}, nil); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "event 1: data: ") {
		t.Errorf("NaN: %v", err)
	}
	same(t, "text", runestore.ErrDuplicateID.Error(), "runestore: duplicate_id")
}

func TestTheLargestPayloads(t *testing.T) {
	store := memory(t)
	event := opened()
	event.Data = strings.Repeat("x", 16<<20-2-2) // two quotes, and {} of metadata
	if stored := appended(t, store, event)[0]; len(stored.Data) != 16<<20-2 {
		t.Errorf("%d bytes", len(stored.Data))
	}
	batch := make([]runestore.Event, 100_000)
	for i := range batch {
		batch[i] = opened()
	}
	summary, err := store.AppendSummary(batch, nil)
	must(t, err)
	same(t, "summary", summary, runestore.Summary{First: 2, Last: 100_001, Count: 100_000, Head: 100_001})
}

func TestDamageIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.runes")
	store := open(t, path, nil)
	event := opened()
	event.Data = "a text to be found"
	appended(t, store, event)
	must(t, store.Close())
	broken := 0
	must(t, filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
		text, err := os.ReadFile(name)
		if at := bytes.Index(text, []byte("to be found")); err == nil && at >= 0 {
			text[at]++
			broken++
			return os.WriteFile(name, text, 0o600)
		}
		return nil
	}))
	if broken == 0 {
		t.Fatal("the text is in no file")
	}
	reader, err := runestore.Open(path, map[string]any{"read_only": true})
	if err == nil {
		defer reader.Close()
		var found runestore.Verification
		if found, err = reader.Verify(); err == nil {
			if found.OK || len(found.Problems) == 0 || found.Problems[0].File == "" || found.Problems[0].Message == "" {
				t.Errorf("%+v", found)
			}
			_, err = reader.GetEvents(nil, nil)
		}
	}
	details(t, err, runestore.ErrCorrupt)
}

func TestInfoVerifyBackupAndCopy(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "ledger.runes")
	store := open(t, path, map[string]any{"sync": map[string]any{"interval_ms": 100}})
	_, err := store.Append([]runestore.Event{opened(), opened()}, &runestore.AppendOptions{Tracking: &runestore.Tracking{Source: "mailer", Position: 1}})
	must(t, err)

	info, err := store.Info()
	must(t, err)
	if info.Bytes == 0 {
		t.Error("no bytes")
	}
	info.Bytes = 0
	same(t, "info", info, runestore.Info{Engine: "file", Head: 2, Events: 2, Segments: 1, Sync: json.RawMessage(`{"interval_ms":100}`),
		Epoch: 1, Format: 1, Path: path, Version: runestore.LibraryVersion()})

	found, err := store.Verify()
	must(t, err)
	if !found.OK || found.Events != 2 || found.Bytes == 0 || len(found.Problems) != 0 {
		t.Errorf("%+v", found)
	}

	copied, err := store.Backup(filepath.Join(folder, "backup"))
	must(t, err)
	if copied.Events != 2 || copied.Head != 2 || copied.Segments != 1 || copied.Bytes == 0 {
		t.Errorf("%+v", copied)
	}
	events, err := store.GetEvents(nil, nil)
	must(t, err)
	target := memory(t)
	into, err := store.CopyTo(target)
	must(t, err)
	same(t, "copy", into, runestore.Copy{Copied: 2, Events: 2, Head: 2})
	position, err := target.Tracking("mailer")
	must(t, err)
	same(t, "tracking of the copy", position, uint64(1))
	for _, other := range []*runestore.Store{target, open(t, filepath.Join(folder, "backup"), nil)} {
		read, err := other.GetEvents(nil, nil)
		must(t, err)
		same(t, "events of the copy", read, events)
	}
}

func TestTexts(t *testing.T) {
	store := memory(t)
	out, err := store.AppendJSON([]byte(`{"type":"T","domain":"d","instance_id":"i","data":{ "n": 1e2 }}`), []byte(`{"expected_version":0}`))
	must(t, err)
	read, err := store.GetEventsJSON(nil, nil)
	must(t, err)
	if !bytes.Equal(out, read) || !bytes.Contains(out, []byte(`"data":{"n":1e2}`)) {
		t.Errorf("%s and %s", out, read)
	}
	lines, err := store.GetEventsJSON([]byte(`{"type":"T"}`), []byte(`{"format":"ndjson"}`))
	must(t, err)
	same(t, "lines", string(lines), strings.Trim(string(read), "[]")+"\n")
	// A stored event's JSON is the store's.
	events, err := store.GetEvents(nil, nil)
	must(t, err)
	var there, here map[string]any
	must(t, json.Unmarshal(lines, &there))
	encoded, err := json.Marshal(events[0])
	must(t, err)
	must(t, json.Unmarshal(encoded, &here))
	delete(there, "inserted_at") // zeros at the end of the fraction are left out by encoding/json
	delete(here, "inserted_at")
	same(t, "as JSON", here, there)
}

func TestManyGoroutinesOnOneStore(t *testing.T) {
	store := memory(t)
	const writers, each = 8, 200
	var group sync.WaitGroup
	for w := 0; w < writers; w++ {
		group.Add(2)
		go func() {
			defer group.Done()
			for i := 0; i < each; {
				// The version is what was read last: of two that take the same one is refused, and takes the next.
				events, err := store.GetEvents(nil, &runestore.ReadOptions{Backward: true, Limit: 1})
				if err != nil {
					t.Error(err)
					return
				}
				last := runestore.NoStream
				if len(events) > 0 {
					last = runestore.Version(events[0].StreamVersion)
				}
				_, err = store.AppendSummary([]runestore.Event{opened()}, &runestore.AppendOptions{ExpectedVersion: last})
				if err == nil {
					i++
				} else if !errors.Is(err, runestore.ErrConflict) {
					t.Error(err)
					return
				}
			}
		}()
		go func() {
			defer group.Done()
			for n := 0; n < each; n++ {
				events, err := store.GetEvents(runestore.Query{After: uint64(n)}, &runestore.ReadOptions{Limit: 2})
				if err != nil || len(events) > 0 && events[0].SequenceNumber != uint64(n+1) {
					t.Error(err, events)
					return
				}
			}
		}()
	}
	group.Wait()
	head, err := store.Head()
	must(t, err)
	same(t, "head", head, uint64(writers*each))
}
