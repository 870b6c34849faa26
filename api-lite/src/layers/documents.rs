//! What layers there are, for programs: a list of our own, and `TileJSON`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_store::{Period, Slug};
use serde::Serialize;
use utoipa::ToSchema;

use super::index::{Area, Class, Layer};
use super::query::TileQuery;
use super::{Layers, names};
use crate::ApiState;
use crate::problem::{Problem, ProblemDocument};

/// The published layers.
#[derive(Serialize, ToSchema)]
#[schema(as = Layers)]
pub(crate) struct LayerList {
    /// By recipe and period.
    layers: Vec<LayerDocument>,
}

/// A layer: a recipe's maps of one period.
#[derive(Serialize, ToSchema)]
#[schema(as = Layer)]
pub(crate) struct LayerDocument {
    /// `recipe/period`.
    #[schema(example = "dynamic-world/2020")]
    id: String,
    /// The recipe's name.
    #[schema(value_type = String, example = "dynamic-world")]
    recipe: Slug,
    /// The period.
    #[schema(value_type = String, example = "2020")]
    period: Period,
    /// Its name for people.
    title: String,
    /// What it shows.
    description: String,
    /// Whose data it rests on.
    #[schema(required = true)]
    attribution: Option<String>,
    /// Whether some of it is of the made landscape.
    synthetic: bool,
    /// The legend.
    classes: Vec<ClassDocument>,
    /// West, south, east, north in degrees.
    bounds: [f64; 4],
    /// The areas that are mapped.
    areas: Vec<AreaDocument>,
    /// The zoom level (for tiles of 256 px) at which the layer is about one tile.
    min_zoom: u8,
    /// The zoom level at which a tile's pixels are as fine as the map's.
    max_zoom: u8,
    /// Another one whenever a map of the layer changes.
    version: String,
    /// Addresses.
    links: LayerLinks,
}

/// A class of a legend.
#[derive(Serialize, ToSchema)]
#[schema(as = LayerClass)]
struct ClassDocument {
    /// Its value in the map; of an index, the first one.
    value: u8,
    /// A word for programs.
    name: String,
    /// For people.
    title: String,
    /// `#rrggbb`.
    #[schema(required = true)]
    color: Option<String>,
}

/// A mapped area of a layer.
#[derive(Serialize, ToSchema)]
#[schema(as = LayerArea)]
struct AreaDocument {
    /// A word for programs.
    name: String,
    /// For people.
    title: String,
    /// West, south, east, north in degrees.
    bounds: [f64; 4],
    /// Its STAC item.
    item: String,
}

/// Addresses of a layer.
#[derive(Serialize, ToSchema)]
struct LayerLinks {
    /// The layer itself.
    #[serde(rename = "self")]
    itself: String,
    /// The layer as map programs want it.
    tilejson: String,
    /// Its STAC collection.
    collection: String,
}

/// `TileJSON` 3.0.0.
#[derive(Serialize, ToSchema)]
pub(crate) struct TileJson {
    /// The version of `TileJSON`.
    tilejson: &'static str,
    /// For people.
    name: String,
    /// What it shows.
    description: String,
    /// Whose data it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<String>,
    /// Another one whenever a map of the layer changes.
    version: String,
    /// Always `xyz`: rows count from the north.
    scheme: &'static str,
    /// The pattern of the tiles' addresses.
    tiles: Vec<String>,
    /// At which the layer is about one tile.
    minzoom: u8,
    /// At which a tile's pixels are as fine as the map's.
    maxzoom: u8,
    /// West, south, east, north in degrees.
    bounds: [f64; 4],
    /// Longitude, latitude and zoom level to begin with.
    center: [f64; 3],
}

impl From<&Layer> for LayerDocument {
    fn from(layer: &Layer) -> Self {
        let id = layer.id();
        let (min_zoom, max_zoom) = layer.zooms();
        Self {
            recipe: layer.recipe.clone(),
            period: layer.period.clone(),
            title: layer.title.clone(),
            description: layer.description.clone(),
            attribution: layer.attribution.clone(),
            synthetic: layer.synthetic,
            classes: layer.classes.iter().map(ClassDocument::from).collect(),
            bounds: layer.bounds,
            areas: layer.areas.iter().map(|area| area_document(area)).collect(),
            min_zoom,
            max_zoom,
            version: layer.version.clone(),
            links: LayerLinks {
                itself: format!("/v1/layers/{id}"),
                tilejson: format!("/v1/tiles/{id}/tilejson.json"),
                collection: format!(
                    "/store/{}",
                    geocrop_store::layout::collection(&layer.recipe)
                ),
            },
            id,
        }
    }
}

impl From<&Class> for ClassDocument {
    fn from(class: &Class) -> Self {
        Self {
            value: class.value,
            name: class.name.clone(),
            title: class.title.clone(),
            color: class.color.clone(),
        }
    }
}

fn area_document(area: &Area) -> AreaDocument {
    AreaDocument {
        name: area.name.clone(),
        title: area.title.clone(),
        bounds: area.bounds,
        item: format!("/store/{}", area.item_key),
    }
}

/// List the layers
///
/// What is published, with legends, bounds and where the tiles are. A layer that was just published is here after some
/// seconds.
#[utoipa::path(get, path = "/v1/layers", tag = "Layers", responses(
    (status = 200, description = "The layers.", body = LayerList),
))]
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Response, Problem> {
    let index = state.layers().index().await?;
    let layers = index.layers().map(|layer| LayerDocument::from(&**layer));
    Ok(fresh(Json(LayerList {
        layers: layers.collect(),
    })))
}

/// One layer
///
/// A recipe's maps of one period.
#[utoipa::path(get, path = "/v1/layers/{recipe}/{period}", tag = "Layers",
    params(
        ("recipe" = String, Path, description = "The recipe's name.", example = "dynamic-world"),
        ("period" = String, Path, description = "The period.", example = "2020"),
    ),
    responses(
        (status = 200, description = "The layer.", body = LayerDocument),
        (status = 404, description = "Nothing is published under this name.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "Not a layer's name.", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(state): State<ApiState>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (recipe, period) = named(path)?;
    let layer = state.layers().layer(&recipe, &period).await?;
    Ok(fresh(Json(LayerDocument::from(&*layer))))
}

/// Describe the tiles of a layer
///
/// `TileJSON` 3.0.0 with absolute addresses of the tiles. `classes`, `hide`, `colormap` and `asset` in the query go into
/// the tiles' addresses.
#[utoipa::path(get, path = "/v1/tiles/{recipe}/{period}/tilejson.json", tag = "Layers",
    params(
        ("recipe" = String, Path, description = "The recipe's name.", example = "dynamic-world"),
        ("period" = String, Path, description = "The period.", example = "2020"),
    ),
    responses(
        (status = 200, description = "The description.", body = TileJson),
        (status = 404, description = "Nothing is published under this name.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "Not a layer's name, or a parameter is wrong.", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn tilejson(
    State(state): State<ApiState>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (recipe, period) = named(path)?;
    TileQuery::parse(query.as_deref())?;
    let layers = state.layers();
    let layer = layers.layer(&recipe, &period).await?;
    let (minzoom, maxzoom) = layer.zooms();
    let [west, south, east, north] = layer.bounds;
    // The version is ours to say; what else was asked for is passed on as it was written.
    let given = query.as_deref().unwrap_or_default().split('&');
    let given = given.filter(|pair| !pair.is_empty() && !pair.starts_with("v="));
    let mut asked: Vec<&str> = given.collect();
    let version = format!("v={}", layer.version);
    asked.push(&version);
    let tiles = format!(
        "{}/v1/tiles/{}/{{z}}/{{x}}/{{y}}.png?{}",
        base_url(layers, &headers)?,
        layer.id(),
        asked.join("&")
    );
    let document = TileJson {
        tilejson: "3.0.0",
        name: layer.title.clone(),
        description: layer.description.clone(),
        attribution: layer.attribution.clone(),
        version: layer.version.clone(),
        scheme: "xyz",
        tiles: vec![tiles],
        minzoom,
        maxzoom,
        bounds: layer.bounds,
        center: [
            f64::midpoint(west, east),
            f64::midpoint(south, north),
            f64::from(minzoom),
        ],
    };
    let mut response = fresh(Json(document));
    if layers.public_url.is_none() {
        let vary = HeaderValue::from_static("host");
        response.headers_mut().append(header::VARY, vary);
    }
    Ok(response)
}

/// Where clients find this server: what is configured, or else what the request says.
fn base_url(layers: &Layers, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(url) = &layers.public_url {
        return Ok(url.clone());
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let plain = |host: &&str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        !host.is_empty() && host.chars().all(known)
    };
    let host = host.filter(plain).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "no-host",
            "The request names no host",
            "The addresses of the tiles begin with the host that the request was sent to.",
        )
        .hint("Send a Host header, or configure public_url.")
    })?;
    Ok(format!("http://{host}"))
}

fn named(path: Result<Path<(String, String)>, PathRejection>) -> Result<(Slug, Period), Problem> {
    let Path((recipe, period)) = path.map_err(|error| {
        Problem::unprocessable("invalid-name", "Not a layer's name", error.to_string())
    })?;
    names(&recipe, &period)
}

/// Anybody may keep it, and asks again before using it.
fn fresh<T: Serialize>(document: Json<T>) -> Response {
    let mut response = document.into_response();
    let kept = HeaderValue::from_static("public, no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    response
}
