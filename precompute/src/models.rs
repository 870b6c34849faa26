//! Finds the model that a recipe names: in the store, or else in a folder of the same layout.

use std::path::Path;
use std::sync::Arc;

use geocrop_model::Ensemble;
use geocrop_store::{ContentHash, Store};
use serde::{Deserialize, Serialize};

use crate::classify::{Model, Scorer};
use crate::learnt::{APPLICABILITY, Learnt, POPULATION};
use crate::manifest::NetworkManifest;
use crate::recipe::{ClassModel, Output, Recipe};
use crate::serving::is_plain;
use crate::{Progress, TaskError, remote};

/// Which model made a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelIdentity {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Of its file; of what the server tells of it, where a server evaluates it.
    pub(crate) sha256: String,
    /// Of what lies beside it about its samples, where something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) learnt_sha256: Option<String>,
    /// The server that evaluated it, if it was not evaluated here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

impl ModelIdentity {
    /// `name/version`, for messages.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }
}

/// A model's file before it is parsed.
pub(crate) struct ModelFile {
    pub(crate) identity: ModelIdentity,
    bytes: Vec<u8>,
    applicability: Option<Vec<u8>>,
    population: Option<Vec<u8>>,
}

/// The alias that stands for the version in use.
pub(crate) const PRODUCTION: &str = "production";

/// Reads the file `models/<name>/<version>/model.json`, following the alias `production`, and what lies beside it about the
/// samples that the model learnt from.
pub(crate) fn find(
    store: &Store,
    folder: Option<&Path>,
    wanted: &ClassModel,
) -> Result<ModelFile, TaskError> {
    let mut found = find_named(store, folder, &wanted.model, &wanted.version)?;
    let identity = &mut found.identity;
    let beside = |file| {
        read(
            store,
            folder,
            &format!("{}/{}/{file}", identity.name, identity.version),
        )
    };
    (found.applicability, found.population) = (beside(APPLICABILITY)?, beside(POPULATION)?);
    let there = [&found.applicability, &found.population];
    let hashes = there.map(|file| {
        file.as_ref()
            .map(|bytes| ContentHash::of_bytes(bytes).to_string())
    });
    if hashes.iter().any(Option::is_some) {
        let both = hashes.map(Option::unwrap_or_default).join(" ");
        identity.learnt_sha256 = Some(ContentHash::of_bytes(both.as_bytes()).to_string());
    }
    Ok(found)
}

/// A file of the models, from the store or else from the folder.
fn read(store: &Store, folder: Option<&Path>, key: &str) -> Result<Option<Vec<u8>>, TaskError> {
    if let Some(bytes) = store.get(&format!("models/{key}"))? {
        return Ok(Some(bytes));
    }
    let Some(folder) = folder else {
        return Ok(None);
    };
    match std::fs::read(folder.join(key)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TaskError::Scratch {
            path: folder.join(key).display().to_string(),
            source,
        }),
    }
}

/// The version that serves, if one is said to.
pub(crate) fn alias(
    store: &Store,
    folder: Option<&Path>,
    name: &str,
) -> Result<Option<String>, TaskError> {
    let alias = read(store, folder, &format!("{name}/{PRODUCTION}"))?;
    Ok(alias.map(|text| String::from_utf8_lossy(&text).trim().to_owned()))
}

/// As [`find`], by name and version, which may come from anybody.
pub(crate) fn find_named(
    store: &Store,
    folder: Option<&Path>,
    name: &str,
    version: &str,
) -> Result<ModelFile, TaskError> {
    let missing = || TaskError::NoModel {
        name: name.to_owned(),
        version: version.to_owned(),
        looked: format!(
            "{}/models{}",
            store.url(),
            folder.map_or(String::new(), |f| format!(" and {}", f.display()))
        ),
    };
    if !is_plain(name) || !is_plain(version) {
        return Err(missing());
    }
    let version = if version == PRODUCTION {
        alias(store, folder, name)?.ok_or_else(missing)?
    } else {
        version.to_owned()
    };
    let bytes =
        read(store, folder, &format!("{name}/{version}/model.json"))?.ok_or_else(missing)?;
    Ok(ModelFile {
        identity: ModelIdentity {
            name: name.to_owned(),
            version,
            sha256: ContentHash::of_bytes(&bytes).to_string(),
            learnt_sha256: None,
            url: None,
        },
        bytes,
        applicability: None,
        population: None,
    })
}

impl ModelFile {
    /// The file as it is stored.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Parses the model.
    pub(crate) fn ensemble(&self) -> Result<Ensemble, TaskError> {
        if NetworkManifest::is_one(&self.bytes) {
            return Err(TaskError::IsNetwork {
                model: self.identity.label(),
            });
        }
        Ok(Ensemble::from_slice(&self.bytes)?)
    }

    /// Parses the model and checks that the recipe makes its features and names its classes.
    pub(crate) fn load(&self, recipe: &Recipe, classes: &ClassModel) -> Result<Model, TaskError> {
        let ensemble = self.ensemble()?;
        let made = recipe.feature_names();
        let features = if ensemble.feature_names().is_empty() {
            made.clone()
        } else {
            ensemble.feature_names().to_vec()
        };
        let mut missing: Vec<&str> = features
            .iter()
            .filter(|f| !made.contains(f))
            .map(String::as_str)
            .collect();
        let count = format!("{} of them, unnamed", ensemble.num_features());
        if features.len() != ensemble.num_features() {
            missing.push(&count);
        }
        let model = self.identity.label();
        if !missing.is_empty() {
            return Err(TaskError::MissingFeatures {
                model,
                recipe: recipe.name.clone(),
                missing: missing.join(", "),
            });
        }
        let found = ensemble.class_count();
        if found != classes.values.len() {
            return Err(TaskError::ClassCount {
                model,
                recipe: recipe.name.clone(),
                found,
                expected: classes.values.len(),
            });
        }
        let (applicability, population) =
            (self.applicability.as_deref(), self.population.as_deref());
        Ok(Model {
            learnt: Learnt::parse(&model, applicability, population, &features)?,
            scorer: Scorer::Trees(Box::new(ensemble)),
            features,
        })
    }
}

/// Puts every model of a folder into the store, unless the store has that version. The alias
/// `production` is set where the store has none yet: which version serves is the store's decision.
pub fn publish_models(store: &Store, folder: &Path) -> Result<(), TaskError> {
    for name in entries(folder)? {
        for version in entries(&folder.join(&name))? {
            let path = folder.join(&name).join(&version);
            let key = format!("models/{name}/{version}");
            if path.is_dir() {
                for file in entries(&path)? {
                    put_missing(store, &format!("{key}/{file}"), &path.join(&file))?;
                }
            } else {
                put_missing(store, &key, &path)?;
            }
        }
    }
    Ok(())
}

fn put_missing(store: &Store, key: &str, file: &Path) -> Result<(), TaskError> {
    if !store.exists(key)? {
        store.put_file(key, file)?;
    }
    Ok(())
}

/// The names in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Result<Vec<String>, TaskError> {
    let unreadable = |source| TaskError::Scratch {
        path: folder.display().to_string(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// What keeps a model from serving the recipes that name it: features that they do not make, classes that they do not
/// have. Recipes whose model a server evaluates are left alone.
pub fn misfits<'r>(
    recipes: impl IntoIterator<Item = &'r Recipe>,
    name: &str,
    model: &Ensemble,
) -> Vec<String> {
    let mut misfits = Vec::new();
    for recipe in recipes {
        let Output::Classes(classes) = &recipe.output else {
            continue;
        };
        if classes.model != name || classes.remote.is_some() {
            continue;
        }
        let made = recipe.feature_names();
        let missing: Vec<&str> = model
            .feature_names()
            .iter()
            .filter(|feature| !made.contains(feature))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            misfits.push(format!(
                "the recipe {} makes no {}",
                recipe.name,
                missing.join(", ")
            ));
        }
        if model.class_count() != classes.values.len() {
            misfits.push(format!(
                "the recipe {} has {} classes, the model {}",
                recipe.name,
                classes.values.len(),
                model.class_count()
            ));
        }
    }
    misfits
}

/// Checks that the model of a recipe is there and fits it; a recipe without a model fits.
pub fn check_model(store: &Store, folder: Option<&Path>, recipe: &Recipe) -> Result<(), TaskError> {
    if let Output::Classes(classes) = &recipe.output {
        if let Some(remote) = &classes.remote {
            let progress = Progress::new();
            let server = Arc::new(remote::find(classes, remote, &progress)?);
            server.load(recipe, classes, &progress)?;
        } else {
            find(store, folder, classes)?.load(recipe, classes)?;
        }
    }
    Ok(())
}
