//! `geocrop demo`: scenes to maps to site to browser, on this machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use geocrop_precompute::{Period, Recipe, Target, Task, publish_models};
use geocrop_raster::{Aoi, AoiLimits};
use geocrop_site::BuildOptions;
use geocrop_source::Source;
use geocrop_synthetic::Landscape;

use super::{api, data, precompute, site, user};
use crate::args::Demo;
use crate::config::{Config, cache_dir};
use crate::progress::{self, Bar};
use crate::runner::EngineRunner;

mod check;

/// Imagery with the areas and the years that are shown of it.
struct Exhibit {
    source: Arc<Source>,
    areas: Vec<Aoi>,
    periods: Vec<Period>,
    /// Whether maps of labels are made of it.
    labels: bool,
}

impl Exhibit {
    fn shows(&self, recipe: &Recipe) -> bool {
        recipe.accepts(self.source.description().kind)
            && (self.labels || recipe.network().is_none())
    }
}

/// The folders of a demo.
struct Folders {
    root: PathBuf,
}

impl Folders {
    fn synthetic(&self) -> PathBuf {
        self.root.join("synthetic")
    }
    fn store(&self) -> PathBuf {
        self.root.join("store")
    }
    fn site(&self) -> PathBuf {
        self.root.join("site")
    }
    fn state(&self) -> PathBuf {
        self.root.join("state")
    }
}

pub(crate) fn run(args: &Demo, config: &Config) -> Result<()> {
    progress::listen_for_stop()?;
    let project = &args.project;
    if !project.join("recipes").is_dir() {
        bail!(
            "{} is not a checkout of GeoCrop (no recipes/ in it): start the demo there, or give --project",
            project.display()
        );
    }
    let folders = Folders {
        root: args.dir.clone().unwrap_or_else(|| cache_dir().join("demo")),
    };
    for folder in [folders.store(), folders.state()] {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut config = config.clone();
    config.flag("store", Some(folders.store().display()));
    config.flag("recipes", Some(project.join("recipes").display()));
    config.flag("models", Some(project.join("models").display()));
    config.flag("datasets", Some(project.join("datasets.toml").display()));

    let mut exhibits = exhibits(args, &config, &folders)?;
    let engine = precompute::engine(&config)?;
    publish_models(engine.store(), &config.path("models"))?;
    precompute::run_tasks(&engine, tasks(&config, &exhibits)?)?.finish()?;
    if args.live {
        let live = live(&config, project)?;
        let report = precompute::run_tasks(&engine, tasks(&config, std::slice::from_ref(&live))?)?;
        match report.finish() {
            Ok(()) => exhibits.push(live),
            // Asked to check itself, the demo must not pass over it.
            Err(error) if args.once => return Err(error),
            Err(_) => progress::line("the live area could not be mapped; the rest is shown"),
        }
    }
    site::build_with(&BuildOptions {
        content: project.join("content"),
        store: folders.store().display().to_string(),
        out: folders.site(),
        map_bundle: args.map_bundle.clone(),
        store_href: "/store/".into(),
        base_url: None,
        api_href: Some("/v1".into()),
        cache: cache_dir().join("site"),
        drafts: false,
        basemap: config.optional("site.basemap"),
        measured: None,
        reload: false,
    })?;

    let login = user::demo_login(&folders.state())?;
    let runner = EngineRunner::new(
        engine,
        &config.path("recipes"),
        exhibits
            .iter()
            .map(|e| {
                let periods = e.periods.iter().map(ToString::to_string);
                (Arc::clone(&e.source), periods.collect())
            })
            .collect(),
    )?;
    let listener = listen(args.port)?;
    let address = listener.local_addr()?;
    let server = api::Server {
        listener,
        state: folders.state(),
        site: Some(folders.site()),
        store: config.get("store").to_owned(),
        models: runner.models(),
        runner: Arc::new(runner),
        setup: api::Setup::new(&config)?,
        workers: true,
    };
    if args.once {
        let area = exhibits[0].areas[0].clone();
        let period = exhibits[0].periods[0];
        return server.run_during(move || check::check(address, &login, &area, period));
    }
    progress::line("");
    progress::line(&format!("  GeoCrop is on   http://{address}/"));
    progress::line(&format!("  The map         http://{address}/map/"));
    progress::line(&format!(
        "  Log in as       {}  with password  {}",
        login.name, login.password
    ));
    progress::line("  Ctrl-C ends it; the next start takes seconds.");
    server.run()
}

/// What the demo shows: a made landscape always, real scenes where they can be had.
fn exhibits(args: &Demo, config: &Config, folders: &Folders) -> Result<Vec<Exhibit>> {
    let mut exhibits = synthetic(&folders.synthetic())?;
    if config.get("data_mirror").is_empty() {
        progress::line(
            "real sample scenes: left out (no GEOCROP_DATA_MIRROR with them; the made landscape shows the same)",
        );
    } else {
        data::fetch_network(config)?;
        let mut scenes = real(
            config,
            &args.project.join("sources/worldcereal.toml"),
            &args.project.join("sources/worldcereal.geojson"),
            "2021",
        )?;
        scenes.labels = true;
        exhibits.push(scenes);
    }
    Ok(exhibits)
}

/// An area from Digital Earth Africa's public catalog.
fn live(config: &Config, project: &Path) -> Result<Exhibit> {
    real(
        config,
        &project.join("sources/digital-earth-africa-geomad.toml"),
        &project.join("sources/mazowe.geojson"),
        "2024",
    )
}

/// The made landscape twice: its scenes of one year, and what each of eleven years was labelled.
fn synthetic(dir: &Path) -> Result<Vec<Exhibit>> {
    let landscape = Landscape::demo();
    let bar = Bar::start("synthetic scenes");
    let stop = progress::listen_for_stop()?;
    let written = landscape.write(dir, &|what, done, total| {
        bar.at(done as f64 / total.max(1) as f64, what);
        !stop.load(std::sync::atomic::Ordering::Relaxed)
    })?;
    bar.finish(&format!(
        "{} areas, {} dates, labels of {} years",
        landscape.areas.len(),
        landscape.dates,
        landscape.label_years.len()
    ));
    let areas = Aoi::read_dir(&dir.join("aois"), &AoiLimits::default())?;
    let exhibit = |description: &Path, years: &[i32], labels| {
        let periods = years.iter().map(|year| parse_period(&year.to_string()));
        anyhow::Ok(Exhibit {
            source: Arc::new(Source::open(&description.display().to_string(), None)?),
            areas: areas.clone(),
            periods: periods.collect::<Result<_>>()?,
            labels,
        })
    };
    Ok(vec![
        exhibit(&written.source, &[landscape.year], false)?,
        exhibit(&written.labels, &landscape.label_years, true)?,
    ])
}

fn real(config: &Config, source: &Path, area: &Path, period: &str) -> Result<Exhibit> {
    Ok(Exhibit {
        source: precompute::source(config, &source.display().to_string())?,
        areas: vec![Aoi::read(area, &AoiLimits::default())?],
        periods: vec![parse_period(period)?],
        labels: false,
    })
}

fn parse_period(text: &str) -> Result<Period> {
    text.parse().map_err(anyhow::Error::msg)
}

fn tasks(config: &Config, exhibits: &[Exhibit]) -> Result<Vec<Task>> {
    let recipes: Vec<Arc<Recipe>> = Recipe::read_dir(&config.path("recipes"))?
        .into_iter()
        .map(Arc::new)
        .collect();
    let mut tasks = Vec::new();
    for exhibit in exhibits {
        let shown = recipes.iter().filter(|recipe| exhibit.shows(recipe));
        for ((aoi, recipe), period) in exhibit
            .areas
            .iter()
            .flat_map(|aoi| shown.clone().map(move |recipe| (aoi, recipe)))
            .flat_map(|pair| exhibit.periods.iter().map(move |period| (pair, *period)))
        {
            tasks.push(Task {
                recipe: Arc::clone(recipe),
                aoi: aoi.clone(),
                period,
                source: Arc::clone(&exhibit.source),
                target: Target::Layer,
            });
        }
    }
    Ok(tasks)
}

/// The port that was asked for, or else 8080 or the next free one.
fn listen(port: Option<u16>) -> Result<TcpListener> {
    let at = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    match port {
        Some(port) => at(port).with_context(|| {
            format!("port {port} on 127.0.0.1 is taken: give another with --port, or leave it out")
        }),
        None => at(8080)
            .or_else(|_| at(0))
            .context("no port on 127.0.0.1 is free"),
    }
}
