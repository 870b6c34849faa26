//! A description as it is written in its file, and the checks that need to know where in the file something stands.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{
    AncillaryDescription, AncillaryInput, Api, DEFAULT_PAGE_SIZE, Description, Encoding, Kind,
    Method, Truth, inferred_api, usual_bands,
};
use crate::folder::Pattern;

/// The file as it is written; what must be told by its place in the file carries it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    name: Spanned<String>,
    title: String,
    #[serde(default)]
    synthetic: bool,
    attribution: String,
    licence: String,
    #[serde(default)]
    kind: Kind,
    url: Spanned<String>,
    api: Option<Spanned<WrittenApi>>,
    pattern: Option<Spanned<String>>,
    #[serde(default)]
    collections: Vec<String>,
    bands: Option<BTreeMap<String, Spanned<Vec<String>>>>,
    #[serde(default)]
    encoding: Vec<WrittenEncoding>,
    #[serde(default)]
    rasters: BTreeMap<String, Spanned<WrittenRaster>>,
    #[serde(default)]
    truth: BTreeMap<String, Truth>,
    note: Option<String>,
    bbox: Option<Spanned<[f64; 4]>>,
    dataset: Option<String>,
    page_size: Option<Spanned<u32>>,
    method: Option<Method>,
    s3_url: Option<Spanned<String>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum WrittenApi {
    Stac,
    Static,
    Folder,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEncoding {
    bands: Vec<Spanned<String>>,
    scale: Option<f64>,
    offset: Option<f64>,
    nodata: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRaster {
    href: Option<String>,
    monthly: Option<String>,
    table: Option<String>,
    time: Option<String>,
    #[serde(default)]
    climatology: bool,
    value: Option<String>,
    constant: Option<f64>,
    unit: String,
    #[serde(default = "one")]
    scale: f64,
    #[serde(default)]
    offset: f64,
    dataset: Option<String>,
}

fn one() -> f64 {
    1.0
}

/// Where in the file, and what is wrong there.
pub(super) type Wrong = (Range<usize>, String);

impl Written {
    /// The description, or where in the file something does not fit and what.
    pub(super) fn checked(self) -> Result<Description, Wrong> {
        let api = self.api()?;
        check_name(&self.name)?;
        let bands = match self.bands {
            None => usual_bands(self.kind),
            Some(bands) => bands
                .into_iter()
                .map(|(band, names)| {
                    if names.get_ref().is_empty() {
                        let message = format!(
                            "band `{band}` has no names: list what it is called in this source, such as [\"B04\", \"red\"]"
                        );
                        return Err((names.span(), message));
                    }
                    Ok((band, names.into_inner()))
                })
                .collect::<Result<_, _>>()?,
        };
        let encodings = encodings(self.encoding, &bands)?;
        let rasters = self
            .rasters
            .into_iter()
            .map(|(name, raw)| {
                let span = raw.span();
                let raster = raw
                    .into_inner()
                    .checked()
                    .map_err(|message| (span, format!("raster `{name}`: {message}")))?;
                Ok((name, raster))
            })
            .collect::<Result<_, Wrong>>()?;
        if let Some(bbox) = &self.bbox {
            let [west, south, east, north] = *bbox.get_ref();
            let inside = [west, east].iter().all(|x| (-180.0..=180.0).contains(x))
                && [south, north].iter().all(|y| (-90.0..=90.0).contains(y));
            if !inside || south > north {
                let message =
                    "expected west, south, east, north in degrees, south first".to_owned();
                return Err((bbox.span(), message));
            }
        }
        let page_size = match self.page_size {
            None => DEFAULT_PAGE_SIZE,
            Some(size) if (1..=10_000).contains(size.get_ref()) => size.into_inner(),
            Some(size) => {
                let message = format!("page_size is {}, expected 1 to 10000", size.get_ref());
                return Err((size.span(), message));
            }
        };
        if let Some(template) = &self.s3_url {
            let text = template.get_ref();
            if !text.starts_with("http") || !text.contains("{key}") {
                let message = format!(
                    "s3_url is `{text}`, expected an http address with {{bucket}} and {{key}}"
                );
                return Err((template.span(), message));
            }
        }
        let mut url = self.url.into_inner();
        let root = url.trim_end_matches('/').strip_suffix("/conformance");
        if let Some(length) = root.map(str::len).filter(|_| api == Api::Stac) {
            url.truncate(length);
        }
        Ok(Description {
            name: self.name.into_inner(),
            title: self.title,
            synthetic: self.synthetic,
            attribution: self.attribution,
            licence: self.licence,
            kind: self.kind,
            url,
            api,
            collections: self.collections,
            bands,
            encodings,
            rasters,
            truth: self.truth,
            note: self.note,
            bbox: self.bbox.map(Spanned::into_inner),
            dataset: self.dataset,
            page_size,
            method: self.method,
            s3_url: self.s3_url.map(Spanned::into_inner),
        })
    }

    fn api(&self) -> Result<Api, Wrong> {
        let stated = self.api.as_ref().map(|api| *api.get_ref());
        match (stated, &self.pattern) {
            (None | Some(WrittenApi::Folder), Some(pattern)) => {
                Pattern::parse(pattern.get_ref(), self.kind)
                    .map_err(|message| (pattern.span(), message))?;
                Ok(Api::Folder {
                    pattern: pattern.get_ref().clone(),
                })
            }
            (Some(WrittenApi::Folder), None) => Ok(Api::Folder {
                pattern: Pattern::usual(self.kind).to_owned(),
            }),
            (Some(_), Some(pattern)) => Err((
                pattern.span(),
                "`pattern` goes with `api = \"folder\"` only".to_owned(),
            )),
            (Some(WrittenApi::Stac), None) => Ok(Api::Stac),
            (Some(WrittenApi::Static), None) => Ok(Api::Static),
            (None, None) => Ok(inferred_api(self.url.get_ref())),
        }
    }
}

/// The encodings by band; each names bands of this source, and each band has one.
fn encodings(
    entries: Vec<WrittenEncoding>,
    bands: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Encoding>, Wrong> {
    let mut encodings = BTreeMap::new();
    for entry in entries {
        for band in entry.bands {
            let name = band.get_ref().clone();
            if !bands.contains_key(&name) {
                let message = format!("`{name}` is not among the [bands] of this source");
                return Err((band.span(), message));
            }
            let encoding = Encoding {
                scale: entry.scale,
                offset: entry.offset,
                nodata: entry.nodata,
            };
            if encodings.insert(name.clone(), encoding).is_some() {
                return Err((band.span(), format!("`{name}` has a second [[encoding]]")));
            }
        }
    }
    Ok(encodings)
}

fn check_name(name: &Spanned<String>) -> Result<(), Wrong> {
    let text = name.get_ref();
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if text.is_empty() || !plain {
        let message = format!("name is `{text}`, expected letters, digits, - and _");
        return Err((name.span(), message));
    }
    Ok(())
}

impl WrittenRaster {
    fn checked(self) -> Result<AncillaryDescription, String> {
        let given = [
            ("href", self.href.is_some()),
            ("monthly", self.monthly.is_some()),
            ("table", self.table.is_some()),
            ("constant", self.constant.is_some()),
        ];
        let given: Vec<&str> = given
            .into_iter()
            .filter_map(|(key, there)| there.then_some(key))
            .collect();
        let of_table = self.time.is_some() || self.value.is_some() || self.climatology;
        if given != ["table"] && of_table {
            return Err("`time`, `value` and `climatology` belong to a `table`".to_owned());
        }
        let input = match (self.href, self.monthly, self.table, self.constant) {
            (Some(href), None, None, None) => AncillaryInput::Single { href },
            (None, Some(pattern), None, None) => {
                if !pattern.contains("{month}") {
                    return Err(format!(
                        "`monthly` is `{pattern}`, expected {{month}} in it"
                    ));
                }
                AncillaryInput::Monthly { pattern }
            }
            (None, None, Some(href), None) => match (self.time, self.value) {
                (Some(time), Some(value)) => AncillaryInput::Table {
                    href,
                    time,
                    value,
                    climatology: self.climatology,
                },
                _ => {
                    return Err("a `table` needs the columns' names, `time` and `value`".to_owned());
                }
            },
            (None, None, None, Some(value)) => AncillaryInput::Constant { value },
            _ => {
                let found = if given.is_empty() {
                    "none of them".to_owned()
                } else {
                    given.join(" and ")
                };
                return Err(format!(
                    "expected one of href, monthly, table or constant, found {found}"
                ));
            }
        };
        Ok(AncillaryDescription {
            input,
            unit: self.unit,
            scale: self.scale,
            offset: self.offset,
            dataset: self.dataset,
        })
    }
}
