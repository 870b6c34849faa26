//! Which areas were asked for: for whoever decides what to precompute next.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use geocrop_database::areas::AskedArea;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::ApiState;
use crate::accepted::parse_accepted;
use crate::problem::{Problem, ProblemDocument};
use crate::request::Admin;
use crate::routes::time;

/// Areas at most.
const MOST: u32 = 10_000;

/// Which areas.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Where {
    /// Only those that touch this box: west, south, east and north in degrees, parted by commas.
    #[param(example = "30,-18,32,-17")]
    bbox: Option<String>,
    /// As many at most, the newest; 1000 if it is left out.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u32>,
}

/// See which areas were asked for
///
/// All tenants' jobs that have an area, the newest first, as a GeoJSON FeatureCollection. For administrators.
#[utoipa::path(get, path = "/v1/admin/areas", tag = "Service", security(("token" = [])), params(Where), responses(
    (status = 200, description = "The areas.", body = Object, content_type = "application/geo+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account may not see them.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "A parameter cannot be used.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn asked(
    State(state): State<ApiState>,
    Admin(_): Admin,
    query: Result<Query<Where>, QueryRejection>,
) -> Result<Response, Problem> {
    let invalid = |detail: String| {
        Problem::invalid_request(detail)
            .hint("There are bbox (west,south,east,north in degrees) and limit (1 to 10000).")
    };
    let Query(query) = query.map_err(|error| invalid(error.body_text()))?;
    let limit = query.limit.unwrap_or(1000);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid(format!("limit is {limit}; expected 1 to {MOST}")));
    }
    let bounds = match &query.bbox {
        None => None,
        Some(text) => Some(parse_bbox(text).ok_or_else(|| invalid(format!("bbox is {text:?}")))?),
    };
    let areas = state.database().asked_areas(bounds, limit).await?;
    let features: Vec<Value> = tokio::task::spawn_blocking(move || {
        areas
            .into_iter()
            .filter_map(|area| feature(&area, bounds))
            .collect()
    })
    .await
    .map_err(|error| Problem::internal(&error))?;
    let document = json!({ "type": "FeatureCollection", "features": features });
    Ok((
        [(header::CONTENT_TYPE, "application/geo+json")],
        document.to_string(),
    )
        .into_response())
}

/// The area as a Feature, if it touches the box.
fn feature(area: &AskedArea, bounds: Option<[f64; 4]>) -> Option<Value> {
    let aoi = parse_accepted(&area.geojson).ok()?;
    if let Some([west, south, east, north]) = bounds {
        let [w, s, e, n] = aoi.lonlat_bounds();
        if w > east || e < west || s > north || n < south {
            return None;
        }
    }
    Some(json!({
        "type": "Feature",
        "id": area.job,
        "geometry": aoi.to_geojson_geometry(),
        "properties": {
            "tenant": area.tenant, "kind": area.kind, "recipe": area.recipe, "period": area.period,
            "status": area.status, "source": area.source, "area_km2": area.area_km2, "created": time(area.asked_at),
        },
    }))
}

fn parse_bbox(text: &str) -> Option<[f64; 4]> {
    let numbers: Vec<f64> = text
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect::<Option<_>>()?;
    let [west, south, east, north]: [f64; 4] = numbers.try_into().ok()?;
    let lon = -180.0..=180.0;
    let lat = -90.0..=90.0;
    (lon.contains(&west)
        && lon.contains(&east)
        && lat.contains(&south)
        && lat.contains(&north)
        && west <= east
        && south <= north)
        .then_some([west, south, east, north])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_four_degrees_in_order() {
        assert_eq!(
            parse_bbox("30, -18,32,-17"),
            Some([30.0, -18.0, 32.0, -17.0])
        );
        for wrong in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "a,b,c,d",
            "32,-18,30,-17",
            "NaN,0,1,1",
            "0,0,200,1",
        ] {
            assert_eq!(parse_bbox(wrong), None, "{wrong}");
        }
    }
}
