//! Published maps for other clients: what there is, as tiles, and counted inside an area.
//!
//! | | |
//! |--|--|
//! | `GET /v1/layers`, `GET /v1/layers/{recipe}/{period}` | the layers, with legend, bounds and links |
//! | `GET /v1/tiles/{recipe}/{period}/tilejson.json` | one of them as map programs want it |
//! | `GET /v1/tiles/{recipe}/{period}/{z}/{x}/{y}.png` | a tile, drawn from the COGs' overviews when it is asked for |
//! | `POST /v1/statistics` | hectares per class inside an area, where a published map covers it |
//!
//! All of it is public. An [`Index`] of the store's items is kept in memory and looked after in the background; a request
//! opens no catalog. Pixels are read and drawn by a [`Crew`] of threads, never by those that serve connections.

mod answers;
mod crew;
pub(crate) mod cut;
pub(crate) mod documents;
mod files;
mod index;
mod object;
mod query;
pub(crate) mod statistics;
pub(crate) mod tiles;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use geocrop_store::{Period, Slug, Store};

use self::answers::Answers;
use self::crew::Crew;
use self::files::Files;
use self::index::Index;
pub(crate) use self::index::Layer;
use crate::ApiState;
use crate::problem::Problem;

/// How old the index may be before it is read again. A layer that was just published is seen after so long.
const FRESH: Duration = Duration::from_secs(5);

/// The layers of a store, and what is needed to draw them.
pub(crate) struct Layers {
    store: Store,
    public_url: Option<String>,
    known: RwLock<Option<Known>>,
    /// Somebody is reading the store.
    reading: AtomicBool,
    files: Files,
    answers: Answers,
    crew: OnceLock<Crew>,
}

/// The index as it was read.
#[derive(Clone)]
struct Known {
    index: Arc<Index>,
    at: Instant,
}

impl Layers {
    /// Nothing is read yet.
    pub(crate) fn new(store: Store, public_url: Option<String>) -> Self {
        Self {
            files: Files::new(store.clone()),
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
            store,
            known: RwLock::default(),
            reading: AtomicBool::new(false),
            answers: Answers::default(),
            crew: OnceLock::new(),
        }
    }

    /// The layers there are. A request waits for the store only if it is the first; later ones are answered from what is
    /// known while it is looked whether there is more.
    pub(crate) async fn index(self: &Arc<Self>) -> Result<Arc<Index>, Problem> {
        if let Some(known) = self.known() {
            let index = Arc::clone(&known.index);
            if known.at.elapsed() > FRESH && !self.reading.swap(true, Ordering::AcqRel) {
                let layers = Arc::clone(self);
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = layers.read(Some(&known.index)) {
                        tracing::warn!(%error, "the layers are as they were: the store cannot be read");
                    }
                    layers.reading.store(false, Ordering::Release);
                });
            }
            return Ok(index);
        }
        let layers = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || layers.read(None)).await;
        match read {
            Ok(index) => Ok(index?),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// A layer by its name.
    pub(crate) async fn layer(
        self: &Arc<Self>,
        recipe: &Slug,
        period: &Period,
    ) -> Result<Arc<Layer>, Problem> {
        let index = self.index().await?;
        index.layer(recipe, period).ok_or_else(|| {
            Problem::new(
                axum::http::StatusCode::NOT_FOUND,
                "no-such-layer",
                "There is no such layer",
                format!("Nothing is published of {recipe} for {period}."),
            )
            .hint("GET /v1/layers lists what there is.")
        })
    }

    /// Who draws.
    pub(crate) fn crew(&self) -> &Crew {
        self.crew
            .get_or_init(|| Crew::new(self.store.local_root().is_some()))
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read(&self, old: Option<&Index>) -> Result<Arc<Index>, geocrop_store::StoreError> {
        let index = Arc::new(Index::read(&self.store, old)?);
        let known = Known {
            index: Arc::clone(&index),
            at: Instant::now(),
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(index)
    }
}

/// The addresses.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/v1/layers", get(documents::list))
        .route("/v1/layers/{recipe}/{period}", get(documents::show))
        .route(
            "/v1/tiles/{recipe}/{period}/tilejson.json",
            get(documents::tilejson),
        )
        .route("/v1/tiles/{recipe}/{period}/{z}/{x}/{y}", get(tiles::tile))
        .route("/v1/statistics", post(statistics::count))
}

/// The names in an address.
pub(crate) fn names(recipe: &str, period: &str) -> Result<(Slug, Period), Problem> {
    let wrong = |what: &geocrop_store::StoreError| {
        Problem::unprocessable("invalid-name", "Not a layer's name", what.to_string())
            .hint("A layer is named recipe/period, such as dynamic-world/2020.")
    };
    let recipe = recipe.parse().map_err(|error| wrong(&error))?;
    let period = period.parse().map_err(|error| wrong(&error))?;
    Ok((recipe, period))
}
