//! `geocrop api`: the site, the store and the API, with a worker inside. `geocrop worker`: the worker alone.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use geocrop_api::{
    ApiConfig, AuthConfig, JobRequest, ModelCatalog, NoModels, Progress, RecipeInfo, Roles,
    RunFailure, RunOutcome, Runner, StatusConfig, WorkerConfig,
};
use geocrop_database::{Database, DatabaseOptions};
use geocrop_redis::Redis;
use geocrop_store::Store;
use ipnet::IpNet;

use super::{places, precompute, user};
use crate::args::{Api, ApiCommand, Worker};
use crate::config::{Config, LEAST_MB, Usage, cache_dir};
use crate::progress;
use crate::runner::EngineRunner;

/// A server that is ready to start.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    /// Folder of accounts, jobs and the signing keys, where the configuration names no others.
    pub(crate) state: PathBuf,
    pub(crate) site: Option<PathBuf>,
    pub(crate) store: String,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) models: Arc<dyn ModelCatalog>,
    pub(crate) setup: Setup,
    /// Whether this process works on the queue.
    pub(crate) workers: bool,
}

/// What the configuration says of a server.
pub(crate) struct Setup {
    database: Option<DatabaseOptions>,
    redis: Option<String>,
    auth: AuthConfig,
    roles: Roles,
    worker: WorkerConfig,
    trusted_proxies: Vec<IpNet>,
    public_url: Option<String>,
    cors_origins: Vec<String>,
    status: StatusConfig,
}

impl Setup {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let mut auth = AuthConfig::new(config.get("auth.keys"));
        let minutes = config.number("auth.token_minutes", 1, 24 * 60)?;
        auth.token_lifetime = Duration::from_mins(minutes.into());
        let days = config.number("auth.session_days", 1, 366)?;
        auth.session_lifetime = Duration::from_hours(24 * u64::from(days));
        let proxies = config.list("trusted_proxies").into_iter().map(|address| {
            let network = address.parse::<IpNet>();
            let network = network.or_else(|_| address.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                Usage(format!(
                    "trusted_proxies: '{address}' is no address such as 10.0.0.1, and no network such as 10.42.0.0/16"
                ))
            })
        });
        Ok(Self {
            database: match config.optional("database.url") {
                Some(_) => Some(user::database_options(config)?),
                None => None,
            },
            redis: config.optional("redis.url"),
            auth,
            roles: roles(config)?,
            worker: WorkerConfig {
                // With others on the same database each needs a name of its own; alone, what was interrupted by the last
                // stop is taken back at once.
                name: match config.optional("database.url") {
                    Some(_) => process_name(),
                    None => "api".to_owned(),
                },
                runs_at_once: config.number("worker.jobs_at_once", 0, 256)? as usize,
                lease: Duration::from_secs(
                    config.number("worker.lease_seconds", 3, 86_400)?.into(),
                ),
                time_to_finish: Duration::from_secs(
                    config.number("worker.seconds_to_finish", 0, 86_400)?.into(),
                ),
                ..WorkerConfig::default()
            },
            trusted_proxies: proxies.collect::<Result<_, _>>()?,
            public_url: config.optional("public_url"),
            cors_origins: cors_origins(config)?,
            status: status(config),
        })
    }
}

/// The pages that may use the API from their scripts.
fn cors_origins(config: &Config) -> Result<Vec<String>> {
    let origins = config.list("cors.origins");
    for origin in &origins {
        let rest = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        let sound = rest.is_some_and(|host| !host.is_empty() && !host.contains('/'));
        if !sound && origin != "*" {
            let wrong = format!(
                "cors.origins: '{origin}' is no origin such as https://maps.example.org (no path), and not '*'"
            );
            return Err(Usage(wrong).into());
        }
    }
    Ok(origins)
}

/// What each role may do, as it is configured.
pub(crate) fn roles(config: &Config) -> Result<Roles> {
    let mut roles = Roles::default();
    for (name, given) in config.roles() {
        let wrong = |what: String| Usage(format!("[roles.{name}] {what}"));
        let slug = name
            .parse()
            .map_err(|_| wrong("a role's name is of small letters, digits and '-'".to_owned()))?;
        let role = roles.entry(slug);
        match &given.jobs {
            None => {}
            Some(toml::Value::Integer(jobs)) => {
                let jobs = u32::try_from(*jobs)
                    .map_err(|_| wrong(format!("jobs = {jobs}: expected 0 or more")))?;
                role.jobs = Some(jobs);
            }
            Some(toml::Value::String(text)) if text == "unlimited" => role.jobs = None,
            Some(other) => {
                return Err(wrong(format!(
                    "jobs = {other}: expected a number or \"unlimited\""
                ))
                .into());
            }
        }
        if let Some(km2) = given.max_area_km2 {
            if !(km2.is_finite() && km2 > 0.0) {
                return Err(wrong(format!("max_area_km2 = {km2}: expected more than 0")).into());
            }
            role.max_area_km2 = km2;
        }
        if let Some(priority) = &given.priority {
            role.priority = priority.parse().map_err(|_| {
                wrong(format!(
                    "priority = '{priority}': expected high, normal or low"
                ))
            })?;
        }
        if let Some(days) = given.keep_days {
            role.keep = Duration::from_hours(24 * u64::from(days));
        }
        if let Some(admin) = given.admin {
            role.admin = admin;
        }
    }
    Ok(roles)
}

impl Server {
    /// Serves until Ctrl-C or SIGTERM.
    pub(crate) fn run(self) -> Result<()> {
        let stop = progress::listen_for_stop()?;
        runtime()?.block_on(self.serve(stop))
    }

    /// Serves while `work` runs on another thread, and ends with it.
    pub(crate) fn run_during(
        self,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let worker = std::thread::spawn(move || {
            let outcome = work();
            flag.store(true, Ordering::Relaxed);
            outcome
        });
        runtime()?.block_on(self.serve(ended))?;
        worker
            .join()
            .map_err(|_| anyhow::anyhow!("the check ended abnormally"))?
    }

    async fn serve(self, stop: Arc<AtomicBool>) -> Result<()> {
        self.listener.set_nonblocking(true)?;
        let address = self.listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let mut setup = self.setup;
        if !self.workers {
            setup.worker.runs_at_once = 0;
        }
        let config = setup
            .config(
                &self.state,
                &self.store,
                self.runner,
                self.models,
                self.site,
            )
            .await?;
        tracing::info!(%address, "serving");
        geocrop_api::serve(config, listener, stopped(stop)).await?;
        Ok(())
    }
}

impl Setup {
    async fn config(
        self,
        state: &Path,
        store: &str,
        runner: Arc<dyn Runner>,
        models: Arc<dyn ModelCatalog>,
        site: Option<PathBuf>,
    ) -> Result<ApiConfig> {
        let database = match &self.database {
            Some(options) => Database::open_with(options).await?,
            None => Database::open(&user::sqlite_in(state)).await?,
        };
        let redis = self.redis.as_deref().map(Redis::open).transpose()?;
        let mut auth = self.auth;
        if auth.keys.as_os_str().is_empty() {
            auth.keys = state.join("keys");
        }
        Ok(ApiConfig {
            store: Store::open(store)?,
            database,
            redis,
            runner,
            models,
            site,
            auth,
            roles: self.roles,
            worker: self.worker,
            trusted_proxies: self.trusted_proxies,
            public_url: self.public_url,
            cors_origins: self.cors_origins,
            status: self.status,
        })
    }
}

/// Ready when the flag is set.
async fn stopped(stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.context("cannot start the threads of the server")
}

pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
}

/// What the status tells of, as it is configured.
pub(crate) fn status(config: &Config) -> StatusConfig {
    StatusConfig {
        mlflow_url: config.optional("status.mlflow_url"),
        prometheus_url: config.optional("status.prometheus_url"),
        ..StatusConfig::default()
    }
}

pub(crate) fn run(args: &Api, mut config: Config) -> Result<()> {
    if let Some(ApiCommand::Openapi) = args.command {
        progress::print(geocrop_api::openapi().trim_end());
        return Ok(());
    }
    places(&mut config, &args.places);
    config.flag("address", args.address);
    let address: SocketAddr = config
        .get("address")
        .parse()
        .with_context(|| format!("address = '{}'", config.get("address")))?;
    let runner = engine_runner(&config, &args.source)?;
    let models = runner.models();
    let server = Server {
        listener: bind(address)?,
        state: user::state(&config),
        site: args.site.clone(),
        store: config.get("store").to_owned(),
        runner: Arc::new(runner),
        models,
        setup: Setup::new(&config)?,
        workers: !args.no_worker,
    };
    // Port 0 is any that is free.
    let address = server.listener.local_addr()?;
    progress::line(&format!("listening on http://{address}/ (Ctrl-C ends)"));
    server.run()
}

/// `geocrop worker`.
pub(crate) fn work(args: &Worker, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    let runner = engine_runner(&config, &args.source)?;
    let listener = args.address.map(bind).transpose()?;
    let mut setup = Setup::new(&config)?;
    setup.worker.name = args.name.clone().unwrap_or_else(process_name);
    let state = user::state(&config);
    let store = config.get("store").to_owned();
    let stop = progress::listen_for_stop()?;
    progress::line(&format!(
        "worker '{}' waits for jobs (Ctrl-C ends)",
        setup.worker.name
    ));
    runtime()?.block_on(async {
        let listener = match listener {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                Some(tokio::net::TcpListener::from_std(listener)?)
            }
            None => None,
        };
        let config = setup
            .config(&state, &store, Arc::new(runner), Arc::new(NoModels), None)
            .await?;
        geocrop_api::work(config, listener, stopped(stop)).await?;
        anyhow::Ok(())
    })
}

/// A name that no other process has at the same time.
fn process_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {}", machine.trim(), std::process::id())
}

/// What makes the maps, with the recipes and sources that are configured.
fn engine_runner(config: &Config, given: &[String]) -> Result<EngineRunner> {
    let locations = if given.is_empty() {
        config.sources()
    } else {
        given.to_vec()
    };
    if locations.is_empty() {
        bail!("jobs need imagery: give --source, or 'sources' in the configuration");
    }
    let mut sources = Vec::new();
    for location in &locations {
        sources.push((precompute::source(config, location)?, recent_years()));
    }
    let engine = precompute::engine(&shared_memory(config)?)?;
    EngineRunner::new(engine, &config.path("recipes"), sources)
}

/// The configuration of one of several jobs at once: the memory of the process is for all of them.
fn shared_memory(config: &Config) -> Result<Config> {
    let (memory, jobs) = (
        config.memory_mb()?,
        config.number("worker.jobs_at_once", 0, 256)?.max(1) as usize,
    );
    let each = memory / jobs;
    if each < LEAST_MB {
        let wrong = format!(
            "memory = {memory} is {each} MB for each of worker.jobs_at_once = {jobs}, and a job needs {LEAST_MB}: \
             give more memory, or fewer jobs at once"
        );
        return Err(Usage(wrong).into());
    }
    let mut one = config.clone();
    one.flag("memory", Some(each));
    Ok(one)
}

/// The years that imagery of the configured sources is offered for: Sentinel-2's, up to last year.
fn recent_years() -> Vec<String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A Gregorian year has 365.2425 days on average; a day around New Year does not matter here.
    let year = 1970 + now.map_or(0, |t| (t.as_secs() as f64 / 86400.0 / 365.2425) as u32);
    (2016..year).map(|y| y.to_string()).collect()
}

/// Serves a site and its store, and takes no jobs.
pub(crate) fn serve_files(
    config: &Config,
    address: SocketAddr,
    site: PathBuf,
    store: &str,
) -> Result<()> {
    if !site.join("index.html").exists() {
        bail!(
            "{} holds no site: build one with 'geocrop site build'",
            site.display()
        );
    }
    Server {
        listener: bind(address)?,
        state: cache_dir().join("site-serve"),
        site: Some(site),
        store: store.to_owned(),
        runner: Arc::new(NoJobs),
        models: Arc::new(NoModels),
        setup: Setup {
            database: None,
            redis: None,
            auth: AuthConfig::new(""),
            status: StatusConfig::default(),
            ..Setup::new(config)?
        },
        workers: false,
    }
    .run()
}

/// Offers no recipe, so that nothing can be asked for.
struct NoJobs;

impl Runner for NoJobs {
    fn run(&self, _: &JobRequest, _: Progress) -> Result<RunOutcome, RunFailure> {
        Err(RunFailure {
            message: "this server shows finished maps and takes no jobs".into(),
            retryable: false,
            by_request: true,
        })
    }

    fn recipes(&self) -> Vec<RecipeInfo> {
        Vec::new()
    }
}
