//! What may be asked for, as the standard describes a process.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use geocrop_database::JobKind;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Link, ProblemDocument, base, exception};
use crate::problem::Problem;
use crate::{ApiState, RecipeInfo};

/// A process.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcProcess)]
pub(crate) struct Process {
    /// Its name.
    id: &'static str,
    /// For people.
    title: &'static str,
    /// What it makes.
    description: &'static str,
    /// The description's version.
    version: &'static str,
    /// How it is run.
    #[serde(rename = "jobControlOptions")]
    job_control_options: [&'static str; 2],
    /// How results are given.
    #[serde(rename = "outputTransmission")]
    output_transmission: [&'static str; 1],
    /// What it takes; not in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    inputs: Option<Value>,
    /// What it gives; not in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    outputs: Option<Value>,
    /// Where to go on.
    links: Vec<Link>,
}

/// All processes.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcProcesses)]
pub(crate) struct Processes {
    /// Without their inputs.
    processes: Vec<Process>,
    /// Where this is.
    links: Vec<Link>,
}

/// List the processes
///
/// What may be asked for.
#[utoipa::path(get, path = "/ogc/processes", tag = "OGC API - Processes", responses(
    (status = 200, description = "The processes.", body = Processes),
))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> axum::Json<Processes> {
    let base = base(&state, &headers);
    axum::Json(Processes {
        processes: JobKind::ALL
            .iter()
            .map(|kind| process(*kind, &base))
            .collect(),
        links: vec![Link::json(
            format!("{base}/ogc/processes"),
            "self",
            "This document",
        )],
    })
}

/// Describe a process
///
/// Its inputs and outputs, as JSON Schema.
#[utoipa::path(get, path = "/ogc/processes/{id}", tag = "OGC API - Processes",
    params(("id" = String, Path, description = "The process's id.")), responses(
    (status = 200, description = "The process.", body = Process),
    (status = 404, description = "There is no such process.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<Process>, Problem> {
    let kind = kind(id)?;
    let recipes = state.runner().recipes();
    Ok(axum::Json(Process {
        inputs: Some(inputs(kind, &recipes)),
        outputs: Some(outputs(kind)),
        ..process(kind, &base(&state, &headers))
    }))
}

/// The kind of job that a process is.
pub(super) fn kind(id: Result<Path<String>, PathRejection>) -> Result<JobKind, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    id.parse().map_err(|_| {
        let problem = Problem::not_found(format!("There is no process {id:?}."))
            .hint("GET /ogc/processes lists them.");
        exception("no-such-process", problem)
    })
}

fn process(kind: JobKind, base: &str) -> Process {
    let (title, description) = match kind {
        JobKind::Map => (
            "Map of an area",
            "A map by one of the recipes, from satellite imagery or cut out of published maps.",
        ),
        JobKind::Ndvi => (
            "Greenness of an area",
            "The vegetation index of the annual geometric median.",
        ),
        JobKind::Buffer => (
            "Buffer",
            "A geometry grown or shrunk by metres, in any coordinates.",
        ),
        JobKind::ZonalStats => (
            "Statistics of zones",
            "Hectares per class and mean greenness by date for each of many polygons.",
        ),
        JobKind::Predict => (
            "Predictions for rows",
            "Classes for rows of features, by a model.",
        ),
    };
    let address = format!("{base}/ogc/processes/{kind}");
    Process {
        id: kind.as_str(),
        title,
        description,
        version: env!("CARGO_PKG_VERSION"),
        job_control_options: ["async-execute", "dismiss"],
        output_transmission: ["reference"],
        inputs: None,
        outputs: None,
        links: vec![
            Link::json(address.clone(), "self", "Its description"),
            Link::json(
                format!("{address}/execution"),
                "http://www.opengis.net/def/rel/ogc/1.0/execute",
                "Run it",
            ),
        ],
    }
}

fn inputs(kind: JobKind, recipes: &[RecipeInfo]) -> Value {
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    let mut periods: Vec<&str> = recipes
        .iter()
        .flat_map(|recipe| &recipe.periods)
        .map(AsRef::as_ref)
        .collect();
    periods.sort_unstable();
    periods.dedup();
    let input = |title: &str, schema: Value, least: u32| json!({ "title": title, "minOccurs": least, "maxOccurs": 1, "schema": schema });
    let geometry = |title: &str| {
        let schema = json!({ "type": "object", "format": "geojson-geometry", "contentMediaType": "application/geo+json" });
        input(title, schema, 1)
    };
    let recipe = |least| {
        let schema = json!({ "type": "string", "enum": names });
        input("How the map is made", schema, least)
    };
    let period = input(
        "The period that it shows",
        json!({ "type": "string", "enum": periods }),
        1,
    );
    let fresh = input(
        "Make it from imagery even where it is published",
        json!({ "type": "boolean", "default": false }),
        0,
    );
    match kind {
        JobKind::Map => {
            json!({ "recipe": recipe(1), "period": period, "aoi": geometry("The area"), "fresh": fresh })
        }
        JobKind::Ndvi => {
            json!({ "recipe": recipe(0), "period": period, "aoi": geometry("The area"), "fresh": fresh })
        }
        JobKind::Buffer => json!({
            "aoi": geometry("The geometry"),
            "metres": input("How far to grow", json!({ "type": "number" }), 1),
            "crs": input("Of the coordinates", json!({ "type": "string", "default": "OGC:CRS84" }), 0),
            "segments": input("Segments to a quarter circle", json!({ "type": "integer", "minimum": 1, "maximum": 100 }), 0),
        }),
        JobKind::ZonalStats => {
            let schema = json!({
                "type": "object", "format": "geojson-feature-collection", "contentMediaType": "application/geo+json"
            });
            json!({ "recipe": recipe(1), "period": period, "features": input("The polygons", schema, 1) })
        }
        JobKind::Predict => json!({
            "model": input("The model's name", json!({ "type": "string" }), 1),
            "instances": input("The rows", json!({ "type": "array", "items": { "type": ["array", "object"] } }), 1),
        }),
    }
}

fn outputs(kind: JobKind) -> Value {
    let file = |title: &str, media_type: &str| {
        json!({
            "title": title,
            "schema": { "type": "string", "contentEncoding": "binary", "contentMediaType": media_type }
        })
    };
    match kind {
        JobKind::Map | JobKind::Ndvi => json!({
            "map": file("The map, a cloud-optimised GeoTIFF", "image/tiff; application=geotiff; profile=cloud-optimized"),
            "statistics": file("Hectares per class", "application/json"),
            "tiles": file("Tiles for a map in a browser", "application/vnd.pmtiles"),
            "item": file("The STAC item", "application/geo+json"),
        }),
        JobKind::Buffer => json!({ "buffer": file("The buffer", "application/geo+json") }),
        JobKind::ZonalStats => json!({
            "zones": file("All of it", "application/geo+json"),
            "classes": file("Hectares per class", "text/csv"),
            "ndvi": file("Greenness by date", "text/csv"),
        }),
        JobKind::Predict => json!({ "predictions": file("A class for each row", "text/csv") }),
    }
}
