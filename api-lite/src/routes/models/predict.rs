//! `POST ...:predict`: instances in, predictions out.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_model::instances::{Limits, answer, parse};
use utoipa::ToSchema;

use super::{Parts, Refusal, blocking, find, no_such_model, parts, refuse_unavailable};
use crate::ApiState;
use crate::models::{Busy, Which};
use crate::problem::{Problem, ProblemDocument};
use crate::request::{Caller, read_body};

/// Bytes of a request.
const BODY_LIMIT: usize = 16 << 20;
/// Rows of a request, or pixels of its images.
const LIMITS: Limits = Limits { cells: 1 << 18 };
/// Seconds after which to come again.
const COME_AGAIN: u64 = 1;

const VERB: &str = ":predict";

/// Instances, by rows or by columns.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what geocrop_model::instances reads")]
pub(crate) struct PredictRequest {
    /// `serving_default` (the default) or `by_name`; both take what is said below.
    signature_name: Option<String>,
    /// By rows: each a list of numbers in the order of the model's features, or an object with the features by name.
    /// `null` is a missing value. For a model of images: `[row][column][band]`.
    #[schema(value_type = Option<Vec<Object>>)]
    instances: Option<Vec<serde_json::Value>>,
    /// By columns: an object with a list of numbers for each feature, or all rows as one list. Give `instances` or
    /// `inputs`.
    #[schema(value_type = Option<Object>)]
    inputs: Option<serde_json::Value>,
}

/// What the model says.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what geocrop_model::instances writes")]
pub(crate) struct PredictAnswer {
    /// The answer to `instances`: for each a number, or a list with one probability for each class.
    #[schema(value_type = Option<Vec<Object>>)]
    predictions: Option<Vec<serde_json::Value>>,
    /// The answer to `inputs`: the same.
    #[schema(value_type = Option<Vec<Object>>)]
    outputs: Option<Vec<serde_json::Value>>,
}

/// Predict with a model
///
/// In the form of TensorFlow Serving, with the version that serves. Requests that come together are predicted together,
/// which changes no prediction. Errors have a member `error` beside those of a problem document.
#[utoipa::path(post, path = "/v1/models/{name}:predict", tag = "Models", security(("token" = [])), params(
    ("name" = String, Path, description = "The model's name."),
), request_body = PredictRequest, responses(
    (status = 200, description = "The predictions.", body = PredictAnswer),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such model.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 MB.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The model does not take these instances; row and column are named.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "Too many requests wait (come again after `Retry-After`), or the model is not on this machine.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn predict(
    State(state): State<ApiState>,
    caller: Result<Caller, Problem>,
    name: Parts<String>,
    request: Request,
) -> Result<Response, Refusal> {
    caller?;
    let name = verb(&parts(name)?)?;
    run(state, name, Which::Serving, request.into_body()).await
}

/// Predict with a version of a model
#[utoipa::path(post, path = "/v1/models/{name}/versions/{version}:predict", tag = "Models", security(("token" = [])), params(
    ("name" = String, Path, description = "The model's name."),
    ("version" = String, Path, description = "The version."),
), request_body = PredictRequest, responses(
    (status = 200, description = "The predictions.", body = PredictAnswer),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such version.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 MB.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The model does not take these instances.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "Too many requests wait, or the model is not on this machine.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn predict_version(
    State(state): State<ApiState>,
    caller: Result<Caller, Problem>,
    path: Parts<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    caller?;
    let (name, version) = parts(path)?;
    let which = Which::Version(verb(&version)?);
    run(state, name, which, request.into_body()).await
}

/// Predict with the version that has a label
#[utoipa::path(post, path = "/v1/models/{name}/labels/{label}:predict", tag = "Models", security(("token" = [])), params(
    ("name" = String, Path, description = "The model's name."),
    ("label" = String, Path, description = "`production`: the version that serves."),
), request_body = PredictRequest, responses(
    (status = 200, description = "The predictions.", body = PredictAnswer),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such version.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 MB.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The model does not take these instances.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 503, description = "Too many requests wait, or the model is not on this machine.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn predict_label(
    State(state): State<ApiState>,
    caller: Result<Caller, Problem>,
    path: Parts<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    caller?;
    let (name, label) = parts(path)?;
    let which = Which::Label(verb(&label)?);
    run(state, name, which, request.into_body()).await
}

/// What stands before `:predict`.
fn verb(part: &str) -> Result<String, Refusal> {
    match part.strip_suffix(VERB) {
        Some(name) => Ok(name.to_owned()),
        None if part.ends_with(":classify") || part.ends_with(":regress") => {
            Err(Problem::not_found("Models are asked with :predict only.").into())
        }
        None => Err(no_such_model(part).into()),
    }
}

async fn run(state: ApiState, name: String, which: Which, body: Body) -> Result<Response, Refusal> {
    let known = state.clone();
    let (model, takes) = blocking(move || {
        let info = find(&known, &name, &which)?;
        refuse_unavailable(&info)?;
        let model = known.models().load(&info)?;
        let takes = model.model().signature().takes.clone();
        Ok((model, takes))
    })
    .await?;
    let body = read_body(body, BODY_LIMIT)
        .await
        .map_err(|problem| problem.hint("Send the rows in several requests."))?;
    // Megabytes of digits take a while to read: not on the threads that answer everybody.
    let asked = blocking(move || Ok(parse(&body, &takes, LIMITS)?)).await?;
    let form = asked.form;
    let waiting = model.ask(asked.examples).map_err(|Busy| busy())?;
    // When the client hangs up, this future is dropped, and its rows leave the queue.
    let answered = waiting.await.map_err(|_| busy())?;
    let (examples, output) = answered?;
    let outputs = model.model().signature().outputs;
    let text = blocking(move || Ok(answer(form, &examples, outputs, &output))).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

fn busy() -> Refusal {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "model-busy",
        "The model is busy",
        "More rows wait for this model than it may keep waiting.",
    )
    .hint("Come again after the seconds in Retry-After, with growing pauses.")
    .retry_after(COME_AGAIN)
    .into()
}
