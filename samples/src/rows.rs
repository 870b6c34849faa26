//! From the text of a row to a sample, or to what is wrong with it.

use std::path::Path;

use geo::{Coord, MultiPolygon};
use geocrop_model::Legend;
use geocrop_raster::{Crs, VectorShape};
use geocrop_store::Period;

use crate::columns::{ColumnNames, Columns};
use crate::problems::{Problem, Problems, RowUnit};
use crate::sample::{self, Sample};
use crate::{Place, SamplesError, Shape};

/// The most samples of a batch: some 300 MB while it is sorted.
pub const MOST_SAMPLES: usize = 1_000_000;
/// The most corners of a batch's polygons, all together.
pub const MOST_CORNERS: usize = 5_000_000;

/// The most bytes of a batch's notes and groups, all together.
pub const MOST_TEXT: usize = 100_000_000;

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions<'a> {
    /// Columns with names of their own.
    pub columns: ColumnNames,
    /// The time of rows without one.
    pub time: Option<Period>,
    /// Of the coordinates in a CSV's columns; longitude and latitude if nothing is said.
    pub crs: Option<Crs>,
    /// The classes that there are. Without it they are whole numbers.
    pub legend: Option<&'a Legend>,
    /// Where the samples should lie.
    pub expected: Option<Expected>,
}

/// Where samples are expected. It tells swapped coordinates, which elsewhere on earth would pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// For people.
    pub title: String,
    /// West, south, east, north in degrees.
    pub bounds: [f64; 4],
}

impl Expected {
    fn holds(&self, lon: f64, lat: f64) -> bool {
        let [west, south, east, north] = self.bounds;
        (west..=east).contains(&lon) && (south..=north).contains(&lat)
    }
}

/// The samples of a file, as it is read.
pub(crate) struct Rows<'a> {
    pub(crate) path: &'a Path,
    options: &'a ReadOptions<'a>,
    columns: Columns,
    /// With the row of each.
    pub(crate) samples: Vec<(Sample, u64)>,
    pub(crate) problems: Problems,
    /// Rows that were read.
    pub(crate) count: u64,
    /// Samples outside of what is expected.
    pub(crate) outside: u64,
    corners: usize,
    /// Bytes of notes and groups.
    text: usize,
    unit: RowUnit,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        path: &'a Path,
        options: &'a ReadOptions<'a>,
        columns: Columns,
        unit: RowUnit,
    ) -> Self {
        Self {
            path,
            options,
            columns,
            samples: Vec::new(),
            problems: Problems::new(unit),
            count: 0,
            outside: 0,
            corners: 0,
            text: 0,
            unit,
        }
    }

    pub(crate) fn unit(&self) -> RowUnit {
        self.unit
    }

    pub(crate) fn legend(&self) -> Option<&'a Legend> {
        self.options.legend
    }

    /// The title of where samples are expected.
    pub(crate) fn expected(&self) -> Option<&str> {
        let expected = self.options.expected.as_ref();
        expected.map(|expected| expected.title.as_str())
    }

    /// Takes a row of so many fields as the header has.
    pub(crate) fn take(
        &mut self,
        row: u64,
        fields: &[Option<&str>],
        shape: Result<VectorShape, Problem>,
    ) -> Result<(), SamplesError> {
        self.count += 1;
        let attributes = self.attributes(row, fields);
        let shapes = shape.and_then(|shape| self.shapes(row, shape));
        match (attributes, shapes) {
            (Ok(attributes), Ok(shapes)) => {
                for shape in shapes {
                    self.corners += shape.corners();
                    let texts = [&attributes.group, &attributes.note];
                    self.text += texts.into_iter().flatten().map(|t| t.len()).sum::<usize>();
                    let sample = Sample {
                        shape,
                        ..attributes.clone()
                    };
                    self.samples.push((sample, row));
                }
            }
            (attributes, shapes) => {
                let problems = attributes.err().into_iter().flatten();
                for problem in problems.chain(shapes.err()) {
                    self.problems.add(problem);
                }
            }
        }
        let too_many = |what, limit| {
            Err(SamplesError::TooMany {
                path: self.path.to_owned(),
                what,
                limit,
            })
        };
        if self.samples.len() > MOST_SAMPLES {
            return too_many("samples", MOST_SAMPLES);
        }
        if self.corners > MOST_CORNERS {
            return too_many("corners of polygons", MOST_CORNERS);
        }
        if self.text > MOST_TEXT {
            return too_many("bytes of notes and groups", MOST_TEXT);
        }
        Ok(())
    }

    pub(crate) fn refuse(&mut self, row: u64, column: &str, found: &str, reason: &str) {
        self.count += 1;
        self.problems.add(problem(row, column, found, reason));
    }

    /// Everything but the place; all mistakes of the row.
    fn attributes(&self, row: u64, fields: &[Option<&str>]) -> Result<Sample, Vec<Problem>> {
        let mut problems = Vec::new();
        let field = |at: usize| fields.get(at).copied().flatten().unwrap_or("").trim();
        let optional = |at: Option<usize>| at.map(field).filter(|text| !text.is_empty());
        let mut wrong = |at: usize, reason: String| {
            problems.push(problem(row, &self.columns.names[at], field(at), &reason));
        };
        let class =
            class(field(self.columns.class), self.options.legend).unwrap_or_else(|reason| {
                wrong(self.columns.class, reason);
                0
            });
        let (time, at) = match (self.columns.date, optional(self.columns.date)) {
            (Some(at), Some(text)) => (sample::time(text), at),
            (at, _) => (self.options.time.clone(), at.unwrap_or_default()),
        };
        if time.is_none() {
            wrong(
                at,
                "not a time from 1972 to 2100: write 2021, 2021-03, 2021-03-15 or 2020-11_2021-04"
                    .into(),
            );
        }
        let weight = optional(self.columns.weight).map(|text| {
            let weight: Option<f32> = text.parse().ok();
            weight.filter(|w| w.is_finite() && *w > 0.0)
        });
        if let (Some(None), Some(at)) = (weight, self.columns.weight) {
            wrong(
                at,
                "not a weight: a finite number above 0 is expected".into(),
            );
        }
        match time {
            Some(time) if problems.is_empty() => Ok(Sample {
                shape: Shape::Point(Place::new(0.0, 0.0)),
                time,
                class,
                group: optional(self.columns.group).map(Into::into),
                weight: weight.flatten(),
                note: optional(self.columns.note).map(Into::into),
            }),
            _ => Err(problems),
        }
    }

    fn shapes(&mut self, row: u64, shape: VectorShape) -> Result<Vec<Shape>, Problem> {
        let geometry = |found: &str, reason: &str| problem(row, "geometry", found, reason);
        match shape {
            VectorShape::Points(points) => {
                let columns = self.columns.place.map(|[lon, lat]| {
                    [
                        self.columns.names[lon].clone(),
                        self.columns.names[lat].clone(),
                    ]
                });
                points
                    .into_iter()
                    .map(|point| {
                        self.point(point)
                            .map_err(|fault| fault.problem(row, point, columns.as_ref()))
                    })
                    .collect()
            }
            VectorShape::Area(polygons) => {
                let corners = || {
                    let rings = polygons.0.iter().map(geo::Polygon::exterior);
                    rings.flat_map(|ring| &ring.0)
                };
                for corner in corners() {
                    degrees(corner.x, corner.y).map_err(|f| f.problem(row, *corner, None))?;
                }
                if let Some(middle) = middle(&polygons) {
                    self.within(middle)
                        .map_err(|fault| fault.problem(row, middle, None))?;
                }
                let area = Shape::area(&polygons);
                let invalid =
                    |e: geocrop_raster::AoiError| geometry(&e.to_string(), "not a valid area");
                Ok(vec![area.map_err(invalid)?])
            }
            VectorShape::Missing => {
                Err(geometry("", "no geometry: a point or polygon is expected"))
            }
            VectorShape::Other(name) => Err(geometry(&name, "not a point or polygon")),
            VectorShape::Nowhere => Err(geometry(
                "",
                "no place on earth in the file's coordinate reference system",
            )),
        }
    }

    fn point(&mut self, point: Coord<f64>) -> Result<Shape, Fault> {
        degrees(point.x, point.y)?;
        self.within(point)?;
        Ok(Shape::Point(Place::new(point.x, point.y)))
    }

    /// Whether a place lies where it is expected, or would if its numbers were swapped.
    fn within(&mut self, place: Coord<f64>) -> Result<(), Fault> {
        let Some(expected) = &self.options.expected else {
            return Ok(());
        };
        if expected.holds(place.x, place.y) {
            return Ok(());
        }
        if expected.holds(place.y, place.x) {
            return Err(Fault::lat(format!(
                "lies in {} only with longitude and latitude swapped: swap the columns",
                expected.title
            )));
        }
        self.outside += 1;
        Ok(())
    }
}

/// What is wrong with a pair of coordinates.
struct Fault {
    lat: bool,
    reason: String,
}

impl Fault {
    fn lon(reason: impl Into<String>) -> Self {
        Self {
            lat: false,
            reason: reason.into(),
        }
    }

    fn lat(reason: impl Into<String>) -> Self {
        Self {
            lat: true,
            reason: reason.into(),
        }
    }

    fn problem(self, row: u64, at: Coord<f64>, columns: Option<&[String; 2]>) -> Problem {
        let column = columns.map_or("geometry", |names| &names[usize::from(self.lat)]);
        problem(row, column, &format!("{}, {}", at.x, at.y), &self.reason)
    }
}

/// Whether two numbers are longitude and latitude.
fn degrees(lon: f64, lat: f64) -> Result<(), Fault> {
    if !lon.is_finite() {
        return Err(Fault::lon("not a finite number"));
    }
    if !lat.is_finite() {
        return Err(Fault::lat("not a finite number"));
    }
    if lon.abs() > 540.0 || lat.abs() > 540.0 {
        return Err(Fault::lon(
            "not degrees but probably metres: give the coordinate reference system, for a CSV with --crs EPSG:32736",
        ));
    }
    if lat.abs() > 90.0 && lat.abs() <= 180.0 && lon.abs() <= 90.0 {
        return Err(Fault::lat(
            "no latitude, while the other number could be one: longitude and latitude are swapped",
        ));
    }
    if lat.abs() > 90.0 {
        return Err(Fault::lat("not a latitude from -90 to 90"));
    }
    if lon.abs() > 180.0 {
        return Err(Fault::lon("not a longitude from -180 to 180"));
    }
    Ok(())
}

/// The middle of the bounds of an area.
fn middle(area: &MultiPolygon<f64>) -> Option<Coord<f64>> {
    let corners = area.0.iter().flat_map(|p| &p.exterior().0);
    let bounds = corners.fold(None, |bounds: Option<[f64; 4]>, c| {
        let [w, s, e, n] = bounds.unwrap_or([c.x, c.y, c.x, c.y]);
        Some([w.min(c.x), s.min(c.y), e.max(c.x), n.max(c.y)])
    });
    bounds.map(|[w, s, e, n]| Coord {
        x: f64::midpoint(w, e),
        y: f64::midpoint(s, n),
    })
}

pub(crate) fn problem(row: u64, column: &str, found: &str, reason: &str) -> Problem {
    Problem {
        row,
        column: column.to_owned(),
        found: found.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The value of a class that is written as a value, a name or a title.
pub(crate) fn class(text: &str, legend: Option<&Legend>) -> Result<u8, String> {
    if text.is_empty() {
        return Err("no class".to_owned());
    }
    let number = text.parse::<f64>().ok();
    let value = number.filter(|n| (0.0..=254.0).contains(n) && n.fract() == 0.0);
    let value = value.map(|number| number as u8);
    let Some(legend) = legend else {
        return value.ok_or_else(|| match number {
            Some(_) => "not a class: a whole number from 0 to 254 is expected".to_owned(),
            None => {
                "a name, and no legend says which class it is: give one with --legend".to_owned()
            }
        });
    };
    let is = |name: &str| name.eq_ignore_ascii_case(text);
    let named = legend.iter().find(|c| is(&c.name) || is(&c.title));
    let found = value.and_then(|value| legend.get(value)).or(named);
    found
        .map(|class| class.value)
        .ok_or_else(|| format!("not in the legend, which has {}", listed(legend)))
}

/// The classes of a legend, for people.
pub(crate) fn listed(legend: &Legend) -> String {
    let classes = legend.iter().map(|c| format!("{} {}", c.value, c.name));
    classes.collect::<Vec<_>>().join(", ")
}
