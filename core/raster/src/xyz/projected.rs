//! From the web map to the systems that our maps are in, without PROJ.
//!
//! PROJ is called through GDAL point by point, about a microsecond each, which is most of the time that a tile takes. Two
//! kinds of systems on the WGS 84 ellipsoid have short formulas, and Web Mercator's rows share a latitude. Everything else,
//! and whatever lies far from its zone, is PROJ's.

use std::rc::Rc;

use crate::crs::{Crs, Projection};
use crate::error::Result;

/// The radius of Web Mercator's sphere, and the ellipsoid's semi-major axis.
const RADIUS: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Scale on the central meridian of a UTM zone, and the two false origins.
const SCALE: f64 = 0.9996;
const EASTING: f64 = 500_000.0;
const NORTHING: f64 = 10_000_000.0;
/// Standard parallel of EPSG:6933, degrees.
const PARALLEL: f64 = 30.0;
/// Zones are used this far from their middle, in radians: the series is good to a nanometre there.
const ZONE_REACH: f64 = 0.5;

/// A way from Web Mercator to another system.
pub(super) struct FromWeb {
    way: Way,
    /// For what the formulas do not reach.
    projection: Rc<Projection>,
}

enum Way {
    Utm(Utm),
    EqualArea(EqualArea),
    Other,
}

impl FromWeb {
    /// To a system that PROJ knows.
    pub(super) fn to(crs: Crs) -> Result<Self> {
        let way = match crs.epsg() {
            code @ (32_601..=32_660 | 32_701..=32_760) => Way::Utm(Utm::zone(code)),
            6933 => Way::EqualArea(EqualArea::new()),
            _ => Way::Other,
        };
        Ok(Self {
            way,
            projection: Projection::shared(Crs::WEB_MERCATOR, crs)?,
        })
    }

    /// Projects points in place. Those without a place become infinite.
    pub(super) fn points(&self, xs: &mut [f64], ys: &mut [f64]) {
        match &self.way {
            Way::Utm(utm) if utm.reaches(xs) => utm.points(xs, ys),
            Way::EqualArea(equal) if equal.reaches(xs) => equal.points(xs, ys),
            _ => self.projection.points_or_infinity(xs, ys),
        }
    }
}

/// First eccentricity.
fn eccentricity() -> f64 {
    (FLATTENING * (2.0 - FLATTENING)).sqrt()
}

/// A zone of the Universal Transverse Mercator: Krüger's series to the sixth order in n, as in C. F. F. Karney, Transverse
/// Mercator with an accuracy of a few nanometers, Journal of Geodesy 85 (2011), equations 7 to 11 and 35.
struct Utm {
    meridian: f64,
    northing: f64,
    /// Scale times the rectifying radius.
    scale: f64,
    alpha: [f64; 6],
}

impl Utm {
    fn zone(code: u32) -> Self {
        let n = FLATTENING / (2.0 - FLATTENING);
        // Coefficients of n to the power of the place, lowest first.
        let series = |first: i32, terms: &[f64]| -> f64 {
            let powers = terms.iter().zip(first..);
            powers.map(|(term, power)| term * n.powi(power)).sum()
        };
        let radius =
            RADIUS / (1.0 + n) * (1.0 + series(2, &[1.0 / 4.0, 0.0, 1.0 / 64.0, 0.0, 1.0 / 256.0]));
        let alpha = [
            series(
                1,
                &[
                    1.0 / 2.0,
                    -2.0 / 3.0,
                    5.0 / 16.0,
                    41.0 / 180.0,
                    -127.0 / 288.0,
                    7891.0 / 37_800.0,
                ],
            ),
            series(
                2,
                &[
                    13.0 / 48.0,
                    -3.0 / 5.0,
                    557.0 / 1440.0,
                    281.0 / 630.0,
                    -1_983_433.0 / 1_935_360.0,
                ],
            ),
            series(
                3,
                &[
                    61.0 / 240.0,
                    -103.0 / 140.0,
                    15_061.0 / 26_880.0,
                    167_603.0 / 181_440.0,
                ],
            ),
            series(
                4,
                &[
                    49_561.0 / 161_280.0,
                    -179.0 / 168.0,
                    6_601_661.0 / 7_257_600.0,
                ],
            ),
            series(5, &[34_729.0 / 80_640.0, -3_418_889.0 / 1_995_840.0]),
            series(6, &[212_378_941.0 / 319_334_400.0]),
        ];
        let south = code > 32_700;
        Self {
            meridian: (f64::from(code % 100) * 6.0 - 183.0).to_radians(),
            northing: if south { NORTHING } else { 0.0 },
            scale: SCALE * radius,
            alpha,
        }
    }

    fn reaches(&self, xs: &[f64]) -> bool {
        xs.iter()
            .all(|x| (x / RADIUS - self.meridian).abs() < ZONE_REACH)
    }

    fn points(&self, xs: &mut [f64], ys: &mut [f64]) {
        let e = eccentricity();
        let (mut row, mut conformal) = (f64::NAN.to_bits(), 0.0);
        for (x, y) in xs.iter_mut().zip(ys) {
            if y.to_bits() != row {
                row = y.to_bits();
                // Tangents of the latitude and of the conformal latitude.
                let tan = (*y / RADIUS).sinh();
                let secant = (tan * tan + 1.0).sqrt();
                let sigma = (e * (e * tan / secant).atanh()).sinh();
                conformal = tan * (sigma * sigma + 1.0).sqrt() - sigma * secant;
            }
            let (sin, cos) = (*x / RADIUS - self.meridian).sin_cos();
            let xi = conformal.atan2(cos);
            let eta = (sin / (conformal * conformal + cos * cos).sqrt()).asinh();
            let (north, east) = self.rectified(xi, eta);
            *x = EASTING + self.scale * east;
            *y = self.northing + self.scale * north;
        }
    }

    /// Sums the series of sines of multiples of a complex angle, by Clenshaw's recurrence.
    fn rectified(&self, xi: f64, eta: f64) -> (f64, f64) {
        let (sin, cos) = (2.0 * xi).sin_cos();
        let grown = (2.0 * eta).exp();
        let (sinh, cosh) = (0.5 * (grown - 1.0 / grown), 0.5 * (grown + 1.0 / grown));
        let twice = (2.0 * cos * cosh, -2.0 * sin * sinh);
        let (mut one, mut two) = ((0.0, 0.0), (0.0, 0.0));
        for alpha in self.alpha.iter().rev() {
            let next = (
                alpha + twice.0 * one.0 - twice.1 * one.1 - two.0,
                twice.0 * one.1 + twice.1 * one.0 - two.1,
            );
            (two, one) = (one, next);
        }
        let (real, imaginary) = (sin * cosh, cos * sinh);
        (
            xi + real * one.0 - imaginary * one.1,
            eta + real * one.1 + imaginary * one.0,
        )
    }
}

/// EPSG:6933, Lambert's cylindrical equal-area projection: J. P. Snyder, Map Projections: A Working Manual (USGS 1987),
/// equations 10-13 to 10-16 and 3-12.
struct EqualArea {
    scale: f64,
}

impl EqualArea {
    fn new() -> Self {
        let (sin, cos) = PARALLEL.to_radians().sin_cos();
        let e = eccentricity();
        Self {
            scale: cos / (1.0 - e * e * sin * sin).sqrt(),
        }
    }

    fn reaches(&self, xs: &[f64]) -> bool {
        let end = RADIUS * std::f64::consts::PI;
        self.scale > 0.0 && xs.iter().all(|x| x.abs() < end)
    }

    fn points(&self, xs: &mut [f64], ys: &mut [f64]) {
        let e = eccentricity();
        let (mut row, mut northing) = (f64::NAN.to_bits(), 0.0);
        for (x, y) in xs.iter_mut().zip(ys) {
            if y.to_bits() != row {
                row = y.to_bits();
                let sin = (*y / RADIUS).tanh();
                let part = sin / (1.0 - e * e * sin * sin) + (e * sin).atanh() / e;
                northing = RADIUS * (1.0 - e * e) * part / (2.0 * self.scale);
            }
            *x *= self.scale;
            *y = northing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_right_to_a_tenth_of_a_micrometre() {
        for code in [32_635, 32_735, 32_736, 32_701, 32_660, 6933] {
            let crs = Crs::from_epsg(code);
            let ours = FromWeb::to(crs).unwrap();
            assert!(!matches!(ours.way, Way::Other));
            let middle = match &ours.way {
                Way::Utm(utm) => utm.meridian * RADIUS,
                _ => 3e6,
            };
            let (mut xs, mut ys) = (Vec::new(), Vec::new());
            for column in -20..=20 {
                for row in -20..=20 {
                    xs.push(middle + f64::from(column) * 50_011.0);
                    ys.push(f64::from(row) * 500_123.0);
                }
            }
            let (mut exact_xs, mut exact_ys) = (xs.clone(), ys.clone());
            ours.points(&mut xs, &mut ys);
            ours.projection
                .points(&mut exact_xs, &mut exact_ys)
                .unwrap();
            for (own, exact) in xs.iter().chain(&ys).zip(exact_xs.iter().chain(&exact_ys)) {
                assert!((own - exact).abs() < 1e-7, "{crs}: {own} {exact}");
            }
        }
    }

    #[test]
    fn what_is_far_from_its_zone_is_left_to_proj() {
        let far = FromWeb::to(Crs::from_epsg(32_735)).unwrap();
        let (mut xs, mut ys) = (vec![-1.2e7], vec![1e6]);
        let (mut exact_xs, mut exact_ys) = (xs.clone(), ys.clone());
        far.points(&mut xs, &mut ys);
        far.projection
            .points_or_infinity(&mut exact_xs, &mut exact_ys);
        assert_eq!((xs, ys), (exact_xs, exact_ys));
    }
}
