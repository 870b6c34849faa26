//! The EPSG code of a local `GeoTIFF`, straight from its keys.
//!
//! GDAL builds a whole coordinate system out of PROJ's database each time it is asked for one: 2 to 3 ms, more than all
//! the rest of opening a file. A season has hundreds of files. So keys that say no more than a code are read here, and
//! whatever is less plain is left to GDAL.

use super::directory::Directory;
use crate::crs::Crs;
use crate::range::RangeReader;

/// The tag that holds the keys: 16-bit numbers.
const KEY_DIRECTORY: u16 = 34_735;

const MODEL: u16 = 1024;
const RASTER_TYPE: u16 = 1025;
const CORNERS: u16 = 1;
const GEOGRAPHIC: u16 = 2048;
const PROJECTED: u16 = 3072;
/// Keys that do not change what a code means: raster type, citations, and units (degrees and metres, see [`PLAIN_UNITS`]).
const HARMLESS: [u16; 3] = [RASTER_TYPE, 1026, 2049];
const PROJECTED_CITATION: u16 = 3073;
const PLAIN_UNITS: [(u16, u16); 2] = [(2054, 9102), (3076, 9001)];

/// Codes below are obsolete ones, those above are private.
const CODES: std::ops::Range<u16> = 2000..32_767;

/// `None` where the keys say more than a code, or nothing, or the file is not a plain one: then GDAL has to look.
pub(super) fn crs(file: &dyn RangeReader, tags: &Directory) -> Option<Crs> {
    let keys = keys(file, tags)?;
    let (head, keys) = keys.split_at_checked(4)?;
    let [1, 1, _, count] = head else { return None };
    // Projected and geographic; the model says which of them counts, and there must be no other.
    let (mut projected, mut geographic, mut model) = (None, None, None);
    for key in keys.chunks_exact(4).take(usize::from(*count)) {
        let &[name, place, length, value] = key else {
            return None;
        };
        match (name, place, length) {
            (MODEL, 0, 1) => model = Some(value),
            (PROJECTED, 0, 1) => projected = Some(value),
            (GEOGRAPHIC, 0, 1) => geographic = Some(value),
            (PROJECTED_CITATION, ..) => {}
            _ if HARMLESS.contains(&name) || PLAIN_UNITS.contains(&(name, value)) => {}
            _ => return None,
        }
    }
    let code = match model? {
        1 if geographic.is_none() => projected?,
        2 if projected.is_none() => geographic?,
        _ => return None,
    };
    CODES
        .contains(&code)
        .then(|| Crs::from_epsg(u32::from(code)))
}

/// Whether the tie point is the corner of a pixel, not its middle.
pub(super) fn counts_from_corners(file: &dyn RangeReader, tags: &Directory) -> Option<bool> {
    let keys = keys(file, tags)?;
    let mut keys = keys.get(4..)?.chunks_exact(4);
    Some(!keys.any(|key| key[0] == RASTER_TYPE && key[3] != CORNERS))
}

fn keys(file: &dyn RangeReader, tags: &Directory) -> Option<Vec<u16>> {
    let numbers = tags.numbers(file, KEY_DIRECTORY)?;
    numbers.into_iter().map(|n| n.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use gdal::DriverManager;
    use gdal::raster::RasterCreationOptions;

    use std::path::Path;

    use super::*;
    use crate::setup;
    use crate::tiff::Tiff;

    fn crs(path: &Path) -> Option<Crs> {
        Tiff::open(path)?.crs()
    }

    fn write(path: &Path, reference: &gdal::spatial_ref::SpatialRef, options: &[&str]) {
        setup::ready();
        let options: RasterCreationOptions = options.iter().copied().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut file = driver
            .create_with_band_type_with_options::<u16, _>(path, 8, 8, 1, &options)
            .unwrap();
        file.set_geo_transform(&[10.0, 2.0, 0.0, 60.0, 0.0, -2.0])
            .unwrap();
        file.set_spatial_ref(reference).unwrap();
        file.close().unwrap();
    }

    #[test]
    fn codes_are_those_of_gdal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let little: &[&str] = &["ENDIANNESS=LITTLE"];
        let large: &[&str] = &["ENDIANNESS=LITTLE", "BIGTIFF=YES"];
        let mut found = 0;
        for code in [
            32_735, 32_736, 6933, 3857, 4326, 4269, 31_370, 2154, 3035, 22_291,
        ] {
            for options in [little, large] {
                let wanted = Crs::from_epsg(code);
                write(&path, &wanted.spatial_ref().unwrap(), options);
                let ours = crs(&path);
                assert!(ours.is_none() || ours == Some(wanted), "{wanted}: {ours:?}");
                found += usize::from(ours.is_some());
            }
        }
        // Geographic systems carry their ellipsoid as well; projected ones in metres are plain.
        assert!(found >= 12, "{found}");
    }

    #[test]
    fn what_is_not_plain_is_left_to_gdal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let own = gdal::spatial_ref::SpatialRef::from_proj4(
            "+proj=laea +lat_0=-18 +lon_0=31 +datum=WGS84 +units=m",
        )
        .unwrap();
        write(&path, &own, &["ENDIANNESS=LITTLE"]);
        assert_eq!(crs(&path), None);
        let utm = Crs::from_epsg(32_735).spatial_ref().unwrap();
        write(&path, &utm, &["ENDIANNESS=BIG"]);
        assert_eq!(crs(&path), None);
        write(&path, &utm, &["ENDIANNESS=LITTLE"]);
        assert_eq!(crs(&path), Some(Crs::from_epsg(32_735)));
        // Cut off anywhere: no answer, or the right one, and no panic.
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let found = crs(&path);
            assert!(found.is_none() || found == Some(Crs::from_epsg(32_735)));
        }
        assert_eq!(crs(Path::new("/nowhere")), None);
    }
}
