//! Where a sample is: whole numbers of 1e-7 degrees, about a centimetre.
//!
//! Programs write coordinates with more or fewer digits, and begin a ring where they like. Rounded and in one order, the
//! same place is the same whatever file it came in.

use geo::{Coord, LineString, MultiPolygon, Polygon};
use geocrop_raster::{Aoi, AoiError, AoiLimits};
use serde::{Serialize, Serializer};
use serde_json::json;

/// Parts of a degree.
const UNIT: f64 = 1e7;

/// Longitude and latitude on WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    lon: i32,
    lat: i32,
}

impl Place {
    /// The place nearest to these degrees, which must be at most 180 and 90.
    pub fn new(lon: f64, lat: f64) -> Self {
        let whole = |degrees: f64| (degrees * UNIT).round() as i32;
        Self {
            lon: whole(lon),
            lat: whole(lat),
        }
    }

    /// In degrees.
    pub fn lon(self) -> f64 {
        f64::from(self.lon) / UNIT
    }

    /// In degrees.
    pub fn lat(self) -> f64 {
        f64::from(self.lat) / UNIT
    }

    fn degrees(self) -> [f64; 2] {
        [self.lon(), self.lat()]
    }
}

/// Corners; the first comes again as the last.
type Ring = Vec<Place>;

/// A point, or an area.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A point.
    Point(Place),
    /// One polygon or several.
    Area(Area),
}

/// Valid polygons in one order, each its outline and then its holes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Area(Vec<Vec<Ring>>);

impl Area {
    /// In degrees.
    pub fn polygons(&self) -> MultiPolygon<f64> {
        let line = |ring: &Ring| LineString(ring.iter().map(|p| coord(*p)).collect());
        let polygon = |rings: &Vec<Ring>| {
            let mut rings = rings.iter().map(line);
            let outline = rings.next().unwrap_or_else(|| LineString(Vec::new()));
            Polygon::new(outline, rings.collect())
        };
        MultiPolygon(self.0.iter().map(polygon).collect())
    }
}

impl Shape {
    /// An area, valid by the rules of [`Aoi`]. One that is not wider than a centimetre, as people draw with a double click
    /// in the wrong tool, is a point.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn area(polygons: &MultiPolygon<f64>) -> Result<Self, AoiError> {
        if let Some(point) = speck(polygons) {
            return Ok(Self::Point(point));
        }
        let rounded: Vec<Vec<Vec<[f64; 2]>>> = polygons
            .0
            .iter()
            .map(|polygon| {
                let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
                rings.map(rounded).collect()
            })
            .collect();
        let text = json!({ "type": "MultiPolygon", "coordinates": rounded }).to_string();
        let limits = AoiLimits {
            max_bytes: usize::MAX,
            max_vertices: usize::MAX,
            max_area_km2: None,
        };
        let valid = Aoi::parse(&text, "sample", &limits)?;
        let mut polygons: Vec<Vec<Ring>> = valid.geometry.0.iter().map(ordered).collect();
        polygons.sort();
        Ok(Self::Area(Area(polygons)))
    }

    /// West, south, east, north in degrees.
    pub fn bounds(&self) -> [f64; 4] {
        let corners: Vec<Place> = match self {
            Self::Point(place) => vec![*place],
            Self::Area(area) => area.0.iter().flatten().flatten().copied().collect(),
        };
        let none = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        corners.iter().fold(none, |[w, s, e, n], place| {
            let [lon, lat] = place.degrees();
            [w.min(lon), s.min(lat), e.max(lon), n.max(lat)]
        })
    }

    /// How many corners its rings have; none in a point.
    pub fn corners(&self) -> usize {
        match self {
            Self::Point(_) => 0,
            Self::Area(area) => area.0.iter().flatten().map(Vec::len).sum(),
        }
    }
}

/// As a GeoJSON geometry.
impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Geometry<C> {
            r#type: &'static str,
            coordinates: C,
        }
        let ring = |ring: &Ring| -> Vec<[f64; 2]> { ring.iter().map(|p| p.degrees()).collect() };
        let polygon = |rings: &Vec<Ring>| -> Vec<_> { rings.iter().map(ring).collect() };
        match self {
            Self::Point(place) => Geometry {
                r#type: "Point",
                coordinates: place.degrees(),
            }
            .serialize(serializer),
            Self::Area(area) => match area.0.as_slice() {
                [one] => Geometry {
                    r#type: "Polygon",
                    coordinates: polygon(one),
                }
                .serialize(serializer),
                all => Geometry {
                    r#type: "MultiPolygon",
                    coordinates: all.iter().map(polygon).collect::<Vec<_>>(),
                }
                .serialize(serializer),
            },
        }
    }
}

fn coord(place: Place) -> Coord<f64> {
    let [x, y] = place.degrees();
    Coord { x, y }
}

/// Where all corners are neighbours at most.
fn speck(polygons: &MultiPolygon<f64>) -> Option<Place> {
    let corners = polygons.0.iter().flat_map(|p| &p.exterior().0);
    let mut places = corners.map(|c| Place::new(c.x, c.y));
    let first = places.next()?;
    let (mut least, mut most) = (first, first);
    for place in places {
        least = Place {
            lon: least.lon.min(place.lon),
            lat: least.lat.min(place.lat),
        };
        most = Place {
            lon: most.lon.max(place.lon),
            lat: most.lat.max(place.lat),
        };
    }
    (most.lon - least.lon <= 1 && most.lat - least.lat <= 1).then_some(least)
}

fn rounded(ring: &LineString<f64>) -> Vec<[f64; 2]> {
    let corner = |c: &Coord<f64>| Place::new(c.x, c.y).degrees();
    ring.0.iter().map(corner).collect()
}

/// The rings of a polygon, each begun at its smallest corner, the holes in order.
fn ordered(polygon: &Polygon<f64>) -> Vec<Ring> {
    let ring = |line: &LineString<f64>| {
        let mut ring: Ring = line.0.iter().map(|c| Place::new(c.x, c.y)).collect();
        ring.pop();
        let least = (0..ring.len()).min_by_key(|k| ring[*k]).unwrap_or(0);
        ring.rotate_left(least);
        ring.extend(ring.first().copied());
        ring
    };
    let mut holes: Vec<Ring> = polygon.interiors().iter().map(ring).collect();
    holes.sort();
    let mut rings = vec![ring(polygon.exterior())];
    rings.extend(holes);
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(corners: [(f64, f64); 4]) -> MultiPolygon<f64> {
        let line = corners.iter().map(|&(x, y)| Coord { x, y }).collect();
        MultiPolygon(vec![Polygon::new(LineString(line), vec![])])
    }

    #[test]
    fn an_area_is_the_same_wherever_its_ring_begins_and_whichever_way_it_runs() {
        let [a, b, c] = [(31.0, -17.0), (31.1, -17.0), (31.0, -16.9)];
        let one = Shape::area(&triangle([a, b, c, a])).unwrap();
        let turned = Shape::area(&triangle([c, b, a, c])).unwrap();
        let finer = (31.100_000_000_04, -17.000_000_000_03);
        let rounded = Shape::area(&triangle(
            [b, c, a, b].map(|p| if p == b { finer } else { p }),
        ));
        assert_eq!(one, turned);
        assert_eq!(one, rounded.unwrap());
        let degrees = one.bounds().map(|side| (side * UNIT).round() as i32);
        assert_eq!(
            degrees,
            [310_000_000, -170_000_000, 311_000_000, -169_000_000]
        );
        let Shape::Area(area) = &one else {
            panic!("{one:?}")
        };
        assert_eq!(Shape::area(&area.polygons()).unwrap(), one);
    }

    #[test]
    fn an_area_of_millimetres_is_a_point() {
        let [a, b, c] = [
            (31.0, -17.0),
            (31.000_000_06, -17.0),
            (31.0, -16.999_999_94),
        ];
        let speck = Shape::area(&triangle([a, b, c, a])).unwrap();
        assert_eq!(speck, Shape::Point(Place::new(31.0, -17.0)));
    }

    #[test]
    fn a_bow_tie_is_no_area() {
        let bow = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)];
        let line = bow.iter().map(|&(x, y)| Coord { x, y }).collect();
        let polygon = Polygon::new(LineString(line), vec![]);
        assert!(Shape::area(&MultiPolygon(vec![polygon])).is_err());
    }

    #[test]
    fn a_point_is_written_in_few_digits() {
        let point = Shape::Point(Place::new(30.138_388, -17.498_822_000_01));
        let text = serde_json::to_string(&point).unwrap();
        assert_eq!(
            text,
            r#"{"type":"Point","coordinates":[30.138388,-17.498822]}"#
        );
    }
}
