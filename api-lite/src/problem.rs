//! Errors as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_database::DbError;
use geocrop_store::StoreError;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What went wrong, for the client: a kind to act on, and words for people.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    /// Instead of our own name for the kind, that of a standard.
    named: Option<String>,
    title: &'static str,
    detail: String,
    hint: Option<String>,
    members: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem of a kind. `kind` is the last part of its `type`, `title` the same for all of the kind.
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            named: None,
            title,
            detail: detail.into(),
            hint: None,
            members: Map::new(),
            retry_after: None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// A member of its own for programs.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With a standard's own name of the kind.
    pub(crate) fn typed(self, name: String) -> Self {
        Self {
            named: Some(name),
            ..self
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// In how many seconds trying again may help.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// With the member `error` too, which clients of `TensorFlow` Serving read.
    pub(crate) fn with_error(self) -> Self {
        let detail = self.detail.clone();
        self.with("error", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub(crate) fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method not allowed",
            detail,
        )
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Authentication needed", detail)
            .hint("POST {\"username\", \"password\"} to /v1/auth/token and send the token as `Authorization: Bearer <token>`.")
    }

    pub(crate) fn unprocessable(
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// A part that this needs is away for the moment.
    pub(crate) fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(cause, "a part does not answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The service is interrupted",
            "A part that this needs does not answer.",
        )
        .hint("Try again in a few seconds; GET /v1/status tells what is away.")
        .retry_after(5)
    }

    /// A request that can be read and is not what the address takes.
    pub(crate) fn invalid_request(detail: impl Into<String>) -> Self {
        Self::unprocessable(
            "invalid-request",
            "The request is not what this address takes",
            detail,
        )
    }

    /// A fault of ours: the log has the cause, the client does not.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "The server could not do this; the cause is in its log.",
        )
        .hint("Try again in a minute. If it stays so, tell whoever runs this server when it happened.")
    }
}

/// What went wrong (RFC 9457). Some kinds have members of their own, such as `limit` and `max_area_km2`.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "describes what into_response writes")]
pub(crate) struct ProblemDocument {
    /// The kind of problem, for programs to act on.
    #[schema(rename = "type", example = "/problems/quota-exceeded")]
    kind: String,
    /// The kind in words, the same for all of the kind.
    #[schema(example = "No jobs left")]
    title: String,
    /// The answer's status code.
    #[schema(example = 403)]
    status: u16,
    /// What was wrong with this request.
    detail: String,
    /// What to do about it.
    hint: Option<String>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = self.members;
        let kind = self
            .named
            .unwrap_or_else(|| format!("/problems/{}", self.kind));
        document.insert("type".to_owned(), kind.into());
        document.insert("title".to_owned(), self.title.into());
        document.insert("status".to_owned(), self.status.as_u16().into());
        document.insert("detail".to_owned(), self.detail.into());
        if let Some(hint) = self.hint {
            document.insert("hint".to_owned(), hint.into());
        }
        let mut response = (self.status, Value::Object(document).to_string()).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Quota { limit, used } => Self::new(
                StatusCode::FORBIDDEN,
                "quota-exceeded",
                "No jobs left",
                format!("This account may make {limit} jobs in all and has made {used}."),
            )
            .hint("Jobs that failed on our side or were cancelled before they began do not count. Published maps need no account; for more jobs, ask whoever runs this server.")
            .with("limit", limit)
            .with("used", used),
            DbError::OtherRequest => Self::unprocessable(
                "idempotency-key-reused",
                "The idempotency key was used for another request",
                "This Idempotency-Key came before, with another request.",
            )
            .hint("Take a new key for a new request."),
            error @ DbError::Unavailable(_) => Self::unavailable(&error),
            error => Self::internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } | StoreError::InvalidKey { .. } => {
                Self::not_found("There is no such file.")
            }
            error @ StoreError::Unreachable { .. } => Self::unavailable(&error),
            error => Self::internal(&error),
        }
    }
}
