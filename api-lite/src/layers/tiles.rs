//! `GET /v1/tiles/{recipe}/{period}/{z}/{x}/{y}.png`: one tile.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_raster::xyz::{Painter, WebTile};
use geocrop_store::ContentHash;

use super::files::FileError;
use super::index::Layer;
use super::query::TileQuery;
use super::{Layers, names};
use crate::ApiState;
use crate::metrics::Kept;
use crate::problem::{Problem, ProblemDocument};

/// How a tile is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Webp,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

/// Draw a tile
///
/// A tile of the web map (`WebMercatorQuad`), drawn from the overviews of the layer's COGs when it is asked for. `y` ends
/// in `.png` or `.webp`, or in `@2x.png` or `@2x.webp` for 512 px instead of 256. Where a layer has no data, the tile is
/// transparent; outside the layer's bounds there is none.
#[utoipa::path(get, path = "/v1/tiles/{recipe}/{period}/{z}/{x}/{y}", tag = "Layers",
    params(
        ("recipe" = String, Path, description = "The recipe's name.", example = "dynamic-world"),
        ("period" = String, Path, description = "The period.", example = "2020"),
        ("z" = String, Path, description = "Zoom level, 0 to 24."),
        ("x" = String, Path, description = "Column, from the west."),
        ("y" = String, Path, description = "Row, from the north, and the format.", example = "4512.png"),
        ("classes" = Option<String>, Query, description = "Only these classes are drawn: values with commas between.", example = "1,4,5"),
        ("hide" = Option<String>, Query, description = "These classes are not drawn."),
        ("colormap" = Option<String>, Query, description = "Other colours: a JSON object of `[r, g, b, a]` or `\"#rrggbb\"` by value, as TiTiler takes it. Values that it leaves out are not drawn."),
        ("asset" = Option<String>, Query, description = "`map`, or `confidence` or `applicability` where there is one."),
        ("v" = Option<String>, Query, description = "The layer's version: then the tile may be kept for ever."),
    ),
    responses(
        (status = 200, description = "The tile.", content((Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
        (status = 304, description = "The tile is still the one with the tag in `If-None-Match`."),
        (status = 404, description = "There is no such layer (`no-such-layer`), or nothing of it in this tile (`tile-outside`).", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "Not a tile's address, or a parameter is wrong; `url` is refused (`url-refused`).", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait to be drawn.", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn tile(
    State(state): State<ApiState>,
    path: Result<Path<[String; 5]>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path([recipe, period, z, x, y]) = path.map_err(|error| invalid(&error.to_string()))?;
    let (tile, format) = address(&z, &x, &y)?;
    let (recipe, period) = names(&recipe, &period)?;
    let query_text = query.as_deref();
    let wanted = TileQuery::parse(query_text)?;
    let layers = state.layers();
    let layer = layers.layer(&recipe, &period).await?;
    if !reaches(&layer, &tile) {
        return Err(outside(&layer));
    }
    let tag = etag(&layer, [&z, &x, &y, query_text.unwrap_or_default()]);
    let kept = cache_control(wanted.is_current(&layer));
    if is_known(&headers, &tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(&mut response, &tag, kept);
        return Ok(response);
    }
    let tile_of = |bytes: Bytes| {
        let mut response = bytes.into_response();
        describe(&mut response, &tag, kept);
        let media_type = HeaderValue::from_static(format.media_type());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        response
    };
    let (sharing, key) = (state.sharing(), format!("{} {tag}", layer.id()));
    if let Some(bytes) = sharing.kept(Kept::Tiles, &key, state.metrics()).await {
        return Ok(tile_of(bytes));
    }
    let shared = Arc::clone(layers);
    let drawn = layers
        .crew()
        .run(move |painter| {
            // A map that was replaced a moment ago is opened anew, once.
            draw(&shared, &layer, &tile, format, &wanted, painter)
                .or_else(|_| draw(&shared, &layer, &tile, format, &wanted, painter))
        })
        .await?;
    let bytes = drawn.map_err(|error| Problem::internal(&error))?.into();
    sharing.keep(Kept::Tiles, &key, &bytes);
    Ok(tile_of(bytes))
}

fn draw(
    layers: &Layers,
    layer: &Layer,
    tile: &WebTile,
    format: Format,
    query: &TileQuery,
    painter: &mut Painter,
) -> Result<Vec<u8>, FileError> {
    let bounds = tile.lonlat_bounds();
    let mut colors = None;
    for area in layer.areas.iter().filter(|area| area.touches(bounds)) {
        let Some(file) = query.file(area) else {
            continue;
        };
        let map = layers.files.get(area, file)?;
        let looked = painter.look(&map.source, tile, colors.is_none());
        if let Err(error) = looked {
            layers.files.forget(file);
            return Err(error.into());
        }
        colors.get_or_insert_with(|| map.source.colors());
    }
    if colors.is_none() {
        painter.clear(tile);
    }
    let own = colors.unwrap_or_else(geocrop_raster::xyz::Colors::none);
    let colors = query.colors(own, &layer.classes);
    Ok(match format {
        Format::Png => painter.png(&colors)?,
        Format::Webp => painter.webp(&colors)?,
    })
}

/// Reads `z`, `x` and `y` with what follows it.
fn address(z: &str, x: &str, y: &str) -> Result<(WebTile, Format), Problem> {
    let (y, format) = match y.rsplit_once('.') {
        Some((y, "png")) => (y, Format::Png),
        Some((y, "webp")) => (y, Format::Webp),
        _ => return Err(invalid("a tile's address ends in .png or .webp")),
    };
    let (y, side) = match y.strip_suffix("@2x") {
        Some(y) => (y, 512),
        None => (y, 256),
    };
    let number = |text: &str| -> Result<u32, Problem> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| plain);
        number.ok_or_else(|| invalid(&format!("{text:?} is no number of a tile")))
    };
    let (z, x, y) = (number(z)?, number(x)?, number(y)?);
    let zoom = u8::try_from(z).ok();
    let tile = zoom.and_then(|zoom| WebTile::new(zoom, x, y, side));
    let tile = tile.ok_or_else(|| invalid(&format!("there is no tile {z}/{x}/{y}")))?;
    Ok((tile, format))
}

fn invalid(what: &str) -> Problem {
    Problem::unprocessable("invalid-tile", "Not a tile's address", format!("{what}."))
        .hint("Addresses are .../{z}/{x}/{y}.png; the layer's tilejson.json has the pattern.")
}

fn reaches(layer: &Layer, tile: &WebTile) -> bool {
    let bounds = tile.lonlat_bounds();
    layer.areas.iter().any(|area| area.touches(bounds))
}

fn outside(layer: &Layer) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "tile-outside",
        "The layer does not reach there",
        format!("No map of {} touches this tile.", layer.id()),
    )
    .hint("The layer's tilejson.json has its bounds.")
    .with("bounds", layer.bounds.to_vec())
}

/// The tile's tag: another one when a map of the layer or the way of drawing changes.
fn etag(layer: &Layer, asked: [&str; 4]) -> String {
    // Another way of drawing would draw other pixels.
    const DRAWING: &str = "1";
    let id = layer.id();
    let parts = [DRAWING, &id, &layer.version, &asked.join("/")].join(" ");
    format!("\"{}\"", ContentHash::of_bytes(parts.as_bytes()).short())
}

/// Whether the client has the tile already.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get(header::IF_NONE_MATCH);
    let tags = tags.and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    tags.split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == tag)
}

fn cache_control(current: bool) -> &'static str {
    if current {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    }
}

pub(super) fn describe(response: &mut Response, tag: &str, kept: &'static str) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
}
