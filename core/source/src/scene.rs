//! What a source answers with: scenes, their bands and how to read them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::description::Kind;

/// One acquisition, one ready-made composite of a [`Kind::Composites`] source, or one file of [`Kind::Labels`].
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Scene {
    /// The item's id; in a folder the date, after the tile's name where there is one, or the file's path where names
    /// tell no bands.
    pub id: String,
    /// The collection that the item belongs to.
    pub collection: Option<String>,
    /// A scene to be masked and composited, a composite that is used as it is, or labels.
    pub kind: Kind,
    /// When it was acquired; for an interval without `datetime`, its middle.
    pub datetime: DateTime<Utc>,
    /// First moment of the interval that a composite covers.
    pub start: Option<DateTime<Utc>>,
    /// Last moment of that interval.
    pub end: Option<DateTime<Utc>>,
    /// West, south, east, north in degrees (OGC:CRS84), when known.
    pub bbox: Option<[f64; 4]>,
    /// The EPSG code that the metadata state. The file may say otherwise: whoever opens it compares.
    pub epsg: Option<u32>,
    /// The satellite, such as `sentinel-2a`.
    pub platform: Option<String>,
    /// The bands found, by the recipe's names.
    pub bands: BTreeMap<String, BandRef>,
    /// Optional bands that were asked for and are not there, in order of name.
    pub missing: Vec<String>,
    /// The Sentinel-2 offset and why it is that.
    pub offset: OffsetDecision,
    /// Where the item was found: path, URL, or the folder's path.
    pub item_href: String,
}

/// Where a band lies and how its numbers become physical values: `value = number * scale + offset`.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct BandRef {
    /// Absolute path or URL (`http`, `https` or `s3`) of the raster.
    pub href: String,
    /// Which band of the raster, from 1.
    pub band: usize,
    /// Multiplier from the metadata; `None` when they are silent and the file's own tag decides.
    pub scale: Option<f64>,
    /// What to add after scaling, in the unit of the scaled value. For reflectance bands the Sentinel-2 decision of
    /// [`Scene::offset`] is already in here, so add this or that, never both. `None` when nothing but the file's own
    /// tag can say.
    pub offset: Option<f64>,
    /// The number that means no data, from the metadata. NaN always means no data and is not listed.
    pub nodata: Option<f64>,
    /// Unit of the scaled value, when stated.
    pub unit: Option<String>,
    /// Pixel size in the raster's units (metres for projected grids), when stated.
    pub resolution: Option<f64>,
    /// What is known to notice that the file has changed.
    pub fingerprint: Fingerprint,
}

/// What is known about a file's content without reading it.
///
/// Size and time of change are a cheap sign that a file is still the same, not a proof; a checksum is one.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// Bytes.
    pub size: Option<u64>,
    /// When a local file was last changed, RFC 3339 with nanoseconds.
    pub modified: Option<String>,
    /// The `ETag` of a remote file, as sent.
    pub etag: Option<String>,
    /// `file:checksum` of the metadata: a multihash in hex.
    pub checksum: Option<String>,
}

/// Which offset the reflectance bands of a scene get.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct OffsetDecision {
    /// In reflectance: -0.1 for Sentinel-2 baselines from 04.00 on, else mostly 0.
    pub value: f64,
    /// The metadata that decided, and any that contradict it.
    pub reason: String,
}
