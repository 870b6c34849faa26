//! `geocrop api`: the site, the store and the API, with one worker inside.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use geocrop_api::{
    ApiConfig, JobRequest, ModelCatalog, NoModels, Progress, RecipeInfo, RunFailure, RunOutcome,
    Runner, StatusConfig,
};
use geocrop_store::Store;

use super::{places, precompute, user};
use crate::args::{Api, ApiCommand};
use crate::config::{Config, cache_dir};
use crate::progress;
use crate::runner::EngineRunner;

/// How long a login is good for.
const TOKEN_LIFETIME: Duration = Duration::from_hours(8);

/// A server that is ready to start.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    /// Folder of accounts, jobs and the signing key.
    pub(crate) state: PathBuf,
    pub(crate) site: Option<PathBuf>,
    pub(crate) store: String,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) models: Arc<dyn ModelCatalog>,
    /// What the status tells of besides the server's own parts.
    pub(crate) status: StatusConfig,
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
        let config = ApiConfig {
            store: Store::open(&self.store)?,
            database: user::database(&self.state).await?,
            runner: self.runner,
            models: self.models,
            site: self.site,
            token_key: self.state.join("token.key"),
            token_lifetime: TOKEN_LIFETIME,
            status: self.status,
        };
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let stopped = async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        geocrop_api::serve(config, listener, stopped).await?;
        Ok(())
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
    let locations = if args.source.is_empty() {
        config.sources()
    } else {
        args.source.clone()
    };
    if locations.is_empty() {
        bail!("jobs need imagery: give --source, or 'sources' in the configuration");
    }
    let mut sources = Vec::new();
    for location in &locations {
        sources.push((precompute::source(&config, location)?, recent_years()));
    }
    let engine = precompute::engine(&config)?;
    let runner = EngineRunner::new(engine, &config.path("recipes"), sources)?;
    let models = runner.models();
    let server = Server {
        listener: bind(address)?,
        state: user::state(&config),
        site: args.site.clone(),
        store: config.get("store").to_owned(),
        runner: Arc::new(runner),
        models,
        status: status(&config),
    };
    // Port 0 is any that is free.
    let address = server.listener.local_addr()?;
    progress::line(&format!("listening on http://{address}/ (Ctrl-C ends)"));
    server.run()
}

/// The years that imagery of the configured sources is offered for: Sentinel-2's, up to last year.
fn recent_years() -> Vec<String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A Gregorian year has 365.2425 days on average; a day around New Year does not matter here.
    let year = 1970 + now.map_or(0, |t| (t.as_secs() as f64 / 86400.0 / 365.2425) as u32);
    (2016..year).map(|y| y.to_string()).collect()
}

/// Serves a site and its store, and takes no jobs.
pub(crate) fn serve_files(address: SocketAddr, site: PathBuf, store: &str) -> Result<()> {
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
        status: StatusConfig::default(),
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
        })
    }

    fn recipes(&self) -> Vec<RecipeInfo> {
        Vec::new()
    }
}
