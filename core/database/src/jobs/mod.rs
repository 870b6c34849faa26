//! Jobs, which people ask for, and runs, which workers do.
//!
//! Most jobs have a run of their own; jobs that ask for the same thing at the same time share one, and each gets a copy of
//! the result. A worker *claims* a run: it gets a token and a lease, and renews the lease while it works. Whatever it says
//! later is heard only with that token, so a worker that was thought dead cannot speak for a run that another one has
//! taken over, nor for one that nobody wants any more. A run whose lease ends goes back to the queue, [`MAX_ATTEMPTS`]
//! times in all; then its jobs have failed, with the reason.
//!
//! # The queue
//! A run's place is a moment: when it was asked for, later by its [`Priority`] and by the jobs that its tenant has in the
//! queue already. The earliest goes first. Whoever waits keeps their moment while newcomers get later ones, so everybody's
//! turn comes; a tenant with a hundred jobs does not stand before one with a single job; nothing has to be reckoned anew.

mod document;
mod expire;
mod kind;
mod queue;
mod read;
mod submit;

use chrono::{DateTime, Utc};
use geocrop_store::{Period, Slug};

pub use expire::Expired;
pub use kind::{JobKind, JobStatus, Priority};
pub use queue::{Claim, Delivery, Ended, Fault, MAX_ATTEMPTS, Recipient, Requeued, Run};
pub use read::{JobCount, JobFilter, QueueDepth, Quota};
pub use submit::{IdempotencyKey, Submission, Submitted};

/// What is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What sort of answer is wanted.
    pub kind: JobKind,
    /// Everything that the answer depends on besides what stands in the other fields, as JSON text.
    pub request: String,
    /// The recipe, where there is one.
    pub recipe: Option<Slug>,
    /// The period, where there is one.
    pub period: Option<Period>,
    /// The area of interest, as GeoJSON text: a geometry or a Feature.
    pub aoi_geojson: Option<String>,
    /// The same area as a bare geometry in longitude and latitude, for questions about space.
    pub geometry: Option<String>,
    /// Its area in square kilometres.
    pub area_km2: Option<f64>,
    /// How soon.
    pub priority: Priority,
    /// Equal for requests that have the same answer.
    pub content_key: String,
    /// What it will take.
    pub estimate: Estimate,
}

/// What a job will take, as far as one can say beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// Seconds of work.
    pub seconds: Option<f64>,
    /// Bytes of the result.
    pub bytes: Option<i64>,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// A UUID.
    pub id: Slug,
    /// Whose it is.
    pub tenant: Slug,
    /// The id of the account that asked.
    pub user: String,
    /// What sort of answer is wanted.
    pub kind: JobKind,
    /// Everything that the answer depends on besides what stands in the other fields, as JSON text.
    pub request: String,
    /// How the map is made.
    pub recipe: Option<Slug>,
    /// The period it shows.
    pub period: Option<Period>,
    /// The area of interest, as GeoJSON text.
    pub aoi_geojson: Option<String>,
    /// Its area in square kilometres.
    pub area_km2: Option<f64>,
    /// How soon.
    pub priority: Priority,
    /// Whether the answer was there already, and no run was needed.
    pub precomputed: bool,
    /// Whether it counts against the quota.
    pub counted: bool,
    /// Where it stands.
    pub status: JobStatus,
    /// What the worker is doing; empty before it starts.
    pub stage: String,
    /// Per cent done, 0 to 100.
    pub progress: u8,
    /// Why it failed, or why it waits again.
    pub message: Option<String>,
    /// How often it was begun.
    pub attempts: u32,
    /// Grows with every change that can be seen.
    pub version: i64,
    /// What it was thought to take.
    pub estimate: Estimate,
    /// Seconds of work that it took.
    pub seconds: Option<f64>,
    /// Bytes of the result.
    pub bytes: Option<i64>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub finished_at: Option<DateTime<Utc>>,
    /// When its result goes.
    pub expires_at: Option<DateTime<Utc>>,
    /// The store's key of the result's main document; `None` also after it has expired.
    pub result_key: Option<String>,
}
