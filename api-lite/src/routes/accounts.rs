//! Logging in and out, and what the account may do.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_database::Session;
use geocrop_store::Slug;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiState;
use crate::limits::of_address;
use crate::problem::{Problem, ProblemDocument};
use crate::request::{Caller, ClientAddress, Json, bearer};
use crate::routes::time;

/// A name and its password, or the token that continues a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The name of the account.
    #[schema(example = "thandi")]
    username: Option<String>,
    /// Its password.
    password: Option<String>,
    /// Instead of both: the `refresh_token` of an earlier answer. It is good once.
    refresh_token: Option<String>,
}

/// A token; the names are those of OAuth 2 (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct Grant {
    /// The token, to be sent as `Authorization: Bearer <token>`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds for which the token is good.
    expires_in: u64,
    /// What gives the next token; each is good once.
    refresh_token: String,
    /// When the session ends at the latest (RFC 3339).
    session_expires: String,
    /// The name of the account's role, such as `recruiter` or `admin`.
    #[schema(value_type = String)]
    role: Slug,
}

impl Grant {
    /// A token for a session.
    pub(crate) fn new(state: &ApiState, session: Session) -> Result<Self, Problem> {
        Ok(Self {
            access_token: state.tokens().issue(&session.user.id, &session.id)?,
            token_type: "Bearer",
            expires_in: state.tokens().lifetime().as_secs(),
            refresh_token: session.refresh_token,
            session_expires: time(session.expires_at),
            role: session.user.role,
        })
    }
}

/// Tokens are for one client alone: no cache may keep them.
impl IntoResponse for Grant {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], axum::Json(self)).into_response()
    }
}

/// Get a token
///
/// Gives a token for a name and a password, or for the refresh token of a session. A wrong password and an unknown name
/// are not told apart. Tries are limited by address and by account.
#[utoipa::path(post, path = "/v1/auth/token", tag = "Account", request_body = Credentials, responses(
    (status = 200, description = "A token.", body = Grant),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Wrong name or password, or a refresh token that is used up.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The body has a field too many or too few.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries; `Retry-After` says when to come back.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn token(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Json(credentials): Json<Credentials>,
) -> Result<Grant, Problem> {
    match credentials {
        Credentials {
            username: Some(name),
            password: Some(password),
            refresh_token: None,
        } => {
            // Counted before it is looked at: guessing costs the guesser, not us.
            state
                .sharing()
                .try_to_log_in(&[
                    format!("address {}", of_address(address)),
                    format!("account {name}"),
                ])
                .await?;
            log_in(&state, &name, password).await
        }
        Credentials {
            username: None,
            password: None,
            refresh_token: Some(token),
        } => {
            let session = state.database().continue_session(&token).await?;
            // A token that was used up before has ended its session.
            state.callers().forget();
            let session = session.ok_or_else(|| {
                Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "session-ended",
                    "The session has ended",
                    "The refresh token is used up, or its session has ended.",
                )
                .hint("Log in again.")
            })?;
            Grant::new(&state, session)
        }
        _ => Err(Problem::invalid_request(
            "expected `username` and `password`, or `refresh_token` alone",
        )),
    }
}

async fn log_in(state: &ApiState, name: &str, password: String) -> Result<Grant, Problem> {
    let user = state.database().find_user(name).await?;
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let matches = state.passwords().matches(password, hash).await?;
    let Some(user) = user.filter(|_| matches) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid-credentials",
            "Wrong name or password",
            "There is no account with this name and this password.",
        )
        .hint("Accounts are made with `geocrop user add` by whoever runs this server."));
    };
    let session = state
        .database()
        .begin_session(&user, state.session_lifetime())
        .await?;
    Grant::new(state, session)
}

/// Log out
///
/// Ends the session of the token: neither the token nor its refresh token is good any more.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "Account", security(("token" = [])), responses(
    (status = 204, description = "The session has ended."),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn logout(
    State(state): State<ApiState>,
    request: axum::extract::Request,
) -> Result<StatusCode, Problem> {
    let (parts, _) = request.into_parts();
    let bearer = state.tokens().verify(bearer(&parts)?)?;
    let ended = state.database().end_session(&bearer.session).await?;
    state.callers().forget();
    if !ended {
        return Err(Problem::unauthorized(
            "The session of this token has ended.",
        ));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The keys that tokens are signed with
///
/// Public keys for others that check our tokens, as a JSON Web Key Set (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "Account", responses(
    (status = 200, description = "The keys.", body = Object),
))]
pub(crate) async fn public_keys(State(state): State<ApiState>) -> axum::Json<serde_json::Value> {
    axum::Json(state.tokens().public_keys())
}

/// The account and what it may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The account's name.
    username: String,
    /// Whose jobs the account sees.
    #[schema(value_type = String)]
    tenant: Slug,
    /// The name of its role.
    #[schema(value_type = String)]
    role: Slug,
    /// What it may do.
    quota: Limits,
}

/// What an account may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Jobs in all.
    jobs: JobQuota,
    /// The largest area of a job, in square kilometres.
    max_area_km2: f64,
    /// How soon its jobs are taken: `high`, `normal` or `low`.
    #[schema(value_type = String)]
    priority: geocrop_database::Priority,
    /// Days that its results stay.
    results_kept_days: u64,
}

/// Jobs made and allowed.
#[derive(Serialize, ToSchema)]
struct JobQuota {
    /// Jobs made so far that count: not those that failed on our side, were cancelled before they began, or were answered
    /// from what was there.
    used: u32,
    /// Jobs allowed in all; `null` is any number.
    #[schema(required = true)]
    limit: Option<u32>,
    /// Jobs that are left; `null` is any number.
    #[schema(required = true)]
    left: Option<u32>,
}

/// What an account may do at this moment.
pub(crate) async fn limits(
    state: &ApiState,
    user: &geocrop_database::User,
) -> Result<Limits, Problem> {
    let role = state.roles().of(user)?;
    let used = state.database().quota(user).await?.used;
    Ok(Limits {
        jobs: JobQuota {
            used,
            limit: role.jobs,
            left: role.jobs.map(|limit| limit.saturating_sub(used)),
        },
        max_area_km2: role.max_area_km2,
        priority: role.priority,
        results_kept_days: role.keep.as_secs() / 86_400,
    })
}

/// See the account
///
/// The account of the token, and how much of its quota is left.
#[utoipa::path(get, path = "/v1/me", tag = "Account", security(("token" = [])), responses(
    (status = 200, description = "The account.", body = Me),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account's role is not known here.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn me(
    State(state): State<ApiState>,
    Caller(user): Caller,
) -> Result<axum::Json<Me>, Problem> {
    let quota = limits(&state, &user).await?;
    Ok(axum::Json(Me {
        username: user.name,
        tenant: user.tenant,
        role: user.role,
        quota,
    }))
}
