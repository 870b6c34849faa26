//! Logging in, and what the account may do.

use axum::extract::State;
use axum::http::StatusCode;
use geocrop_store::Slug;
use geocrop_store::db::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiState;
use crate::problem::{Problem, ProblemDocument};
use crate::request::{Caller, Json};
use crate::state::max_area_km2;

/// A name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The name of the account.
    #[schema(example = "thandi")]
    username: String,
    /// Its password.
    password: String,
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
    /// `recruiter` or `admin`.
    #[schema(value_type = String)]
    role: Role,
}

/// Get a token
///
/// Gives a token for a name and a password. A wrong password and an unknown name are not told apart.
#[utoipa::path(post, path = "/v1/auth/token", tag = "Account", request_body = Credentials, responses(
    (status = 200, description = "A token.", body = Grant),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "Wrong name or password.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The body has a field too many or too few.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn token(
    State(state): State<ApiState>,
    Json(credentials): Json<Credentials>,
) -> Result<axum::Json<Grant>, Problem> {
    let user = state.database().find_user(&credentials.username).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let matches = state
        .passwords()
        .matches(credentials.password, hash)
        .await?;
    let Some(user) = user.filter(|_| matches) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid-credentials",
            "Wrong name or password",
            "There is no account with this name and this password.",
        )
        .hint("Accounts are made with `geocrop user add` by whoever runs this server."));
    };
    Ok(axum::Json(Grant {
        access_token: state.tokens().issue(&user.id)?,
        token_type: "Bearer",
        expires_in: state.tokens().lifetime().as_secs(),
        role: user.role,
    }))
}

/// The account and what it may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The account's name.
    username: String,
    /// Whose jobs the account sees.
    #[schema(value_type = String)]
    tenant: Slug,
    /// `recruiter` or `admin`.
    #[schema(value_type = String)]
    role: Role,
    /// What it may do.
    quota: Limits,
}

/// What an account may do.
#[derive(Serialize, ToSchema)]
struct Limits {
    /// Jobs in all.
    jobs: JobQuota,
    /// The largest area of a job, in square kilometres.
    max_area_km2: f64,
}

/// Jobs made and allowed.
#[derive(Serialize, ToSchema)]
struct JobQuota {
    /// Jobs made so far; failed ones do not count.
    used: u32,
    /// Jobs allowed in all; `null` is any number.
    #[schema(required = true)]
    limit: Option<u32>,
}

/// See the account
///
/// The account of the token, and how much of its quota is left.
#[utoipa::path(get, path = "/v1/me", tag = "Account", security(("token" = [])), responses(
    (status = 200, description = "The account.", body = Me),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn me(
    State(state): State<ApiState>,
    Caller(user): Caller,
) -> Result<axum::Json<Me>, Problem> {
    let quota = state.database().quota(&user).await?;
    Ok(axum::Json(Me {
        username: user.name,
        tenant: user.tenant,
        role: user.role,
        quota: Limits {
            jobs: JobQuota {
                used: quota.used,
                limit: quota.limit,
            },
            max_area_km2: max_area_km2(user.role),
        },
    }))
}
