//! Which column of a file holds what.

use std::collections::BTreeSet;
use std::path::Path;

use crate::SamplesError;

/// Names that somebody gives to columns; the usual ones are found without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// The class: a value or a name of the legend.
    pub class: Option<String>,
    /// The time that the class holds for.
    pub date: Option<String>,
    /// Longitude, or easting.
    pub lon: Option<String>,
    /// Latitude, or northing.
    pub lat: Option<String>,
    /// What belongs together.
    pub group: Option<String>,
    /// How much the sample counts.
    pub weight: Option<String>,
    /// A note.
    pub note: Option<String>,
}

pub(crate) const CLASS: &[&str] = &["class", "label"];
pub(crate) const DATE: &[&str] = &["date", "period", "year"];
pub(crate) const LON: &[&str] = &["lon", "longitude", "long", "x"];
pub(crate) const LAT: &[&str] = &["lat", "latitude", "y"];
const GROUP: &[&str] = &["group", "group_id"];
const WEIGHT: &[&str] = &["weight"];
const NOTE: &[&str] = &["note", "notes"];

/// Where in a row things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) names: Vec<String>,
    pub(crate) class: usize,
    pub(crate) date: Option<usize>,
    /// Longitude and latitude, where these are columns.
    pub(crate) place: Option<[usize; 2]>,
    pub(crate) group: Option<usize>,
    pub(crate) weight: Option<usize>,
    pub(crate) note: Option<usize>,
}

impl Columns {
    /// Finds the columns of samples. `dated` says that rows without a date have one nevertheless, and `with_place` that
    /// places stand in columns.
    pub(crate) fn find(
        path: &Path,
        names: &[String],
        wanted: &ColumnNames,
        dated: bool,
        with_place: bool,
    ) -> Result<Self, SamplesError> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(plain(name))) {
            return Err(SamplesError::ColumnTwice {
                path: path.to_owned(),
                name: twice.clone(),
            });
        }
        let find = |what: &'static str, wanted: &Option<String>, usual: &[&str], needed: bool| {
            let found = match wanted {
                Some(wanted) => names.iter().position(|name| name == wanted),
                None => usual.iter().find_map(|usual| named(names, usual)),
            };
            if found.is_none() && (needed || wanted.is_some()) {
                return Err(SamplesError::NoColumn {
                    path: path.to_owned(),
                    what,
                    expected: wanted.clone().unwrap_or_else(|| usual.join(", ")),
                    found: names.join(", "),
                });
            }
            Ok(found)
        };
        let lon = find("lon", &wanted.lon, LON, with_place)?.filter(|_| with_place);
        let lat = find("lat", &wanted.lat, LAT, with_place)?.filter(|_| with_place);
        let class = find("class", &wanted.class, CLASS, true)?;
        Ok(Self {
            names: names.to_vec(),
            class: class.unwrap_or_default(),
            date: find("date", &wanted.date, DATE, !dated)?,
            place: lon.zip(lat).map(|(lon, lat)| [lon, lat]),
            group: find("group", &wanted.group, GROUP, false)?,
            weight: find("weight", &wanted.weight, WEIGHT, false)?,
            note: find("note", &wanted.note, NOTE, false)?,
        })
    }
}

/// The place of a name in a header, whatever its case.
pub(crate) fn named(names: &[String], wanted: &str) -> Option<usize> {
    names.iter().position(|name| plain(name) == wanted)
}

fn plain(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str, wanted: &ColumnNames, dated: bool) -> Result<Columns, SamplesError> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        Columns::find(Path::new("points.csv"), &names, wanted, dated, true)
    }

    #[test]
    fn usual_names_are_found_and_others_when_they_are_told() {
        let found = find("Longitude,LAT,Class,year", &ColumnNames::default(), false).unwrap();
        assert_eq!(found.place, Some([0, 1]));
        assert_eq!((found.class, found.date, found.group), (2, Some(3), None));
        let wanted = ColumnNames {
            class: Some("crop type".into()),
            ..ColumnNames::default()
        };
        let found = find("class,crop type,lon,lat", &wanted, true).unwrap();
        assert_eq!((found.class, found.date), (1, None));
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_are_there() {
        let error = |header: &str| find(header, &ColumnNames::default(), false).unwrap_err();
        let text = error("lon,lat,klass,year").to_string();
        assert!(
            text.contains("--class-column") && text.contains("lon, lat, klass, year"),
            "{text}"
        );
        let text = error("lon,lat,class").to_string();
        assert!(text.contains("--date"), "{text}");
        assert!(matches!(
            error("lon,lat,class,Class,year"),
            SamplesError::ColumnTwice { .. }
        ));
        let text = error("lng,lat,class,year").to_string();
        assert!(text.contains("--lon-column"), "{text}");
    }
}
