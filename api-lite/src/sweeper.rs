//! Removing what is over: results that have expired, ended sessions, used idempotency keys, replaced token keys.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use geocrop_store::layout;
use tokio::sync::watch;

use crate::ApiState;
use crate::objects::blocking;

/// How often.
const EVERY: Duration = Duration::from_mins(10);
/// Results at a time.
const BATCH: u32 = 100;

/// Sweeps until `stopped` turns true.
pub(crate) async fn sweep(state: ApiState, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = sweep_once(&state).await {
            tracing::warn!(
                %error,
                "what is over could not be removed; tried again later"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn sweep_once(state: &ApiState) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let database = state.database();
    let mut removed = 0;
    loop {
        let expired = database.expired(BATCH).await?;
        if expired.is_empty() {
            break;
        }
        for job in expired {
            let folder = layout::job_folder(&job.tenant, &job.job);
            // The files first: a crash in between leaves a job that is swept again, not files that nobody knows.
            blocking(state.store(), move |store| store.delete_prefix(&folder)).await?;
            database.forget_result(&job).await?;
            removed += 1;
        }
    }
    let now = Utc::now();
    let sessions = database.sweep_sessions(now - TimeDelta::days(7)).await?;
    let records = database.sweep_records(now - TimeDelta::days(2)).await?;
    state.tokens().keys().rotate_if_due();
    if removed > 0 || sessions > 0 {
        tracing::info!(
            results = removed,
            sessions,
            records,
            "removed what was over"
        );
    }
    Ok(())
}
