//! Media types of what the store holds, told from the key.

/// The media type that an object is stored and served with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// A cloud-optimised GeoTIFF.
    Cog,
    /// A `PMTiles` archive.
    PmTiles,
    /// JSON.
    Json,
    /// GeoJSON: STAC items and areas of interest.
    GeoJson,
    /// A PNG picture.
    Png,
    /// An SVG drawing.
    Svg,
    /// A page.
    Html,
    /// A stylesheet.
    Css,
    /// A script.
    JavaScript,
    /// XML: sitemaps and feeds.
    Xml,
    /// Plain text.
    Text,
    /// Anything else.
    Binary,
}

impl ContentType {
    /// The type that the layout gives to a key. Items are GeoJSON; the other `.json` documents are JSON.
    pub fn of_key(key: &str) -> Self {
        let name = key.rsplit('/').next().unwrap_or(key);
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("tif") => Self::Cog,
            Some("pmtiles") => Self::PmTiles,
            Some("geojson") => Self::GeoJson,
            Some("json") if crate::layout::is_item(key) => Self::GeoJson,
            Some("json") => Self::Json,
            Some("png") => Self::Png,
            Some("svg") => Self::Svg,
            Some("html") => Self::Html,
            Some("css") => Self::Css,
            Some("js") => Self::JavaScript,
            Some("xml") => Self::Xml,
            Some("txt" | "toml" | "md") => Self::Text,
            _ => Self::Binary,
        }
    }

    /// The media type as HTTP and STAC write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cog => "image/tiff; application=geotiff; profile=cloud-optimized",
            Self::PmTiles => "application/vnd.pmtiles",
            Self::Json => "application/json",
            Self::GeoJson => "application/geo+json",
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Html => "text/html; charset=utf-8",
            Self::Css => "text/css; charset=utf-8",
            Self::JavaScript => "text/javascript; charset=utf-8",
            Self::Xml => "application/xml",
            Self::Text => "text/plain; charset=utf-8",
            Self::Binary => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_geojson_and_other_documents_are_json() {
        for (key, expected) in [
            ("layers/ndvi/2024/mazowe.json", ContentType::GeoJson),
            ("jobs/public/0b1c/field.json", ContentType::GeoJson),
            ("layers/ndvi/2024/mazowe.stats.json", ContentType::Json),
            ("layers/ndvi/collection.json", ContentType::Json),
            ("catalog.json", ContentType::Json),
            ("layers/ndvi/2024/mazowe.tif", ContentType::Cog),
            (
                "layers/ndvi/2024/mazowe.0123456789abcdef.pmtiles",
                ContentType::PmTiles,
            ),
            ("site/index.html", ContentType::Html),
            ("site/style.0123.css", ContentType::Css),
            ("site/index.html.br", ContentType::Binary),
            ("models/cropland/1/production", ContentType::Binary),
        ] {
            assert_eq!(ContentType::of_key(key), expected, "{key}");
        }
    }
}
