//! An event as Python has it: its text, read when it is asked for.

use crate::error::exception;
use crate::place::{self, Field};
use crate::quiet::quietly;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple, PyType};
use runestore::RecordedEvent;
use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// An event that is stored.
///
/// It never changes, equals another event with the same text, can be hashed, pickled and sent to
/// other threads. It holds the event's JSON text and reads a field when you ask for it, so an event
/// that is only passed on costs nothing more.
///
/// >>> import runestore
/// >>> with runestore.open() as store:
/// ...     [event] = store.append({"type": "Opened", "domain": "account", "instance_id": "a-1",
/// ...                             "data": {"owner": "Ada"}})
/// >>> event.sequence_number, event.type, event.data["owner"]
/// (1, 'Opened', 'Ada')
/// >>> event == runestore.Event.from_json(event.json)
/// True
#[pyclass(frozen, module = "runestore")]
pub(crate) struct Event {
    json: Box<[u8]>,
}

impl Event {
    /// An event of a store, in its own words; without the newline.
    pub fn new(json: &[u8]) -> Event {
        Event { json: json.into() }
    }

    pub fn fields(&self) -> RecordedEvent<'_> {
        RecordedEvent::stored(&self.json)
    }

    /// The position in the whole store.
    pub fn position(&self) -> u64 {
        place::number(&self.json, Field::SequenceNumber).unwrap_or_else(|| self.fields().sequence_number())
    }

    /// A field that is a string; `read` does the same for one with escapes.
    fn string<'a>(&'a self, field: Field, read: impl FnOnce(&RecordedEvent<'a>) -> Cow<'a, str>) -> Cow<'a, str> {
        place::string(&self.json, field).map_or_else(|| read(&self.fields()), Cow::Borrowed)
    }
}

/// So many bytes of events are many events.
const MANY: usize = 64 << 10;

/// The events of a text that has one a line.
pub(crate) fn list<'py>(py: Python<'py>, lines: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    extend(&list, lines)?;
    Ok(list)
}

/// Appends the events of a text that has one a line.
pub(crate) fn extend(list: &Bound<'_, PyList>, lines: &[u8]) -> PyResult<()> {
    let make = || {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            list.append(Bound::new(list.py(), Event::new(&lines[start..end]))?)?;
            start = end + 1;
        }
        Ok(())
    };
    if lines.len() < MANY { make() } else { quietly(list.py(), make) }
}

#[pymethods]
impl Event {
    /// Makes an event from its JSON text, as `Event.json` gave it; the order of its fields and white space
    /// do not matter.
    ///
    /// >>> import runestore
    /// >>> runestore.Event.from_json(b'{"sequence_number":1}')
    /// Traceback (most recent call last):
    ///     ...
    /// runestore.InvalidEventError: event: `id` is missing, or not as a store writes it: give the text of one event as a store gave it
    #[staticmethod]
    fn from_json(py: Python<'_>, json: &[u8]) -> PyResult<Event> {
        let event = RecordedEvent::parse(json).map_err(|error| exception(py, &error))?;
        // As a store writes it: events of the same value are equal.
        let mut text = Vec::with_capacity(json.len());
        event.write(&mut text);
        Ok(Event { json: text.into() })
    }

    /// The event's JSON text, byte for byte as the store keeps it.
    #[getter]
    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.json)
    }

    /// The position in the whole store: 1, 2, 3 … without gaps.
    #[getter]
    fn sequence_number(&self) -> u64 {
        self.position()
    }

    /// The id.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        UUID.import(py, "uuid", "UUID")?.call1((self.string(Field::Id, RecordedEvent::id),))
    }

    /// The type.
    #[getter]
    fn r#type(&self) -> Cow<'_, str> {
        self.string(Field::Type, RecordedEvent::event_type)
    }

    /// The domain: with `instance_id`, the event's stream.
    #[getter]
    fn domain(&self) -> Cow<'_, str> {
        self.string(Field::Domain, RecordedEvent::domain)
    }

    /// The instance id: with `domain`, the event's stream.
    #[getter]
    fn instance_id(&self) -> Cow<'_, str> {
        self.string(Field::InstanceId, RecordedEvent::instance_id)
    }

    /// The position in the stream: 1, 2, 3 … without gaps.
    #[getter]
    fn stream_version(&self) -> u64 {
        place::number(&self.json, Field::StreamVersion).unwrap_or_else(|| self.fields().stream_version())
    }

    /// The version of the event's schema.
    #[getter]
    fn version(&self) -> u32 {
        let number = place::number(&self.json, Field::Version).and_then(|number| u32::try_from(number).ok());
        number.unwrap_or_else(|| self.fields().version())
    }

    /// When the event was inserted: an aware datetime, in UTC.
    ///
    /// Raises ValueError for a time in the year 0, which Python's datetime does not have; `to_dict()`
    /// has it as text.
    #[getter]
    fn inserted_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let datetime = DATETIME.import(py, "datetime", "datetime")?;
        datetime.call_method1("fromisoformat", (self.string(Field::InsertedAt, RecordedEvent::inserted_at),))
    }

    /// The tags, in the order given.
    #[getter]
    fn tags<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.fields().tags().collect::<Vec<_>>())
    }

    /// The payload: what its JSON means, or bytes where it is binary.
    ///
    /// Integers are exact, however long. Each access reads the text anew, so that nobody can change
    /// the event: keep the value in a variable if you need it more than once.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(data) = place::data(&self.json) {
            return loads(py, data);
        }
        let event = self.fields();
        match event.data() {
            Some(data) => loads(py, data.as_bytes()),
            None => {
                let text = event.data_base64().unwrap_or_default();
                let bytes = BASE64_STANDARD.decode(text.as_bytes()).unwrap_or_default();
                Ok(PyBytes::new(py, &bytes).into_any())
            }
        }
    }

    /// The metadata. As `data`, each access reads it anew.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match place::metadata(&self.json) {
            Some(metadata) => loads(py, metadata),
            None => loads(py, self.fields().metadata().as_bytes()),
        }
    }

    /// The event as a dict of JSON values, as `json.loads(event.json)` would give it: `id` and
    /// `inserted_at` are strings, a binary payload is `data_base64`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        Ok(loads(py, &self.json)?.cast_into::<PyDict>()?)
    }

    fn __eq__(&self, other: &Bound<'_, Event>) -> bool {
        // Anything else does not get here: it is NotImplemented then.
        self.json == other.get().json
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.json.hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let event = self.fields();
        let shown = |text: &str| PyResult::Ok(text.into_pyobject(py)?.repr()?.to_string());
        Ok(format!(
            "Event(sequence_number={}, type={}, domain={}, instance_id={}, stream_version={})",
            event.sequence_number(),
            shown(&event.event_type())?,
            shown(&event.domain())?,
            shown(&event.instance_id())?,
            event.stream_version()
        ))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<Event>().getattr("from_json")?, (self.json(py),)))
    }
}

/// A text that is known to be sound JSON, as Python values.
fn loads<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    static ORJSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // orjson makes floats of integers above 64 bits, which are not exact.
    let loads =
        if has_long_number(text) { JSON.import(py, "json", "loads") } else { ORJSON.import(py, "orjson", "loads") };
    loads?.call1((PyBytes::new(py, text),))
}

/// Whether any number may have more digits than 64 bits surely hold (strings count as well).
fn has_long_number(text: &[u8]) -> bool {
    const DIGITS: usize = 19;
    // A run of so many digits has one of them at a multiple of that.
    let mut at = DIGITS - 1;
    while let Some(byte) = text.get(at) {
        if byte.is_ascii_digit() {
            let before = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let after = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if before + after >= DIGITS {
                return true;
            }
            at += after;
        }
        at += DIGITS;
    }
    false
}
