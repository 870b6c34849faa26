//! What there is to ask for, and whether anybody is there to ask.

use axum::Json;
use axum::extract::State;
use geocrop_store::{Period, Slug};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ApiState, RecipeInfo};

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The program's version.
    version: &'static str,
}

/// Is the server up
///
/// Answers as soon as the server takes requests. `GET /v1/status` tells how each part is.
#[utoipa::path(get, path = "/healthz", tag = "Service", responses(
    (status = 200, description = "The server is up.", body = Health),
))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The maps that can be made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recipes {
    /// One entry for each kind of map.
    recipes: Vec<Recipe>,
}

/// A kind of map.
#[derive(Serialize, ToSchema)]
struct Recipe {
    /// Its name, as `POST /v1/jobs` takes it.
    #[schema(value_type = String, example = "ndvi")]
    name: Slug,
    /// Its name for people.
    title: String,
    /// What the map shows.
    description: String,
    /// The periods that there is imagery for.
    #[schema(value_type = Vec<String>, example = json!(["2024"]))]
    periods: Vec<Period>,
    /// The largest area it may be asked for, in square kilometres; `null`: the account's limit alone.
    #[schema(required = true)]
    max_area_km2: Option<f64>,
}

impl From<RecipeInfo> for Recipe {
    fn from(info: RecipeInfo) -> Self {
        Self {
            name: info.name,
            title: info.title,
            description: info.description,
            periods: info.periods,
            max_area_km2: info.max_area_km2,
        }
    }
}

/// List the recipes
///
/// What can be made, and for which periods.
#[utoipa::path(get, path = "/v1/recipes", tag = "Jobs", responses(
    (status = 200, description = "The recipes.", body = Recipes),
))]
pub(crate) async fn recipes(State(state): State<ApiState>) -> Json<Recipes> {
    Json(Recipes {
        recipes: state
            .runner()
            .recipes()
            .into_iter()
            .map(Recipe::from)
            .collect(),
    })
}
