//! What a map is made of, frozen: enough to make it again.
//!
//! A lock is written when a task is planned (`plans/...` in the store) and published beside the map when the task is
//! done. So a catalog that answers differently later, or not at all, does not matter: an interrupted run goes on with
//! the inputs that it had, and `geocrop reproduce` reads the same files again.

use geocrop_raster::{Aoi, AoiLimits};
use geocrop_source::{Description, Source};
use geocrop_store::ContentHash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

use crate::inputs::Inputs;
use crate::models::ModelIdentity;
use crate::recipe::{Period, Recipe};
use crate::task::{Target, Task};
use crate::tile::Tile;
use crate::{ALGORITHM_VERSION, TaskError};

/// A task with all that decides its result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// Of the program that planned the task.
    pub(crate) program: String,
    /// See [`ALGORITHM_VERSION`].
    pub(crate) algorithm: u32,
    /// The recipe's content.
    recipe: Value,
    /// What paths in it are relative to.
    #[serde(default)]
    recipe_folder: PathBuf,
    /// The area as a GeoJSON Feature.
    area: Value,
    period: Period,
    tile: Option<Tile>,
    source: Description,
    /// Where relative paths of the source start from.
    source_base: String,
    /// The model or network, where the recipe has one.
    pub(crate) model: Option<ModelIdentity>,
    /// Every file that is read, as it was found.
    pub(crate) inputs: Inputs,
    /// Of everything but the inputs: while it stays the same, the inputs may be used again.
    pub(crate) basis: String,
    /// Of everything: the map's identity.
    pub(crate) hash: String,
}

/// What a task's result depends on besides its inputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Basis(String);

impl Basis {
    pub(crate) fn of(task: &Task, model: Option<&ModelIdentity>) -> Self {
        let source = task.source.description();
        let everything = json!({
            "algorithm": ALGORITHM_VERSION,
            "recipe": task.recipe.canonical,
            "model": model.map(|model| match &model.learnt_sha256 {
                Some(learnt) => json!([model.sha256, learnt]),
                None => json!(model.sha256),
            }),
            "area": area(&task.aoi),
            "period": task.period,
            "tile": tile(task),
            // Its words stand in the item: a new note or attribution must reach the pages.
            "source": source,
            "base": task.source.base_address(),
        });
        Self(ContentHash::of_bytes(everything.to_string().as_bytes()).to_string())
    }
}

impl Lock {
    pub(crate) fn new(
        task: &Task,
        model: Option<&ModelIdentity>,
        basis: Basis,
        inputs: Inputs,
    ) -> Self {
        let both = json!({ "basis": basis.0, "inputs": inputs });
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            algorithm: ALGORITHM_VERSION,
            recipe: task.recipe.canonical.clone(),
            recipe_folder: task.recipe.folder.clone(),
            area: area(&task.aoi),
            period: task.period,
            tile: tile(task).cloned(),
            source: task.source.description().clone(),
            source_base: task.source.base_address(),
            model: model.cloned(),
            inputs,
            basis: basis.0,
            hash: ContentHash::of_bytes(both.to_string().as_bytes()).to_string(),
        }
    }

    /// Reads a lock; `None` when it is not one, as after a change of the format: it is made anew then.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a lock is plain data");
        text.push(b'\n');
        text
    }

    /// Whether the inputs still belong to this task.
    pub(crate) fn fits(&self, basis: &Basis) -> bool {
        self.basis == basis.0
    }

    /// The task that was planned. Its source searches nothing.
    pub(crate) fn task(&self) -> Result<Task, TaskError> {
        let damaged = |reason: String| TaskError::Lock { reason };
        let recipe = toml::to_string(&self.recipe).map_err(|e| damaged(e.to_string()))?;
        let limits = AoiLimits {
            max_bytes: usize::MAX,
            max_vertices: usize::MAX,
            max_area_km2: None,
        };
        let aoi = Aoi::parse(&self.area.to_string(), "area", &limits)
            .map_err(|e| damaged(e.to_string()))?;
        Ok(Task {
            recipe: Arc::new(Recipe::parse_in(
                &recipe,
                "the lock's recipe",
                &self.recipe_folder,
            )?),
            aoi,
            period: self.period,
            source: Arc::new(Source::remembered(self.source.clone(), &self.source_base)?),
            target: match &self.tile {
                Some(tile) => Target::Tile(tile.clone()),
                None => Target::Layer,
            },
        })
    }
}

fn tile(task: &Task) -> Option<&Tile> {
    match &task.target {
        Target::Tile(tile) => Some(tile),
        _ => None,
    }
}

/// The area as it was given: name and kind stand in the item.
fn area(aoi: &Aoi) -> Value {
    json!({
        "type": "Feature",
        "properties": {
            "name": aoi.name,
            "slug": aoi.slug,
            "kind": aoi.kind,
            "approximate": aoi.approximate,
        },
        "geometry": aoi.to_geojson_geometry(),
    })
}
