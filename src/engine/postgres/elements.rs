//! Arrays as they are sent to the server: their elements' bytes, back to back, so that two are joined by appending.

use bytes::{BufMut, BytesMut};
use std::error::Error;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// A one-dimensional array of texts, numbers or ids.
#[derive(Debug, Default)]
pub(super) struct Elements {
    count: u32,
    nulls: bool,
    bytes: Vec<u8>,
}

impl Elements {
    /// None, with room for so many that take so many bytes together.
    pub fn with_room(count: usize, bytes: usize) -> Elements {
        Elements { count: 0, nulls: false, bytes: Vec::with_capacity(4 * count + bytes) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn text(&mut self, text: &str) {
        self.element(&[text.as_bytes()]);
    }

    /// A text in parts, which must be UTF-8 together.
    pub fn text_of(&mut self, parts: &[&[u8]]) {
        self.element(parts);
    }

    pub fn id(&mut self, id: Uuid) {
        self.element(&[id.as_bytes()]);
    }

    pub fn long(&mut self, number: i64) {
        self.element(&[&number.to_be_bytes()]);
    }

    pub fn int(&mut self, number: i32) {
        self.element(&[&number.to_be_bytes()]);
    }

    pub fn flag(&mut self, flag: bool) {
        self.element(&[&[flag.into()]]);
    }

    pub fn null(&mut self) {
        self.count += 1;
        self.nulls = true;
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// The ids, where there are no others.
    pub fn ids(&self) -> impl Iterator<Item = Uuid> {
        let [length, bytes] = [size_of::<u32>(), size_of::<Uuid>()];
        self.bytes.chunks_exact(length + bytes).filter_map(move |element| Uuid::from_slice(&element[length..]).ok())
    }

    /// Adds all of `other`.
    pub fn join(&mut self, other: &Elements) {
        self.count += other.count;
        self.nulls |= other.nulls;
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn element(&mut self, parts: &[&[u8]]) {
        self.count += 1;
        // An append's text is below 64 MiB.
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        self.bytes.extend_from_slice(&(bytes as u32).to_be_bytes());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
    }
}

/// The one element that there is, by itself.
#[derive(Debug)]
pub(super) struct Only<'e>(pub &'e Elements);

impl ToSql for Only<'_> {
    fn to_sql(&self, _member: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        // Behind its length.
        out.extend_from_slice(self.0.bytes.get(4..).unwrap_or_default());
        Ok(IsNull::No)
    }

    fn accepts(member: &Type) -> bool {
        !matches!(member.kind(), Kind::Array(_))
    }

    to_sql_checked!();
}

impl ToSql for Elements {
    fn to_sql(&self, array: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(member) = array.kind() else { return Err("it is no array".into()) };
        out.put_u32(u32::from(self.count > 0));
        out.put_u32(self.nulls.into());
        out.put_u32(member.oid());
        if self.count > 0 {
            out.put_u32(self.count);
            out.put_u32(1);
        }
        out.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn accepts(array: &Type) -> bool {
        matches!(array.kind(), Kind::Array(_))
    }

    to_sql_checked!();
}
