//! Writing a landscape: aside first, then moved into place, and nothing at all if it is already there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chrono::{Datelike, NaiveDate};
use geocrop_raster::write_plain;
use ndarray::Array2;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::catalog::{self, ItemFacts};
use crate::error::SyntheticError;
use crate::frame::Frame;
use crate::land::Land;
use crate::noise::Noise;
use crate::scene::{Acquisition, BAND_TABLE, SCALE, Scene};
use crate::{Landscape, SyntheticArea, ancillary, labels};

/// Marks a folder as a landscape of ours and holds the parameters that it was made from.
const STAMP: &str = "synthetic.json";

/// Counted up whenever the same parameters would give other files.
const GENERATOR: u32 = 3;

/// What [`Landscape::write`] wrote, or found already written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The folder.
    pub folder: PathBuf,
    /// The root of the STAC catalog.
    pub catalog: PathBuf,
    /// The description of the source.
    pub source: PathBuf,
    /// The description of the label exports, where there are any.
    pub labels: PathBuf,
    /// One GeoJSON file per area, in the order of the areas.
    pub aois: Vec<PathBuf>,
    /// Number of scenes.
    pub scenes: usize,
    /// `false` if everything was there before.
    pub fresh: bool,
}

/// Called with what is being made, how many of these are done, and how many there are; `false` stops the work.
type Progress<'a> = &'a (dyn Fn(&str, usize, usize) -> bool + Sync);

impl Landscape {
    /// Writes the landscape to `dir`, unless it is there already.
    ///
    /// `dir` gets `catalog.json`, `collection.json`, `scenes/`, `truth/`, `ancillary/`, `aois/` and `source.toml`, and
    /// `labels/` with `labels.toml` if there are years of labels. An older landscape in `dir` is replaced; any other content is left alone and is an error. `progress` is called
    /// from several threads with what is being made, how many are done, and how many there are; when it returns
    /// `false`, the work stops and nothing is kept.
    pub fn write(
        &self,
        dir: &Path,
        progress: &(dyn Fn(&str, usize, usize) -> bool + Sync),
    ) -> Result<Written, SyntheticError> {
        self.check()?;
        let stamp = json!({"generator": GENERATOR, "landscape": self});
        let mut written = Written {
            folder: dir.to_owned(),
            catalog: dir.join("catalog.json"),
            source: dir.join("source.toml"),
            labels: dir.join(labels::DESCRIPTION),
            aois: self.areas.iter().map(|area| aoi_path(dir, area)).collect(),
            scenes: self.areas.len() * self.dates,
            fresh: false,
        };
        if is_current(dir, &stamp)? {
            return Ok(written);
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(SyntheticError::at(parent))?;
        let aside = tempfile::Builder::new()
            .prefix(".synthetic-")
            .tempdir_in(parent)
            .map_err(SyntheticError::at(parent))?;
        let new = aside.path().join("new");
        self.write_all(&new, progress)?;
        write_json(&new.join(STAMP), &stamp)?;
        if dir.exists() {
            // Goes away with the folder aside.
            fs::rename(dir, aside.path().join("old")).map_err(SyntheticError::at(dir))?;
        }
        fs::rename(&new, dir).map_err(SyntheticError::at(dir))?;
        written.fresh = true;
        Ok(written)
    }

    fn check(&self) -> Result<(), SyntheticError> {
        let refuse = |name, found: String, expected: &str| {
            Err(SyntheticError::Parameter {
                name,
                found,
                expected: expected.to_owned(),
            })
        };
        if !(1..=73).contains(&self.dates) {
            return refuse("number of dates", self.dates.to_string(), "1 to 73");
        }
        for year in std::iter::once(&self.year).chain(&self.label_years) {
            if !(1900..=2999).contains(year) {
                return refuse("year", year.to_string(), "1900 to 2999");
            }
        }
        if self.areas.is_empty() {
            return refuse("list of areas", "empty".to_owned(), "at least one area");
        }
        for (index, area) in self.areas.iter().enumerate() {
            let SyntheticArea { slug, lon, lat, .. } = area;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if slug.is_empty() || !slug.chars().all(plain) {
                return refuse(
                    "area's slug",
                    format!("{slug:?}"),
                    "lower-case letters, digits and hyphens",
                );
            }
            if self.areas[..index].iter().any(|other| other.slug == *slug) {
                return refuse(
                    "area's slug",
                    format!("{slug:?} twice"),
                    "one area of each name",
                );
            }
            if !(-179.0..=179.0).contains(lon) || !(-70.0..=70.0).contains(lat) {
                return refuse(
                    "area's centre",
                    format!("{lon}, {lat}"),
                    "longitude -179 to 179, latitude -70 to 70",
                );
            }
            let first = &self.areas[0];
            if (lon - first.lon).abs() > 2.0 || (lat - first.lat).abs() > 2.0 {
                return refuse(
                    "area's centre",
                    format!("{lon}, {lat}"),
                    "a place at most two degrees from the first area",
                );
            }
            if !(16..=1024).contains(&area.pixels) {
                return refuse(
                    "area's edge",
                    format!("{} pixels", area.pixels),
                    "16 to 1024 pixels",
                );
            }
        }
        Ok(())
    }

    fn write_all(&self, dir: &Path, progress: Progress) -> Result<(), SyntheticError> {
        for folder in ["scenes", "truth", "ancillary/rain", "aois"] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder).map_err(SyntheticError::at(&folder))?;
        }
        let frames: Vec<Frame> = self
            .areas
            .iter()
            .map(|area| Frame::new(self, area))
            .collect::<Result<_, _>>()?;
        let noise = Noise::new(self.seed);

        ancillary::write_slope(&dir.join("ancillary/slope.tif"), &frames)?;
        for month in 1..=12 {
            let name = format!("ancillary/rain/rain_{}-{month:02}.tif", self.year);
            ancillary::write_rain(&dir.join(name), &frames, noise, month)?;
        }

        let exports = self.label_years.len() * labels::DATES;
        let total = frames.len() * (self.dates + exports);
        let done = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let mut items = Vec::new();
        for frame in &frames {
            if !progress("scenes", done.load(Ordering::Relaxed), total) {
                return Err(SyntheticError::Stopped);
            }
            let land = frame.land();
            let size = land.size;
            let classes: Vec<u8> = land.classes().map(crate::LandClass::value).collect();
            let truth = Array2::from_shape_fn((size, size), |(y, x)| classes[y * size + x]);
            let name = format!("truth/{}.tif", frame.area.slug);
            write_plain(&dir.join(name), &frame.grid, &truth, Some(0.0), None)?;
            write_json(&aoi_path(dir, frame.area), &catalog::aoi(frame))?;
            let scenes: Vec<String> = (0..self.dates)
                .into_par_iter()
                .map(|index| {
                    if stopped.load(Ordering::Relaxed) {
                        return Err(SyntheticError::Stopped);
                    }
                    let id = self.write_scene(dir, frame, &land, index)?;
                    let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if !progress("scenes", finished, total) {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    Ok(id)
                })
                .collect::<Result<_, _>>()?;
            items.extend(scenes);
            if !progress("labels", done.load(Ordering::Relaxed), total) {
                return Err(SyntheticError::Stopped);
            }
            labels::write(dir, self, frame, &land)?;
            done.fetch_add(exports, Ordering::Relaxed);
        }
        if stopped.load(Ordering::Relaxed) {
            return Err(SyntheticError::Stopped);
        }
        write_json(&dir.join("catalog.json"), &catalog::catalog())?;
        let collection = catalog::collection(self, &frames, &items)?;
        write_json(&dir.join("collection.json"), &collection)?;
        let source = dir.join("source.toml");
        fs::write(&source, catalog::source_toml()).map_err(SyntheticError::at(&source))?;
        if !self.label_years.is_empty() {
            let source = dir.join(labels::DESCRIPTION);
            fs::write(&source, catalog::labels_toml(&frames)?)
                .map_err(SyntheticError::at(&source))?;
        }
        Ok(())
    }

    /// Renders and writes one scene; returns its identifier.
    fn write_scene(
        &self,
        dir: &Path,
        frame: &Frame,
        land: &Land,
        index: usize,
    ) -> Result<String, SyntheticError> {
        let (date, acquisition, baseline) = self.acquisition(frame, index)?;
        let id = format!("{}-{}", frame.area.slug, date.format("%Y%m%d"));
        let folder = dir.join("scenes").join(&id);
        fs::create_dir_all(&folder).map_err(SyntheticError::at(&folder))?;

        let scene = Scene::render(land, &acquisition);
        let coarse = frame.coarse_grid();
        for ((name, _, _, resolution), pixels) in BAND_TABLE.iter().zip(&scene.bands) {
            let grid = if *resolution == 10 {
                &frame.grid
            } else {
                &coarse
            };
            let path = folder.join(format!("{name}.tif"));
            write_plain(
                &path,
                grid,
                pixels,
                Some(0.0),
                Some((SCALE, acquisition.offset)),
            )?;
        }
        write_plain(
            &folder.join("SCL.tif"),
            &coarse,
            &scene.scl,
            Some(0.0),
            None,
        )?;

        let clouded = scene.cloud.iter().filter(|cloud| **cloud > 0.25).count();
        let facts = ItemFacts {
            id: &id,
            date,
            baseline,
            offset: acquisition.offset,
            cloud_cover: 100.0 * clouded as f64 / scene.cloud.len() as f64,
        };
        write_json(&folder.join("item.json"), &catalog::item(frame, &facts)?)?;
        Ok(id)
    }

    /// The `index`-th acquisition of an area: dates are spread over the year and fall on the satellite's five-day
    /// round; every other scene carries the offset of newer processing baselines; every fifth lies at a swath's edge.
    fn acquisition(
        &self,
        frame: &Frame,
        index: usize,
    ) -> Result<(NaiveDate, Acquisition, &'static str), SyntheticError> {
        let date = date_of(frame, self.year, index, self.dates)?;
        let (baseline, offset) = if index.is_multiple_of(2) {
            ("05.10", -0.1)
        } else {
            ("02.14", 0.0)
        };
        let acquisition = Acquisition {
            day: date.ordinal(),
            month: date.month0() as usize,
            offset,
            swath_edge: index % 5 == 3,
            noise: frame.noise.named(&date.to_string()),
        };
        Ok((date, acquisition, baseline))
    }
}

/// The `index`-th of some dates of a year, on the satellite's five-day round.
pub(crate) fn date_of(
    frame: &Frame,
    year: i32,
    index: usize,
    dates: usize,
) -> Result<NaiveDate, SyntheticError> {
    let middle = (index as f64 + 0.5) * 365.0 / dates as f64;
    let round = frame.noise.named("orbit").bits() % 5;
    let day = 5 * (middle / 5.0).floor() as u32 + round as u32 + 1;
    NaiveDate::from_yo_opt(year, day.min(365)).ok_or_else(|| SyntheticError::Parameter {
        name: "year",
        found: year.to_string(),
        expected: "1900 to 2999".to_owned(),
    })
}

fn aoi_path(dir: &Path, area: &SyntheticArea) -> PathBuf {
    dir.join("aois").join(format!("{}.geojson", area.slug))
}

/// Whether `dir` holds the landscape with this stamp. A folder that holds something that is not ours is an error.
fn is_current(dir: &Path, stamp: &Value) -> Result<bool, SyntheticError> {
    let path = dir.join(STAMP);
    match fs::read(&path) {
        Ok(bytes) => {
            // Compared as text: numbers that were written and read again may differ in the last digit.
            Ok(bytes == document(stamp).into_bytes())
        }
        Err(_) if !dir.exists() => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut entries = fs::read_dir(dir).map_err(SyntheticError::at(dir))?;
            if entries.next().is_some() {
                return Err(SyntheticError::NotOurs {
                    path: dir.to_owned(),
                    stamp: STAMP,
                });
            }
            Ok(false)
        }
        Err(error) => Err(SyntheticError::at(&path)(error)),
    }
}

fn write_json(path: &Path, value: &Value) -> Result<(), SyntheticError> {
    fs::write(path, document(value)).map_err(SyntheticError::at(path))
}

/// JSON as it stands in files.
fn document(value: &Value) -> String {
    format!("{value:#}\n")
}
