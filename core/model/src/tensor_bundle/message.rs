//! The two protocol buffers in the index: the header, and a tensor's entry. Unknown fields are passed
//! over, as the encoding asks.

use super::{BundleError, damaged};

/// `BundleHeaderProto`.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) shards: u64,
    pub(super) endianness: u64,
}

/// `BundleEntryProto`.
#[derive(Debug, Default, Clone)]
pub(super) struct Entry {
    pub(super) dtype: u64,
    pub(super) shape: Vec<u64>,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) checksum: u32,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut header = Self::default();
        for_each_field(bytes, |number, value| match (number, value) {
            (1, Value::Number(shards)) => header.shards = shards,
            (2, Value::Number(endianness)) => header.endianness = endianness,
            _ => {}
        })?;
        Ok(header)
    }
}

impl Entry {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut entry = Self::default();
        let mut shape: &[u8] = &[];
        for_each_field(bytes, |number, value| match (number, value) {
            (1, Value::Number(dtype)) => entry.dtype = dtype,
            (2, Value::Bytes(message)) => shape = message,
            (4, Value::Number(offset)) => entry.offset = offset,
            (5, Value::Number(size)) => entry.size = size,
            (6, Value::Fixed32(checksum)) => entry.checksum = checksum,
            _ => {}
        })?;
        // TensorShapeProto: field 2, repeated, holds the size of a dimension in its field 1.
        let mut dimensions = Vec::new();
        for_each_field(shape, |number, value| {
            if let (2, Value::Bytes(dimension)) = (number, value) {
                dimensions.push(dimension);
            }
        })?;
        for dimension in dimensions {
            let mut size = 0;
            for_each_field(dimension, |number, value| {
                if let (1, Value::Number(found)) = (number, value) {
                    size = found;
                }
            })?;
            entry.shape.push(size);
        }
        Ok(entry)
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    Fixed64,
}

fn for_each_field<'a>(
    bytes: &'a [u8],
    mut field: impl FnMut(u64, Value<'a>),
) -> Result<(), BundleError> {
    let short = || damaged("an entry ends in the middle of a field".to_owned());
    let mut rest = bytes;
    while !rest.is_empty() {
        let tag = varint(&mut rest).ok_or_else(short)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut rest).ok_or_else(short)?),
            1 => {
                take(&mut rest, 8).ok_or_else(short)?;
                Value::Fixed64
            }
            2 => {
                let length = varint(&mut rest).ok_or_else(short)?;
                Value::Bytes(take(&mut rest, length).ok_or_else(short)?)
            }
            5 => {
                let bytes = take(&mut rest, 4).ok_or_else(short)?;
                Value::Fixed32(bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b)))
            }
            kind => return Err(damaged(format!("an entry has a field of kind {kind}"))),
        };
        field(tag >> 3, value);
    }
    Ok(())
}

/// Takes a base-128 number off the front; nothing if it does not end or does not fit.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Takes bytes off the front.
pub(super) fn take<'a>(rest: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (taken, tail) = rest.split_at_checked(usize::try_from(count).ok()?)?;
    *rest = tail;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::{Entry, varint};

    #[test]
    fn a_number_that_does_not_end_or_fit_is_refused() {
        assert_eq!(varint(&mut &[0xac, 0x02][..]), Some(300));
        assert_eq!(varint(&mut &[0xff; 3][..]), None);
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(varint(&mut &largest[..]), Some(u64::MAX));
        largest[9] = 2;
        assert_eq!(varint(&mut &largest[..]), None);
    }

    #[test]
    fn unknown_fields_of_every_kind_are_passed_over() {
        // 5: 12; 9: varint; 10: eight bytes; 11: two bytes; 6: checksum.
        let bytes = [
            0x28, 12, 0x48, 1, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0x5a, 2, 7, 7, 0x35, 4, 3, 2, 1,
        ];
        let entry = Entry::read(&bytes).unwrap();
        assert_eq!((entry.size, entry.checksum), (12, 0x0102_0304));
        assert!(Entry::read(&bytes[..bytes.len() - 1]).is_err());
    }
}
