//! Running a process: its inputs become an order, the order a job.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::describe::kind;
use super::jobs::StatusInfo;
use super::{ProblemDocument, base};
use crate::ApiState;
use crate::problem::Problem;
use crate::request::{Caller, Json};
use crate::routes::jobs::order::{self, Order};

/// What a process is given.
#[derive(Deserialize, ToSchema)]
#[schema(as = OgcExecute)]
pub(crate) struct Execute {
    /// By their names; each bare, or as an object with `value`.
    #[serde(default)]
    #[schema(value_type = Object)]
    inputs: Map<String, Value>,
    /// Which outputs; all of them are made whatever stands here.
    #[serde(default, rename = "outputs")]
    #[schema(value_type = Option<Object>)]
    _outputs: Option<Value>,
    /// `document` or `raw`; a job's results are always a document.
    #[serde(default, rename = "response")]
    _response: Option<String>,
}

/// Run a process
///
/// Puts a job into the queue, or answers it from published maps at once. Follow it at the address in `Location`.
#[utoipa::path(post, path = "/ogc/processes/{id}/execution", tag = "OGC API - Processes", security(("token" = [])), request_body = Execute,
    params(("id" = String, Path, description = "The process's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Your word for this request, up to 200 characters.")), responses(
    (status = 201, description = "The job.", body = StatusInfo,
        headers(("Location" = String, description = "Address of the job."))),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account has no jobs left.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such process.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 6 MB.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The inputs cannot be used; `detail` says why.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn execute(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    Json(request): Json<Execute, { order::ORDER_LIMIT }>,
) -> Result<Response, Problem> {
    let kind = kind(id)?;
    let mut members: Map<String, Value> = request
        .inputs
        .into_iter()
        .map(|(name, value)| (name, bare(value)))
        .collect();
    members.insert("kind".to_owned(), kind.as_str().into());
    let order = Order::deserialize(Value::Object(members)).map_err(|error| {
        Problem::invalid_request(error.to_string())
            .hint(format!("GET /ogc/processes/{kind} lists them."))
    })?;
    let job = order::place(&state, &user, &headers, &order).await?.job();
    let base = base(&state, &headers);
    let location = format!("{base}/ogc/jobs/{}", job.id);
    let status = axum::Json(StatusInfo::new(&job, &base));
    let mut response =
        (StatusCode::CREATED, [(header::LOCATION, location)], status).into_response();
    if headers
        .get("prefer")
        .is_some_and(|prefer| prefer.as_bytes() == b"respond-async")
    {
        response.headers_mut().insert(
            "preference-applied",
            header::HeaderValue::from_static("respond-async"),
        );
    }
    Ok(response)
}

/// An input that is wrapped with its media type, without it.
fn bare(input: Value) -> Value {
    match input {
        Value::Object(mut wrapped)
            if wrapped.contains_key("value") && !wrapped.contains_key("type") =>
        {
            wrapped.remove("value").unwrap_or_default()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrapped_input_is_unwrapped_and_a_geometry_is_not() {
        assert_eq!(
            bare(json!({ "value": { "type": "Point" }, "mediaType": "application/geo+json" })),
            json!({ "type": "Point" })
        );
        let geometry = json!({ "type": "Point", "coordinates": [1, 2] });
        assert_eq!(bare(geometry.clone()), geometry);
        assert_eq!(bare(json!(500)), json!(500));
    }
}
