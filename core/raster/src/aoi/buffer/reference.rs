//! The coordinate reference system that somebody names, and the way from it to degrees.
//!
//! GDAL would also read a file or fetch an address that is given as a coordinate reference system, and PROJ strings can
//! name files. What a stranger may write is therefore read here, and only codes and plain parameters are passed on.

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use geo::Coord;

use super::BufferError;
use super::shape::Shape;
use crate::crs::Crs;
use crate::setup;

/// GeoJSON's own.
pub(super) const LONGITUDE_LATITUDE: &str = "OGC:CRS84";
/// Whose codes PROJ's database has.
const AUTHORITIES: [&str; 4] = ["EPSG", "ESRI", "OGC", "IGNF"];
/// Parameters of PROJ strings that name files or other definitions.
const NAME_FILES: [&str; 9] = [
    "init",
    "nadgrids",
    "geoidgrids",
    "grids",
    "file",
    "catalog",
    "xy_grids",
    "z_grids",
    "step",
];
/// In bytes.
const LONGEST: usize = 400;
/// Edges are followed in steps of at most so much: degrees, and metres (or feet) of projected systems.
const STEP_DEGREES: f64 = 0.02;
const STEP_METRES: f64 = 2_000.0;
/// Steps of all edges together.
const MOST_STEPS: f64 = 2e5;
/// How far beyond the area that a system is made for coordinates may lie, in degrees: one zone of UTM. Neighbours are
/// often kept in one system; degrees that are taken for metres end in Antarctica.
const BEYOND: f64 = 6.0;

/// A coordinate reference system of the plane or of degrees.
pub(super) struct Reference {
    text: String,
    system: SpatialRef,
    degrees: bool,
}

impl Reference {
    pub(super) fn parse(text: &str) -> Result<Self, BufferError> {
        setup::ready();
        let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        let wrong = |reason: &str| BufferError::Crs {
            text: shown.clone(),
            reason: reason.to_owned(),
        };
        if text.len() > LONGEST || text.contains('\0') {
            return Err(wrong("it is too long"));
        }
        let text = text.trim();
        let found = if text.starts_with('+') {
            refuse_files(text).map_err(wrong)?;
            SpatialRef::from_proj4(text)
        } else {
            let code = code(text).ok_or_else(|| wrong("it is not written like one"))?;
            SpatialRef::from_definition(&code)
        };
        let mut reference = found.map_err(|_| wrong("PROJ does not know it"))?;
        if !(reference.is_projected() || reference.is_geographic()) {
            return Err(wrong("it is neither of the plane nor of degrees"));
        }
        reference.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        Ok(Self {
            text: shown.clone(),
            degrees: reference.is_geographic(),
            system: reference,
        })
    }

    /// The shape in longitude and latitude, with points between the corners so that edges stay what they were.
    pub(super) fn to_degrees(&self, shape: Shape) -> Result<Shape, BufferError> {
        let lonlat = Crs::LON_LAT
            .spatial_ref()
            .map_err(|error| self.no_place(&error.to_string()))?;
        let transform = CoordTransform::new(&self.system, &lonlat)
            .map_err(|error| self.no_place(&error.to_string()))?;
        if self.degrees {
            let wide = shape
                .coords()
                .find(|c| c.x.abs() > 360.0 || c.y.abs() > 90.0);
            if let Some(Coord { x, y }) = wide {
                return Err(self.no_place(&format!("[{x}, {y}] is not in degrees")));
            }
            if shape.widest_step() > 180.0 {
                return Err(self.no_place(
                    "an edge spans more than half of the earth: split it at 180 degrees",
                ));
            }
        }
        let step = if self.degrees {
            STEP_DEGREES
        } else {
            STEP_METRES
        };
        let shape = shape.densified(step, MOST_STEPS);
        let shape = shape.moved(|xs, ys| {
            transform
                .transform_coords(xs, ys, &mut [])
                .map_err(|error| self.no_place(&error.to_string()))?;
            let fine = |(x, y): (&f64, &f64)| x.is_finite() && y.is_finite() && y.abs() <= 90.0;
            if xs.iter().zip(ys.iter()).all(fine) {
                Ok(())
            } else {
                Err(self.no_place("a point lies outside of it"))
            }
        })?;
        match self.beyond(&shape) {
            Some(Coord { x, y }) => Err(self.no_place(&format!(
                "they would lie at longitude {x:.2}, latitude {y:.2}, far from where it is used"
            ))),
            None => Ok(shape),
        }
    }

    /// A corner far outside of the area that the system is made for, where PROJ knows one.
    fn beyond(&self, shape: &Shape) -> Option<Coord<f64>> {
        let area = self.system.area_of_use()?;
        let (west, east) = (area.west_lon_degree - BEYOND, area.east_lon_degree + BEYOND);
        let (south, north) = (
            area.south_lat_degree - BEYOND,
            area.north_lat_degree + BEYOND,
        );
        // An area over the antimeridian begins in the east.
        let around = area.west_lon_degree > area.east_lon_degree || east - west >= 360.0;
        let inside = |c: &Coord<f64>| {
            let turned = [c.x, c.x - 360.0, c.x + 360.0];
            let along = around || turned.iter().any(|x| (west..=east).contains(x));
            along && (south..=north).contains(&c.y)
        };
        shape.coords().find(|c| !inside(c))
    }

    fn no_place(&self, reason: &str) -> BufferError {
        BufferError::NoPlace {
            crs: self.text.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// `AUTHORITY:CODE`, from that, a URN of OGC or its address.
fn code(text: &str) -> Option<String> {
    let (authority, code) = if let Some(urn) = strip(text, "urn:ogc:def:crs:") {
        let mut parts = urn.split(':');
        (parts.next()?, parts.next_back()?)
    } else if let Some(path) = strip(text, "http://www.opengis.net/def/crs/")
        .or_else(|| strip(text, "https://www.opengis.net/def/crs/"))
    {
        let mut parts = path.split('/');
        (parts.next()?, parts.next_back()?)
    } else if text.eq_ignore_ascii_case("CRS84") {
        ("OGC", text)
    } else {
        text.split_once(':')?
    };
    let authority = authority.to_ascii_uppercase();
    let plain = |code: &str| {
        (1..=20).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    // GDAL would take the digits of a code and leave the rest.
    let digits = authority != "EPSG" || code.bytes().all(|b| b.is_ascii_digit());
    (AUTHORITIES.contains(&authority.as_str()) && plain(code) && digits)
        .then(|| format!("{authority}:{}", code.to_ascii_uppercase()))
}

fn strip<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

fn refuse_files(text: &str) -> Result<(), &'static str> {
    for part in text.split_ascii_whitespace() {
        let part = part.trim_start_matches('+');
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if NAME_FILES.contains(&key.to_ascii_lowercase().as_str())
            || value.contains(['/', '\\', '@'])
        {
            return Err("a PROJ string that names files is not taken");
        }
        if key == "proj" && value == "pipeline" {
            return Err("a pipeline is not a coordinate reference system");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_every_spelling() {
        for (text, code_) in [
            ("EPSG:32736", "EPSG:32736"),
            ("epsg:4326", "EPSG:4326"),
            ("CRS84", "OGC:CRS84"),
            ("urn:ogc:def:crs:EPSG::32736", "EPSG:32736"),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84"),
            ("http://www.opengis.net/def/crs/EPSG/0/3857", "EPSG:3857"),
            ("ESRI:102022", "ESRI:102022"),
        ] {
            assert_eq!(code(text).as_deref(), Some(code_), "{text}");
            assert!(Reference::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nothing_else_reaches_gdal() {
        for text in [
            "",
            "EPSG:",
            "EPSG:4326/../x",
            "EPSG:999999",
            "/etc/passwd",
            "http://example.org/crs",
            "file:secret",
            "EPSG:4979x",
            "EPSG:4978",
            "EPSG:5773",
            "+init=epsg:4326",
            "+proj=utm +zone=36 +nadgrids=/etc/passwd",
            "+proj=pipeline +step +proj=utm",
            "+proj=nothing",
            "LOCAL_CS[\"x\"]",
        ] {
            let error = Reference::parse(text).err().map(|e| e.to_string());
            assert!(error.is_some_and(|e| e.contains("EPSG:32736")), "{text}");
        }
        assert!(Reference::parse("+proj=utm +zone=36 +south +datum=WGS84 +units=m").is_ok());
    }
}
