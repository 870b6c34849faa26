//! The sorted string table of `LevelDB`, in the form that TensorFlow writes: data blocks with
//! prefix-compressed keys, each raw or Snappy-compressed and followed by a checksum, and an index
//! block that says where they lie.

use super::message::{take, varint};
use super::{BundleError, crc32c, damaged};

const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// Two block handles, padded to 40 bytes, and the magic number.
const FOOTER: usize = 48;
/// One byte for the kind of compression and four for the checksum.
const TRAILER: usize = 5;
/// A compressed block says how large it is; larger than this is not believed. TensorFlow cuts blocks
/// at 256 KB.
const LARGEST_BLOCK: usize = 1 << 24;

type Pair = (Vec<u8>, Vec<u8>);

/// All keys and values, in the order of the table.
pub(super) fn read(file: &[u8]) -> Result<Vec<Pair>, BundleError> {
    let start = file.len().checked_sub(FOOTER).ok_or_else(|| {
        damaged(format!(
            "it has {} bytes, and the footer alone takes {FOOTER}",
            file.len()
        ))
    })?;
    let (handles, magic) = file[start..].split_at(FOOTER - 8);
    if magic != MAGIC.to_le_bytes() {
        return Err(damaged(
            "it does not end as a table of strings does".to_owned(),
        ));
    }
    let mut rest = handles;
    // It is empty here, but a damaged one tells of a damaged file.
    block(file, handle(&mut rest)?)?;
    let index = block(file, handle(&mut rest)?)?;
    let mut pairs = Vec::new();
    for (_, place) in entries(&index)? {
        let data = block(file, handle(&mut place.as_slice())?)?;
        pairs.extend(entries(&data)?);
    }
    Ok(pairs)
}

/// Where a block lies: offset and size.
fn handle(rest: &mut &[u8]) -> Result<(u64, u64), BundleError> {
    varint(rest)
        .zip(varint(rest))
        .ok_or_else(|| damaged("it does not say where a block lies".to_owned()))
}

/// A block's content, checked and uncompressed.
fn block(file: &[u8], (offset, size): (u64, u64)) -> Result<Vec<u8>, BundleError> {
    let outside = || damaged(format!("the block at byte {offset} lies outside the file"));
    let mut rest = file
        .get(usize::try_from(offset).map_err(|_| outside())?..)
        .ok_or_else(outside)?;
    let content = take(&mut rest, size).ok_or_else(outside)?;
    let trailer = take(&mut rest, TRAILER as u64).ok_or_else(outside)?;
    let (kind, expected) = (trailer[0], &trailer[1..]);
    if crc32c::masked(&[content, &trailer[..1]]).to_le_bytes() != expected {
        return Err(damaged(format!(
            "the checksum of the block at byte {offset} is wrong"
        )));
    }
    match kind {
        0 => Ok(content.to_vec()),
        1 => snappy(content)
            .map_err(|e| damaged(format!("the block at byte {offset} does not unpack: {e}"))),
        kind => Err(damaged(format!(
            "the block at byte {offset} is compressed in an unknown way ({kind})"
        ))),
    }
}

fn snappy(content: &[u8]) -> Result<Vec<u8>, String> {
    let length = snap::raw::decompress_len(content).map_err(|e| e.to_string())?;
    if length > LARGEST_BLOCK {
        return Err(format!("it claims to have {length} bytes"));
    }
    snap::raw::Decoder::new()
        .decompress_vec(content)
        .map_err(|e| e.to_string())
}

/// The entries of a block: each key is given as what it shares with the one before, and the rest.
fn entries(block: &[u8]) -> Result<Vec<Pair>, BundleError> {
    let cut = || damaged("a block ends in the middle of an entry".to_owned());
    let (body, count) = block.split_last_chunk::<4>().ok_or_else(cut)?;
    let restarts = (u32::from_le_bytes(*count) as usize)
        .checked_mul(4)
        .ok_or_else(cut)?;
    // The restart points serve binary search, and everything is read here.
    let length = body.len().checked_sub(restarts).ok_or_else(cut)?;
    let mut rest = &body[..length];
    let mut pairs: Vec<Pair> = Vec::new();
    while !rest.is_empty() {
        let mut number = || varint(&mut rest).ok_or_else(cut);
        let (shared, unshared, size) = (number()?, number()?, number()?);
        let previous = pairs.last().map_or(&[][..], |(key, _)| key.as_slice());
        let mut key = usize::try_from(shared)
            .ok()
            .and_then(|n| previous.get(..n))
            .ok_or_else(|| damaged("a name builds on one that is shorter".to_owned()))?
            .to_vec();
        key.extend_from_slice(take(&mut rest, unshared).ok_or_else(cut)?);
        let value = take(&mut rest, size).ok_or_else(cut)?.to_vec();
        pairs.push((key, value));
    }
    Ok(pairs)
}
