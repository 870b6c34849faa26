//! What all requests and the worker share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use geocrop_raster::AoiLimits;
use geocrop_store::db::{Database, Role};
use geocrop_store::{Slug, Store};
use tokio::sync::Notify;

use crate::auth::{Passwords, Tokens};
use crate::models::{Batching, Shelf};
use crate::status::Board;
use crate::{ModelCatalog, RecipeInfo, Runner, ServeError, StatusConfig};

/// What the server is made of.
#[derive(Clone)]
pub struct ApiConfig {
    /// Where results are.
    pub store: Store,
    /// Accounts and jobs. No other process works on it.
    pub database: Database,
    /// What makes the maps.
    pub runner: Arc<dyn Runner>,
    /// The models that answer requests.
    pub models: Arc<dyn ModelCatalog>,
    /// The built site; without it there is only the API and the store.
    pub site: Option<PathBuf>,
    /// The file of the key that tokens are signed with: made at the first start, readable by its owner only. Keep it out
    /// of the store and of the site.
    pub token_key: PathBuf,
    /// How long a token is good for.
    pub token_lifetime: Duration,
    /// What the status is made of.
    pub status: StatusConfig,
}

/// What all requests and the worker share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    config: ApiConfig,
    tokens: Tokens,
    passwords: Passwords,
    /// Wakes the worker when there is a new job.
    work: Notify,
    /// The job that is being run, and the flag that stops it.
    current: Mutex<Option<(Slug, Arc<AtomicBool>)>>,
    /// How the parts stand.
    board: Board,
    /// The models in use.
    models: Shelf,
}

impl ApiState {
    /// Reads or makes the token key and gets ready. Takes a moment: it hashes a password.
    ///
    /// # Errors
    /// [`ServeError::TokenKey`], [`ServeError::Password`].
    pub fn new(config: ApiConfig) -> Result<Self, ServeError> {
        let tokens = Tokens::open(&config.token_key, config.token_lifetime)?;
        let passwords = Passwords::new()?;
        let models = Shelf::new(Arc::clone(&config.models), Batching::default());
        Ok(Self(Arc::new(Shared {
            config,
            tokens,
            passwords,
            work: Notify::new(),
            current: Mutex::new(None),
            board: Board::default(),
            models,
        })))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.config.store
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.config.database
    }

    pub(crate) fn runner(&self) -> &Arc<dyn Runner> {
        &self.0.config.runner
    }

    pub(crate) fn site(&self) -> Option<&PathBuf> {
        self.0.config.site.as_ref()
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn status_config(&self) -> &StatusConfig {
        &self.0.config.status
    }

    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    pub(crate) fn models(&self) -> &Shelf {
        &self.0.models
    }

    pub(crate) fn work(&self) -> &Notify {
        &self.0.work
    }

    /// Notes the job that is being run; `None` when it has ended.
    pub(crate) fn set_current(&self, job: Option<(Slug, Arc<AtomicBool>)>) {
        *self
            .0
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = job;
    }

    /// Stops the job if it is the one that is being run.
    pub(crate) fn stop(&self, job: &Slug) {
        let current = self
            .0
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((id, stop)) = &*current
            && id == job
        {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

/// The largest area that an account may ask for, in square kilometres.
pub(crate) fn max_area_km2(role: Role) -> f64 {
    match role {
        // About 15 minutes of work on one small machine.
        Role::Recruiter => 100.0,
        // A Digital Earth Africa tile, 96 km square, fits.
        Role::Admin => 10_000.0,
    }
}

/// What an account may draw for a recipe.
pub(crate) fn aoi_limits(role: Role, recipe: &RecipeInfo) -> AoiLimits {
    let own = max_area_km2(role);
    AoiLimits {
        max_area_km2: Some(recipe.max_area_km2.map_or(own, |limit| limit.min(own))),
        ..AoiLimits::default()
    }
}
