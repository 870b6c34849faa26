//! What a tile's address may say after the question mark.

use axum::http::StatusCode;
use geocrop_raster::xyz::{Colors, Rgba};
use serde_json::{Map, Value};

use super::index::{Area, Class, Layer, MapFile};
use crate::problem::Problem;

const KNOWN: &str = "classes, hide, colormap, asset and v";

/// How a tile is to be drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TileQuery {
    /// Only these classes.
    classes: Option<Vec<u8>>,
    /// Not these classes.
    hide: Vec<u8>,
    /// Other colours than the map's.
    colormap: Option<Vec<(u8, Rgba)>>,
    asset: Asset,
    /// The version that the client knows.
    version: Option<String>,
}

/// Which raster of an area.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Asset {
    #[default]
    Map,
    Confidence,
    Applicability,
}

impl TileQuery {
    /// Reads the part of an address after the question mark.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut read = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decoded(value);
            let value = decoded.ok_or_else(|| wrong(name, "its %-escapes do not make a text"))?;
            match name {
                "classes" => read.classes = Some(values(name, &value)?),
                "hide" => read.hide = values(name, &value)?,
                "colormap" => read.colormap = Some(colormap(&value)?),
                "asset" => read.asset = asset(&value)?,
                "v" => read.version = Some(value),
                "url" => return Err(url_refused()),
                _ => {
                    return Err(wrong(name, "there is no such parameter")
                        .hint(format!("A tile's address takes {KNOWN}.")));
                }
            }
        }
        Ok(read)
    }

    /// Whether the client asked for the version that there is.
    pub(crate) fn is_current(&self, layer: &Layer) -> bool {
        self.version.as_deref() == Some(&layer.version)
    }

    /// The file of an area that is drawn.
    pub(crate) fn file<'a>(&self, area: &'a Area) -> Option<&'a MapFile> {
        match self.asset {
            Asset::Map => Some(&area.map),
            Asset::Confidence => area.confidence.as_ref(),
            Asset::Applicability => area.applicability.as_ref(),
        }
    }

    /// The colours to draw with, from those of the file.
    pub(crate) fn colors(&self, own: Colors, legend: &[Class]) -> Colors {
        let mut colors = match &self.colormap {
            None => own,
            Some(given) => {
                let mut colors = Colors::none();
                for (value, color) in given {
                    colors.set(*value, *color);
                }
                colors
            }
        };
        // A class of an index is a range of values; it goes by its first one.
        let class = |value: u8| {
            let mut ranges = legend.iter().filter(|_| self.asset == Asset::Map);
            ranges
                .find(|class| (class.value..=class.last).contains(&value))
                .map_or(value, |class| class.value)
        };
        if self.classes.is_some() || !self.hide.is_empty() {
            colors.keep(|value| {
                let class = class(value);
                let wanted = self
                    .classes
                    .as_ref()
                    .is_none_or(|list| list.contains(&class));
                wanted && !self.hide.contains(&class)
            });
        }
        colors
    }
}

/// Values separated by commas.
fn values(name: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.parse().map_err(|_| {
                wrong(name, &format!("{part:?} is no value of a class"))
                    .hint("Give values separated by commas, such as classes=1,4,5; the layer's legend has them.")
            })
        })
        .collect()
}

fn asset(text: &str) -> Result<Asset, Problem> {
    match text {
        "map" => Ok(Asset::Map),
        "confidence" => Ok(Asset::Confidence),
        "applicability" => Ok(Asset::Applicability),
        other => Err(wrong("asset", &format!("there is no asset {other:?}"))
            .hint("It is map, which is drawn without it, confidence or applicability.")),
    }
}

/// Colours as `TiTiler` takes them: a JSON object of `[r, g, b]`, `[r, g, b, a]`, `"#rgb"`, `"#rgba"`, `"#rrggbb"` or
/// `"#rrggbbaa"` by value.
fn colormap(text: &str) -> Result<Vec<(u8, Rgba)>, Problem> {
    let refuse = |what: &str| {
        wrong("colormap", what).hint(
            "It is a JSON object of colours by value, such as {\"1\": [254, 217, 118, 255], \"2\": \"#238b45\"}.",
        )
    };
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| refuse(&error.to_string()))?;
    object
        .iter()
        .map(|(value, color)| {
            let value: u8 = value
                .parse()
                .map_err(|_| refuse(&format!("{value:?} is no value from 0 to 255")))?;
            let color = rgba(color).ok_or_else(|| refuse(&format!("{color} is no colour")))?;
            Ok((value, color))
        })
        .collect()
}

fn rgba(color: &Value) -> Option<Rgba> {
    if let Value::String(text) = color {
        let digits = text.strip_prefix('#')?;
        let nibbles: Option<Vec<u8>> = digits
            .chars()
            .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
            .collect();
        let parts: Vec<u8> = match nibbles? {
            short if matches!(short.len(), 3 | 4) => short.iter().map(|n| n * 17).collect(),
            long if matches!(long.len(), 6 | 8) => long
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[a, b]| a * 16 + b)
                .collect(),
            _ => return None,
        };
        return with_opacity(&parts);
    }
    let parts: Option<Vec<u8>> = color
        .as_array()?
        .iter()
        .map(|part| u8::try_from(part.as_u64()?).ok())
        .collect();
    with_opacity(&parts?)
}

fn with_opacity(parts: &[u8]) -> Option<Rgba> {
    match *parts {
        [r, g, b] => Some([r, g, b, 255]),
        [r, g, b, a] => Some([r, g, b, a]),
        _ => None,
    }
}

fn wrong(name: &str, what: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid-parameter",
        "A parameter is wrong",
        format!("{name}: {what}."),
    )
    .with("parameter", name)
}

/// A server that fetches what it is told to is a way into the network that it stands in.
fn url_refused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "url-refused",
        "Only layers of the store are drawn",
        "This server draws the maps it has published and opens no address that a request names.",
    )
    .hint("GET /v1/layers lists them. For files of your own, run TiTiler.")
    .with("parameter", "url")
}

/// Undoes %-escapes and the `+` for a space.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(value: u8, last: u8) -> Class {
        Class {
            value,
            last,
            name: String::new(),
            title: String::new(),
            color: None,
        }
    }

    fn drawn(query: &str, legend: &[Class]) -> Vec<u8> {
        let own = Colors::of_palette(Some(&[[1, 2, 3]; 256]));
        let colors = TileQuery::parse(Some(query)).unwrap().colors(own, legend);
        let mut shown = Vec::new();
        let mut without = colors.clone();
        for value in 0..=255 {
            without.set(value, [0; 4]);
            if without != colors {
                shown.push(value);
            }
            without = colors.clone();
        }
        shown
    }

    #[test]
    fn classes_are_chosen_and_hidden_and_ranges_go_by_their_first_value() {
        assert_eq!(drawn("", &[]).len(), 256);
        assert_eq!(drawn("classes=1,4,%205", &[]), [1, 4, 5]);
        assert_eq!(drawn("classes=1,4&hide=4", &[]), [1]);
        assert_eq!(drawn("hide=7", &[]).len(), 255);
        assert_eq!(
            drawn("classes=10", &[class(0, 9), class(10, 12)]),
            [10, 11, 12]
        );
        assert_eq!(drawn("classes=", &[]), [] as [u8; 0]);
        assert_eq!(
            drawn("colormap=%7B%223%22:[1,2,3],%22200%22:%22%23abc%22%7D", &[]),
            [3, 200]
        );
    }

    #[test]
    fn colours_are_those_of_titiler() {
        for (text, expected) in [
            ("[1, 2, 3]", Some([1, 2, 3, 255])),
            ("[1, 2, 3, 4]", Some([1, 2, 3, 4])),
            ("\"#fff\"", Some([255; 4])),
            ("\"#1234\"", Some([17, 34, 51, 68])),
            ("\"#ff0080\"", Some([255, 0, 128, 255])),
            ("\"#FF008040\"", Some([255, 0, 128, 64])),
            ("\"ff0080\"", None),
            ("\"#ff008\"", None),
            ("\"#gggggg\"", None),
            ("[1, 2]", None),
            ("[1, 2, 256]", None),
            ("[1, 2, -1]", None),
            ("7", None),
        ] {
            let color = serde_json::from_str(text).unwrap();
            assert_eq!(rgba(&color), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for query in [
            "clases=1",
            "classes=a",
            "classes=256",
            "classes=%zz",
            "colormap=%7B",
            "colormap=[]",
            "colormap=%7B%22300%22:[1,2,3]%7D",
            "asset=observations",
            "url=/etc/passwd",
            "classes=1&url=http://example.org/a.tif",
        ] {
            assert!(TileQuery::parse(Some(query)).is_err(), "{query}");
        }
        assert_eq!(TileQuery::parse(None).unwrap(), TileQuery::default());
    }
}
