//! Invites and keys: ways in without a password.

use std::time::Duration;

use axum::extract::{Path, State, rejection::PathRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_database::{Invite, NewInvite, api_keys::ApiKey};
use geocrop_store::Slug;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiState;
use crate::limits::of_address;
use crate::problem::{Problem, ProblemDocument};
use crate::request::{Admin, Caller, ClientAddress, Json};
use crate::routes::{accounts::Grant, time};

const DAY: Duration = Duration::from_hours(24);
/// The longest that a link or a key may be good.
const LONGEST_DAYS: u32 = 366;

/// What an invite gives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteOrder {
    /// The guests' role; `recruiter` if it is left out.
    #[schema(value_type = Option<String>, example = "recruiter")]
    role: Option<Slug>,
    /// The tenant that guests become members of; if it is left out, each gets a tenant of their own.
    #[schema(value_type = Option<String>)]
    tenant: Option<Slug>,
    /// How many guests; 1 if it is left out. The link of a single guest lets the same guest in again.
    #[schema(minimum = 1, maximum = 1000)]
    seats: Option<u32>,
    /// Days for which the link is good; 14 if it is left out.
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
    /// What it is for, in your words.
    #[schema(max_length = 200)]
    note: Option<String>,
}

/// An invite.
#[derive(Serialize, ToSchema)]
#[schema(as = Invite)]
pub(crate) struct InviteDocument {
    /// Its id.
    id: String,
    /// The guests' role.
    #[schema(value_type = String)]
    role: Slug,
    /// What it is for.
    note: String,
    /// How many guests it lets in.
    seats: u32,
    /// How many came.
    used: u32,
    /// When it was made (RFC 3339).
    created: String,
    /// When it ends (RFC 3339).
    expires: String,
    /// The secret of the link, told only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<String>,
    /// The address to send to the guest, told only in the answer that makes it. What stands after `#` reaches no log.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl InviteDocument {
    fn new(invite: Invite) -> Self {
        Self {
            id: invite.id,
            role: invite.role,
            note: invite.note,
            seats: invite.seats,
            used: invite.used,
            created: time(invite.created_at),
            expires: time(invite.expires_at),
            invite: None,
            link: None,
        }
    }
}

/// The invites that are good.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invites {
    /// The newest first.
    invites: Vec<InviteDocument>,
}

/// Invite somebody
///
/// Makes a link that lets guests in without signing up. For administrators.
#[utoipa::path(post, path = "/v1/invites", tag = "Account", security(("token" = [])), request_body = InviteOrder, responses(
    (status = 201, description = "The invite, with its link.", body = InviteDocument),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account may not invite.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "No such role, or a number out of its range.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    Admin(user): Admin,
    Json(order): Json<InviteOrder>,
) -> Result<Response, Problem> {
    let role = match order.role {
        Some(role) => role,
        None => "recruiter"
            .parse()
            .map_err(|error: geocrop_store::StoreError| Problem::internal(&error))?,
    };
    if state.roles().get(role.as_str()).is_none() {
        return Err(Problem::unprocessable(
            "unknown-role",
            "No such role",
            format!("There is no role {:?}.", role.as_str()),
        )
        .hint(format!("There are: {}.", state.roles().names())));
    }
    let seats = ranged("seats", order.seats, 1, 1000)?;
    let days = ranged("days", order.days, 14, LONGEST_DAYS)?;
    let note = order.note.unwrap_or_default();
    short("note", &note)?;
    let new = NewInvite {
        role,
        tenant: order.tenant,
        seats,
        lifetime: DAY * days,
        note,
    };
    let (invite, text) = state.database().create_invite(&user, &new).await?;
    let document = InviteDocument {
        link: Some(format!("{}/map/#invite={text}", state.public_url())),
        invite: Some(text),
        ..InviteDocument::new(invite)
    };
    Ok(told_once(StatusCode::CREATED, document))
}

/// List the invites
///
/// Those of your tenant that are still good, without their links.
#[utoipa::path(get, path = "/v1/invites", tag = "Account", security(("token" = [])), responses(
    (status = 200, description = "The invites.", body = Invites),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account may not invite.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Admin(user): Admin,
) -> Result<axum::Json<Invites>, Problem> {
    let invites = state.database().invites(&user.tenant).await?;
    Ok(axum::Json(Invites {
        invites: invites.into_iter().map(InviteDocument::new).collect(),
    }))
}

/// Take an invite back
///
/// The link is no longer good; guests who are in stay in.
#[utoipa::path(delete, path = "/v1/invites/{id}", tag = "Account", security(("token" = [])),
    params(("id" = String, Path, description = "The invite's id.")), responses(
    (status = 204, description = "It is taken back."),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account may not invite.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such invite of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke(
    State(state): State<ApiState>,
    Admin(user): Admin,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let revoked = state.database().revoke_invite(&user.tenant, &id).await?;
    state.callers().forget();
    if revoked {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("There is no such invite."))
}

/// The secret of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invited {
    /// What stands after `#invite=` in the link.
    invite: String,
}

/// Come in with an invite
///
/// Gives a guest a session, without signing up.
#[utoipa::path(post, path = "/v1/auth/invite", tag = "Account", request_body = Invited, responses(
    (status = 200, description = "A token.", body = Grant),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The invite is not good, or not any more.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The body has a field too many or too few.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries; `Retry-After` says when to come back.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn accept(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Json(invited): Json<Invited>,
) -> Result<Grant, Problem> {
    let id = invited.invite.split('.').next().unwrap_or_default();
    state
        .sharing()
        .try_to_log_in(&[
            format!("address {}", of_address(address)),
            format!("invite {}", id.get(..36).unwrap_or(id)),
        ])
        .await?;
    let session = state
        .database()
        .accept_invite(&invited.invite, state.session_lifetime())
        .await?;
    let session = session.ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid-invite",
            "The invite is not good",
            "There is no such invite, it has ended, or all its seats are taken.",
        )
        .hint("Ask whoever sent it for a new one.")
    })?;
    Grant::new(&state, session)
}

/// What a key is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyOrder {
    /// What it is for, in your words.
    #[schema(example = "nightly script", max_length = 200)]
    name: String,
    /// Days for which it is good; without a limit if it is left out.
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// A key for scripts.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyDocument {
    /// Its id.
    id: String,
    /// What it is for.
    name: String,
    /// When it was made (RFC 3339).
    created: String,
    /// When it ends; `null`: not by itself.
    #[schema(required = true)]
    expires: Option<String>,
    /// When it was last used, to the minute.
    #[schema(required = true)]
    last_used: Option<String>,
    /// The key itself, to be sent as `Authorization: Bearer <key>`; told only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyDocument {
    fn new(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            created: time(key.created_at),
            expires: key.expires_at.map(time),
            last_used: key.last_used_at.map(time),
            key: None,
        }
    }
}

/// The account's keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct Keys {
    /// The newest first.
    keys: Vec<KeyDocument>,
}

/// Make a key for scripts
///
/// A key does what its account may do, without a session. It is shown once.
#[utoipa::path(post, path = "/v1/keys", tag = "Account", security(("token" = [])), request_body = KeyOrder, responses(
    (status = 201, description = "The key.", body = KeyDocument),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The name is too long, or a number out of its range.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn create_key(
    State(state): State<ApiState>,
    Caller(user): Caller,
    Json(order): Json<KeyOrder>,
) -> Result<Response, Problem> {
    short("name", &order.name)?;
    let lifetime = match order.days {
        Some(days) => Some(DAY * ranged("days", Some(days), 1, LONGEST_DAYS)?),
        None => None,
    };
    let (key, text) = state
        .database()
        .create_api_key(&user, &order.name, lifetime)
        .await?;
    let document = KeyDocument {
        key: Some(text),
        ..KeyDocument::new(key)
    };
    Ok(told_once(StatusCode::CREATED, document))
}

/// List the keys
///
/// Your keys that are still good, without the keys themselves.
#[utoipa::path(get, path = "/v1/keys", tag = "Account", security(("token" = [])), responses(
    (status = 200, description = "The keys.", body = Keys),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn list_keys(
    State(state): State<ApiState>,
    Caller(user): Caller,
) -> Result<axum::Json<Keys>, Problem> {
    let keys = state.database().api_keys(&user.tenant, &user.id).await?;
    Ok(axum::Json(Keys {
        keys: keys.into_iter().map(KeyDocument::new).collect(),
    }))
}

/// Take a key back
///
/// The key is no longer good.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "Account", security(("token" = [])),
    params(("id" = String, Path, description = "The key's id.")), responses(
    (status = 204, description = "It is taken back."),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "You have no such key.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_key(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let revoked = state.database().revoke_api_key(&user, &id).await?;
    state.callers().forget();
    if revoked {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("You have no such key."))
}

/// Secrets are told once, and no cache may keep them.
fn told_once(status: StatusCode, document: impl Serialize) -> Response {
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        axum::Json(document),
    )
        .into_response()
}

fn ranged(name: &str, value: Option<u32>, default: u32, most: u32) -> Result<u32, Problem> {
    let value = value.unwrap_or(default);
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(Problem::invalid_request(format!(
        "{name} is {value}; expected 1 to {most}"
    )))
}

fn short(name: &str, text: &str) -> Result<(), Problem> {
    if text.chars().count() <= 200 {
        return Ok(());
    }
    Err(Problem::invalid_request(format!(
        "{name} has more than 200 characters"
    )))
}
