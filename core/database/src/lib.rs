//! Tenants, accounts, quotas, the queue of jobs, and the history of the service's own parts: in SQLite by itself, in
//! PostgreSQL with `PostGIS` where several processes share it.
//!
//! Both hold the same tables and are asked in the same SQL; where they differ, the difference stands beside the question.
//! Every row of a tenant carries the tenant, and every question about jobs names one. In PostgreSQL the database itself
//! sees to it: each transaction takes a role that row-level security holds to one tenant (see [`Scope`](scope)).
//!
//! - [`Database`]: opening and migrating;
//! - [`users`], [`sessions`], [`api_keys`], [`invites`]: who somebody is;
//! - [`jobs`]: what people ask for, and the runs that answer them;
//! - [`checks`]: how the service's parts stood;
//! - [`areas`]: which areas were asked for.

pub mod api_keys;
pub mod areas;
pub mod checks;
mod connect;
mod error;
pub mod invites;
pub mod jobs;
mod readers;
mod scope;
mod secret;
pub mod sessions;
pub mod users;

pub use checks::{Check, PartState};
pub use connect::{Database, DatabaseOptions, PoolUse};
pub use error::DbError;
pub use invites::{Invite, NewInvite};
pub use jobs::{
    Claim, Ended, Estimate, Job, JobFilter, JobKind, JobStatus, MAX_ATTEMPTS, NewJob, Priority,
    Quota, Run, Submission, Submitted,
};
pub use secret::{Secret, new_id};
pub use sessions::Session;
pub use users::User;
