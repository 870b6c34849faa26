//! Where results live.
//!
//! - [`object`]: a folder or an S3 bucket behind one blocking [`Store`];
//! - [`layout`]: which key holds what; nowhere else are keys made;
//! - [`stac`]: the STAC 1.1.0 documents that describe results;
//! - [`publish`]: results become visible whole or not at all, and the collection and the catalog follow;
//! - [`registry`]: models, and which version serves;
//! - [`status`]: the words in which the service's state is told.
//!
//! ```
//! use geocrop_store::{ContentType, Store, layout};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open("memory://")?;
//! let keys = layout::layer(&"ndvi".parse()?, &"2024".parse()?, &"mazowe".parse()?);
//! assert_eq!(keys.map(), "layers/ndvi/2024/mazowe.tif");
//! store.put(&keys.statistics(), b"{}".to_vec(), ContentType::Json)?;
//! assert_eq!(store.get(&keys.statistics())?.as_deref(), Some(&b"{}"[..]));
//! # Ok(())
//! # }
//! ```

pub mod checksum;
pub mod content;
mod error;
pub mod layout;
pub mod object;
pub mod publish;
pub mod registry;
pub mod stac;
pub mod status;

pub use checksum::ContentHash;
pub use content::ContentType;
pub use error::{Operation, StoreError};
pub use layout::{Period, ResultKeys, Slug};
pub use object::{Credentials, Entry, Patience, S3Settings, Store, Tagged};
