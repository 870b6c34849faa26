//! The models in use: looked up by name and version or label, loaded when first asked, put away when others are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::Batcher;
use super::{Batching, ModelCatalog, ModelFailure, ModelInfo, ModelMetrics};

/// How old the list of models may be: so long does a new version, or a new `production`, take to serve.
const FRESH: Duration = Duration::from_secs(5);
/// Models that are kept loaded.
const LOADED: usize = 8;

/// The label of the version that serves.
const PRODUCTION: &str = "production";

/// Name and version.
type Key = (String, String);

/// Which version of a model is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that serves: `production`, or else the latest.
    Serving,
    Version(String),
    Label(String),
}

/// All models of the server.
pub(crate) struct Shelf {
    catalog: Arc<dyn ModelCatalog>,
    settings: Batching,
    list: Mutex<Option<(Instant, Arc<Vec<ModelInfo>>)>>,
    /// Most recently used last.
    loaded: Mutex<Vec<(Key, Arc<Batcher>)>>,
    /// Held while one is loaded: two requests do not load the same.
    loading: Mutex<()>,
    metrics: ModelMetrics,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    pub(crate) fn new(
        catalog: Arc<dyn ModelCatalog>,
        settings: Batching,
        metrics: ModelMetrics,
    ) -> Self {
        Self {
            catalog,
            settings,
            list: Mutex::default(),
            loaded: Mutex::default(),
            loading: Mutex::default(),
            metrics,
        }
    }

    /// Every version of every model, sorted by name, the latest version first. May wait for the store.
    pub(crate) fn list(&self) -> Result<Arc<Vec<ModelInfo>>, ModelFailure> {
        let mut kept = lock(&self.list);
        if let Some((read, list)) = &*kept
            && read.elapsed() < FRESH
        {
            return Ok(Arc::clone(list));
        }
        let list = match (self.catalog.list(), &*kept) {
            (Ok(mut list), _) => {
                list.sort_by(|a, b| {
                    let age = || later(&b.version).cmp(&later(&a.version));
                    a.name.cmp(&b.name).then_with(age)
                });
                Arc::new(list)
            }
            // Models that were there serve on while the store is away.
            (Err(error), Some((_, list))) => {
                tracing::warn!(cause = error.message, "the models cannot be listed");
                Arc::clone(list)
            }
            (Err(error), None) => return Err(error),
        };
        *kept = Some((Instant::now(), Arc::clone(&list)));
        Ok(list)
    }

    /// The versions of a model; none if there is no such model.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<ModelInfo>, ModelFailure> {
        let list = self.list()?;
        Ok(list.iter().filter(|m| m.name == name).cloned().collect())
    }

    /// The version that is meant, if there is one.
    pub(crate) fn find(
        &self,
        name: &str,
        which: &Which,
    ) -> Result<Option<ModelInfo>, ModelFailure> {
        let versions = self.versions(name)?;
        let labelled = |label: &str| {
            versions
                .iter()
                .find(|m| m.labels.iter().any(|l| l == label))
        };
        let found = match which {
            Which::Serving => labelled(PRODUCTION).or(versions.first()),
            Which::Version(version) => versions.iter().find(|m| m.version == *version),
            Which::Label(label) => labelled(label),
        };
        Ok(found.cloned())
    }

    /// The model, loaded. May take a while.
    pub(crate) fn load(&self, info: &ModelInfo) -> Result<Arc<Batcher>, ModelFailure> {
        let key = (info.name.clone(), info.version.clone());
        if let Some(model) = self.in_use(&key) {
            return Ok(model);
        }
        let _alone = lock(&self.loading);
        // Another request may have loaded it meanwhile.
        if let Some(model) = self.in_use(&key) {
            return Ok(model);
        }
        let model = self.catalog.load(&info.name, &info.version)?;
        let counters = self.metrics.of(&info.name, &info.version);
        let batcher = Batcher::new(&info.name, model, self.settings, counters)
            .map_err(|error| ModelFailure::server(format!("no thread for the model: {error}")))?;
        let batcher = Arc::new(batcher);
        let mut loaded = lock(&self.loaded);
        if loaded.len() == LOADED {
            loaded.remove(0);
        }
        loaded.push((key, Arc::clone(&batcher)));
        Ok(batcher)
    }

    fn in_use(&self, key: &Key) -> Option<Arc<Batcher>> {
        let mut loaded = lock(&self.loaded);
        let place = loaded.iter().position(|(k, _)| k == key)?;
        let entry = loaded.remove(place);
        let model = Arc::clone(&entry.1);
        loaded.push(entry);
        Some(model)
    }
}

/// Versions in order: by number where they are numbers, which come after all others.
fn later(version: &str) -> (Option<u64>, &str) {
    (version.parse().ok(), version)
}

#[cfg(test)]
mod tests {
    use super::super::{ModelSignature, ServedModel};
    use super::*;
    use crate::metrics::Metrics;
    use geocrop_model::instances::{Examples, Takes};

    struct Fixed(ModelSignature);

    impl ServedModel for Fixed {
        fn signature(&self) -> &ModelSignature {
            &self.0
        }

        fn predict(&self, examples: &Examples) -> Result<Vec<f32>, ModelFailure> {
            Ok(examples.values.clone())
        }
    }

    /// Lists what it is told to, or fails.
    #[derive(Default)]
    struct Listed(Mutex<Option<Vec<ModelInfo>>>, Mutex<usize>);

    impl ModelCatalog for Arc<Listed> {
        fn list(&self) -> Result<Vec<ModelInfo>, ModelFailure> {
            let list = self.0.lock().unwrap().clone();
            list.ok_or_else(|| ModelFailure::server("the store is away"))
        }

        fn load(&self, name: &str, _: &str) -> Result<Arc<dyn ServedModel>, ModelFailure> {
            *self.1.lock().unwrap() += 1;
            Ok(Arc::new(Fixed(ModelSignature {
                takes: Takes::Row(vec!["x".into()]),
                output: name.to_owned(),
                outputs: 1,
                classes: Vec::new(),
                sha256: String::new(),
            })))
        }
    }

    fn info(name: &str, version: &str, labels: &[&str]) -> ModelInfo {
        ModelInfo {
            name: name.to_owned(),
            version: version.to_owned(),
            labels: labels.iter().map(ToString::to_string).collect(),
            kind: "trees".to_owned(),
            unavailable: None,
        }
    }

    fn shelf(list: Vec<ModelInfo>) -> (Arc<Listed>, Shelf) {
        let catalog = Arc::new(Listed(Mutex::new(Some(list)), Mutex::default()));
        let shelf = Shelf::new(
            Arc::new(Arc::clone(&catalog)),
            Batching::default(),
            Metrics::new().models(),
        );
        (catalog, shelf)
    }

    #[test]
    fn production_serves_and_else_the_latest_number() {
        let (_, shelf) = shelf(vec![
            info("a", "9", &[]),
            info("a", "10", &[]),
            info("a", "beta", &[]),
            info("b", "1", &["production"]),
            info("b", "2", &[]),
        ]);
        let found = |name: &str, which| shelf.find(name, &which).unwrap().map(|m| m.version);
        assert_eq!(found("a", Which::Serving).unwrap(), "10");
        assert_eq!(found("b", Which::Serving).unwrap(), "1");
        assert_eq!(found("b", Which::Version("2".into())).unwrap(), "2");
        assert_eq!(found("b", Which::Label("production".into())).unwrap(), "1");
        assert_eq!(found("b", Which::Label("beta".into())), None);
        assert_eq!(found("c", Which::Serving), None);
    }

    #[test]
    fn models_are_loaded_once_and_a_few_are_kept() {
        let names: Vec<String> = (0..=LOADED).map(|n| format!("m{n}")).collect();
        let (catalog, shelf) = shelf(names.iter().map(|n| info(n, "1", &[])).collect());
        let load = |name: &str| shelf.load(&info(name, "1", &[])).unwrap();
        load("m0");
        load("m0");
        assert_eq!(*catalog.1.lock().unwrap(), 1);
        for name in &names {
            load(name);
        }
        assert_eq!(shelf.loaded.lock().unwrap().len(), LOADED);
        load("m0");
        assert_eq!(*catalog.1.lock().unwrap(), LOADED + 2);
    }

    #[test]
    fn known_models_stay_while_the_store_is_away() {
        let (catalog, shelf) = shelf(vec![info("a", "1", &[])]);
        assert_eq!(shelf.list().unwrap().len(), 1);
        *catalog.0.lock().unwrap() = None;
        shelf.list.lock().unwrap().as_mut().unwrap().0 -= FRESH;
        assert_eq!(shelf.list().unwrap().len(), 1);
        let (catalog, shelf) = self::shelf(Vec::new());
        *catalog.0.lock().unwrap() = None;
        assert!(shelf.list().is_err());
    }
}
