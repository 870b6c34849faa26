//! Which areas were asked for, over all tenants: for whoever decides what to precompute next.

use chrono::{DateTime, Utc};
use geocrop_store::Slug;

use crate::connect::Dialect;
use crate::scope::Scope;
use crate::users::moment;
use crate::{Database, DbError};

/// An area that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedArea {
    /// The job.
    pub job: String,
    /// Whose job.
    pub tenant: Slug,
    /// What was asked for.
    pub kind: String,
    /// By which recipe, if one was named.
    pub recipe: Option<String>,
    /// For which period, if one was named.
    pub period: Option<String>,
    /// How it went.
    pub status: String,
    /// From where the answer came: `computed` or `precomputed`.
    pub source: String,
    /// Square kilometres.
    pub area_km2: Option<f64>,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// The area as GeoJSON text: a geometry or a Feature.
    pub geojson: String,
}

type AreaRow = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    String,
    Option<f64>,
    i64,
    String,
);

impl Database {
    /// The latest areas that were asked for, the newest first; with `bounds` (west, south, east, north in degrees) those
    /// that touch the box. SQLite has no index of space: there, `bounds` is for the caller to check.
    pub async fn asked_areas(
        &self,
        bounds: Option<[f64; 4]>,
        limit: u32,
    ) -> Result<Vec<AskedArea>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<AreaRow> = match (self.dialect, bounds) {
            (Dialect::Postgres, Some([west, south, east, north])) => {
                sqlx::query_as(
                    "SELECT id, tenant_id, kind, recipe, period, status, source, area_km2, created_at, aoi_geojson FROM jobs
                     WHERE ST_Intersects(aoi, ST_MakeEnvelope($1, $2, $3, $4, 4326))
                     ORDER BY created_at DESC, id LIMIT $5",
                )
                .bind(west)
                .bind(south)
                .bind(east)
                .bind(north)
                .bind(i64::from(limit))
                .fetch_all(work.on())
                .await?
            }
            _ => {
                sqlx::query_as(
                    "SELECT id, tenant_id, kind, recipe, period, status, source, area_km2, created_at, aoi_geojson FROM jobs
                     WHERE aoi_geojson IS NOT NULL ORDER BY created_at DESC, id LIMIT $1",
                )
                .bind(i64::from(limit))
                .fetch_all(work.on())
                .await?
            }
        };
        work.commit().await?;
        rows.into_iter()
            .map(
                |(
                    job,
                    tenant,
                    kind,
                    recipe,
                    period,
                    status,
                    source,
                    area_km2,
                    asked_at,
                    geojson,
                )| {
                    Ok(AskedArea {
                        job,
                        tenant: tenant.parse().map_err(DbError::corrupt)?,
                        kind,
                        recipe,
                        period,
                        status,
                        source,
                        area_km2,
                        asked_at: moment(asked_at)?,
                        geojson,
                    })
                },
            )
            .collect()
    }
}
