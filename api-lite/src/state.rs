//! What all requests and the workers share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use geocrop_database::Database;
use geocrop_redis::Redis;
use geocrop_store::Store;
use ipnet::IpNet;
use tokio::sync::{Mutex, Notify, watch};

use crate::auth::{Callers, Passwords, Tokens};
use crate::layers::Layers;
use crate::limits::Rate;
use crate::metrics::Metrics;
use crate::models::{Batching, Shelf};
use crate::sharing::Sharing;
use crate::status::Board;
use crate::worker::WorkerConfig;
use crate::{ModelCatalog, Roles, Runner, ServeError, StatusConfig};

/// What the server is made of.
#[derive(Clone)]
pub struct ApiConfig {
    /// Where results are.
    pub store: Store,
    /// Accounts and jobs.
    pub database: Database,
    /// What several processes share for speed; everything works without it.
    pub redis: Option<Redis>,
    /// What makes the maps.
    pub runner: Arc<dyn Runner>,
    /// The models that answer requests.
    pub models: Arc<dyn ModelCatalog>,
    /// The built site; without it there is only the API and the store.
    pub site: Option<PathBuf>,
    /// How tokens are made and how long they are good.
    pub auth: AuthConfig,
    /// What each role may do.
    pub roles: Roles,
    /// How this process works on the queue.
    pub worker: WorkerConfig,
    /// Networks of proxies whose word on where a request comes from is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Pages of other sites whose scripts may use accounts and jobs, such as `https://maps.example.org`; `*`: any.
    pub cors_origins: Vec<String>,
    /// What the status is made of.
    pub status: StatusConfig,
    /// Where clients find this server, such as `https://maps.example.org`; without it, the host that they ask.
    pub public_url: Option<String>,
}

/// How tokens are made and how long they are good.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The folder of the keys that tokens are signed with: made at the first start, readable by its owner only, shared by
    /// all processes. Keep it out of the store and of the site.
    pub keys: PathBuf,
    /// How long a token is good for.
    pub token_lifetime: Duration,
    /// How long a session can be continued.
    pub session_lifetime: Duration,
    /// Tries to log in, by address and by account.
    pub login_rate: Rate,
}

impl AuthConfig {
    /// Tokens for a quarter of an hour, sessions for two weeks, ten tries at once and one more every six seconds.
    pub fn new(keys: impl Into<PathBuf>) -> Self {
        Self {
            keys: keys.into(),
            token_lifetime: Duration::from_mins(15),
            session_lifetime: Duration::from_hours(14 * 24),
            login_rate: Rate {
                burst: 10,
                every: Duration::from_secs(6),
            },
        }
    }
}

/// What all requests and the workers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    config: ApiConfig,
    tokens: Tokens,
    passwords: Passwords,
    sharing: Sharing,
    callers: Callers,
    metrics: Metrics,
    /// Held while the metrics are read.
    scrape: Mutex<()>,
    /// Wakes a worker when there is a new job.
    work: Notify,
    /// Wakes those who follow jobs when one has changed in this process.
    changes: Notify,
    /// Grows when a job was dismissed: workers look at once whether their run is still wanted.
    dismissals: watch::Sender<u64>,
    /// Whether the server is being stopped.
    draining: AtomicBool,
    /// How the parts stand.
    board: Board,
    /// The published layers.
    layers: Arc<Layers>,
    /// The models in use.
    models: Shelf,
}

impl ApiState {
    /// Reads or makes the token keys and gets ready. Takes a moment: it hashes a password.
    ///
    /// # Errors
    /// [`ServeError::TokenKey`], [`ServeError::Password`].
    pub fn new(config: ApiConfig) -> Result<Self, ServeError> {
        let tokens = Tokens::open(&config.auth.keys, config.auth.token_lifetime)?;
        let passwords = Passwords::new()?;
        let layers = Layers::new(config.store.clone(), config.public_url.clone());
        let metrics = Metrics::new();
        let catalog = Arc::clone(&config.models);
        let models = Shelf::new(catalog, Batching::default(), metrics.models());
        Ok(Self(Arc::new(Shared {
            layers: Arc::new(layers),
            tokens,
            passwords,
            sharing: Sharing::new(config.redis.clone(), config.auth.login_rate),
            callers: Callers::default(),
            metrics,
            scrape: Mutex::new(()),
            config,
            work: Notify::new(),
            changes: Notify::new(),
            dismissals: watch::Sender::new(0),
            draining: AtomicBool::new(false),
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

    pub(crate) fn sharing(&self) -> &Sharing {
        &self.0.sharing
    }

    pub(crate) fn callers(&self) -> &Callers {
        &self.0.callers
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn scrape(&self) -> &Mutex<()> {
        &self.0.scrape
    }

    pub(crate) fn session_lifetime(&self) -> Duration {
        self.0.config.auth.session_lifetime
    }

    pub(crate) fn roles(&self) -> &Roles {
        &self.0.config.roles
    }

    pub(crate) fn worker_config(&self) -> &WorkerConfig {
        &self.0.config.worker
    }

    pub(crate) fn trusted_proxies(&self) -> &[IpNet] {
        &self.0.config.trusted_proxies
    }

    /// Where clients find this server; empty if nobody has said.
    pub(crate) fn public_url(&self) -> &str {
        let url = self.0.config.public_url.as_deref().unwrap_or_default();
        url.trim_end_matches('/')
    }

    pub(crate) fn cors_origins(&self) -> &[String] {
        &self.0.config.cors_origins
    }

    pub(crate) fn status_config(&self) -> &StatusConfig {
        &self.0.config.status
    }

    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    pub(crate) fn layers(&self) -> &Arc<Layers> {
        &self.0.layers
    }

    pub(crate) fn models(&self) -> &Shelf {
        &self.0.models
    }

    pub(crate) fn work(&self) -> &Notify {
        &self.0.work
    }

    pub(crate) fn changes(&self) -> &Notify {
        &self.0.changes
    }

    /// Tells the workers of this process that a job was dismissed.
    pub(crate) fn job_was_dismissed(&self) {
        self.0.dismissals.send_modify(|count| *count += 1);
        self.0.changes.notify_waiters();
    }

    /// Changes with each dismissal; none is missed between two looks.
    pub(crate) fn dismissals(&self) -> watch::Receiver<u64> {
        self.0.dismissals.subscribe()
    }

    /// From now on no new jobs.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.changes.notify_waiters();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }
}
