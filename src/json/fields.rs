//! The fields of an event, in the order in which they are written.

pub(super) const FIELDS: [&str; 12] = [
    "sequence_number",
    "id",
    "type",
    "domain",
    "instance_id",
    "stream_version",
    "version",
    "inserted_at",
    "tags",
    "data",
    "data_base64",
    "metadata",
];

// Where each stands among them.
pub(super) const SEQUENCE_NUMBER: usize = 0;
pub(super) const ID: usize = 1;
pub(super) const TYPE: usize = 2;
pub(super) const DOMAIN: usize = 3;
pub(super) const INSTANCE_ID: usize = 4;
pub(super) const STREAM_VERSION: usize = 5;
pub(super) const VERSION: usize = 6;
pub(super) const INSERTED_AT: usize = 7;
pub(super) const TAGS: usize = 8;
pub(super) const DATA: usize = 9;
pub(super) const DATA_BASE64: usize = 10;
pub(super) const METADATA: usize = 11;

/// Where `name` stands among [`FIELDS`].
#[inline]
pub(super) fn field(name: &str) -> Option<usize> {
    // As a `match` it is a comparison of lengths and one of bytes.
    Some(match name {
        "sequence_number" => SEQUENCE_NUMBER,
        "id" => ID,
        "type" => TYPE,
        "domain" => DOMAIN,
        "instance_id" => INSTANCE_ID,
        "stream_version" => STREAM_VERSION,
        "version" => VERSION,
        "inserted_at" => INSERTED_AT,
        "tags" => TAGS,
        "data" => DATA,
        "data_base64" => DATA_BASE64,
        "metadata" => METADATA,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_where_it_says() {
        for (at, name) in FIELDS.iter().enumerate() {
            assert_eq!(field(name), Some(at), "{name}");
        }
        assert_eq!(field("tpye"), None);
    }
}
