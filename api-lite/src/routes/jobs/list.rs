//! The jobs of a tenant, page by page.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use geocrop_database::{Job, JobFilter, JobKind, JobStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::document::JobDocument;
use crate::ApiState;
use crate::problem::{Problem, ProblemDocument};
use crate::request::Caller;

/// Jobs of a page if nothing is said.
const PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only those that stand so: `accepted`, `running`, `successful`, `failed` or `dismissed`.
    #[param(value_type = Option<String>)]
    status: Option<JobStatus>,
    /// Only those of this kind: `map`, `ndvi`, `buffer`, `zonal-stats` or `predict`.
    #[param(value_type = Option<String>)]
    kind: Option<JobKind>,
    /// As many at most; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<String>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// The newest first.
    jobs: Vec<JobDocument>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next: Option<String>,
}

/// List the jobs
///
/// The jobs of your tenant, the newest first, without the addresses of their results.
#[utoipa::path(get, path = "/v1/jobs", tag = "Jobs", security(("token" = [])), params(Filter), responses(
    (status = 200, description = "A page of jobs. The header `Link` has the address of the next.", body = Jobs),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "A parameter cannot be used.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Caller(user): Caller,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Response, Problem> {
    let invalid = |detail: String| {
        Problem::invalid_request(detail)
            .hint("There are status, kind, limit (1 to 1000) and cursor.")
    };
    let Query(filter) = filter.map_err(|error| invalid(error.body_text()))?;
    let limit = page(filter.limit).map_err(invalid)?;
    let before = match &filter.cursor {
        None => None,
        Some(cursor) => Some(
            parse_cursor(cursor)
                .ok_or_else(|| invalid("the cursor is not one of this address".to_owned()))?,
        ),
    };
    // One more than is shown tells whether there is a next page.
    let mut jobs = state
        .database()
        .jobs(
            &user.tenant,
            &JobFilter {
                status: filter.status,
                kind: filter.kind,
                before,
                limit: limit + 1,
            },
        )
        .await?;
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| more).map(cursor);
    let link = next.as_ref().map(|next| {
        let mut link = format!("</v1/jobs?limit={limit}&cursor={next}");
        if let Some(status) = filter.status {
            link = format!("{link}&status={status}");
        }
        if let Some(kind) = filter.kind {
            link = format!("{link}&kind={kind}");
        }
        link + ">; rel=\"next\""
    });
    let page = axum::Json(Jobs {
        jobs: jobs.into_iter().map(JobDocument::new).collect(),
        next,
    });
    Ok(match link {
        Some(link) => ([(header::LINK, link)], page).into_response(),
        None => page.into_response(),
    })
}

/// Where the page after this job begins.
fn cursor(job: &Job) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", job.created_at.timestamp_millis(), job.id))
}

/// How many jobs a page has: as many as were asked for, if that can be.
pub(crate) fn page(limit: Option<u32>) -> Result<u32, String> {
    let limit = limit.unwrap_or(PAGE);
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(format!("limit is {limit}; expected 1 to {LARGEST_PAGE}"))
}

fn parse_cursor(text: &str) -> Option<(DateTime<Utc>, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (moment, id) = text.split_once(':')?;
    let moment = DateTime::from_timestamp_millis(moment.parse().ok()?)?;
    let plain = id.len() == 36 && id.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    plain.then(|| (moment, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let id = "11111111-2222-4333-8444-555555555555";
        let text = URL_SAFE_NO_PAD.encode(format!("1700000000123:{id}"));
        let (moment, back) = parse_cursor(&text).unwrap();
        assert_eq!(
            (moment.timestamp_millis(), back.as_str()),
            (1_700_000_000_123, id)
        );
        for wrong in ["", "x", "MTIz", &URL_SAFE_NO_PAD.encode("1:' OR 1=1")] {
            assert!(parse_cursor(wrong).is_none(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_cursor_panic(text in ".{0,120}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            let _ = parse_cursor(&text);
            let _ = parse_cursor(&URL_SAFE_NO_PAD.encode(bytes));
        }
    }
}
