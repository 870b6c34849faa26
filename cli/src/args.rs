//! The command line: one documented struct per command.

mod area;
mod budget;
mod dataset;
mod training;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub(crate) use area::{Area, AreaDraw, AreaEstimate, AreaPropose, Wanted};
pub(crate) use budget::Budget;
pub(crate) use dataset::{
    Dataset, DatasetAdd, DatasetCheck, DatasetExtract, DatasetList, DatasetNamed, Reading,
};

#[cfg(feature = "train")]
pub(crate) use training::TrainSplit;
pub(crate) use training::{
    Model, ModelCompare, ModelDrift, ModelImport, ModelList, ModelPromote, ModelRegister,
    ModelRollback, Runs, Train,
};

/// Crop maps from free satellite imagery, on hardware you own.
#[derive(Debug, Parser)]
#[command(
    name = "geocrop",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  geocrop demo
  geocrop precompute run --recipe ndvi --aoi field.geojson --period 2024 --source sources/earth-search.toml
  geocrop doctor"
)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Configuration file.
    #[arg(
        long,
        global = true,
        env = "GEOCROP_CONFIG",
        default_value = "geocrop.toml"
    )]
    pub(crate) config: PathBuf,
    /// Say more on stderr; twice for even more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scenes to maps to site to browser, on this machine, with nothing to set up.
    #[command(after_help = "\
Examples:
  geocrop demo                 serve until Ctrl-C
  geocrop demo --once          do all of it, check it over HTTP, exit")]
    Demo(Demo),
    /// Make maps: plan tasks, run them.
    #[command(subcommand)]
    Precompute(Precompute),
    /// Make a published map again from what it was made of, and compare the files byte for byte.
    #[command(after_help = "\
Example:
  geocrop reproduce ndvi/2024/mazowe --store ./store

Exit code 0: the same bytes. 1: something differs, and it says what.")]
    Reproduce(Reproduce),
    /// Train a model from a table of samples, with cross-validation and a model card.
    #[command(after_help = "\
Examples:
  geocrop train --data samples.txt --out models/cropland-southeast-africa/2
  geocrop train --data samples.csv --out trained/maize --about maize.toml --search 16 --repeats 5 --register
  geocrop train --dataset cropland --if-new --promote

The best known plan is followed: derived features, two models that vote, calibrated probabilities. --plan plain
trains one XGBoost model. Samples are split by groups or blocks of land where the table says what belongs together
or where it lies; otherwise at random, with a second look at runs of rows if these follow the land.
report.html shows all of it.

The third example is the whole chain in one command, safe to run each hour: nothing to do unless the data set has
changed since the newest version; else train the next version, record it, and let it serve if it is better beyond
noise than the version that does, on samples that neither had seen. Exit code 0 also when it is not better.")]
    Train(Box<Train>),
    /// Models: list, compare, promote, go back.
    #[command(
        subcommand,
        after_help = "\
Examples:
  geocrop model list
  geocrop model register trained/maize
  geocrop model compare maize 2
  geocrop model promote maize 2 --why 'samples of 2026'
  geocrop model rollback maize --why 'fallow taken for fields in Mazowe'
  geocrop model import booster.json --data held-out.csv --about maize.toml --predictions predictions.npy"
    )]
    Model(Model),
    /// Trainings that were kept, and sending them to MLflow.
    #[command(
        subcommand,
        after_help = "\
Examples:
  geocrop runs list
  geocrop runs show 3f2a
  geocrop runs sync          what `mlflow.url` has not got"
    )]
    Runs(Runs),
    /// Run a model on a table: float32 [rows, features] as an array, or a CSV with a column for each feature.
    #[command(after_help = "\
Examples:
  geocrop predict --model model.json --features X.npy --out P.npy
  geocrop predict --model cropland-southeast-africa --table plots.csv --out predicted.csv

A table is a CSV, or a text like those that models are trained on, with blanks between its fields.
Its other columns, such as a plot's name, are copied. With --table, --model may also be a model of
the store, with its version behind a slash or the one in production; *.json is read and written
as JSON.")]
    Predict(Predict),
    /// Reduce a stack of scenes to its geometric median and deviations.
    #[command(after_help = "\
Example:
  geocrop composite --stack stack.npy --nodata 0 --scale 1e-4 --out composite/

The stack is uint16 [y, x, band, date]. Writes gm.npy [y, x, band], emad.npy, smad.npy and bcmad.npy
[y, x] as float32 (NaN where nothing was seen), and count.npy [y, x] as uint16.")]
    Composite(Composite),
    /// Compare two maps: how much changed, from what to what, and where.
    #[command(after_help = "\
Examples:
  geocrop diff ndvi/2023/mazowe ndvi/2024/mazowe
  geocrop diff old.tif new.tif --out change.tif

A map is an item's key in the store, an item's JSON file, or a GeoTIFF of uint8 classes. Both need
the same legend. They are compared where both lie, on the grid of A; hectares are those of that
grid, so it must be an equal-area or UTM one.")]
    Diff(Diff),
    /// How large a map's classes really are: propose points to check, draw them, estimate from their labels.
    #[command(
        subcommand,
        after_help = "\
Examples:
  geocrop area propose cropland-southeast-africa/2024/mazowe-valley
  geocrop area draw cropland-southeast-africa/2024/mazowe-valley --points 300 --out mazowe-points
  geocrop area estimate mazowe-points"
    )]
    Area(Area),
    /// Grow or shrink an area by metres, from any coordinates to GeoJSON.
    #[command(after_help = "\
Examples:
  geocrop buffer --aoi dam.geojson --metres 500 --out around-the-dam.geojson
  geocrop buffer --aoi fields-utm.geojson --crs EPSG:32736 --metres -20

Any type of geometry is taken; the result is a Polygon or MultiPolygon in longitude and latitude. With
--crs, coordinates are x (easting or longitude) first, whatever the authority says.")]
    Buffer(Buffer),
    /// Hectares per class and mean NDVI by date, for each feature of a file.
    #[command(after_help = "\
Examples:
  geocrop zonal-stats --recipe ndvi --period 2024 --features fields.geojson --out stats/
  geocrop zonal-stats --recipe ndvi --period 2024 --features fields.geojson --out stats/ \\
      --source sources/earth-search.toml

Writes zones.geojson, classes.csv (from the published maps of the recipe and period, or from --map) and,
with --source, ndvi.csv.")]
    ZonalStats(ZonalStats),
    /// Classify a scene with Dynamic World's network.
    #[command(after_help = "\
Example:
  geocrop network --model dynamic-world --scene scene.npy --out probabilities.npy

The scene is uint16 [y, x, 9] in units of 1e-4 reflectance, 65535 for no data; the bands are B02, B03,
B04, B05, B06, B07, B08, B11 and B12. Writes float32 [y, x, 9], NaN where there is no data; the classes
are water, trees, grass, flooded vegetation, crops, shrub and scrub, built, bare, snow and ice.
`geocrop data pull dynamic-world` fetches the network.")]
    Network(Network),
    /// Build the static site, or show one that is built.
    #[command(subcommand)]
    Site(Site),
    /// Serve the site, the store and the API, with a worker inside.
    #[command(after_help = "\
Examples:
  geocrop api --address 127.0.0.1:8080 --store ./store --site ./dist
  GEOCROP_DATABASE_URL=postgres://geocrop:secret@db:5433/geocrop geocrop api --no-worker")]
    Api(Api),
    /// Take jobs from the queue and work on them, apart from the API.
    #[command(after_help = "\
Example:
  GEOCROP_DATABASE_URL=postgres://geocrop:secret@db:5433/geocrop geocrop worker --store s3://maps")]
    Worker(Worker),
    /// Make a link that lets somebody in without signing up.
    #[command(after_help = "\
Examples:
  geocrop invite --as owner --url https://crops.example --note 'visit on Monday'
  geocrop invite --as owner --seats 30 --tenant course --days 90")]
    Invite(Invite),
    /// Manage accounts.
    #[command(subcommand)]
    User(User),
    /// Reckon before anything is bought.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Copy a service of one machine while it runs: database, store, signing keys, configuration.
    #[command(after_help = "\
Examples:
  geocrop backup --out /mnt/disk/backups
  geocrop backup --out /mnt/disk/backups --keep 14 --json

Makes a folder named after the moment. Files of the store that did not change since the backup before
take no space again. Signing keys and passwords' hashes are in it, readable for its owner alone. A
service on PostgreSQL or S3 is saved by those servers' own means: see docs/operations/backups.md.")]
    Backup(Backup),
    /// Check a backup, or make a service of it again in an empty folder.
    #[command(after_help = "\
Examples:
  geocrop restore --from /mnt/disk/backups/20261122T021004Z --to /srv/geocrop-restored
  geocrop restore --from /mnt/disk/backups/20261122T021004Z --check

Every file is compared with the manifest before anything is written.")]
    Restore(Restore),
    /// Keep labelled samples in the store: check, add, count them, make features of them.
    #[command(subcommand)]
    Dataset(Dataset),
    /// Fetch data sets that are not ours to ship, checked by sha256.
    #[command(subcommand)]
    Data(Data),
    /// Check recipes, sources, models and tools, and show the configuration in force.
    #[command(after_help = "\
Example:
  geocrop doctor --json")]
    Doctor(Doctor),
}

/// What most commands share.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Places {
    /// Store of results: a folder, `file:///...` or `s3://bucket/prefix`.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Folder of recipes.
    #[arg(long)]
    pub(crate) recipes: Option<PathBuf>,
    /// Folder of models, asked when the store lacks one.
    #[arg(long)]
    pub(crate) models: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Do everything, check it over HTTP, and exit.
    #[arg(long)]
    pub(crate) once: bool,
    /// Also map an area from Digital Earth Africa's public catalog (needs a network).
    #[arg(long)]
    pub(crate) live: bool,
    /// Where scenes, store, site and accounts are kept [default: demo/ in the cache folder].
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Port on 127.0.0.1 [default: 8080, or a free one when that is taken].
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Checkout with recipes, content, models and sources.
    #[arg(long, default_value = ".")]
    pub(crate) project: PathBuf,
    /// Folder with the bundled script of the map; `./dev demo` makes it.
    #[arg(long)]
    pub(crate) map_bundle: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Precompute {
    /// Show what a run would do and cost: tasks, blocks, scenes, bytes, processor time, disk.
    #[command(after_help = "\
Examples:
  geocrop precompute plan --recipe ndvi --aoi aois/ --period 2024 --source catalog.json
  geocrop precompute plan --recipe dynamic-world --aoi zimbabwe --period 2015-2025 --budget 500h,200GB

Without --source a scene every five days is assumed. Rates are those that earlier runs on this
machine had.")]
    Plan(Tasks),
    /// Make the maps that are not there yet, and publish them.
    #[command(after_help = "\
Example:
  geocrop precompute run --recipe cropland-southeast-africa --aoi area.geojson --period 2024 \\
      --source sources/earth-search.toml --store ./store")]
    Run(Tasks),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tasks {
    /// Recipe: a name in the folder of recipes, or a file. May be given more than once.
    #[arg(long = "recipe", required = true)]
    pub(crate) recipe: Vec<String>,
    /// Area of interest: a GeoJSON file, a folder of them, or a data set with outlines, such as zimbabwe.
    #[arg(long)]
    pub(crate) aoi: PathBuf,
    /// Period: a year or a range of years, such as 2024 or 2015-2025. May be given more than once.
    #[arg(long = "period", required = true)]
    pub(crate) period: Vec<String>,
    /// Imagery: a description (*.toml), a catalog.json, a STAC API or a folder.
    #[arg(long)]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Only every N-th task, beginning with I: 1/4, 2/4, ... The shards need no coordinator.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// Refuse to begin if more would be needed: processor time (2h, 90min), disk (20GB), or both (2h,20GB).
    #[arg(long)]
    pub(crate) budget: Option<Budget>,
    /// Take the inputs of maps that are there as they are recorded, without searching for new scenes.
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Cut areas wider or higher than this many pixels into tiles [default: 9600, which is 96 km at 10 m].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(64..))]
    pub(crate) tile: Option<u32>,
    /// A line for each task, however many there are (plan only).
    #[arg(long)]
    pub(crate) by_task: bool,
    /// Memory that a task should stay within, in MB.
    #[arg(long)]
    pub(crate) memory: Option<usize>,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Reproduce {
    /// Key of the map's item: layers/ndvi/2024/mazowe.json, or ndvi/2024/mazowe.
    pub(crate) item: String,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Predict {
    /// Model: XGBoost JSON or UBJSON.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// Features, float32 [rows, features]; NaN is missing.
    #[arg(long, required_unless_present = "table")]
    pub(crate) features: Option<PathBuf>,
    /// Features with a header (CSV, or text with blanks between fields; empty or nan is missing), or JSON instances (*.json).
    #[arg(long, conflicts_with = "features")]
    pub(crate) table: Option<PathBuf>,
    /// Predictions: float32 [rows], or [rows, classes] for several outputs; a CSV or JSON with --table.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Threads [default: all].
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Composite {
    /// Scenes, uint16 [y, x, band, date].
    #[arg(long)]
    pub(crate) stack: PathBuf,
    /// Stored value that is no data.
    #[arg(long, default_value_t = 0)]
    pub(crate) nodata: u16,
    /// Reflectance of one stored unit.
    #[arg(long, default_value_t = 1e-4)]
    pub(crate) scale: f32,
    /// Length of the last step of the iteration, in reflectance.
    #[arg(long, default_value_t = 1e-5)]
    pub(crate) eps: f32,
    /// Folder for the results.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Threads [default: all].
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Diff {
    /// The map before.
    pub(crate) a: String,
    /// The map after.
    pub(crate) b: String,
    /// Store of the maps that are given by key.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Write a Cloud Optimized GeoTIFF of the changes, with colours and names.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Exit as diff(1) does: 0 equal, 1 different, 2 trouble.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Buffer {
    /// GeoJSON: a geometry of any type, a Feature or a FeatureCollection.
    #[arg(long)]
    pub(crate) aoi: PathBuf,
    /// Distance; below zero shrinks.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) metres: f64,
    /// Coordinate reference system of the file, such as EPSG:32736 or a PROJ string [default: its own, or OGC:CRS84].
    #[arg(long)]
    pub(crate) crs: Option<String>,
    /// Segments to a quarter circle.
    #[arg(long, default_value_t = 20)]
    pub(crate) segments: u32,
    /// Write here instead of to stdout.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ZonalStats {
    /// Recipe of the map, and of the mask and grid for NDVI: a name in the folder of recipes, or a file.
    #[arg(long)]
    pub(crate) recipe: String,
    /// Period: a year such as 2024.
    #[arg(long)]
    pub(crate) period: String,
    /// The zones: a GeoJSON FeatureCollection of polygons in longitude and latitude.
    #[arg(long)]
    pub(crate) features: PathBuf,
    /// Folder for the results.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// A map's GeoTIFF instead of the published ones. May be given more than once.
    #[arg(long)]
    pub(crate) map: Vec<PathBuf>,
    /// Scenes for NDVI by date: a description (*.toml), a catalog.json, a STAC API or a folder.
    #[arg(long)]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print the zones with their statistics on stdout too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Network {
    /// `dynamic-world`, or a folder with the network as TensorFlow saved it.
    #[arg(long, default_value = "dynamic-world")]
    pub(crate) model: String,
    /// Scene, uint16 [y, x, 9].
    #[arg(long)]
    pub(crate) scene: PathBuf,
    /// Probabilities, float32 [y, x, 9].
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Threads [default: all].
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Print what was found as one JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Site {
    /// Build the pages from Markdown and the store's catalog.
    #[command(after_help = "\
Example:
  geocrop site build --content content --store ./store --out dist")]
    Build(SiteBuild),
    /// Show the pages while they are written: builds, watches, builds again and reloads the browser.
    #[command(after_help = "\
Examples:
  geocrop site serve --content content --store ./store
  geocrop site serve --site dist --store ./store --address 127.0.0.1:8080    # as built, nothing watched")]
    Serve(SiteServe),
    /// Put a built site into a store: assets first, pages next, the front page last.
    #[command(after_help = "\
Examples:
  geocrop site publish --site dist --store s3://maps --dry-run
  geocrop site publish --site dist --store s3://maps --grace 14

Files go below site/ of the store. What the new site lacks stays for the days of grace. If a step
fails, readers keep the old site, and the next publication finishes the work.")]
    Publish(SitePublish),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SitePublish {
    /// Folder of the built site.
    #[arg(long, default_value = "dist")]
    pub(crate) site: PathBuf,
    /// Store to publish to.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Days for which files that the new site lacks are kept.
    #[arg(long, default_value_t = 7)]
    pub(crate) grace: u32,
    /// Tell what would be added, changed and removed, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SiteBuild {
    /// Folder of Markdown pages.
    #[arg(long, default_value = "content")]
    pub(crate) content: PathBuf,
    /// Store with the catalog of maps.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Folder for the pages.
    #[arg(long, default_value = "dist")]
    pub(crate) out: PathBuf,
    /// Folder with the bundled script of the map.
    #[arg(long)]
    pub(crate) map_bundle: Option<PathBuf>,
    /// Where pages find the store.
    #[arg(long, default_value = "/store/")]
    pub(crate) store_href: String,
    /// Address under which the site will be seen: for canonical links, sitemap, feed and preview cards.
    #[arg(long)]
    pub(crate) base_url: Option<String>,
    /// Prometheus server that the status page's measurements are taken from.
    #[arg(long, value_name = "URL")]
    pub(crate) prometheus: Option<String>,
    /// PMTiles archive of your own, such as an extract of OpenStreetMap, for the map to draw below the layers.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) basemap: Option<String>,
    /// Build pages marked `draft = true` too.
    #[arg(long)]
    pub(crate) drafts: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SiteServe {
    /// Serve this built site as it is, instead of building from the content.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["content", "map_bundle"])]
    pub(crate) site: Option<PathBuf>,
    /// Folder of Markdown pages to build and watch.
    #[arg(long, default_value = "content")]
    pub(crate) content: PathBuf,
    /// Folder with the bundled script of the map.
    #[arg(long)]
    pub(crate) map_bundle: Option<PathBuf>,
    /// Store with the maps.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) address: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiCommand {
    /// Print the API's description for programs (`openapi.json`) instead of serving.
    #[command(after_help = "\
Example:
  geocrop api openapi > content/data/openapi.json")]
    Openapi,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Api {
    #[command(subcommand)]
    pub(crate) command: Option<ApiCommand>,
    /// Address to listen on.
    #[arg(long)]
    pub(crate) address: Option<SocketAddr>,
    /// Folder of the built site, if the API is to serve it too.
    #[arg(long)]
    pub(crate) site: Option<PathBuf>,
    /// Take no jobs from the queue: 'geocrop worker' does, in processes of its own.
    #[arg(long)]
    pub(crate) no_worker: bool,
    /// Imagery for jobs. May be given more than once; the first that covers an area is used.
    #[arg(long = "source")]
    pub(crate) source: Vec<String>,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add an account; the password is read from stdin, or made and printed once.
    #[command(after_help = "\
Examples:
  geocrop user add thandi --role recruiter
  geocrop user add owner --role admin --password-stdin < password.txt")]
    Add(UserAdd),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UserAdd {
    /// Name to log in with.
    pub(crate) name: String,
    /// `recruiter` (five jobs), `admin` (unlimited), or a role of the configuration.
    #[arg(long, default_value = "recruiter")]
    pub(crate) role: String,
    /// Tenant; users of one tenant see each other's jobs.
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// Read the password from the first line of stdin.
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Invite {
    /// The account in whose name the invite is made.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) by: String,
    /// The guests' role.
    #[arg(long, default_value = "recruiter")]
    pub(crate) role: String,
    /// The tenant that guests become members of; without it each gets a tenant of their own.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// How many guests. The link of a single guest lets the same guest in again.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) seats: u32,
    /// Days for which the link is good.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
    /// What it is for, for the list of invites.
    #[arg(long, default_value = "")]
    pub(crate) note: String,
    /// Where people reach the server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Worker {
    /// Address for /healthz, /readyz and /metrics; without it the worker listens on none.
    #[arg(long)]
    pub(crate) address: Option<SocketAddr>,
    /// A name that no other worker has at the same time; made from the machine's name if it is left out.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Imagery for jobs. May be given more than once; the first that covers an area is used.
    #[arg(long = "source")]
    pub(crate) source: Vec<String>,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Fetch one data set into the cache, or all with `all`.
    #[command(after_help = "\
Example:
  GEOCROP_DATA_MIRROR=/media/stick/data geocrop data pull worldcereal-scenes")]
    Pull(DataPull),
    /// What there is to fetch.
    List,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DataPull {
    /// Name in datasets.toml, or `all`.
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// How many workers, how much disk, processor time and money so many users and so much area need.
    #[command(after_help = "\
Examples:
  geocrop plan capacity --preset continent
  geocrop plan capacity --users 200 --jobs-per-day 3 --job-km2 50 --wait 60 --mbit 200
  geocrop plan capacity --recipe dynamic-world --km2 390757 --periods 11 --core-hour 0.01 --gb-month 0.02 --json

An example (one, team, thousand, continent) gives what is not given. Rates are those that earlier runs
on this machine had. The model is written down in docs/operations/scale.md.")]
    Capacity(CapacityArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CapacityArgs {
    /// Figures to begin with: one, team, thousand or continent.
    #[arg(long, default_value = "team")]
    pub(crate) preset: String,
    /// People who use it.
    #[arg(long)]
    pub(crate) users: Option<f64>,
    /// Jobs of each on a day.
    #[arg(long)]
    pub(crate) jobs_per_day: Option<f64>,
    /// Area of a job in km2, on average.
    #[arg(long)]
    pub(crate) job_km2: Option<f64>,
    /// How many times more jobs come in the busiest hour than on average.
    #[arg(long)]
    pub(crate) peak: Option<f64>,
    /// Seconds within which 95 of 100 jobs begin in the busiest hour.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<f64>,
    /// How much jobs differ: standard deviation of their time by its mean; 0 for all alike.
    #[arg(long)]
    pub(crate) variation: Option<f64>,
    /// Recipe: a name in the folder of recipes, or a file. May be given more than once; jobs are of the first.
    #[arg(long = "recipe", default_value = "cropland-southeast-africa")]
    pub(crate) recipe: Vec<String>,
    /// Area of the layers that are made before anybody asks, in km2.
    #[arg(long)]
    pub(crate) km2: Option<f64>,
    /// Periods of these layers: years, usually.
    #[arg(long)]
    pub(crate) periods: Option<f64>,
    /// Workers that make them.
    #[arg(long)]
    pub(crate) batch_workers: Option<f64>,
    /// Cores of a worker.
    #[arg(long)]
    pub(crate) cores: Option<f64>,
    /// Mbit/s from the imagery to a worker; 0 if it lies beside the workers.
    #[arg(long)]
    pub(crate) mbit: Option<f64>,
    /// Price of a core for an hour, in any currency.
    #[arg(long, value_name = "PRICE", requires = "gb_month")]
    pub(crate) core_hour: Option<f64>,
    /// Price of a GB of storage for a month, in the same currency.
    #[arg(long, value_name = "PRICE", requires = "core_hour")]
    pub(crate) gb_month: Option<f64>,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Backup {
    /// Folder of the backups; best on another disk.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Remove the oldest backups until so many are left.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: Option<u32>,
    /// Leave the signing keys out: after a restore everybody logs in again.
    #[arg(long)]
    pub(crate) without_keys: bool,
    /// Store of results, which must be a folder.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Restore {
    /// Folder of one backup.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// Folder for the service, not there yet or empty.
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    pub(crate) to: Option<PathBuf>,
    /// Only compare every file with the manifest.
    #[arg(long, conflicts_with = "to")]
    pub(crate) check: bool,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) places: Places,
}
