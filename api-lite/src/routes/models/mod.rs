//! Models over HTTP, as TensorFlow Serving's REST interface has them: status, metadata, `:predict`.
//!
//! The verb stands behind a colon at the end of a path's last part, which the router cannot tell from a name: the
//! handlers of `POST` take the part whole and split it.

mod documents;
mod predict;

use axum::Json;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use geocrop_model::instances::InstancesError;

pub(crate) use documents::{Metadata, Models, Statuses};
pub(crate) use predict::{__path_predict, __path_predict_label, __path_predict_version};

use crate::ApiState;
use crate::models::{ModelFailure, ModelInfo, Which};
use crate::problem::{Problem, ProblemDocument};

/// The addresses of models.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/v1/models", get(list))
        .route("/v1/models/{name}", get(status).post(predict::predict))
        .route("/v1/models/{name}/metadata", get(metadata))
        .route(
            "/v1/models/{name}/versions/{version}",
            get(version_status).post(predict::predict_version),
        )
        .route(
            "/v1/models/{name}/versions/{version}/metadata",
            get(version_metadata),
        )
        .route(
            "/v1/models/{name}/labels/{label}",
            get(label_status).post(predict::predict_label),
        )
        .route(
            "/v1/models/{name}/labels/{label}/metadata",
            get(label_metadata),
        )
}

/// To the router `crops` and `crops:predict` are one place that takes both verbs. A client that asks in vain is told what the
/// one takes that it asked for.
pub(crate) async fn allow(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_model = path.starts_with("/v1/models/");
    let last = path.rsplit('/').next().unwrap_or_default();
    let predicts = last.contains(':') || last.to_ascii_lowercase().contains("%3a");
    let asks = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    // The router adds its own answer later, where there is none.
    if is_model && (asks || response.status() == StatusCode::METHOD_NOT_ALLOWED) {
        let allowed = HeaderValue::from_static(if predicts { "POST" } else { "GET,HEAD" });
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// A problem as all of the API's, with the member `error` that clients of TensorFlow Serving read.
pub(super) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ModelFailure> for Refusal {
    fn from(failure: ModelFailure) -> Self {
        if failure.of_the_request {
            return Problem::unprocessable(
                "not-predictable",
                "The model cannot predict this",
                failure.message,
            )
            .into();
        }
        tracing::error!(cause = failure.message, "a model failed");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "model-failed",
            "The model failed",
            "The model could not be loaded or failed at this request; the cause is in the server's log.",
        )
        .hint("Try again in a minute. If it stays so, tell whoever runs this server when it happened.")
        .into()
    }
}

impl From<InstancesError> for Refusal {
    fn from(error: InstancesError) -> Self {
        match error {
            InstancesError::Syntax(words) => Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed-json",
                "The body is not valid JSON",
                words,
            ),
            error => Problem::unprocessable(
                "invalid-instances",
                "The model does not take this",
                error.to_string(),
            )
            .hint("GET the model's /metadata: it lists the inputs in their order."),
        }
        .into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.with_error().into_response()
    }
}

fn no_such_model(name: &str) -> Problem {
    // What stood in the address is repeated, but not at any length.
    let name: String = name.chars().take(80).collect();
    Problem::not_found(format!("There is no model {name} here."))
        .hint("GET /v1/models lists the models, their versions and labels.")
}

/// Work that may wait for the store, on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Problem::internal(&error).into()),
    }
}

/// The version that is meant.
fn find(state: &ApiState, name: &str, which: &Which) -> Result<ModelInfo, Refusal> {
    let found = state.models().find(name, which)?;
    let asked = match which {
        Which::Serving => name.to_owned(),
        Which::Version(version) => format!("{name}, version {version},"),
        Which::Label(label) => format!("{name} with the label {label}"),
    };
    found.ok_or_else(|| no_such_model(&asked).into())
}

type Parts<T> = Result<Path<T>, PathRejection>;

fn parts<T>(path: Parts<T>) -> Result<T, Refusal> {
    let Path(parts) = path.map_err(|_| no_such_model("of that name"))?;
    Ok(parts)
}

/// List the models
///
/// Every version of every model on this server, with the address that predicts with it.
#[utoipa::path(get, path = "/v1/models", tag = "Models", responses(
    (status = 200, description = "The models.", body = Models),
))]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<Models>, Refusal> {
    blocking(move || Ok(Json(Models::of(&state.models().list()?)))).await
}

/// How a model is
///
/// All of its versions, in the form of TensorFlow Serving.
#[utoipa::path(get, path = "/v1/models/{name}", tag = "Models", params(
    ("name" = String, Path, description = "The model's name."),
), responses(
    (status = 200, description = "The state of each version.", body = Statuses),
    (status = 404, description = "There is no such model.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn status(
    State(state): State<ApiState>,
    name: Parts<String>,
) -> Result<Json<Statuses>, Refusal> {
    let name = parts(name)?;
    blocking(move || {
        let versions = state.models().versions(&name)?;
        if versions.is_empty() {
            return Err(no_such_model(&name).into());
        }
        Ok(Json(Statuses::of(&versions)))
    })
    .await
}

/// How a version of a model is
#[utoipa::path(get, path = "/v1/models/{name}/versions/{version}", tag = "Models", params(
    ("name" = String, Path, description = "The model's name."),
    ("version" = String, Path, description = "The version."),
), responses(
    (status = 200, description = "The state of the version.", body = Statuses),
    (status = 404, description = "There is no such version.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn version_status(
    State(state): State<ApiState>,
    path: Parts<(String, String)>,
) -> Result<Json<Statuses>, Refusal> {
    let (name, version) = parts(path)?;
    one(state, name, Which::Version(version)).await
}

/// How the version with a label is
#[utoipa::path(get, path = "/v1/models/{name}/labels/{label}", tag = "Models", params(
    ("name" = String, Path, description = "The model's name."),
    ("label" = String, Path, description = "`production`: the version that serves."),
), responses(
    (status = 200, description = "The state of the version.", body = Statuses),
    (status = 404, description = "There is no such version.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn label_status(
    State(state): State<ApiState>,
    path: Parts<(String, String)>,
) -> Result<Json<Statuses>, Refusal> {
    let (name, label) = parts(path)?;
    one(state, name, Which::Label(label)).await
}

async fn one(state: ApiState, name: String, which: Which) -> Result<Json<Statuses>, Refusal> {
    blocking(move || Ok(Json(Statuses::of(&[find(&state, &name, &which)?])))).await
}

/// What a model takes and gives
///
/// The signature in the form of TensorFlow Serving. `metadata.geocrop` has what that form has no place for: the features
/// in their order, the classes, the checksum of the model's file.
#[utoipa::path(get, path = "/v1/models/{name}/metadata", tag = "Models", params(
    ("name" = String, Path, description = "The model's name."),
), responses(
    (status = 200, description = "The signature of the version that serves.", body = Metadata),
    (status = 404, description = "There is no such model.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "The model is not on this machine.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn metadata(
    State(state): State<ApiState>,
    name: Parts<String>,
) -> Result<Json<Metadata>, Refusal> {
    described(state, parts(name)?, Which::Serving).await
}

/// What a version of a model takes and gives
#[utoipa::path(get, path = "/v1/models/{name}/versions/{version}/metadata", tag = "Models", params(
    ("name" = String, Path, description = "The model's name."),
    ("version" = String, Path, description = "The version."),
), responses(
    (status = 200, description = "The signature of the version.", body = Metadata),
    (status = 404, description = "There is no such version.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "The model is not on this machine.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn version_metadata(
    State(state): State<ApiState>,
    path: Parts<(String, String)>,
) -> Result<Json<Metadata>, Refusal> {
    let (name, version) = parts(path)?;
    described(state, name, Which::Version(version)).await
}

/// What the version with a label takes and gives
#[utoipa::path(get, path = "/v1/models/{name}/labels/{label}/metadata", tag = "Models", params(
    ("name" = String, Path, description = "The model's name."),
    ("label" = String, Path, description = "`production`: the version that serves."),
), responses(
    (status = 200, description = "The signature of the version.", body = Metadata),
    (status = 404, description = "There is no such version.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "The model is not on this machine.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn label_metadata(
    State(state): State<ApiState>,
    path: Parts<(String, String)>,
) -> Result<Json<Metadata>, Refusal> {
    let (name, label) = parts(path)?;
    described(state, name, Which::Label(label)).await
}

async fn described(state: ApiState, name: String, which: Which) -> Result<Json<Metadata>, Refusal> {
    blocking(move || {
        let info = find(&state, &name, &which)?;
        refuse_unavailable(&info)?;
        let model = state.models().load(&info)?;
        Ok(Json(Metadata::of(&info, model.model().signature())))
    })
    .await
}

fn refuse_unavailable(info: &ModelInfo) -> Result<(), Refusal> {
    let Some(reason) = &info.unavailable else {
        return Ok(());
    };
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "model-unavailable",
        "The model is not on this machine",
        format!("{}/{}: {reason}.", info.name, info.version),
    )
    .hint("Ask whoever runs this server to fetch it; another model may do.")
    .into())
}
