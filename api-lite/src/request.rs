//! Reading requests: JSON bodies and the caller's identity, with problems for what is wrong.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use geocrop_database::{User, api_keys};
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::ApiState;
use crate::problem::Problem;

/// Bytes of an ordinary request.
const BODY_LIMIT: usize = 16_384;
/// Bytes of a body that are read though they are too many. A server that answers and hangs up while the client still
/// sends makes the client see a broken connection, not the answer.
const PATIENCE: usize = 32_000_000;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_mins(1);

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
                Category::Data => Problem::invalid_request(error.to_string()),
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

/// The whole body, if it comes in time.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    tokio::time::timeout(BODY_TIME, collect(body, limit))
        .await
        .unwrap_or_else(|_| {
            Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "The request came too slowly",
                format!("The body did not come within {} s.", BODY_TIME.as_secs()),
            ))
        })
}

async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
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

/// The account that a request's token or key stands for, as it is now.
pub(crate) struct Caller(pub(crate) User);

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let token = bearer(parts)?;
        let look = match state.callers().get(token) {
            Ok(user) => return Ok(Self(user)),
            Err(look) => look,
        };
        if token.starts_with(api_keys::PREFIX) {
            let user = state.database().api_key_user(token).await?;
            let user = user.ok_or_else(|| Problem::unauthorized("The key is not valid."))?;
            state.callers().put(look, token, &user, Duration::MAX);
            return Ok(Self(user));
        }
        let bearer = state.tokens().verify(token)?;
        // The session may have ended, the account be gone, or its role be another, since the token was made.
        let user = state.database().session_user(&bearer.session).await?;
        let user = user
            .filter(|user| user.id == bearer.user)
            .ok_or_else(|| Problem::unauthorized("The session of this token has ended."))?;
        state.callers().put(look, token, &user, bearer.left);
        Ok(Self(user))
    }
}

/// What stands after `Bearer`.
pub(crate) fn bearer(parts: &Parts) -> Result<&str, Problem> {
    parts
        .headers
        .get(header::AUTHORIZATION)
        .ok_or_else(|| Problem::unauthorized("The request has no Authorization header."))?
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Problem::unauthorized("The Authorization header is not `Bearer <token>`."))
}

/// A caller whose role may do everything.
pub(crate) struct Admin(pub(crate) User);

impl FromRequestParts<ApiState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Caller(user) = Caller::from_request_parts(parts, state).await?;
        if state.roles().of(&user)?.admin {
            return Ok(Self(user));
        }
        Err(Problem::forbidden("Only administrators may do this.")
            .hint("Ask whoever runs this server."))
    }
}

/// Where a request comes from: the peer, or what a proxy that we trust says of it.
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<ApiState> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            // Without a connection (a test that calls the router) everybody is the same.
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let forwarded = parts.headers.get_all("x-forwarded-for");
        let hops = forwarded
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|hop| hop.trim().parse().ok());
        Ok(Self(client(
            peer,
            &hops.collect::<Vec<_>>(),
            state.trusted_proxies(),
        )))
    }
}

/// The last address in the chain that is not one of our own proxies: what stands before it, anybody may have written.
fn client(peer: IpAddr, hops: &[IpAddr], trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in hops.iter().rev() {
        if !trusted.iter().any(|network| network.contains(&address)) {
            break;
        }
        address = *hop;
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_say_of_a_client_is_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = ["10.0.0.1/32", "10.42.0.0/16"].map(|text| text.parse::<IpNet>().unwrap());
        let hops = [ip("6.6.6.6"), ip("1.2.3.4"), ip("10.42.7.2")];
        assert_eq!(client(ip("10.0.0.1"), &hops, &proxies), ip("1.2.3.4"));
        assert_eq!(client(ip("9.9.9.9"), &hops, &proxies), ip("9.9.9.9"));
        assert_eq!(client(ip("10.0.0.1"), &[], &proxies), ip("10.0.0.1"));
        assert_eq!(client(ip("10.0.0.1"), &hops, &[]), ip("10.0.0.1"));
    }
}
