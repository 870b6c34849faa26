//! The real server on a port and a runtime of its own, with a runner that publishes small real files.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod maps;
pub(crate) mod models;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{TimeZone, Utc};
use geocrop_api::{
    ApiConfig, AuthConfig, JobRequest, Progress, Rate, RecipeInfo, Roles, RunFailure, RunOutcome,
    Runner, Stage, StatusConfig, WorkerConfig, serve,
};
use geocrop_database::Database;
use geocrop_redis::Redis;
use geocrop_store::publish::{Staged, publish};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ContentHash, ContentType, Store, layout};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const PASSWORD: &str = "a long enough password";

/// What the test's runner does with a job, by the recipe's name.
pub(crate) struct TestRunner {
    store: Store,
    pub(crate) runs: AtomicUsize,
}

impl Runner for TestRunner {
    fn run(&self, job: &JobRequest, progress: Progress) -> Result<RunOutcome, RunFailure> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let failure = |message: &str, retryable| RunFailure {
            message: message.to_owned(),
            retryable,
            by_request: message.starts_with("no clear observation"),
        };
        progress(Stage {
            name: "read",
            fraction: 0.25,
        });
        let aoi = job.aoi.as_ref().unwrap();
        match job.recipe.as_ref().unwrap().as_str() {
            "endless" => {
                while progress(Stage {
                    name: "read",
                    fraction: 0.5,
                }) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return Err(failure("stopped", false));
            }
            "cloudy" => {
                return Err(failure(
                    "no clear observation between 2024-01 and 2024-12",
                    false,
                ));
            }
            "flaky" => return Err(failure("the catalog did not answer", true)),
            "broken" => panic!("a bug"),
            _ => {}
        }
        let keys = layout::job(&job.tenant, &job.job, &aoi.slug.parse().unwrap());
        let [west, south, east, north] = aoi.lonlat_bounds();
        let mut item = Item::new(
            job.job.as_str(),
            aoi.to_geojson_geometry(),
            [west, south, east, north],
            Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).unwrap(),
            Utc.with_ymd_and_hms(2024, 12, 31, 0, 0, 0).unwrap(),
        );
        let tiles: Vec<u8> = (0..=255).collect();
        let files = [
            Staged::bytes("map", keys.map(), b"II*\0 map".to_vec()),
            Staged::bytes("tiles", keys.tiles(&ContentHash::of_bytes(&tiles)), tiles),
            Staged::bytes("statistics", keys.statistics(), b"{}".to_vec()),
        ];
        for file in &files {
            item.assets
                .insert(file.asset.clone(), Asset::new("", ContentType::Binary));
        }
        publish(&self.store, &keys, &files, item)
            .map_err(|error| failure(&error.to_string(), false))?;
        Ok(RunOutcome {
            result_key: keys.item(),
        })
    }

    fn recipes(&self) -> Vec<RecipeInfo> {
        ["ndvi", "endless", "cloudy", "flaky", "broken", "crops"]
            .map(|name| RecipeInfo {
                name: name.parse().unwrap(),
                fingerprint: name.to_owned(),
                title: name.to_owned(),
                description: "For tests.".to_owned(),
                periods: vec!["2023".parse().unwrap(), "2024".parse().unwrap()],
                max_area_km2: None,
            })
            .into()
    }
}

/// What outlives a server: its folder.
pub(crate) struct Place {
    folder: TempDir,
    /// Of the model that waits.
    pub(crate) gate: Arc<models::Gate>,
    /// Whether the models that wait and fail are left out.
    pub(crate) sound_models: bool,
    pub(crate) status: StatusConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) worker: WorkerConfig,
    pub(crate) roles: Roles,
    /// A store that is not the folder's.
    pub(crate) elsewhere: Option<Store>,
    /// Address of a Redis server.
    pub(crate) redis: Option<String>,
}

impl Place {
    /// A folder with a small site, a store and three accounts: `ann` and `root` of one tenant, `bob` of another.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut auth = AuthConfig::new(folder.path().join("keys"));
        // Tests log in often.
        auth.login_rate = Rate {
            burst: 1000,
            every: Duration::from_millis(1),
        };
        let place = Self {
            folder,
            gate: Arc::default(),
            sound_models: false,
            status: StatusConfig::default(),
            auth,
            worker: WorkerConfig {
                time_to_finish: Duration::ZERO,
                backoff: Duration::ZERO,
                ..WorkerConfig::default()
            },
            roles: Roles::default(),
            elsewhere: None,
            redis: None,
        };
        let site = place.path("site");
        std::fs::create_dir_all(site.join("about")).unwrap();
        std::fs::write(site.join("index.html"), "<h1>home</h1>").unwrap();
        std::fs::write(site.join("404.html"), "<h1>lost</h1>").unwrap();
        std::fs::write(site.join("about/index.html"), "<h1>about</h1>").unwrap();
        std::fs::write(site.join(".secret"), "x").unwrap();
        let database = place.database().await;
        let hash = geocrop_api::hash_password(PASSWORD).unwrap();
        for (tenant, name, role) in [
            ("one", "ann", "recruiter"),
            ("one", "root", "admin"),
            ("two", "bob", "recruiter"),
        ] {
            database
                .create_user(
                    &tenant.parse().unwrap(),
                    name,
                    Some(&hash),
                    &role.parse().unwrap(),
                )
                .await
                .unwrap();
        }
        database.close().await;
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> Store {
        if let Some(store) = &self.elsewhere {
            return store.clone();
        }
        Store::open(self.path("store").to_str().unwrap()).unwrap()
    }

    pub(crate) async fn database(&self) -> Database {
        Database::open(&self.database_url()).await.unwrap()
    }

    fn database_url(&self) -> String {
        format!("sqlite://{}", self.path("geocrop.sqlite").display())
    }

    pub(crate) async fn start(&self) -> Server {
        let runner = Arc::new(TestRunner {
            store: self.store(),
            runs: AtomicUsize::new(0),
        });
        let (store, database_url) = (self.store(), self.database_url());
        let (status, auth) = (self.status.clone(), self.auth.clone());
        let (worker, roles) = (self.worker.clone(), self.roles.clone());
        let redis = self.redis.clone();
        let site = self.path("site");
        let models = Arc::new(models::TestModels {
            gate: Arc::clone(&self.gate),
            sound: self.sound_models,
        });
        let shared = Arc::clone(&runner) as Arc<dyn Runner>;
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = oneshot::channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let task = runtime.spawn(async move {
            let redis = redis.map(|url| Redis::open(&url).unwrap());
            let config = ApiConfig {
                store,
                database: Database::open(&database_url).await.unwrap(),
                redis,
                runner: shared,
                models,
                site: Some(site),
                auth,
                roles,
                worker,
                trusted_proxies: Vec::new(),
                cors_origins: vec!["https://friends.example".to_owned()],
                status,
                public_url: None,
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            bound.send(listener.local_addr().unwrap()).unwrap();
            serve(config, listener, async move {
                let _ = stopped.await;
            })
            .await
            .unwrap();
        });
        Server {
            address: format!("http://{}", address.await.unwrap()),
            client: Client::new(),
            runner,
            stop: Some(stop),
            task: Some(task),
            runtime: Some(runtime),
        }
    }
}

pub(crate) struct Server {
    address: String,
    pub(crate) client: Client,
    pub(crate) runner: Arc<TestRunner>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

/// A server that is dropped ends as in a power cut: nothing more is written.
impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    /// Stops as Ctrl-C does.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.client = Client::new();
        self.task.take().unwrap().await.unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(crate) async fn log_in(&self, name: &str) -> String {
        let answer = self.grant(name).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The whole answer to a name's password.
    pub(crate) async fn grant(&self, name: &str) -> Value {
        self.client
            .post(self.url("/v1/auth/token"))
            .json(&json!({ "username": name, "password": PASSWORD }))
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn order(&self, token: &str, recipe: &str) -> Response {
        self.post("/v1/jobs", token)
            .json(&json!({ "recipe": recipe, "period": "2024", "aoi": another_field() }))
            .send()
            .await
            .unwrap()
    }

    /// What an address answers to somebody.
    pub(crate) async fn read(&self, path: &str, token: &str) -> Response {
        self.get(path).bearer_auth(token).send().await.unwrap()
    }

    /// The same as JSON.
    pub(crate) async fn json(&self, path: &str, token: &str) -> Value {
        self.read(path, token).await.json().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Response {
        let request = self.client.delete(self.url(path)).bearer_auth(token);
        request.send().await.unwrap()
    }

    pub(crate) fn post(&self, path: &str, token: &str) -> RequestBuilder {
        self.client.post(self.url(path)).bearer_auth(token)
    }

    /// Orders a job and returns its id.
    pub(crate) async fn ordered(&self, token: &str, recipe: &str) -> String {
        let response = self.order(token, recipe).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let job: Value = response.json().await.unwrap();
        job["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn job(&self, token: &str, id: &str) -> Value {
        let response = self
            .get(&format!("/v1/jobs/{id}"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// Watches a job until it has a status.
    pub(crate) async fn until(&self, token: &str, id: &str, status: &str) -> Value {
        for _ in 0..3000 {
            let job = self.job(token, id).await;
            if job["status"] == status {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("job {id} never was {status}: {}", self.job(token, id).await);
    }
}

/// About one square kilometre near Mazowe.
pub(crate) fn field() -> Value {
    json!({
        "type": "Feature",
        "properties": { "name": "My field" },
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[31.0, -17.5], [31.01, -17.5], [31.01, -17.49], [31.0, -17.49], [31.0, -17.5]]]
        }
    })
}

/// The same field, a little wider each time: nobody else asks for it.
pub(crate) fn another_field() -> Value {
    static FIELDS: AtomicUsize = AtomicUsize::new(1);
    let mut field = field();
    let east = 31.01 + FIELDS.fetch_add(1, Ordering::Relaxed) as f64 * 1e-6;
    for corner in [1, 2] {
        field["geometry"]["coordinates"][0][corner][0] = east.into();
    }
    field
}

/// Checks that an answer is a problem document and returns it.
pub(crate) async fn problem(response: Response, status: u16, kind: &str) -> Value {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(response.status().as_u16(), status);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    problem
}
