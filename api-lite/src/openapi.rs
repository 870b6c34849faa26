//! The API described for programs: an `OpenAPI` 3.1 document made from the handlers and their types.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::layers::{documents, statistics, tiles};
use crate::problem::ProblemDocument;
use crate::routes::{accounts, areas, catalog, invites, jobs, models, processes, ready, status};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "GeoCrop API",
        description = "Maps on demand: log in, ask for a map of an area, follow the job, fetch its files. Published maps \
            need no API; they are files.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        accounts::token,
        accounts::logout,
        accounts::me,
        invites::accept,
        invites::create,
        invites::list,
        invites::revoke,
        invites::create_key,
        invites::list_keys,
        invites::revoke_key,
        accounts::public_keys,
        catalog::recipes,
        jobs::order::create,
        jobs::list::list,
        jobs::show,
        jobs::events::events,
        jobs::dismiss,
        jobs::result::main,
        jobs::result::file,
        jobs::result::signed,
        models::list,
        models::status,
        models::metadata,
        models::predict,
        models::version_status,
        models::version_metadata,
        models::predict_version,
        models::label_status,
        models::label_metadata,
        models::predict_label,
        status::status,
        catalog::health,
        ready::ready,
        processes::landing,
        processes::conformance,
        processes::describe::list,
        processes::describe::show,
        processes::execute::execute,
        processes::jobs::list,
        processes::jobs::show,
        processes::jobs::dismiss,
        processes::jobs::results,
        areas::asked,
        documents::list,
        documents::show,
        documents::tilejson,
        tiles::tile,
        statistics::count,
    ),
    components(schemas(ProblemDocument, status::PartState, status::DayCounts)),
    modifiers(&Bearer),
    tags(
        (name = "Account", description = "Who is asking."),
        (name = "Jobs", description = "Maps on demand."),
        (name = "Layers", description = "Published maps, as tiles and numbers. No account is needed."),
        (name = "Models", description = "Models that answer, in the form of TensorFlow Serving's REST interface."),
        (name = "OGC API - Processes", description = "The same jobs for clients that speak the standard."),
        (name = "Service", description = "How the service is."),
    ),
)]
struct Description;

/// How a token is sent.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The token that `POST /v1/auth/token` gives."))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The `OpenAPI` document as indented JSON with a line's end, the same for each build of a version.
pub fn openapi() -> String {
    let mut text = Description::openapi()
        .to_pretty_json()
        .unwrap_or_else(|error| {
            // Strings and maps of strings: there is nothing in it that JSON cannot say.
            unreachable!("the description is not JSON: {error}")
        });
    text.push('\n');
    text
}

/// The document over HTTP.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi()).into_response()
}
