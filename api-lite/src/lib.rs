//! The HTTP side of `GeoCrop`: the built site, the published store, and a small API for areas that nobody precomputed.
//!
//! | | |
//! |--|--|
//! | `GET /healthz`, `GET /readyz` | is the server up, can it do its work |
//! | `GET /v1/status` | how is each part, and how was it for 90 days |
//! | `GET /metrics` | the same for Prometheus |
//! | `GET /openapi.json` | this API, for programs |
//! | `POST /v1/auth/token`, `/logout`, `/invite` | a token for a password, a refresh token or an invite; the end of a session |
//! | `GET /.well-known/jwks.json` | the keys that tokens are signed with |
//! | `GET /v1/me` | who am I, how many jobs are left |
//! | `GET`, `POST /v1/keys`, `DELETE /v1/keys/{id}` | keys for scripts |
//! | `GET`, `POST /v1/invites`, `DELETE /v1/invites/{id}` | links that let guests in |
//! | `GET /v1/layers`, `GET /v1/tiles/...`, `POST /v1/statistics` | published maps as tiles and numbers |
//! | `GET /v1/recipes` | what can be made |
//! | `POST /v1/jobs` | make this recipe for this area and period |
//! | `GET /v1/jobs`, `GET /v1/jobs/{id}` | how far is it |
//! | `DELETE /v1/jobs/{id}` | cancel |
//! | `GET /v1/jobs/{id}/events` | the same as it happens |
//! | `GET /v1/jobs/{id}/result`, `.../results/{file}` | the files of the result, with range requests |
//! | `GET /v1/admin/areas` | which areas were asked for |
//! | `GET /v1/models`, `POST /v1/models/{name}:predict` | models, as TensorFlow Serving has them |
//! | `GET /store/*` | the store's public part, with range requests |
//! | `GET /*` | the site |
//!
//! Every error is an `application/problem+json` document (RFC 9457). Workers, in the same process or in others,
//! take runs from the queue and hand them to a [`Runner`]; this crate knows nothing of how a map is made.

mod accepted;
mod auth;
mod connections;
mod deliver;
mod headers;
mod layers;
mod limits;
mod metrics;
mod models;
mod objects;
mod openapi;
mod precomputed;
mod problem;
mod request;
mod roles;
mod routes;
mod runner;
mod server;
mod sharing;
mod site;
mod state;
mod status;
mod sweeper;
mod watched;
mod worker;

pub use auth::{PasswordError, TokenKeyError, hash_password, make_token_key};
pub use limits::Rate;
pub use models::{ModelCatalog, ModelFailure, ModelInfo, ModelSignature, NoModels, ServedModel};
pub use openapi::openapi;
pub use roles::{Role, Roles};
pub use routes::router;
pub use runner::{JobRequest, Progress, RecipeInfo, RunFailure, RunOutcome, Runner, Stage};
pub use server::{ServeError, serve, work};
pub use state::{ApiConfig, ApiState, AuthConfig};
pub use status::StatusConfig;
pub use worker::WorkerConfig;
