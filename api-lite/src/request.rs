//! Reading requests: JSON bodies and the caller's identity, with problems for what is wrong.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use geocrop_store::db::User;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::ApiState;
use crate::problem::Problem;

/// Bytes of an ordinary request.
const BODY_LIMIT: usize = 16_384;
/// Bytes of a body that are read though they are too many. A server that answers and hangs up while the client still
/// sends makes the client see a broken connection, not the answer.
const PATIENCE: usize = 32_000_000;

/// A JSON body of at most so many bytes.
pub(crate) struct Json<T, const LIMIT: usize = BODY_LIMIT>(pub(crate) T);

impl<T: DeserializeOwned, const LIMIT: usize> FromRequest<ApiState> for Json<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, Problem> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                let essence = value
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase();
                essence == "application/json"
                    || (essence.starts_with("application/") && essence.ends_with("+json"))
            });
        if !is_json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body is not JSON",
                "The request has no `Content-Type: application/json`.",
            )
            .hint("Send the body as JSON and say so in Content-Type."));
        }
        let bytes = read_body(request.into_body(), LIMIT).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| match error.classify() {
                Category::Data => Problem::unprocessable(
                    "invalid-request",
                    "The request is not what this address takes",
                    error.to_string(),
                ),
                Category::Syntax | Category::Eof | Category::Io => Problem::new(
                    StatusCode::BAD_REQUEST,
                    "malformed-json",
                    "The body is not valid JSON",
                    error.to_string(),
                )
                .hint("NaN, Infinity, comments and trailing commas are not JSON."),
            })
    }
}

pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut parts = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "unreadable-body",
                "The body could not be read",
                format!("The request broke off: {error}."),
            )
        })?;
        length += part.len();
        if length > PATIENCE {
            break;
        } else if length > limit {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&part);
        }
    }
    if length > limit {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("This address takes at most {limit} bytes."),
        )
        .hint("Simplify the outline of the area: a few hundred corners are plenty at 10 m.")
        .with("max_bytes", limit));
    }
    Ok(bytes)
}

/// The account that a request's token stands for, as it is now.
pub(crate) struct Caller(pub(crate) User);

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| Problem::unauthorized("The request has no Authorization header."))?;
        let token = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                Problem::unauthorized("The Authorization header is not `Bearer <token>`.")
            })?;
        let user_id = state.tokens().verify(token)?;
        // The account may be gone, or its role changed, since the token was made.
        state
            .database()
            .user(&user_id)
            .await?
            .map(Self)
            .ok_or_else(|| Problem::unauthorized("The account of this token is gone."))
    }
}
