//! TensorFlow's checkpoint format ("tensor bundle"), read without TensorFlow: the two files in the
//! `variables` folder of a `SavedModel`.
//!
//! `variables.index` is a sorted table of names ([`table`]) whose values are small protocol buffers
//! ([`message`]): where in `variables.data-00000-of-00001` a tensor lies, its type, shape and
//! checksum. Only what such a pair needs is read: one shard, little-endian, float32 tensors. The
//! format is defined by `tensor_bundle.proto` and `table_builder.cc` of TensorFlow 2.

mod crc32c;
mod message;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use message::Entry;

/// TensorFlow's number for float32 (`DT_FLOAT` in `types.proto`).
const FLOAT32: u64 = 1;

/// Index files of networks are some kilobytes; a larger one is not an index.
const LARGEST_INDEX: usize = 1 << 26;

/// Why a checkpoint cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The index is not a table of tensors, or is damaged.
    #[error(
        "the index of the checkpoint (variables.index) is damaged: {reason}; fetch the model again"
    )]
    Index {
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint is of a kind that is not read here.
    #[error("the checkpoint has {found}, and only {expected} can be read")]
    Kind {
        /// What it has.
        found: String,
        /// What it would have to have.
        expected: &'static str,
    },
    /// There is no such tensor.
    #[error("the checkpoint has no tensor `{name}` (it has {count}); this is another network")]
    Missing {
        /// The name asked for.
        name: String,
        /// How many tensors there are.
        count: usize,
    },
    /// A tensor does not have the shape that the network needs.
    #[error(
        "tensor `{name}` has the shape {found:?}, expected {expected:?}; this is another network"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<u64>,
        /// The shape asked for.
        expected: Vec<u64>,
    },
    /// A tensor lies outside the data file, or its size does not follow from its shape.
    #[error(
        "tensor `{name}` takes bytes {offset} to {end} of a data file of {length} bytes, for {elements} \
         numbers; the data file is cut short or belongs to another index"
    )]
    Extent {
        /// The tensor.
        name: String,
        /// Its first byte.
        offset: u64,
        /// The byte after its last.
        end: u64,
        /// Size of the data file.
        length: usize,
        /// How many numbers its shape holds.
        elements: u64,
    },
    /// The bytes of a tensor are not those that were written.
    #[error(
        "tensor `{name}` has the checksum {found:#010x}, expected {expected:#010x}; the data file is \
         damaged, fetch the model again"
    )]
    Checksum {
        /// The tensor.
        name: String,
        /// The masked CRC-32C of the bytes.
        found: u32,
        /// The one in the index.
        expected: u32,
    },
}

/// The tensors of a checkpoint.
#[derive(Debug)]
pub struct TensorBundle<'a> {
    entries: BTreeMap<String, Entry>,
    data: &'a [u8],
}

/// The two files of a `SavedModel`'s checkpoint, as bytes: index and data.
pub fn read_files(saved_model: &Path) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
    let folder = saved_model.join("variables");
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|source| BundleError::Read { path, source })
    };
    Ok((
        read("variables.index")?,
        read("variables.data-00000-of-00001")?,
    ))
}

impl<'a> TensorBundle<'a> {
    /// Reads the index. The tensors themselves are checked when they are asked for.
    pub fn new(index: &[u8], data: &'a [u8]) -> Result<Self, BundleError> {
        let mut header = None;
        let mut entries = BTreeMap::new();
        if index.len() > LARGEST_INDEX {
            return Err(damaged(format!("it has {} bytes", index.len())));
        }
        for (key, value) in table::read(index)? {
            if key.is_empty() {
                header = Some(message::Header::read(&value)?);
                continue;
            }
            let name =
                String::from_utf8(key).map_err(|_| damaged("a name is not UTF-8".to_owned()))?;
            let entry = message::Entry::read(&value)?;
            entries.insert(name, entry);
        }
        let header = header.ok_or_else(|| damaged("it has no header".to_owned()))?;
        if header.shards != 1 {
            return Err(BundleError::Kind {
                found: format!("{} data files", header.shards),
                expected: "one data file",
            });
        }
        if header.endianness != 0 {
            return Err(BundleError::Kind {
                found: "big-endian numbers".to_owned(),
                expected: "little-endian numbers",
            });
        }
        Ok(Self { entries, data })
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The numbers of a float32 tensor, row-major. Its type, shape, place and checksum are checked.
    pub fn tensor(&self, name: &str, shape: &[u64]) -> Result<Vec<f32>, BundleError> {
        let entry = self.entries.get(name).ok_or_else(|| BundleError::Missing {
            name: name.to_owned(),
            count: self.entries.len(),
        })?;
        if entry.dtype != FLOAT32 {
            return Err(BundleError::Kind {
                found: format!("numbers of type {} in tensor `{name}`", entry.dtype),
                expected: "float32 (type 1)",
            });
        }
        if entry.shape != shape {
            return Err(BundleError::Shape {
                name: name.to_owned(),
                found: entry.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        let elements: u64 = shape.iter().product();
        let end = entry.offset.saturating_add(entry.size);
        let bytes = usize::try_from(entry.offset)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(from, to)| self.data.get(from..to))
            .filter(|bytes| bytes.len() as u64 == elements * size_of::<f32>() as u64)
            .ok_or_else(|| BundleError::Extent {
                name: name.to_owned(),
                offset: entry.offset,
                end,
                length: self.data.len(),
                elements,
            })?;
        let found = crc32c::masked(&[bytes]);
        if found != entry.checksum {
            return Err(BundleError::Checksum {
                name: name.to_owned(),
                found,
                expected: entry.checksum,
            });
        }
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }
}

fn damaged(reason: String) -> BundleError {
    BundleError::Index { reason }
}
