//! The HTTP side of `GeoCrop`: the built site, the published store, and a small API for areas that nobody precomputed.
//!
//! | | |
//! |--|--|
//! | `GET /healthz` | is the server up |
//! | `GET /v1/status` | how is each part, and how was it for 90 days |
//! | `GET /metrics` | the same for Prometheus |
//! | `GET /openapi.json` | this API, for programs |
//! | `POST /v1/auth/token` | name and password for a token |
//! | `GET /v1/me` | who am I, how many jobs are left |
//! | `GET /v1/recipes` | what can be made |
//! | `POST /v1/jobs` | make this recipe for this area and period |
//! | `GET /v1/jobs`, `GET /v1/jobs/{id}` | how far is it |
//! | `DELETE /v1/jobs/{id}` | cancel |
//! | `GET /v1/jobs/{id}/results/{file}` | the files of the result, with range requests |
//! | `GET /v1/models`, `POST /v1/models/{name}:predict` | models, as TensorFlow Serving has them |
//! | `GET /store/*` | the store's public part, with range requests |
//! | `GET /*` | the site |
//!
//! Every error is an `application/problem+json` document (RFC 9457). One worker in the same process takes jobs from the
//! queue and hands them to a [`Runner`]; this crate knows nothing of how a map is made.

mod auth;
mod headers;
mod models;
mod objects;
mod openapi;
mod problem;
mod request;
mod routes;
mod runner;
mod server;
mod site;
mod state;
mod status;
mod worker;

pub use auth::{PasswordError, TokenKeyError, hash_password};
pub use models::{ModelCatalog, ModelFailure, ModelInfo, ModelSignature, NoModels, ServedModel};
pub use openapi::openapi;
pub use routes::router;
pub use runner::{JobRequest, Progress, RecipeInfo, RunFailure, RunOutcome, Runner, Stage};
pub use server::{ServeError, serve};
pub use state::{ApiConfig, ApiState};
pub use status::StatusConfig;
