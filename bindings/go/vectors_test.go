package runestore

// Every case of tests/vectors, on the memory and on the file engine. tests/vectors/README.md says what they mean.
//
// Texts go in as they are, below the public functions: those could not express a broken one. What comes back is also
// read as the package reads it.

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"
)

type vectorFile struct {
	Title string
	Texts map[string]json.RawMessage
	Cases []struct {
		Name  string
		Steps []vectorStep
	}
}

type vectorStep struct {
	Call, Note, Status             string
	Events, Query, Options, Source json.RawMessage
	Cursor                         string
	MaxEvents                      int   `json:"max_events"`
	TimeoutMs                      int64 `json:"timeout_ms"`
	After                          uint64
	Code                           int32
	Answer                         json.RawMessage
	Position                       json.RawMessage
	Head                           *uint64
	Details                        map[string]any
	MessageHas                     []string `json:"message_has"`
}

type vectorCounts struct{ files, cases, steps, answers, positions, read int }

func TestVectors(t *testing.T) {
	folder := os.Getenv("RUNESTORE_VECTORS")
	if folder == "" {
		folder = "../../tests/vectors"
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no vectors in %s: RUNESTORE_VECTORS names their folder (%v)", folder, err)
	}
	sort.Strings(names)
	for _, engine := range []string{"memory", "file"} {
		var counts vectorCounts
		for _, name := range names {
			t.Run(engine+"/"+filepath.Base(name), func(t *testing.T) { runVectorFile(t, engine, name, &counts) })
		}
		fmt.Printf("vectors: %s: %d files, %d cases, %d steps; %d answers and %d positions compared, %d answers read as events\n",
			engine, counts.files, counts.cases, counts.steps, counts.answers, counts.positions, counts.read)
		// So many were there when this was written.
		if !t.Failed() && (counts.files < 23 || counts.cases < 216 || counts.steps < 2560 || counts.positions < 200 || counts.read < 500) {
			t.Errorf("too few: %+v", counts)
		}
	}
}

func runVectorFile(t *testing.T, engine, name string, counts *vectorCounts) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var file vectorFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	counts.files++
	folder := t.TempDir()
	for at, one := range file.Cases {
		counts.cases++
		config := []byte(nil)
		if engine == "file" {
			config, _ = json.Marshal(map[string]any{"store": "file",
				"store_opts": map[string]any{"path": filepath.Join(folder, fmt.Sprint(at)), "sync": "never"}})
		}
		opened := nativeOpen(config)
		if err := opened.err(); err != nil {
			t.Fatal(err)
		}
		cursors := map[string]uint64{}
		for index, step := range one.Steps {
			counts.steps++
			if err := runVectorStep(step, opened.number, cursors, file.Texts, counts); err != nil {
				t.Fatalf("%q, step %d (%s): %v", one.Name, index, step.Call, err)
			}
		}
		for _, cursor := range cursors {
			nativeCursorClose(cursor)
		}
		if err := nativeClose(opened.number).err(); err != nil {
			t.Fatal(err)
		}
	}
}

func runVectorStep(step vectorStep, store uint64, cursors map[string]uint64, texts map[string]json.RawMessage, counts *vectorCounts) error {
	text := func(value json.RawMessage) []byte { return vectorText(value, texts) }
	var a answer
	switch step.Call {
	case "append":
		a = nativeAppend(store, text(step.Events), text(step.Options))
	case "get_events":
		a = nativeGetEvents(store, text(step.Query), text(step.Options))
	case "cursor_open":
		a = nativeCursorOpen(store, text(step.Query), text(step.Options))
		cursors[step.Cursor] = a.number
	case "cursor_next":
		a = nativeCursorNext(cursors[step.Cursor], step.MaxEvents, step.TimeoutMs)
	case "cursor_cancel":
		a = nativeCursorCancel(cursors[step.Cursor])
	case "cursor_close":
		a = nativeCursorClose(cursors[step.Cursor])
	case "wait":
		a = nativeWait(store, step.After, step.TimeoutMs)
	case "tracking":
		a = nativeTracking(store, text(step.Source))
	case "info":
		a = nativeInfo(store)
	case "status_name":
		a.text = []byte(nativeStatusName(step.Code))
	default:
		return fmt.Errorf("there is no such call")
	}

	if status := nativeStatusName(int32(a.status)); status != step.Status {
		return fmt.Errorf("%s instead of %s: %.600s", status, step.Status, a.text)
	}
	if a.status > 0 && a.text != nil {
		return fmt.Errorf("there is a buffer: %q", a.text)
	}
	if step.Answer != nil {
		counts.answers++
		expected := text(step.Answer)
		if a.text == nil || !sameAnswer(expected, a.text) {
			return fmt.Errorf("expected %.600q, there is %.600q", expected, a.text)
		}
	}
	if step.Position != nil {
		counts.positions++
		var low, high uint64
		if json.Unmarshal(step.Position, &low) == nil {
			high = low
		} else if err := json.Unmarshal(step.Position, &[]any{&low, &high}); err != nil {
			return err
		}
		if a.number < low || a.number > high {
			return fmt.Errorf("position %d, expected %s", a.number, step.Position)
		}
	}
	if step.Head != nil && a.number != *step.Head {
		return fmt.Errorf("head %d, expected %d", a.number, *step.Head)
	}
	members := map[string]any{}
	if a.status < 0 || step.Call == "info" {
		if err := decodeNumbers(a.text, &members); err != nil && a.text != nil {
			return err
		}
	}
	if a.status < 0 && step.Call != "cursor_cancel" && step.Call != "cursor_close" {
		e := a.err().(*Error)
		if members["code"] != step.Status || members["message"] != e.Message || e.Message == "" || e.Code.String() != step.Status {
			return fmt.Errorf("the error is %s", a.text)
		}
	}
	for name, value := range step.Details {
		if !reflect.DeepEqual(members[name], value) {
			return fmt.Errorf("%s is %v, expected %v", name, members[name], value)
		}
	}
	for _, part := range step.MessageHas {
		if message, _ := members["message"].(string); !strings.Contains(message, part) {
			return fmt.Errorf("%q is not in the message %q", part, message)
		}
	}
	if a.status == 0 && len(a.text) < 1<<20 && bytes.HasPrefix(a.text, []byte("[")) {
		counts.read++
		return readAsEvents(a.text)
	}
	return nil
}

func decodeNumbers(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(v)
}

// readAsEvents reads an answer into StoredEvents, puts the text together again from what they hold, and compares.
func readAsEvents(text []byte) error {
	var events []StoredEvent
	if err := json.Unmarshal(text, &events); err != nil {
		return err
	}
	again := []byte("[")
	for i, e := range events {
		if i > 0 {
			again = append(again, ',')
		}
		o := object{text: again}
		o.number("sequence_number", e.SequenceNumber)
		o.string("id", e.ID)
		names := object{}
		names.string("type", e.Type)
		names.string("domain", e.Domain)
		names.string("instance_id", e.InstanceID)
		o.text = append(append(o.text, ','), names.text[1:]...)
		o.number("stream_version", e.StreamVersion)
		o.number("version", uint64(e.Version))
		o.key("inserted_at")
		o.text = append(append(append(o.text, '"'), e.InsertedAt.Format("2006-01-02T15:04:05.000000Z07:00")...), '"')
		o.strings("tags", e.Tags)
		if e.Bytes != nil {
			o.key("data_base64")
			encoded, err := json.Marshal(e.Bytes)
			if err != nil {
				return err
			}
			o.text = append(o.text, encoded...)
		} else {
			o.key("data")
			o.text = append(o.text, e.Data...)
		}
		o.key("metadata")
		o.text = append(o.text, e.Metadata...)
		again = o.end()
	}
	again = append(again, ']')
	// The store writes \b, \f, \n, \r and \t in names as such; this package writes \u00xx, which means the same.
	var a, b any
	if err := decodeNumbers(text, &a); err != nil {
		return err
	}
	if err := decodeNumbers(again, &b); err != nil {
		return err
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("%.600s was read as %.600s", text, again)
	}
	return nil
}

// vectorText is a text as tests/vectors/README.md has them; nil where there is none.
func vectorText(value json.RawMessage, texts map[string]json.RawMessage) []byte {
	if value == nil {
		return nil
	}
	var plain string
	if json.Unmarshal(value, &plain) == nil {
		return []byte(plain)
	}
	var parts []json.RawMessage
	if json.Unmarshal(value, &parts) == nil {
		text := []byte{}
		for _, part := range parts {
			text = append(text, vectorText(part, texts)...)
		}
		return text
	}
	var part struct {
		Repeat, Hex, Use string
		Times            int
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&part); err != nil {
		panic(fmt.Sprintf("%s is no text: %v", value, err))
	}
	switch {
	case part.Use != "":
		if texts[part.Use] == nil {
			panic("there is no text " + part.Use)
		}
		return vectorText(texts[part.Use], nil)
	case part.Hex != "":
		text, err := hex.DecodeString(part.Hex)
		if err != nil {
			panic(err)
		}
		return text
	}
	return bytes.Repeat([]byte(part.Repeat), part.Times)
}

var (
	wildcard  = regexp.MustCompile("«(.*?)»")
	wildcards = map[string]string{
		"uuid7": `([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})`,
		"now":   `(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)`,
		"any":   `((?s:.*?))`,
	}
)

func sameAnswer(expected, found []byte) bool {
	if bytes.Equal(expected, found) {
		return true
	}
	names := wildcard.FindAllSubmatch(expected, -1)
	if names == nil {
		return false
	}
	// Literals and wildcards take turns. What the wildcards stand for is looked at afterwards.
	pattern := `^`
	for i, literal := range wildcard.Split(string(expected), -1) {
		pattern += regexp.QuoteMeta(literal)
		if i < len(names) {
			pattern += wildcards[string(names[i][1])]
		}
	}
	groups := regexp.MustCompile(pattern + `$`).FindSubmatch(found)
	if groups == nil {
		return false
	}
	ids, now := map[string]bool{}, ""
	for i, name := range names {
		value := string(groups[i+1])
		switch string(name[1]) {
		case "uuid7":
			if ids[value] {
				return false
			}
			ids[value] = true
		case "now":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil || time.Since(at) > 5*time.Minute || time.Since(at) < -5*time.Minute || now != "" && now != value {
				return false
			}
			now = value
		}
	}
	return true
}

func TestTheVectorsRunnerSeesAWrongAnswer(t *testing.T) {
	id := "0190a000-0000-7000-8000-000000000001"
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	for _, one := range []struct {
		expected, found string
		same            bool
	}{
		{"a«any»b", "axxb", true},
		{"«uuid7»", id, true},
		{"[«now»,«now»]", "[" + now + "," + now + "]", true},
		{"[]", "[ ]", false},
		{"«uuid7»", "0190a000-0000-4000-8000-000000000001", false},
		{"«uuid7» «uuid7»", id + " " + id, false},
		{"«now»", "2001-01-01T00:00:00.000000Z", false},
		{"[«now»,«now»]", "[" + now + ",2001-01-01T00:00:00.000000Z]", false},
		{"a«any»b", "a b c", false},
		{"a", "", false},
	} {
		if sameAnswer([]byte(one.expected), []byte(one.found)) != one.same {
			t.Errorf("%s and %s: expected %v", one.expected, one.found, one.same)
		}
	}
	if readAsEvents([]byte(`[{"sequence_number":1,"id":"a","unknown":1}]`)) == nil {
		t.Error("an answer with a field that the package does not know was read")
	}
}
