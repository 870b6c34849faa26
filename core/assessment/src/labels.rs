//! Reading what people found at the points.

use std::collections::BTreeMap;

use geocrop_model::csv::Records;

use crate::{AreaError, Design, MapClass, Sheet};

const SHEET: &str = "label sheet";
const KEY: &str = "key";

/// A labelled sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The points that have a label.
    pub units: Vec<Unit>,
    /// How many have none.
    pub unlabelled: usize,
}

/// A labelled point, by the numbers of a [`Design`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Its stratum.
    pub stratum: usize,
    /// Its class on the map.
    pub map: usize,
    /// Its class in truth.
    pub reference: usize,
}

/// Reads a filled `points.csv` with its `key.csv`. In the column `reference` stands the name of a
/// class, in upper or lower case; rows without one are counted, and [`crate::estimate()`] refuses them.
///
/// # Errors
/// When a column is missing, a class unknown, or the points are not those that were drawn.
pub fn read_labels(sheet: &str, key: &str, design: &Design) -> Result<Labelled, AreaError> {
    let places = read_key(key, design)?;
    let rows = records(sheet, SHEET)?;
    let [id, reference] = columns(&rows, SHEET, Sheet::COLUMNS, ["id", "reference"])?;
    let mut labelled = Labelled {
        units: Vec::new(),
        unlabelled: 0,
    };
    let mut counts = vec![0; design.strata.len()];
    let mut seen = std::collections::BTreeSet::new();
    for (fields, row) in rows.iter().skip(1).zip(1..) {
        let name = at(fields, id);
        let wrong = |what, found: &str, expected| AreaError::Field {
            file: SHEET,
            row,
            what,
            found: found.to_owned(),
            expected,
        };
        let Some((stratum, map)) = places.get(name) else {
            let expected = "an id of the key; points must not be added".to_owned();
            return Err(wrong("id", name, expected));
        };
        if !seen.insert(name) {
            return Err(wrong("id", name, "every id once".to_owned()));
        }
        counts[*stratum] += 1;
        let label = at(fields, reference);
        if label.is_empty() {
            labelled.unlabelled += 1;
            continue;
        }
        let reference = class(design, label)
            .ok_or_else(|| wrong("reference", label, one_of(&class_names(design))))?;
        labelled.units.push(Unit {
            stratum: *stratum,
            map: *map,
            reference,
        });
    }
    all_there(SHEET, &counts, design)?;
    Ok(labelled)
}

/// Longitude and latitude, in degrees, of the points of a filled `points.csv`, in the order of its rows.
///
/// # Errors
/// When a column is missing or a coordinate is no number.
pub fn read_places(sheet: &str) -> Result<Vec<[f64; 2]>, AreaError> {
    let rows = records(sheet, SHEET)?;
    let columns = columns(&rows, SHEET, Sheet::COLUMNS, ["lon", "lat"])?;
    let mut places = Vec::with_capacity(rows.len());
    for (fields, row) in rows.iter().skip(1).zip(1..) {
        let mut place = [0.0; 2];
        for ((place, column), what) in place.iter_mut().zip(columns).zip(["lon", "lat"]) {
            let found = at(fields, column);
            *place = found.parse().map_err(|_| AreaError::Field {
                file: SHEET,
                row,
                what,
                found: found.to_owned(),
                expected: "degrees, as they were written".to_owned(),
            })?;
        }
        places.push(place);
    }
    Ok(places)
}

/// Stratum and map class of each id.
fn read_key(key: &str, design: &Design) -> Result<BTreeMap<String, (usize, usize)>, AreaError> {
    let rows = records(key, KEY)?;
    let names = ["id", "stratum", "map_class"];
    let [id, stratum, map] = columns(&rows, KEY, Sheet::KEY_COLUMNS, names)?;
    let strata: Vec<&str> = design.strata.iter().map(|s| s.name.as_str()).collect();
    let mut places = BTreeMap::new();
    let mut counts = vec![0; strata.len()];
    for (fields, row) in rows.iter().skip(1).zip(1..) {
        let wrong = |what, found: &str, expected| AreaError::Field {
            file: KEY,
            row,
            what,
            found: found.to_owned(),
            expected,
        };
        let found = at(fields, stratum);
        let of = strata
            .iter()
            .position(|name| *name == found)
            .ok_or_else(|| wrong("stratum", found, one_of(&strata)))?;
        let found = at(fields, map);
        let map = class(design, found)
            .ok_or_else(|| wrong("map_class", found, one_of(&class_names(design))))?;
        counts[of] += 1;
        places.insert(at(fields, id).to_owned(), (of, map));
    }
    all_there(KEY, &counts, design)?;
    Ok(places)
}

/// Where some columns stand.
fn columns<const N: usize>(
    rows: &[Vec<String>],
    file: &'static str,
    expected: &'static str,
    names: [&str; N],
) -> Result<[usize; N], AreaError> {
    let header = rows.first().map_or(&[][..], Vec::as_slice);
    let places = names.map(|name| {
        header
            .iter()
            .position(|column| column.trim().eq_ignore_ascii_case(name))
    });
    if places.contains(&None) {
        return Err(AreaError::Header {
            file,
            found: header.join(","),
            expected,
        });
    }
    Ok(places.map(Option::unwrap_or_default))
}

fn at(fields: &[String], column: usize) -> &str {
    fields.get(column).map_or("", |field| field.trim())
}

fn class(design: &Design, name: &str) -> Option<usize> {
    class_named(&design.classes, name)
}

/// The number of the class with a name, in upper or lower case.
pub(crate) fn class_named(classes: &[MapClass], name: &str) -> Option<usize> {
    let mut classes = classes.iter();
    classes.position(|class| class.name.to_lowercase() == name.to_lowercase())
}

fn class_names(design: &Design) -> Vec<&str> {
    let classes = design.classes.iter();
    classes.map(|class| class.name.as_str()).collect()
}

fn one_of(names: &[&str]) -> String {
    format!("one of {}", names.join(", "))
}

fn all_there(file: &'static str, counts: &[u32], design: &Design) -> Result<(), AreaError> {
    let pairs = design.strata.iter().zip(counts);
    match pairs
        .into_iter()
        .find(|(stratum, count)| stratum.points != **count)
    {
        None => Ok(()),
        Some((stratum, found)) => Err(AreaError::NotTheSample {
            file,
            stratum: stratum.name.clone(),
            found: *found,
            expected: stratum.points,
        }),
    }
}

/// The rows of a table, the header first; spreadsheets leave rows of nothing but commas.
fn records(text: &str, file: &'static str) -> Result<Vec<Vec<String>>, AreaError> {
    let mut input = Records::new(text.as_bytes());
    let mut rows = Vec::new();
    while let Some((_, fields)) = input
        .next()
        .map_err(|source| AreaError::Csv { file, source })?
    {
        if fields.iter().any(|field| !field.trim().is_empty()) {
            rows.push(fields);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Candidate, Plan, draw, estimate};

    fn sample() -> (Design, Sheet) {
        let plan = Plan {
            map: "cropland/2020".to_owned(),
            map_sha256: "5e1f".to_owned(),
            classes: vec!["not cropland".to_owned(), "cropland".to_owned()],
            strata: vec![("plain, flat".to_owned(), 3), ("hills".to_owned(), 2)],
            strata_of: None,
            pixel_area_m2: 100.0,
            seed: 5,
        };
        let pixels = (0..100).map(|pixel: u64| {
            Ok::<_, AreaError>(Candidate {
                stratum: usize::from(pixel >= 60),
                class: (pixel % 2) as usize,
                pixel,
            })
        });
        let (design, points) = draw(&plan, pixels).unwrap();
        let places = vec![[30.0, -18.0]; points.len()];
        let sheet = Sheet::new(&design, &points, &places).unwrap();
        (design, sheet)
    }

    /// The sheet with a label for each point.
    fn filled(sheet: &Sheet, labels: [&str; 5]) -> String {
        let mut lines = sheet.csv.lines();
        let header = lines.next().unwrap().to_owned();
        let rows = lines.zip(labels).map(|(line, label)| {
            let start = line.strip_suffix(",,,").unwrap();
            format!("{start},{label},high,\"seen, twice\"\n")
        });
        format!("{header}\n{}", rows.collect::<String>())
    }

    #[test]
    fn a_sheet_says_nothing_about_strata_or_the_map() {
        let (_, sheet) = sample();
        assert!(
            sheet
                .csv
                .starts_with("id,lon,lat,reference,confidence,note\n")
        );
        assert_eq!(sheet.csv.lines().count(), 6);
        for text in [&sheet.csv, &sheet.geojson] {
            assert!(
                !text.contains("hills") && !text.contains("cropland"),
                "{text}"
            );
        }
        let geojson: serde_json::Value = serde_json::from_str(&sheet.geojson).unwrap();
        assert_eq!(geojson["features"].as_array().unwrap().len(), 5);
        assert!(sheet.key.contains("\"plain, flat\","), "{}", sheet.key);
        assert_eq!(read_places(&sheet.csv).unwrap(), [[30.0, -18.0]; 5]);
        let broken = sheet.csv.replacen("30.0000000", "30;0", 1);
        let error = read_places(&broken).unwrap_err().to_string();
        assert!(error.contains("row 1: found `30;0` as lon"), "{error}");
    }

    #[test]
    fn a_filled_sheet_is_read_with_its_key() {
        let (design, sheet) = sample();
        let text = filled(
            &sheet,
            ["cropland", "Cropland", "", "not cropland", "cropland"],
        );
        let labelled = read_labels(&text, &sheet.key, &design).unwrap();
        assert_eq!(labelled.unlabelled, 1);
        let error = estimate(&design, &labelled).unwrap_err().to_string();
        assert!(error.contains("1 of 5 points have no"), "{error}");
        let references: Vec<usize> = labelled.units.iter().map(|unit| unit.reference).collect();
        assert_eq!(references, [1, 1, 0, 1]);
        let key = records(&sheet.key, KEY).unwrap();
        let stratum = usize::from(key[1][1] == "hills");
        assert_eq!(labelled.units[0].stratum, stratum);
    }

    #[test]
    fn points_that_were_not_drawn_and_labels_that_mean_nothing_are_named() {
        let (design, sheet) = sample();
        let read = |text: &str| {
            read_labels(text, &sheet.key, &design)
                .unwrap_err()
                .to_string()
        };
        let good = filled(&sheet, ["cropland"; 5]);

        let error = read(&filled(&sheet, ["maize", "", "", "", ""]));
        assert!(
            error.contains(
                "row 1: found `maize` as reference, expected one of not cropland, cropland"
            ),
            "{error}"
        );
        let error = read(&format!("{good}p99,30,-18,cropland,,\n"));
        assert!(error.contains("row 6: found `p99` as id"), "{error}");
        let error = read(&format!("{good}p1,30,-18,cropland,,\n"));
        assert!(error.contains("every id once"), "{error}");
        let shorter: Vec<&str> = good.lines().take(5).collect();
        let error = read(&shorter.join("\n"));
        assert!(error.contains("neither added nor removed"), "{error}");
        let error = read("id;lon;lat\n");
        assert!(
            error.contains("has the columns id;lon;lat, expected id,lon"),
            "{error}"
        );
        let error = read_labels(&good, "id,stratum,map_class\n", &design).unwrap_err();
        assert!(
            error.to_string().contains("the key has 0 points"),
            "{error}"
        );
    }
}
