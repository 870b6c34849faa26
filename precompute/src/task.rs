//! What is to be done, and how it ended.

use std::sync::Arc;

use geocrop_raster::Aoi;
use geocrop_source::Source;
use geocrop_store::{ResultKeys, Slug, layout};

use crate::TaskError;
use crate::estimate::Cost;
use crate::recipe::{Period, Recipe};
use crate::statistics::Statistics;
use crate::tile::Tile;

/// One recipe over one area and one period.
#[derive(Debug, Clone)]
pub struct Task {
    /// How the map is made.
    pub recipe: Arc<Recipe>,
    /// Where.
    pub aoi: Aoi,
    /// When.
    pub period: Period,
    /// From which imagery.
    pub source: Arc<Source>,
    /// Where the result goes.
    pub target: Target,
}

/// Where a result goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A layer that everybody sees.
    Layer,
    /// One tile of a large area's layer; all of them together are shown as one.
    Tile(Tile),
    /// A job's result, which only its tenant sees.
    Job {
        /// The tenant.
        tenant: Slug,
        /// The job.
        job: Slug,
    },
}

/// How a task ended well.
#[derive(Debug)]
pub enum Outcome {
    /// The map was made.
    Done(Box<Published>),
    /// The store already holds the result of exactly this task.
    Unchanged {
        /// Key of the item.
        item_key: String,
    },
    /// The layer of a large area waits for tiles that others make.
    Incomplete {
        /// How many.
        missing: usize,
    },
}

/// A map that was made.
#[derive(Debug)]
pub struct Published {
    /// Key of the item.
    pub item_key: String,
    /// What the map holds.
    pub statistics: Statistics,
    /// What a person should know about the result.
    pub notes: Vec<String>,
    /// What it has cost.
    pub spent: Cost,
}

impl Task {
    /// The keys of the task's result.
    pub fn keys(&self) -> Result<ResultKeys, TaskError> {
        let area: Slug = self.area().parse()?;
        Ok(match &self.target {
            Target::Layer | Target::Tile(_) => layout::layer(
                &self.recipe.name.parse()?,
                &self.period.to_string().parse()?,
                &area,
            ),
            Target::Job { tenant, job } => layout::job(tenant, job, &area),
        })
    }

    /// The slug of what is mapped: the area's, and the tile's where it is one.
    pub fn area(&self) -> String {
        match &self.target {
            Target::Tile(tile) => format!("{}-{}", self.aoi.slug, tile.name),
            _ => self.aoi.slug.clone(),
        }
    }

    /// The name of what is mapped, for people.
    pub fn area_name(&self) -> String {
        match &self.target {
            Target::Tile(tile) => format!("{}, tile {}", self.aoi.name, tile.name),
            _ => self.aoi.name.clone(),
        }
    }

    /// `recipe/period/area`, as people call the task.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.recipe.name, self.period, self.area())
    }
}
