//! A job's row.

use super::{Estimate, Job, Priority};
use crate::DbError;
use crate::users::moment;

/// The columns of [`JobRow`]. Not `*`: the geometry is no type that both databases have.
macro_rules! job_columns {
    () => {
        "id, tenant_id, user_id, kind, request, recipe, period, aoi_geojson, area_km2, priority, source, counted, status, \
         stage, progress, message, attempts, version, estimated_seconds, estimated_bytes, seconds, bytes, created_at, \
         started_at, finished_at, expires_at, result_key"
    };
}
pub(super) use job_columns;

#[derive(sqlx::FromRow)]
pub(super) struct JobRow {
    id: String,
    tenant_id: String,
    user_id: String,
    kind: String,
    request: String,
    recipe: Option<String>,
    period: Option<String>,
    aoi_geojson: Option<String>,
    area_km2: Option<f64>,
    priority: i64,
    source: String,
    counted: i64,
    status: String,
    stage: String,
    progress: i64,
    message: Option<String>,
    attempts: i64,
    version: i64,
    estimated_seconds: Option<f64>,
    estimated_bytes: Option<i64>,
    seconds: Option<f64>,
    bytes: Option<i64>,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    expires_at: Option<i64>,
    result_key: Option<String>,
}

impl TryFrom<JobRow> for Job {
    type Error = DbError;

    fn try_from(row: JobRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id.parse().map_err(DbError::corrupt)?,
            tenant: row.tenant_id.parse().map_err(DbError::corrupt)?,
            user: row.user_id,
            kind: row.kind.parse()?,
            request: row.request,
            recipe: parsed(row.recipe)?,
            period: parsed(row.period)?,
            aoi_geojson: row.aoi_geojson,
            area_km2: row.area_km2,
            priority: Priority::of_rank(row.priority)?,
            precomputed: row.source == "precomputed",
            counted: row.counted != 0,
            status: row.status.parse()?,
            stage: row.stage,
            progress: u8::try_from(row.progress).map_err(DbError::corrupt)?,
            message: row.message,
            attempts: u32::try_from(row.attempts).map_err(DbError::corrupt)?,
            version: row.version,
            estimate: Estimate {
                seconds: row.estimated_seconds,
                bytes: row.estimated_bytes,
            },
            seconds: row.seconds,
            bytes: row.bytes,
            created_at: moment(row.created_at)?,
            started_at: row.started_at.map(moment).transpose()?,
            finished_at: row.finished_at.map(moment).transpose()?,
            expires_at: row.expires_at.map(moment).transpose()?,
            result_key: row.result_key,
        })
    }
}

pub(super) fn parsed<T: std::str::FromStr>(text: Option<String>) -> Result<Option<T>, DbError>
where
    T::Err: ToString,
{
    text.map(|text| text.parse().map_err(DbError::corrupt))
        .transpose()
}
