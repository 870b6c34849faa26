//! A plain folder of rasters whose names say date and band; of labels, the date alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, NaiveTime};

use crate::bands::described;
use crate::description::{Description, Encoding, Kind, LABEL};
use crate::error::SourceError;
use crate::fingerprint;
use crate::query::{Moment, Query};
use crate::scene::{BandRef, OffsetDecision, Scene};

/// One piece of a naming pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Date,
    Year,
    Band,
    Tile,
    Any,
    /// `*`: as `{any}`, or nothing.
    Star,
    /// `**/`: any number of folders.
    Folders,
}

/// A naming pattern such as `{year}/{date}/{band}.tif` or `**/*{date}*.tif`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

/// What a file's name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    date: Option<NaiveDate>,
    band: Option<String>,
    tile: Option<String>,
}

impl Pattern {
    /// For a folder of which nothing else is known.
    pub(crate) fn usual(kind: Kind) -> &'static str {
        match kind {
            // Earth Engine names Dynamic World's images after Sentinel-2's: 20200115T075211_20200115T081034_T36KTB.
            Kind::Labels => "**/*{date}*.tif",
            Kind::Scenes | Kind::Composites => "{date}_{band}.tif",
        }
    }

    /// The error is the reason.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, braced) = rest.split_at(open);
            let Some((name, after)) = braced[1..].split_once('}') else {
                return Err(format!("`{text}` has a {{ without its }}"));
            };
            push_text(&mut pieces, before);
            pieces.push(match name {
                "date" => Piece::Date,
                "year" => Piece::Year,
                "band" => Piece::Band,
                "tile" => Piece::Tile,
                "any" => Piece::Any,
                other => {
                    return Err(format!(
                        "`{text}` has {{{other}}}, expected {{date}}, {{year}}, {{band}}, {{tile}} or {{any}}"
                    ));
                }
            });
            rest = after;
        }
        push_text(&mut pieces, rest);
        for (piece, name, needed) in [
            (Piece::Date, "{date}", true),
            (Piece::Band, "{band}", kind != Kind::Labels),
            (Piece::Tile, "{tile}", false),
        ] {
            let count = pieces.iter().filter(|p| **p == piece).count();
            if count > 1 || (needed && count == 0) {
                let wanted = if needed { "exactly" } else { "at most" };
                return Err(format!(
                    "`{text}` has {name} {count} times, expected {wanted} once"
                ));
            }
        }
        Ok(Self(pieces))
    }

    /// How many folders deep the names go.
    fn depth(&self) -> usize {
        if self.0.contains(&Piece::Folders) {
            return usize::MAX;
        }
        let slashes = |piece: &Piece| match piece {
            Piece::Text(text) => text.matches('/').count(),
            _ => 0,
        };
        self.0.iter().map(slashes).sum()
    }

    fn tells_bands(&self) -> bool {
        self.0.contains(&Piece::Band)
    }

    /// What a path relative to the folder says, or `None` when it does not fit.
    fn read(&self, path: &str) -> Option<Named> {
        fit(&self.0, path, Named::default())
    }
}

/// Text between braces, with its wildcards.
fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    let mut text = text;
    while let Some(star) = text.find('*') {
        let (before, from) = text.split_at(star);
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let (piece, rest) = match from.strip_prefix("**/") {
            Some(rest) => (Piece::Folders, rest),
            None => (Piece::Star, &from[1..]),
        };
        pieces.push(piece);
        text = rest;
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Fits pieces to text, the shortest match first, going back where a later piece does not fit.
fn fit(pieces: &[Piece], text: &str, named: Named) -> Option<Named> {
    let Some((piece, later)) = pieces.split_first() else {
        return text.is_empty().then_some(named);
    };
    match piece {
        Piece::Text(expected) => fit(later, text.strip_prefix(expected.as_str())?, named),
        Piece::Date => {
            [(8, "%Y%m%d"), (10, "%Y-%m-%d")]
                .into_iter()
                .find_map(|(length, format)| {
                    let date = NaiveDate::parse_from_str(text.get(..length)?, format).ok()?;
                    let named = Named {
                        date: Some(date),
                        ..named.clone()
                    };
                    fit(later, &text[length..], named)
                })
        }
        Piece::Year => {
            let year = text.get(..4)?;
            year.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            fit(later, &text[4..], named)
        }
        Piece::Band | Piece::Tile | Piece::Any => {
            let longest = text.find('/').unwrap_or(text.len());
            let ends = text
                .char_indices()
                .map(|(at, _)| at)
                .skip(1)
                .chain([text.len()]);
            ends.take_while(|end| *end <= longest && *end > 0)
                .find_map(|end| {
                    let mut named = named.clone();
                    match piece {
                        Piece::Band => named.band = Some(text[..end].to_owned()),
                        Piece::Tile => named.tile = Some(text[..end].to_owned()),
                        _ => {}
                    }
                    fit(later, &text[end..], named)
                })
        }
        Piece::Star => {
            let longest = text.find('/').unwrap_or(text.len());
            (0..=longest)
                .filter(|end| text.is_char_boundary(*end))
                .find_map(|end| fit(later, &text[end..], named.clone()))
        }
        Piece::Folders => {
            let starts = text.match_indices('/').map(|(at, _)| at + 1);
            std::iter::once(0)
                .chain(starts)
                .find_map(|start| fit(later, &text[start..], named.clone()))
        }
    }
}

/// The scenes of a folder that answer the query.
pub(crate) fn scenes(
    folder: &Path,
    pattern_text: &str,
    description: &Description,
    query: &Query,
) -> Result<Vec<Scene>, SourceError> {
    let wrong = |reason: String| SourceError::Folder {
        folder: folder.display().to_string(),
        pattern: pattern_text.to_owned(),
        reason,
    };
    let pattern = Pattern::parse(pattern_text, description.kind).map_err(wrong)?;
    let mut paths = Vec::new();
    walk(folder, pattern.depth(), "", &mut paths)?;
    paths.sort();
    if !pattern.tells_bands() {
        return whole_files(folder, &pattern, &paths, description, query).map_err(wrong);
    }

    // (date, tile) -> band as the file calls it -> path
    let mut groups: BTreeMap<(NaiveDate, Option<String>), BTreeMap<String, PathBuf>> =
        BTreeMap::new();
    for path in &paths {
        let Some(named) = pattern.read(path) else {
            continue;
        };
        let Some((date, band)) = named.date.zip(named.band) else {
            continue;
        };
        let files = groups.entry((date, named.tile)).or_default();
        if let Some(first) = files.insert(band, folder.join(path)) {
            return Err(wrong(format!(
                "{} and {path} are both the same band of the same date: put what differs into {{tile}}",
                first.display()
            )));
        }
    }
    if groups.is_empty() {
        return Err(wrong(none_fits(&paths)));
    }
    let mut scenes = Vec::new();
    for ((date, tile), files) in groups {
        let moment = day(date);
        if moment.counts(query) {
            let id = match tile {
                Some(tile) => format!("{tile}_{date}"),
                None => date.to_string(),
            };
            scenes.push(scene(id, &moment, &files, folder, description, query)?);
        }
    }
    Ok(scenes)
}

fn none_fits(paths: &[String]) -> String {
    format!(
        "none of its {} files fits: give the pattern in a source description",
        paths.len()
    )
}

fn day(date: NaiveDate) -> Moment {
    Moment {
        datetime: date.and_time(NaiveTime::MIN).and_utc(),
        interval: None,
    }
}

/// Labels whose names tell the date and no band: each file is a scene, and what is in it is found out when it is opened.
fn whole_files(
    folder: &Path,
    pattern: &Pattern,
    paths: &[String],
    description: &Description,
    query: &Query,
) -> Result<Vec<Scene>, String> {
    let dated: Vec<(&String, NaiveDate)> = paths
        .iter()
        .filter_map(|path| Some((path, pattern.read(path)?.date?)))
        .collect();
    if dated.is_empty() {
        return Err(none_fits(paths));
    }
    Ok(dated
        .into_iter()
        .map(|(path, date)| (path, day(date)))
        .filter(|(_, moment)| moment.counts(query))
        .map(|(path, moment)| {
            let file = band_ref(&folder.join(path), description.encodings.get(LABEL));
            let bands = BTreeMap::from([(LABEL.to_owned(), file)]);
            assembled(
                path.clone(),
                &moment,
                bands,
                Vec::new(),
                folder,
                description,
            )
        })
        .collect())
}

fn scene(
    id: String,
    moment: &Moment,
    files: &BTreeMap<String, PathBuf>,
    folder: &Path,
    description: &Description,
    query: &Query,
) -> Result<Scene, SourceError> {
    let (bands, missing) = described(
        &id,
        description,
        query,
        || files.keys().cloned().collect(),
        |band, candidates| {
            let path = candidates.iter().find_map(|candidate| {
                let same = |name: &&String| name.eq_ignore_ascii_case(candidate);
                files
                    .get(candidate)
                    .or_else(|| files.get(files.keys().find(same)?))
            });
            Ok(path.map(|path| band_ref(path, description.encodings.get(band))))
        },
    )?;
    Ok(assembled(id, moment, bands, missing, folder, description))
}

fn assembled(
    id: String,
    moment: &Moment,
    bands: BTreeMap<String, BandRef>,
    missing: Vec<String>,
    folder: &Path,
    description: &Description,
) -> Scene {
    Scene {
        id,
        collection: None,
        kind: description.kind,
        datetime: moment.datetime,
        start: None,
        end: None,
        bbox: None,
        epsg: None,
        platform: None,
        bands,
        missing,
        offset: OffsetDecision {
            value: 0.0,
            reason: "a folder has no metadata that say otherwise".to_owned(),
        },
        item_href: folder.display().to_string(),
    }
}

fn band_ref(path: &Path, encoding: Option<&Encoding>) -> BandRef {
    BandRef {
        href: path.display().to_string(),
        band: 1,
        scale: encoding.and_then(|e| e.scale),
        offset: encoding.and_then(|e| e.offset),
        nodata: encoding.and_then(|e| e.nodata),
        unit: None,
        resolution: None,
        fingerprint: fingerprint::of_file(path),
    }
}

/// The files up to `depth` folders down, as paths relative to the first folder with `/` between.
fn walk(
    folder: &Path,
    depth: usize,
    prefix: &str,
    paths: &mut Vec<String>,
) -> Result<(), SourceError> {
    let cannot = |error: std::io::Error| SourceError::Read {
        location: folder.display().to_string(),
        reason: format!("{error}; a source of this kind is a folder on this machine"),
    };
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if !path.is_dir() {
            paths.push(format!("{prefix}{name}"));
        } else if depth > 0 {
            walk(&path, depth - 1, &format!("{prefix}{name}/"), paths)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, path: &str) -> Option<(String, String, Option<String>)> {
        let named = Pattern::parse(pattern, Kind::Scenes).unwrap().read(path)?;
        Some((named.date?.to_string(), named.band?, named.tile))
    }

    #[test]
    fn names_are_read_by_their_pattern() {
        let cases = [
            ("{date}_{band}.tif", "20210501_B02.tif", "2021-05-01 B02 -"),
            (
                "{date}_{band}.tif",
                "2021-05-01_B8A.tif",
                "2021-05-01 B8A -",
            ),
            (
                "{year}/{date}/{band}.tif",
                "2021/20210501/SCL.tif",
                "2021-05-01 SCL -",
            ),
            (
                "{tile}_{date}T{any}_{band}_10m.jp2",
                "T36KTG_20210501T074619_B02_10m.jp2",
                "2021-05-01 B02 T36KTG",
            ),
            (
                "{any}/{tile}-{date}.{band}.tif",
                "x/a-b-2021-05-01.red_edge_1.tif",
                "2021-05-01 red_edge_1 a-b",
            ),
        ];
        for (pattern, path, expected) in cases {
            let (date, band, tile) =
                read(pattern, path).unwrap_or_else(|| panic!("{pattern} {path}"));
            let tile = tile.unwrap_or("-".to_owned());
            assert_eq!(format!("{date} {band} {tile}"), expected);
        }
    }

    #[test]
    fn names_that_do_not_fit_are_left_alone() {
        for path in [
            "20211301_B02.tif",
            "20210501_.tif",
            "20210501_B02.tiff",
            "a/20210501_B02.tif",
            "é20210501_B02.tif",
            "",
        ] {
            assert_eq!(read("{date}_{band}.tif", path), None, "{path}");
        }
    }

    #[test]
    fn patterns_that_cannot_tell_bands_or_dates_are_refused() {
        for pattern in [
            "{date}.tif",
            "{band}.tif",
            "{date}_{date}_{band}.tif",
            "{date}_{band",
            "{date}_{colour}_{band}",
        ] {
            assert!(Pattern::parse(pattern, Kind::Scenes).is_err(), "{pattern}");
        }
    }

    #[test]
    fn labels_are_dated_by_the_first_date_in_their_names_however_deep_they_lie() {
        let pattern = Pattern::parse(Pattern::usual(Kind::Labels), Kind::Labels).unwrap();
        let date = |path: &str| Some(pattern.read(path)?.date?.to_string());
        for path in [
            "2020/mazowe/20200115T075211_20200117T081034_T36KTB.tif",
            "dw_2020-01-15.tif",
            "99999999-20200115.tif",
            "é/20200115.tif",
        ] {
            assert_eq!(date(path).as_deref(), Some("2020-01-15"), "{path}");
        }
        assert_eq!(date("20200115/label.tif"), None);
        assert_eq!(date("20200115.tif.aux.xml"), None);
        assert!(Pattern::parse("{tile}/*.tif", Kind::Labels).is_err());
    }
}
