//! A few samples in every format.

use std::path::{Path, PathBuf};

use gdal::DriverManager;
use gdal::spatial_ref::SpatialRef;
use gdal::vector::{Feature, FieldValue, Geometry, LayerAccess as _, LayerOptions, OGRFieldType};
use geocrop_model::Legend;
use geocrop_samples::{Batch, Input, ReadOptions, SamplesError, read};
use serde_json::json;

pub(crate) const CSV: &str = "\
lon,lat,class,date,group,weight,note
31.05,-17.45,cropland,2021-03-15,farm-1,2,maize
31.051,-17.45,0,2021-03-15,farm-1,,
30.138388,-17.498822,1,2021-03-15,,0.5,\"sorghum, late\"
";

pub(crate) fn legend() -> Legend {
    serde_json::from_value(json!([
        { "value": 0, "name": "other", "title": "Not cropland", "color": "#d9cfb4" },
        { "value": 1, "name": "cropland", "title": "Cropland", "color": "#3f8f3a" },
    ]))
    .unwrap()
}

/// A file in a folder of its own.
pub(crate) struct Written {
    _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    Written {
        _folder: folder,
        path,
    }
}

pub(crate) fn read_with(
    name: &str,
    content: impl AsRef<[u8]>,
    options: &ReadOptions<'_>,
) -> Result<Input, SamplesError> {
    read(&file(name, content).path, options, &|_| {})
}

pub(crate) fn batch(path: &Path) -> Batch {
    let legend = legend();
    let options = ReadOptions {
        legend: Some(&legend),
        ..ReadOptions::default()
    };
    match read(path, &options, &|_| {}).unwrap() {
        Input::Samples(batch) => batch,
        Input::Table(table) => panic!("not samples: {table:?}"),
    }
}

/// What a file is refused with, read with the legend.
pub(crate) fn refusal(name: &str, content: impl AsRef<[u8]>) -> String {
    let legend = legend();
    let options = ReadOptions {
        legend: Some(&legend),
        ..ReadOptions::default()
    };
    read_with(name, content, &options).unwrap_err().to_string()
}

/// Class, date, group, weight, note, x and y.
pub(crate) type Row<'r> = (
    i32,
    &'r str,
    Option<&'r str>,
    Option<f64>,
    Option<&'r str>,
    f64,
    f64,
);

/// Writes a `GeoPackage` of points in a coordinate reference system.
pub(crate) fn geopackage(path: &Path, epsg: u32, rows: &[Row<'_>]) {
    let driver = DriverManager::get_driver_by_name("GPKG").unwrap();
    let mut dataset = driver.create_vector_only(path).unwrap();
    let reference = SpatialRef::from_epsg(epsg).unwrap();
    let layer = dataset
        .create_layer(LayerOptions {
            name: "samples",
            srs: Some(&reference),
            ty: gdal_point(),
            options: None,
        })
        .unwrap();
    let fields = [
        ("class", OGRFieldType::OFTInteger),
        ("date", OGRFieldType::OFTString),
        ("group", OGRFieldType::OFTString),
        ("weight", OGRFieldType::OFTReal),
        ("note", OGRFieldType::OFTString),
    ];
    layer.create_defn_fields(&fields).unwrap();
    for (class, date, group, weight, note, x, y) in rows {
        let mut point = Geometry::empty(gdal_point()).unwrap();
        point.add_point_2d((*x, *y));
        let text = |text: &str| FieldValue::StringValue(text.to_owned());
        let mut values = vec![(0, FieldValue::IntegerValue(*class)), (1, text(date))];
        values.extend(group.map(|group| (2, text(group))));
        values.extend(weight.map(|weight| (3, FieldValue::RealValue(weight))));
        values.extend(note.map(|note| (4, text(note))));
        let mut feature = Feature::new(layer.defn()).unwrap();
        for (index, value) in values {
            feature.set_field(index, &value).unwrap();
        }
        feature.set_geometry(point).unwrap();
        feature.create(&layer).unwrap();
    }
}

/// OGR's number for points.
fn gdal_point() -> u32 {
    1
}
