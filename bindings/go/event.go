package runestore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// An Event is what Append stores. Type, Domain and InstanceID must be there; the last two name the event's stream.
type Event struct {
	ID         string // a UUID; the store makes one where it is empty
	Type       string
	Domain     string
	InstanceID string
	Version    uint32    // of the event's schema; 0 stands for 1
	InsertedAt time.Time // kept to the microsecond; the zero time stands for the store's clock
	Tags       []string
	Data       any // nil: {}; []byte: stored as bytes; json.RawMessage: as it is; else as encoding/json has it
	Metadata   any // the same without bytes; must come to a JSON object
}

// A StoredEvent is what the store gives. Its JSON is that of every other language.
type StoredEvent struct {
	SequenceNumber uint64          `json:"sequence_number"` // the position in the whole store: 1, 2, 3 ...
	ID             string          `json:"id"`
	Type           string          `json:"type"`
	Domain         string          `json:"domain"`
	InstanceID     string          `json:"instance_id"`
	StreamVersion  uint64          `json:"stream_version"` // the position in the stream: 1, 2, 3 ...
	Version        uint32          `json:"version"`
	InsertedAt     time.Time       `json:"inserted_at"`
	Tags           []string        `json:"tags"`
	Data           json.RawMessage `json:"data,omitempty"`        // byte for byte; nil where Bytes is there
	Bytes          []byte          `json:"data_base64,omitempty"` // of an event that was stored with bytes as Data
	Metadata       json.RawMessage `json:"metadata"`
}

// Decode is json.Unmarshal of Data, but numbers without a type of their own become json.Number, which keeps every
// digit, and not float64.
func (e StoredEvent) Decode(v any) error {
	decoder := json.NewDecoder(bytes.NewReader(e.Data))
	decoder.UseNumber()
	return decoder.Decode(v)
}

// A Selection says which events are meant: a Query, an AnyOf, a RawQuery, or nil for all.
type Selection interface {
	appendTo(text []byte) []byte
	after() uint64
}

// A Query is what an event must be: all that is said must hold. The zero Query selects all events.
type Query struct {
	Type, Domain, InstanceID, ID []string  // any of these; nil says nothing, an empty slice selects nothing
	Tags                         []string  // all of these
	From, To                     time.Time // at or after From, before To; zero says nothing
	After                        uint64    // positions larger than this
	UpTo                         *uint64   // positions at most this; Position makes one
	AfterVersion                 uint64    // versions larger than this of the one stream that is named
}

// AnyOf selects the events that any of the queries selects.
type AnyOf []Query

// A RawQuery is a query's JSON text.
type RawQuery string

// Position is for Query's UpTo.
func Position(n uint64) *uint64 { return &n }

func (q Query) appendTo(t []byte) []byte {
	o := object{text: t}
	for _, list := range []struct {
		key    string
		values []string
	}{{"type", q.Type}, {"domain", q.Domain}, {"instance_id", q.InstanceID}, {"id", q.ID}, {"tags", q.Tags}} {
		if list.values != nil {
			o.strings(list.key, list.values)
		}
	}
	o.time("from", q.From)
	o.time("to", q.To)
	o.number("after", q.After)
	if q.UpTo != nil {
		o.key("up_to")
		o.text = strconv.AppendUint(o.text, *q.UpTo, 10)
	}
	o.number("after_version", q.AfterVersion)
	return o.end()
}

func (q Query) after() uint64 { return q.After }

func (queries AnyOf) appendTo(t []byte) []byte {
	t = append(t, '[')
	for i, query := range queries {
		if i > 0 {
			t = append(t, ',')
		}
		t = query.appendTo(t)
	}
	return append(t, ']')
}

func (queries AnyOf) after() uint64 {
	var least uint64
	for i, query := range queries {
		if i == 0 || query.After < least {
			least = query.After
		}
	}
	return least
}

func (q RawQuery) appendTo(t []byte) []byte { return append(t, q...) }

func (q RawQuery) after() uint64 { return 0 }

// selectionText is nil for nil, which is absent, and never else.
func selectionText(s Selection) []byte {
	if s == nil {
		return nil
	}
	return s.appendTo([]byte{})
}

func eventsText(events []Event) ([]byte, error) {
	t := []byte{'['}
	for i := range events {
		if i > 0 {
			t = append(t, ',')
		}
		var err error
		if t, err = events[i].appendTo(t); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
	}
	return append(t, ']'), nil
}

func (e *Event) appendTo(t []byte) ([]byte, error) {
	o := object{text: t}
	if e.ID != "" {
		o.string("id", e.ID)
	}
	o.string("type", e.Type)
	o.string("domain", e.Domain)
	o.string("instance_id", e.InstanceID)
	o.number("version", uint64(e.Version))
	o.time("inserted_at", e.InsertedAt)
	if e.Tags != nil {
		o.strings("tags", e.Tags)
	}
	if data, ok := e.Data.([]byte); ok {
		o.string("data_base64", base64.StdEncoding.EncodeToString(data))
	} else if err := o.value("data", e.Data); err != nil {
		return nil, err
	}
	if err := o.value("metadata", e.Metadata); err != nil {
		return nil, err
	}
	return o.end(), nil
}

// An object is a JSON object in the making, behind what text held before.
type object struct {
	text  []byte
	begun bool
}

func (o *object) key(name string) {
	if o.begun {
		o.text = append(o.text, ',')
	} else {
		o.text = append(o.text, '{')
		o.begun = true
	}
	o.text = append(appendString(o.text, name), ':')
}

func (o *object) end() []byte {
	if !o.begun {
		o.text = append(o.text, '{')
	}
	return append(o.text, '}')
}

func (o *object) string(name, value string) {
	o.key(name)
	o.text = appendString(o.text, value)
}

func (o *object) strings(name string, values []string) {
	o.key(name)
	o.text = append(o.text, '[')
	for i, value := range values {
		if i > 0 {
			o.text = append(o.text, ',')
		}
		o.text = appendString(o.text, value)
	}
	o.text = append(o.text, ']')
}

// number leaves 0 out, which means the same as nothing wherever it is called.
func (o *object) number(name string, value uint64) {
	if value != 0 {
		o.key(name)
		o.text = strconv.AppendUint(o.text, value, 10)
	}
}

func (o *object) time(name string, value time.Time) {
	if !value.IsZero() {
		o.string(name, value.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	}
}

func (o *object) value(name string, value any) error {
	if value == nil {
		return nil
	}
	text, err := valueText(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	o.key(name)
	o.text = append(o.text, text...)
	return nil
}

// valueText is the JSON of a value of the caller's. A json.RawMessage stays as it is, but must be one value: it could
// bring further fields into the object that it goes into otherwise.
func valueText(value any) ([]byte, error) {
	if raw, ok := value.(json.RawMessage); ok {
		if !json.Valid(raw) {
			return nil, refused(ErrInvalidJSON, "the json.RawMessage is no JSON value")
		}
		return raw, nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'})
	if holdsReplacement(text) {
		return nil, refused(ErrInvalidJSON, "a string is not UTF-8; give bytes as a []byte, alone as Data or as a field")
	}
	return text, nil
}

// holdsReplacement: encoding/json writes \ufffd for what is not UTF-8, but U+FFFD itself as it is. What the caller
// meant would be lost without a word.
func holdsReplacement(text []byte) bool {
	for {
		at := bytes.Index(text, []byte(`\ufffd`))
		if at < 0 {
			return false
		}
		before := len(bytes.TrimRight(text[:at], `\`))
		if (at-before)%2 == 0 {
			return true
		}
		text = text[at+1:]
	}
}

// appendString leaves bytes that are not UTF-8 as they are, so that the store refuses them and says where they stand.
func appendString(t []byte, value string) []byte {
	t = append(t, '"')
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			t = append(t, '\\', c)
		case c < ' ':
			t = append(t, `\u00`...)
			t = append(t, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			t = append(t, c)
		}
	}
	return append(t, '"')
}
