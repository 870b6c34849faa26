//! Vector files that people bring: the features of a GeoJSON or `GeoPackage` file, in longitude and latitude.
//!
//! GDAL reads them, with these two drivers and no other: some of its formats name further files or addresses, which a
//! file from a stranger must not choose. Attributes become text, whatever type a format gave them, so that the same
//! table means the same in every format.

use std::path::{Path, PathBuf};

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use gdal::vector::{Feature, FieldValue, Geometry, Layer, LayerAccess};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use geo::{Coord, LineString, MultiPolygon, Polygon};

use crate::crs::Crs;
use crate::error::{RasterError, Result};
use crate::ffi::{self, Message};
use crate::setup;

const DRIVERS: [&str; 2] = ["GeoJSON", "GPKG"];

/// A file with one layer of features.
pub struct VectorFile {
    path: PathBuf,
    dataset: Dataset,
    fields: Vec<String>,
}

/// One feature.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorFeature {
    /// Its place in the file, from 1.
    pub number: u64,
    /// Its attributes in the order of [`VectorFile::fields`]; `None` where it has none.
    pub values: Vec<Option<String>>,
    /// Where it is.
    pub shape: VectorShape,
}

/// The geometry of a feature: longitude and latitude on WGS 84, as they stand in a file that has these already.
/// Heights are left out; numbers may be any, NaN among them.
#[derive(Debug, Clone, PartialEq)]
pub enum VectorShape {
    /// A point, or several.
    Points(Vec<Coord<f64>>),
    /// A polygon, or several.
    Area(MultiPolygon<f64>),
    /// There is none.
    Missing,
    /// Of another type, with its name.
    Other(String),
    /// Coordinates without a place on earth in the file's coordinate reference system.
    Nowhere,
}

impl VectorFile {
    /// Opens a file of the local file system.
    ///
    /// # Errors
    /// [`RasterError::Vector`] for a file that is neither GeoJSON nor a `GeoPackage`, or with no layer or several.
    pub fn open(path: &Path) -> Result<Self> {
        setup::ready();
        let refused = |reason: String| RasterError::Vector {
            path: path.to_owned(),
            reason,
        };
        // GDAL would also take names such as /vsicurl/http://..., which are no files.
        let whole = path.canonicalize().map_err(|e| refused(e.to_string()))?;
        let (opened, messages) = ffi::watch(|| {
            let options = DatasetOptions {
                open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
                allowed_drivers: Some(&DRIVERS),
                ..DatasetOptions::default()
            };
            Dataset::open_ex(&whole, options)
        });
        let dataset = opened
            .map_err(|error| refused(failure(&messages).unwrap_or_else(|| error.to_string())))?;
        let names: Vec<String> = dataset.layers().map(|layer| layer.name()).collect();
        let [_] = names.as_slice() else {
            return Err(refused(match names.as_slice() {
                [] => "it has no layer with features".to_owned(),
                _ => format!(
                    "it has {} layers ({}) and one is expected; save one by itself, for example with \
                     `ogr2ogr one.gpkg {} {}`",
                    names.len(),
                    names.join(", "),
                    path.display(),
                    names[0]
                ),
            }));
        };
        let fields = layer(&dataset, path)?
            .defn()
            .fields()
            .map(|field| field.name())
            .collect();
        Ok(Self {
            path: path.to_owned(),
            dataset,
            fields,
        })
    }

    /// Names of the attributes.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// How many features there are; a large GeoJSON file is read through for it.
    pub fn count(&self) -> Result<u64> {
        Ok(layer(&self.dataset, &self.path)?.feature_count())
    }

    /// Hands over one feature after the other, until `work` says to stop by `false`.
    ///
    /// # Errors
    /// [`RasterError::Vector`] when the file is damaged, or does not say which coordinates it has.
    pub fn each(&self, mut work: impl FnMut(VectorFeature) -> bool) -> Result<()> {
        let refused = |reason: String| RasterError::Vector {
            path: self.path.clone(),
            reason,
        };
        let mut layer = layer(&self.dataset, &self.path)?;
        let transform = to_degrees(layer.spatial_ref()).map_err(refused)?;
        let count = self.fields.len();
        let mut features = layer.features();
        for number in 1.. {
            let (feature, messages) = ffi::watch(|| features.next());
            if let Some(reason) = failure(&messages) {
                return Err(refused(format!("{reason} (after {} features)", number - 1)));
            }
            let Some(feature) = feature else { break };
            let shape = match feature.geometry().filter(|g| !g.is_empty()) {
                None => VectorShape::Missing,
                Some(geometry) => placed(shape(geometry), transform.as_ref()),
            };
            let values = (0..count).map(|index| text(&feature, index)).collect();
            let go_on = work(VectorFeature {
                number,
                values,
                shape,
            });
            if !go_on {
                break;
            }
        }
        Ok(())
    }
}

fn layer<'d>(dataset: &'d Dataset, path: &Path) -> Result<Layer<'d>> {
    dataset.layer(0).map_err(|error| RasterError::Vector {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn failure(messages: &[Message]) -> Option<String> {
    let first = messages.iter().find(|message| message.failure)?;
    Some(first.text.clone())
}

/// The way to longitude and latitude; `None` where the file has them. Then its numbers come as they are, so that one
/// that is no latitude can be told from one that PROJ gave up on.
fn to_degrees(found: Option<SpatialRef>) -> std::result::Result<Option<CoordTransform>, String> {
    let mut from = found.ok_or(
        "it does not say which coordinate reference system it has. Add it, for example with \
         `ogr2ogr -a_srs EPSG:32736 out.gpkg in.gpkg`",
    )?;
    let plain = from.is_geographic()
        && from
            .to_proj4()
            .is_ok_and(|text| text.trim() == "+proj=longlat +datum=WGS84 +no_defs");
    if plain {
        return Ok(None);
    }
    from.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let lonlat = Crs::LON_LAT.spatial_ref().map_err(|e| e.to_string())?;
    CoordTransform::new(&from, &lonlat)
        .map(Some)
        .map_err(|error| {
            format!("its coordinates cannot be brought to longitude and latitude: {error}")
        })
}

/// An attribute as text; numbers in the fewest digits that read back the same.
fn text(feature: &Feature<'_>, index: usize) -> Option<String> {
    if !ffi::has_value(feature, index) {
        return None;
    }
    // Lists and blobs are of no use here; neither is a date that is none.
    match feature.field(index).ok().flatten()? {
        FieldValue::IntegerValue(value) => Some(value.to_string()),
        FieldValue::Integer64Value(value) => Some(value.to_string()),
        FieldValue::RealValue(value) => Some(value.to_string()),
        FieldValue::StringValue(value) => Some(value),
        FieldValue::DateValue(value) => Some(value.to_string()),
        FieldValue::DateTimeValue(value) => Some(value.date_naive().to_string()),
        _ => None,
    }
}

fn shape(geometry: &Geometry) -> VectorShape {
    let parts = || (0..geometry.geometry_count()).map(|part| geometry.get_geometry(part));
    match geometry.geometry_name().as_str() {
        "POINT" => VectorShape::Points(corners(geometry)),
        "MULTIPOINT" => VectorShape::Points(parts().flat_map(|p| corners(&p)).collect()),
        "POLYGON" => VectorShape::Area(MultiPolygon(vec![polygon(geometry)])),
        "MULTIPOLYGON" => VectorShape::Area(parts().map(|part| polygon(&part)).collect()),
        other => VectorShape::Other(other.to_owned()),
    }
}

fn corners(geometry: &Geometry) -> Vec<Coord<f64>> {
    let mut points = Vec::new();
    geometry.get_points(&mut points);
    points.into_iter().map(|(x, y, _)| Coord { x, y }).collect()
}

fn polygon(geometry: &Geometry) -> Polygon<f64> {
    let mut rings = (0..geometry.geometry_count())
        .map(|ring| LineString(corners(&geometry.get_geometry(ring))));
    let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
    Polygon::new(exterior, rings.collect())
}

fn placed(mut shape: VectorShape, transform: Option<&CoordTransform>) -> VectorShape {
    let Some(transform) = transform else {
        return shape;
    };
    let project = |corners: &mut [Coord<f64>]| {
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = corners.iter().map(|c| (c.x, c.y)).unzip();
        let done = transform
            .transform_coords(&mut xs, &mut ys, &mut [])
            .is_ok();
        for (corner, (x, y)) in corners.iter_mut().zip(xs.into_iter().zip(ys)) {
            *corner = Coord { x, y };
        }
        done && corners.iter().all(|c| c.x.is_finite() && c.y.is_finite())
    };
    let done = match &mut shape {
        VectorShape::Points(points) => project(points),
        VectorShape::Area(area) => area.0.iter_mut().all(|polygon| {
            let mut done = true;
            polygon.exterior_mut(|ring| done &= project(&mut ring.0));
            polygon.interiors_mut(|rings| done &= rings.iter_mut().all(|r| project(&mut r.0)));
            done
        }),
        VectorShape::Missing | VectorShape::Other(_) | VectorShape::Nowhere => true,
    };
    if done { shape } else { VectorShape::Nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(name: &str, content: &str) -> Result<Vec<VectorFeature>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let file = VectorFile::open(&path)?;
        let mut all = Vec::new();
        file.each(|feature| {
            all.push(feature);
            true
        })?;
        Ok(all)
    }

    #[test]
    fn attributes_are_text_and_points_stay_where_they_were_written() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"class":1,"date":"2021-03-15","share":0.5},
             "geometry":{"type":"Point","coordinates":[-17.5,131.0,1200]}},
            {"type":"Feature","properties":{"class":null},"geometry":null}]}"#;
        let found = features("points.geojson", text).unwrap();
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(
            found[0].values,
            [value("1"), value("2021-03-15"), value("0.5")]
        );
        let there = Coord { x: -17.5, y: 131.0 };
        assert_eq!(found[0].shape, VectorShape::Points(vec![there]));
        assert_eq!(
            (found[1].number, &found[1].shape),
            (2, &VectorShape::Missing)
        );
        assert_eq!(found[1].values, [None, None, None]);
    }

    #[test]
    fn metres_of_a_zone_become_degrees() {
        let text = r#"{"type":"FeatureCollection",
            "crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32736"}},
            "features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":
            [[[300000,8060000],[300100,8060000],[300100,8060100],[300000,8060000]]]}}]}"#;
        let found = features("zone.geojson", text).unwrap();
        let VectorShape::Area(area) = &found[0].shape else {
            panic!("{found:?}")
        };
        let corner = area.0[0].exterior().0[0];
        assert!(
            (corner.x - 31.1).abs() < 0.1 && (corner.y + 17.5).abs() < 0.1,
            "{corner:?}"
        );
    }

    #[test]
    fn other_formats_and_damaged_files_are_refused_with_the_files_name() {
        let end = r#"{"type":"FeatureCollection","features":[{"type":"Feature","prop"#;
        for (name, content) in [
            ("a.csv", "lon,lat\n1,2\n"),
            ("a.kml", "<kml xmlns=\"http://www.opengis.net/kml/2.2\"/>"),
            ("a.vrt", "<OGRVRTDataSource></OGRVRTDataSource>"),
            ("a.geojson", end),
            ("a.gpkg", ""),
        ] {
            let error = features(name, content).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let address = Path::new("/vsicurl/http://127.0.0.1:9/a.geojson");
        assert!(matches!(
            VectorFile::open(address),
            Err(RasterError::Vector { .. })
        ));
    }
}
