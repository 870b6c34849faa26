//! `POST /v1/statistics`: hectares per class inside an area, from published maps.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_raster::{Aoi, AoiLimits};
use geocrop_store::{ContentHash, Period, Slug};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::cut::{self, Answer};
use super::index::Layer;
use super::names;
use crate::ApiState;
use crate::metrics::Kept;
use crate::problem::{Problem, ProblemDocument};
use crate::request::Json;

/// Bytes of a question. The outline may have a megabyte.
const QUESTION_LIMIT: usize = 1_100_000;
/// What anybody may ask without an account.
const MOST_VERTICES: usize = 20_000;
const MOST_KM2: f64 = 2_500.0;

/// Of what layer and where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// A recipe's name.
    #[schema(example = "dynamic-world")]
    recipe: String,
    /// A period that is published.
    #[schema(example = "2020")]
    period: String,
    /// The area of interest: a GeoJSON `Polygon` or `MultiPolygon` in longitude and latitude, bare or as one Feature.
    #[schema(value_type = Object)]
    aoi: Value,
}

/// Hectares per class.
#[derive(Serialize, ToSchema)]
#[schema(as = AreaStatistics)]
pub(crate) struct StatisticsDocument {
    /// The recipe's name.
    #[schema(value_type = String)]
    recipe: Slug,
    /// The period.
    #[schema(value_type = String)]
    period: Period,
    /// Always `precomputed`: read from published maps; no job was run and no quota used.
    source: &'static str,
    /// Hectares of the area, as pixels of the map whose centres lie inside.
    area_ha: f64,
    /// Hectares that are mapped.
    observed_ha: f64,
    /// Hectares without data.
    nodata_ha: f64,
    /// The classes in the legend's order; those that do not occur have no hectares.
    classes: Vec<ClassHectares>,
    /// The published maps that this is from.
    items: Vec<ItemLink>,
}

/// One class.
#[derive(Serialize, ToSchema)]
struct ClassHectares {
    /// Its value in the map.
    value: u8,
    /// A word for programs.
    name: String,
    /// For people.
    title: String,
    /// `#rrggbb`.
    #[schema(required = true)]
    color: Option<String>,
    /// Pixels.
    pixels: u64,
    /// Hectares.
    hectares: f64,
    /// Per cent of what is mapped.
    percent: f64,
}

/// A published map.
#[derive(Serialize, ToSchema)]
struct ItemLink {
    /// For people.
    title: String,
    /// Its STAC item.
    href: String,
}

/// Count an area
///
/// Hectares per class inside an area, where published maps cover it whole: no token, no job, no quota. Where they do not,
/// the answer is the problem `not-precomputed`, and `POST /v1/jobs` makes the map.
#[utoipa::path(post, path = "/v1/statistics", tag = "Layers", request_body = Question, responses(
    (status = 200, description = "Hectares per class.", body = StatisticsDocument),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "Nothing is published of this recipe and period (`no-such-layer`), or not for the whole area (`not-precomputed`).", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The request or the area is not what this address takes.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "Too many requests wait.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn count(
    State(state): State<ApiState>,
    Json(question): Json<Question, QUESTION_LIMIT>,
) -> Result<Response, Problem> {
    let (recipe, period) = names(&question.recipe, &question.period)?;
    let layers = state.layers();
    let layer = layers.layer(&recipe, &period).await?;
    let text = question.aoi.to_string();
    let asked = format!("{} {} {text}", layer.id(), layer.version);
    let asked = ContentHash::of_bytes(asked.as_bytes());
    let known = layers.answers.get(&asked);
    state.metrics().looked(Kept::Statistics, known.is_some());
    if let Some(answer) = known {
        return Ok(json(answer));
    }
    let shared = Arc::clone(layers);
    let counted: Result<Bytes, Problem> = layers
        .crew()
        .run(move |_| {
            let limits = AoiLimits {
                max_bytes: QUESTION_LIMIT,
                max_vertices: MOST_VERTICES,
                max_area_km2: Some(MOST_KM2),
            };
            let aoi = Aoi::parse(&text, "area", &limits).map_err(|error| {
                Problem::unprocessable("invalid-aoi", "The area cannot be used", error.to_string())
                    .with("max_area_km2", MOST_KM2)
                    .with("max_vertices", MOST_VERTICES)
            })?;
            // A map that was replaced a moment ago is opened anew, once.
            let counted = cut::count(&shared, &layer, &aoi)
                .or_else(|_| cut::count(&shared, &layer, &aoi))
                .map_err(|error| Problem::internal(&error))?;
            let answer = counted.ok_or_else(|| not_precomputed(&layer))?;
            let document = serde_json::to_vec(&document(&layer, &answer));
            document
                .map(Bytes::from)
                .map_err(|error| Problem::internal(&error))
        })
        .await?;
    let answer = counted?;
    layers.answers.keep(asked, answer.clone());
    Ok(json(answer))
}

fn json(answer: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

/// The answer as a job's statistics file has it.
pub(crate) fn json_of(layer: &Layer, answer: &Answer) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&document(layer, answer))
}

fn document(layer: &Layer, answer: &Answer) -> StatisticsDocument {
    let hectares = |pixels: u64| pixels as f64 * answer.pixel_area_m2 / 10_000.0;
    let counts = &answer.counts;
    let mapped = counts.mapped();
    let classes = layer.classes.iter().map(|class| {
        let values = usize::from(class.value)..=usize::from(class.last);
        let pixels: u64 = counts.values[values].iter().sum();
        ClassHectares {
            value: class.value,
            name: class.name.clone(),
            title: class.title.clone(),
            color: class.color.clone(),
            pixels,
            hectares: rounded(hectares(pixels)),
            percent: rounded(100.0 * pixels as f64 / mapped.max(1) as f64),
        }
    });
    StatisticsDocument {
        recipe: layer.recipe.clone(),
        period: layer.period.clone(),
        source: "precomputed",
        area_ha: rounded(hectares(mapped + counts.nodata)),
        observed_ha: rounded(hectares(mapped)),
        nodata_ha: rounded(hectares(counts.nodata)),
        classes: classes.collect(),
        items: answer
            .items
            .iter()
            .map(|item| ItemLink {
                title: item.title.clone(),
                href: format!("/store/{}", item.item_key),
            })
            .collect(),
    }
}

/// To a hundredth.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn not_precomputed(layer: &Layer) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-precomputed",
        "No published map covers the area",
        format!("The maps of {} do not cover the whole area.", layer.id()),
    )
    .hint("POST the same recipe, period and aoi to /v1/jobs: the map is made then. GET /v1/layers has the areas that are mapped.")
    .with("jobs", "/v1/jobs")
}
