//! Python values as JSON text.
//!
//! Not by `orjson`, which writes NaN as null and refuses integers above 64 bits: here the one is an
//! error that names its place, and the other is exact.

mod classes;
mod stop;
mod string;

use self::classes::{Classes, clipped, is_dataclass, shown, type_name};
use self::stop::{Step, Stop, Written};
use self::string::Keys;
use crate::error::refusal;
use crate::event::Event;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use runestore::ErrorKind;
use std::borrow::Cow;

/// A structure that holds itself must end somewhere. The core has the real limit, 128.
const LEVELS_MAX: usize = 200;

/// A generator that does not end must end somewhere, too: no batch may have more text.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// Room for a query, or for the first event of a batch.
const FIRST_BYTES: usize = 512;

/// The text of one event or several.
pub(crate) fn events(events: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let py = events.py();
    let mut encoder = Encoder::new(py)?;
    if encoder.is_event(events)? {
        encoder.event(events).map_err(|stop| stop.raise(py, "event", ErrorKind::InvalidEvent, Some(0)))?;
        return Ok(encoder.out);
    }
    let class = events.get_type();
    if text(events).is_some() || !(class.hasattr("__iter__")? || class.hasattr("__getitem__")?) {
        let message = format!(
            "events: `{}` is no event: give a dict, another mapping, a dataclass or an Event, or several of them in a \
             list; for JSON text there is append_json",
            type_name(events)
        );
        return Err(refusal(py, ErrorKind::InvalidEvent, &message, &[("index", 0.into())]));
    }
    encoder.out.push(b'[');
    for (index, event) in events.try_iter()?.enumerate() {
        if encoder.out.len() > BATCH_BYTES_MAX {
            // The core refuses it.
            break;
        }
        match index {
            0 => {}
            1 => {
                // More like the first one, it seems.
                encoder.keys.remember();
                encoder.out.push(b',');
            }
            _ => encoder.out.push(b','),
        }
        encoder
            .event(&event?)
            .map_err(|stop| stop.raise(py, &format!("events[{index}]"), ErrorKind::InvalidEvent, Some(index)))?;
    }
    encoder.out.push(b']');
    Ok(encoder.out)
}

/// The text of a query, an option or a configuration: as it is, if it is text already.
pub(crate) fn json<'a>(
    value: Option<&'a Bound<'_, PyAny>>,
    name: &str,
    kind: ErrorKind,
) -> PyResult<Option<Cow<'a, [u8]>>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    if let Some(text) = text(value) {
        return text.map(Some);
    }
    let mut encoder = Encoder::new(value.py())?;
    encoder.value(value, 0).map_err(|stop| stop.raise(value.py(), name, kind, None))?;
    Ok(Some(Cow::Owned(encoder.out)))
}

/// The bytes of a `str` or `bytes`; `None` for anything else.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<PyResult<Cow<'a, [u8]>>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Some(utf8(text).map(|text| Cow::Borrowed(text.as_bytes())));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Some(Ok(Cow::Borrowed(bytes.as_bytes())));
    }
    value.cast::<PyByteArray>().ok().map(|bytes| Ok(Cow::Owned(bytes.to_vec())))
}

/// The text of a `str`.
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    text.to_str().map_err(|_| {
        let message = "the text holds an unpaired surrogate: it is no Unicode text, decode it anew";
        refusal(text.py(), ErrorKind::InvalidJson, message, &[])
    })
}

struct Encoder<'py> {
    py: Python<'py>,
    classes: &'py Classes,
    keys: Keys<'py>,
    /// Members of the dicts that are being written, which come next: the first one last, the innermost dict's on top.
    members: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    out: Vec<u8>,
}

/// What came of a value of which no code is to run.
enum Scalar {
    Written,
    /// It is none, or none that is written without more ado.
    Other,
    /// An integer of more than 64 bits, perhaps; to find out has run code.
    Long,
}

impl<'py> Encoder<'py> {
    fn new(py: Python<'py>) -> PyResult<Encoder<'py>> {
        let classes = Classes::get(py)?;
        Ok(Encoder { py, classes, keys: Keys::default(), members: Vec::new(), out: Vec::with_capacity(FIRST_BYTES) })
    }

    fn is_event(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        Ok(value.is_exact_instance_of::<PyDict>()
            || !value.is_exact_instance_of::<PyList>()
                && (value.is_instance_of::<Event>() || is_dataclass(value)? || value.cast::<PyMapping>().is_ok()))
    }

    fn event(&mut self, value: &Bound<'py, PyAny>) -> Written {
        if let Ok(event) = value.cast_exact::<Event>() {
            event.get().fields().write_new(&mut self.out);
            return Ok(());
        }
        if !self.is_event(value)? {
            let message =
                format!("`{}` is no event: give a dict, another mapping, a dataclass or an Event", type_name(value));
            return Err(Stop::fault(message));
        }
        self.object(value, |encoder, key, value| match bytes(value) {
            Some(bytes) if key.to_str().is_ok_and(|key| key == "data") => {
                encoder.out.extend_from_slice(b",\"data_base64\":");
                string::write(&BASE64_STANDARD.encode(bytes), &mut encoder.out);
                Ok(())
            }
            _ => {
                encoder.key(key)?;
                encoder.value(value, 1)
            }
        })
    }

    fn value(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Written {
        match self.scalar(value)? {
            Scalar::Written => Ok(()),
            Scalar::Other if value.is_exact_instance_of::<PyDict>() || value.is_exact_instance_of::<PyList>() => {
                self.container(value, depth)
            }
            _ => self.other(value, depth),
        }
    }

    /// What most values are, by their exact class.
    fn scalar(&mut self, value: &Bound<'py, PyAny>) -> Written<Scalar> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.text(text)?;
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            let Ok(number) = number.extract::<i64>() else { return Ok(Scalar::Long) };
            let _ = serde_json::to_writer(&mut self.out, &number);
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.float(number.value())?;
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.out.extend_from_slice(if truth.is_true() { b"true" } else { b"false" });
        } else if value.is_none() {
            self.out.extend_from_slice(b"null");
        } else {
            return Ok(Scalar::Other);
        }
        Ok(Scalar::Written)
    }

    /// A value of any other class.
    fn other(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Written {
        if let Ok(number) = value.cast::<PyFloat>() {
            self.float(number.value())
        } else if let Ok(text) = value.cast::<PyString>() {
            self.text(text)
        } else if let Ok(number) = value.cast::<PyInt>() {
            self.integer(number)
        } else if value.is_instance(self.classes.uuid.bind(self.py))? {
            let text = value.str()?;
            self.text(&text)
        } else if value.is_instance(self.classes.datetime.bind(self.py))? {
            self.time(value)
        } else {
            self.container(value, depth)
        }
    }

    fn container(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Written {
        if depth >= LEVELS_MAX {
            let what = "nests deeper than the 128 levels that are allowed, or holds itself: make it flatter";
            return Err(Stop::poison(what));
        }
        if let Ok(list) = value.cast::<PyList>() {
            self.array(list.iter(), depth)
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.array(tuple.iter(), depth)
        } else {
            self.object(value, |encoder, key, value| {
                encoder.key(key)?;
                encoder.value(value, depth + 1)
            })
        }
    }

    fn array(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> Written {
        self.out.push(b'[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(&item, depth + 1).map_err(|stop| stop.within(|| Step::Index(index)))?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// A dict, another mapping, or a dataclass; `member` writes a key, with a comma before it, and its value.
    fn object(
        &mut self,
        value: &Bound<'py, PyAny>,
        mut member: impl FnMut(&mut Self, &Bound<'py, PyString>, &Bound<'py, PyAny>) -> Written,
    ) -> Written {
        let (begin, bottom) = (self.out.len(), self.members.len());
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.scalars(dict)?;
        } else if is_dataclass(value)? {
            let fields = self.classes.dataclass_fields.bind(self.py).call1((value,))?;
            for field in fields.try_iter()? {
                let name = field?.getattr("name")?;
                let value = value.getattr(name.cast::<PyString>().map_err(PyErr::from)?)?;
                self.members.push((name, value));
            }
        } else if let Ok(mapping) = value.cast::<PyMapping>() {
            // Also a subclass of dict, which may have an order or values of its own.
            for item in mapping.items()? {
                self.members.push(item.extract()?);
            }
        } else {
            return Err(Stop::fault(unsupported(value)));
        }
        self.members[bottom..].reverse();
        while self.members.len() > bottom {
            let Some((key, value)) = self.members.pop() else { break };
            let key = named(&key)?;
            member(self, key, &value).map_err(|stop| stop.within(|| step(key)))?;
        }
        match self.out.get_mut(begin) {
            // The comma before the first key.
            Some(comma) => *comma = b'{',
            None => self.out.push(b'{'),
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes a dict's members up to the first one that is no scalar; that one and all behind it are to come next.
    ///
    /// They are noted before anything else is done: the values' code may run then, or another thread, and change the
    /// dict. Keys and values are those of one moment, for no code runs up to there. (To allocate a list, or an
    /// exception, can run the garbage collector, and that can run anything.)
    fn scalars(&mut self, dict: &Bound<'py, PyDict>) -> Written {
        let begin = self.out.len();
        let mut members = dict.iter();
        while let Some((key, value)) = members.next() {
            let at = self.out.len();
            let name = named(&key)?;
            self.key(name)?;
            match self.scalar(&value).map_err(|stop| stop.within(|| step(name)))? {
                Scalar::Written => {}
                Scalar::Other => {
                    self.out.truncate(at);
                    self.members.push((key, value));
                    self.members.extend(members);
                    break;
                }
                Scalar::Long => {
                    self.out.truncate(begin);
                    self.members.extend(dict.iter());
                    break;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn key(&mut self, key: &Bound<'py, PyString>) -> Written {
        if self.keys.write(key, &mut self.out) {
            return Ok(());
        }
        Err(Stop::poison("a key holds an unpaired surrogate: it is no Unicode text, decode it anew"))
    }

    fn text(&mut self, text: &Bound<'py, PyString>) -> Written {
        match text.to_str() {
            Ok(text) => {
                string::write(text, &mut self.out);
                Ok(())
            }
            Err(_) => {
                Err(Stop::poison("the string holds an unpaired surrogate: it is no Unicode text, decode it anew"))
            }
        }
    }

    fn integer(&mut self, number: &Bound<'py, PyInt>) -> Written {
        if let Ok(small) = number.extract::<i64>() {
            let _ = serde_json::to_writer(&mut self.out, &small);
            return Ok(());
        }
        let too_large =
            "the integer is outside the range of a double, which some readers of JSON cannot pass: give it as a str";
        // By the class' own method: a subclass may print itself in another way.
        match self.classes.int_repr.bind(self.py).call1((number,)) {
            Ok(digits) => {
                let digits = digits.cast::<PyString>().map_err(PyErr::from)?.to_str()?;
                if !digits.parse::<f64>().is_ok_and(f64::is_finite) {
                    return Err(Stop::poison(too_large));
                }
                self.out.extend_from_slice(digits.as_bytes());
                Ok(())
            }
            // Python itself refuses to write thousands of digits.
            Err(error) if error.is_instance_of::<PyValueError>(self.py) => Err(Stop::poison(too_large)),
            Err(error) => Err(error.into()),
        }
    }

    fn float(&mut self, number: f64) -> Written {
        if !number.is_finite() {
            return Err(no_number(number));
        }
        let _ = serde_json::to_writer(&mut self.out, &number);
        Ok(())
    }

    fn time(&mut self, time: &Bound<'py, PyAny>) -> Written {
        let offset = time.call_method0("utcoffset")?;
        if offset.is_none() {
            return Err(Stop::fault(format!(
                "the datetime {} has no time zone: give it one, such as datetime.timezone.utc",
                shown(time)
            )));
        }
        // RFC 3339 knows offsets of whole minutes only.
        let seconds: f64 = offset.call_method0("total_seconds")?.extract()?;
        let time = if seconds % 60.0 == 0.0 {
            time.clone()
        } else {
            // At the ends of the calendar there is no such time in UTC.
            time.call_method1("astimezone", (self.classes.utc.bind(self.py),)).map_err(|_| {
                Stop::fault(format!("the datetime {} is out of range: give one that has a time in UTC", shown(time)))
            })?
        };
        let text = time.call_method0("isoformat")?;
        self.text(text.cast::<PyString>().map_err(PyErr::from)?)
    }
}

#[cold]
fn no_number(number: f64) -> Box<Stop> {
    Stop::fault(format!("{number} is no JSON number: give None, or a str"))
}

/// The key of a member: a string.
#[inline]
fn named<'a, 'py>(key: &'a Bound<'py, PyAny>) -> Written<&'a Bound<'py, PyString>> {
    if let Ok(key) = key.cast_exact() {
        return Ok(key);
    }
    key.cast().map_err(|_| nameless(key))
}

#[cold]
fn nameless(key: &Bound<'_, PyAny>) -> Box<Stop> {
    let (shown, class) = (shown(key), type_name(key));
    Stop::fault(format!("the key {shown} is of type `{class}`: the keys of JSON objects are strings"))
}

fn step(key: &Bound<'_, PyString>) -> Step {
    Step::Key(clipped(&key.to_string_lossy()))
}

fn bytes<'a>(value: &'a Bound<'_, PyAny>) -> Option<Cow<'a, [u8]>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Some(Cow::Borrowed(bytes.as_bytes()));
    }
    value.cast::<PyByteArray>().ok().map(|bytes| Cow::Owned(bytes.to_vec()))
}

fn unsupported(value: &Bound<'_, PyAny>) -> String {
    let remedy = if bytes(value).is_some() {
        "encode it in base64, or give the bytes as the whole `data`"
    } else {
        "give str, int, float, bool, None, dict, list, tuple, UUID, an aware datetime or a dataclass"
    };
    format!("`{}` has no JSON form: {remedy}", type_name(value))
}
