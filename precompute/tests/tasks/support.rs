//! A small made landscape and an engine on a folder, shared by the tests of whole tasks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use geocrop_precompute::{
    Engine, EngineOptions, Outcome, Progress, Published, Recipe, Target, Task,
};
use geocrop_raster::{Aoi, AoiLimits};
use geocrop_source::Source;
use geocrop_store::Store;
use geocrop_store::stac::Item;
use geocrop_synthetic::Landscape;
use tempfile::TempDir;

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Data of others beside the checkout, or where `GEOCROP_SHARED` says.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = project().join("../shared");
    let dir = std::env::var_os("GEOCROP_SHARED").map_or(beside, PathBuf::from);
    dir.is_dir().then_some(dir)
}

pub(crate) fn recipe(name: &str) -> Arc<Recipe> {
    let file = project().join("recipes").join(format!("{name}.toml"));
    Arc::new(Recipe::read(&file).unwrap())
}

/// A landscape of 96 x 96 pixels and eight dates, made once per test program.
pub(crate) fn landscape() -> &'static Path {
    static DIR: OnceLock<TempDir> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        Landscape::valley(96, 8)
            .write(dir.path(), &|_, _, _| true)
            .unwrap();
        dir
    })
    .path()
}

/// The landscape's files in a folder that a test may spoil.
pub(crate) fn copy_of_landscape() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(landscape(), copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn source(dir: &Path) -> Arc<Source> {
    let file = dir.join("source.toml").display().to_string();
    Arc::new(Source::open(&file, None).unwrap())
}

pub(crate) fn aoi(dir: &Path) -> Aoi {
    Aoi::read(&dir.join("aois/valley.geojson"), &AoiLimits::default()).unwrap()
}

pub(crate) fn task(dir: &Path, name: &str) -> Task {
    Task {
        recipe: recipe(name),
        aoi: aoi(dir),
        period: "2024".parse().unwrap(),
        source: source(dir),
        target: Target::Layer,
    }
}

/// An engine with its own store and working folder.
pub(crate) struct Bench {
    pub(crate) store: TempDir,
    pub(crate) scratch: TempDir,
    pub(crate) engine: Engine,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with_memory(memory_mb: usize) -> Self {
        Self::with(|options| options.memory_mb = memory_mb)
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut EngineOptions)) -> Self {
        let store = tempfile::tempdir().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let mut options = EngineOptions {
            models: Some(project().join("models")),
            datasets: shared().map(|dir| dir.join("data")),
            scratch: scratch.path().to_owned(),
            memory_mb: 256,
            ..EngineOptions::default()
        };
        adjust(&mut options);
        let engine = Engine::new(
            Store::open(&store.path().display().to_string()).unwrap(),
            options,
        );
        Self {
            store,
            scratch,
            engine,
        }
    }

    pub(crate) fn make(&self, task: &Task) -> Published {
        match self.engine.run(task, &Progress::new()).unwrap() {
            Outcome::Done(map) => *map,
            other => panic!("{} is not made: {other:?}", task.name()),
        }
    }

    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.store.path().join(key)
    }

    pub(crate) fn item(&self, key: &str) -> Item {
        serde_json::from_slice(&std::fs::read(self.file(key)).unwrap()).unwrap()
    }

    /// Files of the store and of the working folder.
    pub(crate) fn files(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        (files(self.store.path()), files(self.scratch.path()))
    }
}

pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
