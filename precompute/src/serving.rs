//! The models that answer rows and images, outside of any map: those of the store and of the project's folder. The files
//! of a network lie among the data sets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use geocrop_model::Ensemble;
use geocrop_model::dynamic_world::{self, BANDS, CLASSES, Network};
use geocrop_model::instances::{Examples, Shape, Takes};
use geocrop_store::{ContentHash, Store};

use crate::engine::Engine;
use crate::models;
use crate::networks;
use crate::recipe::{Output, Recipe};
use crate::{TaskError, statistics};

/// Up to so many rows are predicted on the calling thread: all threads of the machine may be busy with a map.
const FEW: usize = 4096;

/// Where models are found, and what their classes are called.
#[derive(Debug, Clone)]
pub struct ModelStore {
    store: Store,
    models: Option<PathBuf>,
    datasets: Option<PathBuf>,
    /// Names of the classes by model, from the recipes that use them.
    classes: BTreeMap<String, Vec<String>>,
}

/// One version of a model that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// Its name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Whether it is the version that serves.
    pub production: bool,
    /// Whether it is a network: it takes images.
    pub network: bool,
    /// Why it cannot be loaded, if it cannot.
    pub missing: Option<String>,
}

impl ModelStore {
    /// The models that an engine uses. Recipes name their classes.
    pub fn new<'r>(engine: &Engine, recipes: impl IntoIterator<Item = &'r Recipe>) -> Self {
        let options = engine.options();
        let mut classes = BTreeMap::new();
        for recipe in recipes {
            if let Output::Classes(model) = &recipe.output {
                let known = statistics::classes(&recipe.output);
                let name = |value: &u8| {
                    let class = known.iter().find(|class| class.first == *value);
                    class.map_or_else(|| value.to_string(), |class| class.name.clone())
                };
                let names = model.values.iter().map(name).collect();
                classes.entry(model.model.clone()).or_insert(names);
            }
        }
        Self {
            store: engine.store().clone(),
            models: options.models.clone(),
            datasets: options.datasets.clone(),
            classes,
        }
    }

    /// Every version of every model.
    ///
    /// # Errors
    /// When the store or the folder cannot be read.
    pub fn list(&self) -> Result<Vec<KnownModel>, TaskError> {
        let mut versions: BTreeSet<(String, String)> = BTreeSet::new();
        for entry in self.store.list("models")? {
            let mut parts = entry.key.split('/').skip(1);
            if let (Some(name), Some(version), Some("model.json"), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            {
                versions.insert((name.to_owned(), version.to_owned()));
            }
        }
        if let Some(folder) = self.models.as_deref().filter(|folder| folder.is_dir()) {
            for name in models::entries(folder)? {
                let folder = folder.join(&name);
                if !folder.is_dir() {
                    continue;
                }
                for version in models::entries(&folder)? {
                    if folder.join(&version).join("model.json").is_file() {
                        versions.insert((name.clone(), version));
                    }
                }
            }
        }
        let mut serving: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut known = Vec::new();
        for (name, version) in versions {
            if !serving.contains_key(&name) {
                let alias = models::alias(&self.store, self.models.as_deref(), &name)?;
                serving.insert(name.clone(), alias);
            }
            let production = serving[&name].as_ref() == Some(&version);
            let network = name == networks::NAME;
            known.push(KnownModel {
                production,
                network,
                missing: network
                    .then(|| networks::missing(self.places(), &name, &version))
                    .flatten(),
                name,
                version,
            });
        }
        Ok(known)
    }

    fn places(&self) -> networks::Places<'_> {
        networks::Places {
            store: &self.store,
            models: self.models.as_deref(),
            datasets: self.datasets.as_deref(),
        }
    }

    /// Loads a model; `production` is the version that serves.
    ///
    /// # Errors
    /// When there is no such model, or its file is damaged.
    pub fn load(&self, name: &str, version: &str) -> Result<LoadedModel, TaskError> {
        if name == networks::NAME {
            let files = networks::named(self.places(), name, version)?;
            let identity = files.identity();
            return Ok(LoadedModel {
                name: name.to_owned(),
                version: identity.version.clone(),
                sha256: identity.sha256.clone(),
                features: BANDS.map(str::to_owned).to_vec(),
                classes: dynamic_world::legend()
                    .iter()
                    .map(|c| c.name.clone())
                    .collect(),
                numbers: Numbers::Network(Box::new(files.load()?)),
            });
        }
        let file = models::find_named(&self.store, self.models.as_deref(), name, version)?;
        let identity = &file.identity;
        let named = (identity.name.clone(), identity.version.clone());
        let classes = self.classes.get(name).map_or(&[][..], Vec::as_slice);
        Ok(LoadedModel::of(
            named,
            identity.sha256.clone(),
            classes,
            file.ensemble()?,
        ))
    }
}

/// A model that is ready to predict.
#[derive(Debug)]
pub struct LoadedModel {
    /// Its name.
    pub name: String,
    /// The version, never an alias.
    pub version: String,
    /// Checksum of its file.
    pub sha256: String,
    features: Vec<String>,
    classes: Vec<String>,
    numbers: Numbers,
}

#[derive(Debug)]
enum Numbers {
    Trees(Box<Ensemble>),
    Network(Box<Network>),
}

impl LoadedModel {
    /// A model of trees from a file that stands in no store; its classes have numbers for names.
    ///
    /// # Errors
    /// When the file cannot be read, or is no such model.
    pub fn from_file(path: &Path) -> Result<Self, TaskError> {
        let bytes = std::fs::read(path).map_err(|source| TaskError::Scratch {
            path: path.display().to_string(),
            source,
        })?;
        let sha256 = ContentHash::of_bytes(&bytes).to_string();
        let named = (path.display().to_string(), "file".to_owned());
        Ok(Self::of(named, sha256, &[], Ensemble::from_slice(&bytes)?))
    }

    /// `classes` are the names of the classes, if there are as many as the model has.
    fn of(
        (name, version): (String, String),
        sha256: String,
        classes: &[String],
        ensemble: Ensemble,
    ) -> Self {
        let features = if ensemble.feature_names().is_empty() {
            let numbers = 0..ensemble.num_features();
            numbers.map(|number| format!("f{number}")).collect()
        } else {
            ensemble.feature_names().to_vec()
        };
        let count = ensemble.class_count();
        let classes = if classes.len() == count {
            classes.to_vec()
        } else {
            (0..count).map(|number| number.to_string()).collect()
        };
        Self {
            name,
            version,
            sha256,
            features,
            classes,
            numbers: Numbers::Trees(Box::new(ensemble)),
        }
    }

    /// What it takes.
    pub fn takes(&self) -> Takes {
        match self.numbers {
            Numbers::Trees(_) => Takes::Row(self.features.clone()),
            Numbers::Network(_) => Takes::Image(self.features.clone()),
        }
    }

    /// The features (or bands) in their order.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The names of the classes in their order; empty for a regression.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Whether what it gives are probabilities.
    pub fn is_probability(&self) -> bool {
        match &self.numbers {
            Numbers::Trees(trees) => trees.is_probability(),
            Numbers::Network(_) => true,
        }
    }

    /// How many numbers it gives for a row or a pixel.
    pub fn outputs(&self) -> usize {
        match &self.numbers {
            Numbers::Trees(trees) => trees.outputs(),
            Numbers::Network(_) => CLASSES,
        }
    }

    /// The place of the class that the prediction of one row stands for; `None` for a regression.
    pub fn class_of(&self, prediction: &[f32]) -> Option<usize> {
        match &self.numbers {
            Numbers::Trees(trees) => trees.class_of(prediction),
            Numbers::Network(_) => None,
        }
    }

    /// Predicts rows or images: for each row or pixel [`outputs`](Self::outputs) numbers. The bits are those of
    /// `geocrop predict` and `geocrop network`.
    ///
    /// # Errors
    /// When the examples are not what the model takes.
    pub fn predict(&self, examples: &Examples) -> Result<Vec<f32>, TaskError> {
        match (&self.numbers, examples.shape) {
            (Numbers::Trees(trees), Shape::Row) => {
                let mut out = vec![0.0; examples.count * trees.outputs()];
                if examples.count <= FEW {
                    trees.predict_rows(&examples.values, &mut out)?;
                } else {
                    trees.predict_rows_parallel(&examples.values, &mut out)?;
                }
                Ok(out)
            }
            (Numbers::Network(network), Shape::Image { height, width }) => {
                let mut out = Vec::with_capacity(examples.count * height * width * CLASSES);
                let image = height * width * BANDS.len();
                for image in examples.values.chunks(image.max(1)) {
                    let planes = turned(image, height * width, BANDS.len());
                    let planes = network.probabilities(&planes, height, width)?;
                    out.extend(turned(&planes, CLASSES, height * width));
                }
                Ok(out)
            }
            _ => Err(TaskError::WrongExamples {
                model: format!("{}/{}", self.name, self.version),
                takes: match self.numbers {
                    Numbers::Trees(_) => "rows",
                    Numbers::Network(_) => "images",
                },
            }),
        }
    }
}

/// `[row][column]` as `[column][row]`.
fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| values[row * columns + column]))
        .collect()
}

/// Whether a text can be the name of a model or a version: it becomes part of a path.
pub(crate) fn is_plain(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && Path::new(text).components().count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_part_of_a_path_stays_in_its_folder() {
        for good in ["cropland-southeast-africa", "1", "v1.2", "a_b"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in [
            "",
            "..",
            ".",
            ".hidden",
            "a/b",
            "a\\b",
            "a b",
            "é",
            &"x".repeat(101),
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn turning_twice_is_nothing() {
        let values: Vec<f32> = (0..6).map(|n| n as f32).collect();
        assert_eq!(turned(&values, 2, 3), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(turned(&turned(&values, 2, 3), 3, 2), values);
    }
}
