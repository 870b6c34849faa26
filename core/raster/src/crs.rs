//! Coordinate reference systems by EPSG code, and moving points between them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use serde::{Deserialize, Serialize};

use crate::error::{RasterError, Result};
use crate::grid::Bounds;
use crate::setup;

/// A coordinate reference system, by its EPSG code. Coordinates are always x first (longitude before latitude),
/// whatever order the authority prescribes.
///
/// ```
/// use geocrop_raster::Crs;
/// let crs: Crs = "EPSG:6933".parse()?;
/// assert_eq!(crs, Crs::EQUAL_AREA);
/// assert_eq!(crs.to_string(), "EPSG:6933");
/// # Ok::<(), geocrop_raster::RasterError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Crs(u32);

impl Crs {
    /// EPSG:6933, NSIDC EASE-Grid 2.0 Global: cylindrical equal-area in metres, between 86 degrees north and south.
    pub const EQUAL_AREA: Self = Self(6933);
    /// EPSG:3857, the web map's Mercator.
    pub const WEB_MERCATOR: Self = Self(3857);
    /// EPSG:4326 with longitude first, as GeoJSON has it.
    pub const LON_LAT: Self = Self(4326);

    /// The system with this EPSG code. Whether PROJ knows it shows at first use.
    pub const fn from_epsg(code: u32) -> Self {
        Self(code)
    }

    /// The EPSG code.
    pub const fn epsg(self) -> u32 {
        self.0
    }

    /// GDAL's object for this system, x first.
    pub(crate) fn spatial_ref(self) -> Result<SpatialRef> {
        setup::ready();
        let mut reference =
            SpatialRef::from_epsg(self.0).map_err(|error| RasterError::UnknownCrs {
                crs: self,
                reason: error.to_string(),
            })?;
        reference.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        Ok(reference)
    }
}

impl fmt::Display for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EPSG:{}", self.0)
    }
}

impl FromStr for Crs {
    type Err = RasterError;

    fn from_str(text: &str) -> Result<Self> {
        text.trim()
            .split_once(':')
            .filter(|(authority, _)| authority.eq_ignore_ascii_case("EPSG"))
            .and_then(|(_, code)| code.parse().ok())
            .map(Self)
            .ok_or_else(|| RasterError::CrsText {
                text: text.to_owned(),
            })
    }
}

impl TryFrom<String> for Crs {
    type Error = RasterError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Crs> for String {
    fn from(crs: Crs) -> Self {
        crs.to_string()
    }
}

/// A way from one coordinate reference system to another.
///
/// Making one costs about a millisecond, so project many points with one. It stays on its thread.
pub struct Projection {
    from: Crs,
    to: Crs,
    /// `None` where nothing needs to be done.
    transform: Option<CoordTransform>,
}

/// Zones of a continent, there and back.
const MOST_SHARED: usize = 256;

thread_local! {
    /// Those made by [`Projection::shared`]. There are never more than a few systems.
    static SHARED: RefCell<HashMap<(Crs, Crs), Rc<Projection>>> = RefCell::default();
}

/// Points per edge when bounds are projected: GDAL's recommendation.
const BOUNDS_POINTS: i32 = 21;

impl Projection {
    /// From one system to another; both must be known to PROJ.
    pub fn new(from: Crs, to: Crs) -> Result<Self> {
        let transform =
            if from == to {
                None
            } else {
                let transform = CoordTransform::new(&from.spatial_ref()?, &to.spatial_ref()?)
                    .map_err(|error| RasterError::Projection {
                        from,
                        to,
                        reason: error.to_string(),
                    })?;
                Some(transform)
            };
        Ok(Self {
            from,
            to,
            transform,
        })
    }

    /// As [`new`](Self::new), but made once for each thread: for small work that comes often.
    pub(crate) fn shared(from: Crs, to: Crs) -> Result<Rc<Self>> {
        if let Some(known) = SHARED.with_borrow(|shared| shared.get(&(from, to)).cloned()) {
            return Ok(known);
        }
        let made = Rc::new(Self::new(from, to)?);
        SHARED.with_borrow_mut(|shared| {
            if shared.len() >= MOST_SHARED {
                shared.clear();
            }
            shared.insert((from, to), Rc::clone(&made));
        });
        Ok(made)
    }

    /// Projects points in place.
    ///
    /// # Errors
    /// When one of the points has no place in the target system.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn points(&self, xs: &mut [f64], ys: &mut [f64]) -> Result<()> {
        assert_eq!(xs.len(), ys.len(), "as many x as y");
        if let Some(transform) = &self.transform {
            transform
                .transform_coords(xs, ys, &mut [])
                .map_err(|error| self.failed(&error))?;
            if !xs.iter().chain(ys.iter()).all(|value| value.is_finite()) {
                return Err(RasterError::Projection {
                    from: self.from,
                    to: self.to,
                    reason: "a point has no finite place".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// As [`points`](Self::points), but those without a place become infinite.
    pub(crate) fn points_or_infinity(&self, xs: &mut [f64], ys: &mut [f64]) {
        if let Some(transform) = &self.transform {
            // The error tells that some point has no place; GDAL has put infinity there, and projected the others.
            let _ = transform.transform_coords(xs, ys, &mut []);
        }
    }

    /// The bounds in the target system of everything inside `bounds`, found by following the edges.
    pub fn bounds(&self, bounds: Bounds) -> Result<Bounds> {
        let Some(transform) = &self.transform else {
            return Ok(bounds);
        };
        let [min_x, min_y, max_x, max_y] = transform
            .transform_bounds(
                &[bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y],
                BOUNDS_POINTS,
            )
            .map_err(|error| self.failed(&error))?;
        Ok(Bounds {
            min_x,
            min_y,
            max_x,
            max_y,
        })
    }

    fn failed(&self, error: &gdal::errors::GdalError) -> RasterError {
        RasterError::Projection {
            from: self.from,
            to: self.to,
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_written_as_text() {
        assert_eq!(" epsg:32736".parse::<Crs>().unwrap(), Crs::from_epsg(32736));
        for wrong in ["", "6933", "EPSG:", "EPSG:-1", "ESRI:54009", "EPSG:x"] {
            assert!(wrong.parse::<Crs>().is_err(), "{wrong}");
        }
        assert_eq!(
            serde_json::to_string(&Crs::EQUAL_AREA).unwrap(),
            "\"EPSG:6933\""
        );
        assert_eq!(
            serde_json::from_str::<Crs>("\"EPSG:3857\"").unwrap(),
            Crs::WEB_MERCATOR
        );
    }

    #[test]
    fn longitude_comes_first_in_both_directions() {
        let there = Projection::new(Crs::LON_LAT, Crs::WEB_MERCATOR).unwrap();
        let (mut x, mut y) = ([30.0], [-18.0]);
        there.points(&mut x, &mut y).unwrap();
        assert!((x[0] - 3_339_584.723_798).abs() < 1e-3, "{x:?}");
        assert!((y[0] + 2_037_548.544_749).abs() < 1e-3, "{y:?}");
        let back = Projection::new(Crs::WEB_MERCATOR, Crs::LON_LAT).unwrap();
        back.points(&mut x, &mut y).unwrap();
        assert!((x[0] - 30.0).abs() < 1e-9 && (y[0] + 18.0).abs() < 1e-9);
    }

    #[test]
    fn an_unknown_code_is_an_error_that_names_it() {
        let error = Projection::new(Crs::from_epsg(999_999), Crs::LON_LAT)
            .err()
            .unwrap();
        assert!(error.to_string().contains("EPSG:999999"), "{error}");
    }
}
