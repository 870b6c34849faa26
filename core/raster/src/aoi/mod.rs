//! Areas of interest: reading GeoJSON from people and programs, and laying it over a grid.
//!
//! GeoJSON (RFC 7946) is longitude and latitude on WGS 84. Edges are straight lines in degrees, so they are followed
//! with intermediate points wherever an area is projected.

pub mod buffer;
mod coverage;
mod error;
mod parse;
mod validity;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use geo::MultiPolygon;
use serde_json::{Value, json};

pub use coverage::Outline;
pub use error::AoiError;

/// One area, with a valid geometry in longitude and latitude.
#[derive(Debug, Clone, PartialEq)]
pub struct Aoi {
    /// Lower-case letters, digits and hyphens: safe as part of a path or an address.
    pub slug: String,
    /// For people.
    pub name: String,
    /// What sort of area it is, if the file says so: `district`, `irrigation scheme`, ...
    pub kind: Option<String>,
    /// Degrees. Exterior rings run counter-clockwise, holes clockwise, all rings are closed.
    pub geometry: MultiPolygon<f64>,
    /// The file says that the outline is only roughly right.
    pub approximate: bool,
}

/// How large an area may be.
#[derive(Debug, Clone, PartialEq)]
pub struct AoiLimits {
    /// Of the file or text.
    pub max_bytes: usize,
    /// Of all rings together.
    pub max_vertices: usize,
    /// No limit if `None`.
    pub max_area_km2: Option<f64>,
}

impl Default for AoiLimits {
    /// 5 MB, 100 000 vertices, any area.
    fn default() -> Self {
        Self {
            max_bytes: 5_000_000,
            max_vertices: 100_000,
            max_area_km2: None,
        }
    }
}

impl Aoi {
    /// Reads a Polygon or `MultiPolygon`, bare or as one Feature.
    ///
    /// Of a Feature's properties, `name`, `slug`, `kind` (texts) and `approximate` (true or false) are used. Without
    /// them, `fallback_name` names the area; the slug is made from the name. Winding order is put right silently and
    /// heights are ignored.
    ///
    /// # Errors
    /// One [`AoiError`] per thing that can be wrong; each says where and what to do.
    pub fn parse(text: &str, fallback_name: &str, limits: &AoiLimits) -> Result<Self, AoiError> {
        let aoi = parse::parse(text, fallback_name, limits)?;
        let area_km2 = aoi.area_km2();
        match limits.max_area_km2 {
            Some(limit) if area_km2 > limit => Err(AoiError::AreaTooLarge { area_km2, limit }),
            _ => Ok(aoi),
        }
    }

    /// Reads a file; its name without extension is the fallback name. A file that is too long is not read at all.
    pub fn read(path: &Path, limits: &AoiLimits) -> Result<Self, AoiError> {
        let text = content(path, limits)?;
        Self::parse(&text, &fallback_name(path), limits).map_err(|source| named(path, source))
    }

    /// Reads all polygons of a file: the features of a `FeatureCollection`, each an area of its own because they may
    /// overlap, or whatever [`read`](Self::read) takes. The limits hold for the file as a whole; `max_area_km2` is not
    /// looked at.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), with the number of the feature; and when no feature has a geometry.
    pub fn read_collection(path: &Path, limits: &AoiLimits) -> Result<Vec<Self>, AoiError> {
        let text = content(path, limits)?;
        parse::parse_collection(&text, &fallback_name(path), limits)
            .map_err(|source| named(path, source))
    }

    /// Reads every `*.geojson` in a folder, sorted by slug.
    ///
    /// # Errors
    /// When the folder holds none, one of them is wrong, or two share a slug.
    pub fn read_dir(path: &Path, limits: &AoiLimits) -> Result<Vec<Self>, AoiError> {
        let cannot = |source| AoiError::Io {
            path: path.to_owned(),
            source,
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            if file
                .extension()
                .is_some_and(|extension| extension == "geojson")
            {
                files.push(file);
            }
        }
        files.sort();
        let mut areas: BTreeMap<String, (PathBuf, Self)> = BTreeMap::new();
        for file in files {
            let aoi = Self::read(&file, limits)?;
            if let Some((first, _)) = areas.get(&aoi.slug) {
                return Err(AoiError::DuplicateSlug {
                    slug: aoi.slug,
                    first: first.clone(),
                    second: file,
                });
            }
            areas.insert(aoi.slug.clone(), (file, aoi));
        }
        if areas.is_empty() {
            return Err(AoiError::NoneFound {
                path: path.to_owned(),
            });
        }
        Ok(areas.into_values().map(|(_, aoi)| aoi).collect())
    }

    /// West, south, east, north in degrees.
    pub fn lonlat_bounds(&self) -> [f64; 4] {
        let mut bounds = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        for polygon in &self.geometry.0 {
            for corner in &polygon.exterior().0 {
                bounds[0] = bounds[0].min(corner.x);
                bounds[1] = bounds[1].min(corner.y);
                bounds[2] = bounds[2].max(corner.x);
                bounds[3] = bounds[3].max(corner.y);
            }
        }
        bounds
    }

    /// The geometry as a GeoJSON object: a Polygon if there is only one.
    pub fn to_geojson_geometry(&self) -> Value {
        let polygons: Vec<Vec<Vec<[f64; 2]>>> = self
            .geometry
            .0
            .iter()
            .map(|polygon| {
                validity::rings(polygon)
                    .map(|ring| ring.0.iter().map(|corner| [corner.x, corner.y]).collect())
                    .collect()
            })
            .collect();
        match polygons.as_slice() {
            [polygon] => json!({ "type": "Polygon", "coordinates": polygon }),
            _ => json!({ "type": "MultiPolygon", "coordinates": polygons }),
        }
    }

    /// The geometry as a text that is the same for the same outline, however the file was formatted, named or wound:
    /// what a hash of the area is made from.
    pub fn canonical(&self) -> String {
        let mut text = String::from("MULTIPOLYGON");
        for polygon in &self.geometry.0 {
            text.push('(');
            for ring in validity::rings(polygon) {
                text.push('(');
                for corner in &ring.0 {
                    // Adding zero turns -0 into 0; the shortest digits that read back as the same number follow.
                    let _ = write!(text, "{} {},", corner.x + 0.0, corner.y + 0.0);
                }
                text.push(')');
            }
            text.push(')');
        }
        text
    }
}

fn fallback_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn named(path: &Path, source: AoiError) -> AoiError {
    AoiError::File {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

/// The text of a file that is no longer than the limit.
fn content(path: &Path, limits: &AoiLimits) -> Result<String, AoiError> {
    let cannot = |source| AoiError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(cannot)?;
    let bytes = file.metadata().map_err(cannot)?.len();
    let limit = limits.max_bytes as u64;
    if bytes > limit {
        return Err(named(path, AoiError::TooManyBytes { bytes, limit }));
    }
    let mut content = Vec::new();
    // A pipe or a growing file has no honest length.
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(cannot)?;
    String::from_utf8(content).map_err(|_| named(path, AoiError::NotText))
}
