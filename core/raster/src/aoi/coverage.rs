//! An area on a grid: which pixels it covers, how large it is, where it ends.

use geo::{Coord, Line, LineString};
use ndarray::Array2;

use super::{Aoi, validity};
use crate::crs::{Crs, Projection};
use crate::error::Result;
use crate::grid::{Bounds, Grid, Window};

/// Edges are followed in steps of at most so many degrees (about 2 km): the straight line between two steps then stays
/// within centimetres of the true edge in the projections that fit the place.
const STEP_DEGREES: f64 = 0.02;
/// Steps of all edges together, so that an absurd outline of many long edges costs seconds and not minutes.
const MOST_STEPS: f64 = 2e6;

/// WGS 84.
const SEMI_MAJOR_M: f64 = 6_378_137.0;
const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_141_316;

impl Aoi {
    /// Area on the WGS 84 ellipsoid in square kilometres.
    pub fn area_km2(&self) -> f64 {
        let polygons = self.geometry.0.iter();
        polygons
            .flat_map(validity::rings)
            .map(ring_area_km2)
            .sum::<f64>()
            .abs()
    }

    /// The bounds in a CRS, following the edges.
    ///
    /// # Errors
    /// When the area reaches to where the CRS is not defined.
    pub fn bounds_in(&self, crs: Crs) -> Result<Bounds> {
        let mut bounds = Bounds {
            min_x: f64::INFINITY,
            min_y: f64::INFINITY,
            max_x: f64::NEG_INFINITY,
            max_y: f64::NEG_INFINITY,
        };
        for (xs, ys) in self.projected(crs)? {
            for (x, y) in xs.into_iter().zip(ys) {
                bounds = bounds.union(&Bounds {
                    min_x: x,
                    min_y: y,
                    max_x: x,
                    max_y: y,
                });
            }
        }
        Ok(bounds)
    }

    /// Which pixels of the grid have their centre inside the area: `[row, column]`.
    ///
    /// A centre exactly on an edge that two areas share belongs to one of them only.
    ///
    /// # Errors
    /// When the area reaches to where the grid's CRS is not defined.
    pub fn coverage(&self, grid: &Grid) -> Result<Array2<bool>> {
        Ok(self.outline(grid.crs)?.coverage(grid, grid.window()))
    }

    /// The area's edges in a CRS, projected once for many questions.
    ///
    /// # Errors
    /// When the area reaches to where the CRS is not defined.
    pub fn outline(&self, crs: Crs) -> Result<Outline> {
        Ok(Outline {
            rings: self.projected(crs)?,
        })
    }

    /// All rings in a CRS, with intermediate points: x and y of each.
    fn projected(&self, crs: Crs) -> Result<Vec<(Vec<f64>, Vec<f64>)>> {
        let projection = Projection::shared(Crs::LON_LAT, crs)?;
        let step = self.step();
        let polygons = self.geometry.0.iter();
        polygons
            .flat_map(validity::rings)
            .map(|ring| {
                let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = densified(ring, step)
                    .map(|corner| (corner.x, corner.y))
                    .unzip();
                projection.points(&mut xs, &mut ys)?;
                Ok((xs, ys))
            })
            .collect()
    }

    /// Degrees between intermediate points.
    fn step(&self) -> f64 {
        let polygons = self.geometry.0.iter();
        let total: f64 = polygons
            .flat_map(validity::rings)
            .flat_map(LineString::lines)
            .map(|edge| edge.dx().abs().max(edge.dy().abs()))
            .sum();
        STEP_DEGREES.max(total / MOST_STEPS)
    }
}

/// The edges of an area in a projected CRS, from [`Aoi::outline`].
#[derive(Debug, Clone)]
pub struct Outline {
    /// x and y of each ring, with points between the corners.
    rings: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Outline {
    /// As [`Aoi::coverage`], for one window of a grid in the outline's CRS. Windows together are the whole: no pixel
    /// depends on how a grid is cut.
    pub fn coverage(&self, grid: &Grid, window: Window) -> Array2<bool> {
        // In units of pixels, with 0/0 at the centre of the first one.
        let column = |x: f64| (x - grid.x0) / grid.resolution - 0.5;
        let row = |y: f64| (grid.y0 - y) / grid.resolution - 0.5;
        let mut edges = Vec::new();
        for (xs, ys) in &self.rings {
            let corners = || xs.iter().zip(ys).map(|(&x, &y)| (column(x), row(y)));
            for (from, to) in corners().zip(corners().skip(1)) {
                // Downwards, whichever way the ring runs: neighbours that share the edge round alike.
                let (top, bottom) = if from.1 <= to.1 {
                    (from, to)
                } else {
                    (to, from)
                };
                let rows =
                    |v: f64| (v.ceil() - window.y as f64).clamp(0.0, window.height as f64) as usize;
                let (first, end) = (rows(top.1), rows(bottom.1));
                if first < end {
                    edges.push(Edge {
                        first,
                        end,
                        top,
                        bottom,
                    });
                }
            }
        }
        edges.sort_unstable_by_key(|edge| edge.first);
        let mut coming = edges.into_iter().peekable();
        let mut active: Vec<Edge> = Vec::new();
        let mut crossings = Vec::new();
        let mut covered = Array2::from_elem((window.height, window.width), false);
        for (line, mut pixels) in covered.outer_iter_mut().enumerate() {
            active.retain(|edge| edge.end > line);
            while let Some(edge) = coming.next_if(|edge| edge.first == line) {
                active.push(edge);
            }
            crossings.clear();
            crossings.extend(
                active
                    .iter()
                    .map(|edge| edge.column_at((line + window.y) as f64)),
            );
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let clip =
                    |u: f64| (u.ceil() - window.x as f64).clamp(0.0, window.width as f64) as usize;
                for pixel in clip(pair[0])..clip(pair[1]) {
                    pixels[pixel] = true;
                }
            }
        }
        covered
    }

    /// The smallest box that holds the area; `None` if there is no edge.
    pub fn bounds(&self) -> Option<Bounds> {
        let points = self.rings.iter().flat_map(|(xs, ys)| xs.iter().zip(ys));
        let boxes = points.map(|(&x, &y)| Bounds {
            min_x: x,
            min_y: y,
            max_x: x,
            max_y: y,
        });
        boxes.reduce(|a, b| a.union(&b))
    }

    /// Whether the area and a box share more than their edges. Cheap: nothing is rasterised.
    pub fn touches(&self, bounds: &Bounds) -> bool {
        let Bounds {
            min_x,
            min_y,
            max_x,
            max_y,
        } = *bounds;
        let centre = (f64::midpoint(min_x, max_x), f64::midpoint(min_y, max_y));
        let mut inside = false;
        for (xs, ys) in &self.rings {
            let corners = || xs.iter().copied().zip(ys.iter().copied());
            for (from, to) in corners().zip(corners().skip(1)) {
                if crosses(from, to, bounds) {
                    return true;
                }
                // No edge comes in: the box is inside or outside as a whole, which its centre tells.
                if (from.1 > centre.1) != (to.1 > centre.1) {
                    let x = from.0 + (centre.1 - from.1) * (to.0 - from.0) / (to.1 - from.1);
                    inside ^= x > centre.0;
                }
            }
        }
        inside
    }
}

/// Whether a line comes inside a box (Liang and Barsky 1984: the part of the line between all four edges is not empty).
fn crosses(from: (f64, f64), to: (f64, f64), bounds: &Bounds) -> bool {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (step, gap) in [
        (-dx, from.0 - bounds.min_x),
        (dx, bounds.max_x - from.0),
        (-dy, from.1 - bounds.min_y),
        (dy, bounds.max_y - from.1),
    ] {
        if step == 0.0 {
            if gap <= 0.0 {
                return false;
            }
        } else if step < 0.0 {
            enter = enter.max(gap / step);
        } else {
            leave = leave.min(gap / step);
        }
    }
    enter < leave
}

/// The corners of a ring with points between them, at most `step` degrees apart.
fn densified(ring: &LineString<f64>, step: f64) -> impl Iterator<Item = Coord<f64>> {
    let between = ring.lines().flat_map(move |edge| {
        let parts = (edge.dx().abs().max(edge.dy().abs()) / step)
            .ceil()
            .max(1.0) as u32;
        // From the western end, so that the two neighbours along an edge get the same points.
        let forward = (edge.start.x, edge.start.y) <= (edge.end.x, edge.end.y);
        let (a, b) = if forward {
            (edge.start, edge.end)
        } else {
            (edge.end, edge.start)
        };
        (0..parts).map(move |part| {
            let part = if forward { part } else { parts - part };
            if part == parts {
                return b;
            }
            a + (b - a) * (f64::from(part) / f64::from(parts))
        })
    });
    between.chain(ring.0.last().copied())
}

/// A piece of the outline in pixels, column then row, and the rows whose centres it crosses.
struct Edge {
    first: usize,
    end: usize,
    top: (f64, f64),
    bottom: (f64, f64),
}

impl Edge {
    fn column_at(&self, row: f64) -> f64 {
        let ((u0, v0), (u1, v1)) = (self.top, self.bottom);
        u0 + (row - v0) * (u1 - u0) / (v1 - v0)
    }
}

/// Nodes and weights of five-point Gauss-Legendre quadrature on -1 to 1.
const GAUSS: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189),
    (-0.538_469_310_105_683, 0.478_628_670_499_366),
    (0.0, 0.568_888_888_888_889),
    (0.538_469_310_105_683, 0.478_628_670_499_366),
    (0.906_179_845_938_664, 0.236_926_885_056_189),
];

/// Signed area of a ring in square kilometres: positive when it runs counter-clockwise.
///
/// The strip between an edge and the equator is the integral of q over longitude, where q is that of Lambert's
/// cylindrical equal-area projection of the ellipsoid (J. P. Snyder, Map Projections: A Working Manual, USGS 1987,
/// equation 3-12). It is smooth along an edge, so five points give it to better than a millionth.
pub(super) fn ring_area_km2(ring: &LineString<f64>) -> f64 {
    let Some(origin) = ring.0.first() else {
        return 0.0;
    };
    // Relative to the first corner: differences of small areas keep their digits.
    let level = authalic(origin.y.to_radians());
    let strip = |edge: Line<f64>| {
        let middle = f64::midpoint(edge.start.y, edge.end.y).to_radians();
        let half = edge.dy().to_radians() / 2.0;
        let sum: f64 = GAUSS
            .iter()
            .map(|(node, weight)| weight * (authalic(middle + node * half) - level))
            .sum();
        edge.dx().to_radians() * sum / 2.0
    };
    let strips: f64 = ring.lines().map(strip).sum();
    -strips * SEMI_MAJOR_M * SEMI_MAJOR_M / 2.0 / 1e6
}

/// Snyder's q of a latitude in radians.
fn authalic(latitude: f64) -> f64 {
    let e = ECCENTRICITY_SQUARED.sqrt();
    let sin = latitude.sin();
    (1.0 - ECCENTRICITY_SQUARED)
        * (sin / (1.0 - ECCENTRICITY_SQUARED * sin * sin) + (e * sin).atanh() / e)
}
