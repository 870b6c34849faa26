//! Jobs that need no run: the map is published already, and the answer is cut out of it at once.
//!
//! The answer has the same files as a job's own run: a COG, tiles, statistics and an item, in the job's folder, made of the
//! published maps' pixels. Its item says from which maps it was cut. It costs no quota.

use std::sync::Arc;
use std::time::Duration;

use geocrop_database::{NewJob, Submission, Submitted, User, new_id};
use geocrop_raster::{Aoi, CogSpec, TILE_SIZE, TileResampling, TileSpec, write_pmtiles};
use geocrop_store::publish::{Staged, publish};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ContentHash, ContentType, Period, Slug, Store, layout};
use serde_json::{Map, json};

use crate::ApiState;
use crate::accepted::parse_accepted;
use crate::layers::cut::{self, Answer};
use crate::layers::{Layer, Layers, statistics};
use crate::objects::blocking;
use crate::problem::Problem;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Answers a job from published maps, if they cover its area whole. `None`: they do not, and it has to be made.
pub(crate) async fn answer(
    state: &ApiState,
    user: &User,
    new: &NewJob,
    submission: &Submission<'_>,
    keep: Duration,
) -> Result<Option<Submitted>, Problem> {
    let (Some(recipe), Some(period), Some(text)) = (&new.recipe, &new.period, &new.aoi_geojson)
    else {
        return Ok(None);
    };
    let Some(layer) = published(state, recipe, period).await? else {
        return Ok(None);
    };
    if let Some(job) = state.database().made_before(submission).await? {
        return Ok(Some(Submitted::Repeated(job)));
    }
    let id: Slug = new_id()
        .parse()
        .map_err(|error: geocrop_store::StoreError| Problem::internal(&error))?;
    let cutting = Cutting {
        layers: Arc::clone(state.layers()),
        store: state.store().clone(),
        layer,
        aoi: parse_accepted(text).map_err(|error| Problem::internal(&error))?,
        tenant: user.tenant.clone(),
        job: id.clone(),
    };
    let cut = state.layers().crew().run(move |_| cutting.run()).await?;
    match cut {
        Ok(Some(result_key)) => {
            let noted = state
                .database()
                .record_answered(submission, id.as_str(), &result_key, keep)
                .await;
            if !matches!(noted, Ok(Submitted::New(_))) {
                // Files that no job knows of are nobody's: the same request came twice at once, or it could not be noted.
                let folder = layout::job_folder(&user.tenant, &id);
                blocking(state.store(), move |store| store.delete_prefix(&folder)).await?;
            }
            Ok(Some(noted?))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            // What cannot be cut can be made.
            tracing::warn!(%error, "a published map could not be cut; the job waits for a worker");
            Ok(None)
        }
    }
}

/// The layer, if it is published.
async fn published(
    state: &ApiState,
    recipe: &Slug,
    period: &Period,
) -> Result<Option<Arc<Layer>>, Problem> {
    match state.layers().layer(recipe, period).await {
        Ok(layer) => Ok(Some(layer)),
        Err(problem) if problem.is_not_found() => Ok(None),
        Err(problem) => Err(problem),
    }
}

struct Cutting {
    layers: Arc<Layers>,
    store: Store,
    layer: Arc<Layer>,
    aoi: Aoi,
    tenant: Slug,
    job: Slug,
}

impl Cutting {
    /// Cuts and publishes; the key of the item. `None` where the layer does not cover the area.
    fn run(&self) -> Result<Option<String>, Failure> {
        let scratch = tempfile::tempdir()?;
        let map = scratch.path().join("map.tif");
        let spec = CogSpec {
            description: format!("{}, cut from published maps", self.layer.title),
            category_names: Vec::new(),
            ..CogSpec::default()
        };
        // A map that was replaced a moment ago is opened anew, once.
        let write = || cut::write(&self.layers, &self.layer, &self.aoi, &map, &spec);
        let Some(answer) = write().or_else(|_| write())? else {
            return Ok(None);
        };
        let tiles = scratch.path().join("map.pmtiles");
        let report = write_pmtiles(
            &map,
            &tiles,
            &TileSpec {
                name: self.layer.title.clone(),
                attribution: self.layer.attribution.clone().unwrap_or_default(),
                description: spec.description.clone(),
                max_zoom: None,
                resampling: TileResampling::Nearest,
                metadata: Map::new(),
            },
            &|_, _| true,
        )?;
        let Some(mut item) = self.first_item(&answer)? else {
            return Ok(None);
        };
        if let Some(tiles) = item.assets.get_mut("tiles") {
            for (name, value) in [
                ("geocrop:min_zoom", json!(report.min_zoom)),
                ("geocrop:max_zoom", json!(report.max_zoom)),
                ("geocrop:tile_size", json!(TILE_SIZE)),
            ] {
                tiles.extra.insert(name.to_owned(), value);
            }
        }
        let keys = layout::job(&self.tenant, &self.job, &self.aoi.slug.parse()?);
        let files = [
            Staged::file("map", keys.map(), &map),
            Staged::file("tiles", keys.tiles(&ContentHash::of_file(&tiles)?), &tiles),
            Staged::bytes(
                "statistics",
                keys.statistics(),
                statistics::json_of(&self.layer, &answer)?,
            ),
        ];
        publish(&self.store, &keys, &files, item)?;
        Ok(Some(keys.item()))
    }

    /// The item of the first map that a pixel is from, as that of the cut.
    fn first_item(&self, answer: &Answer) -> Result<Option<Item>, Failure> {
        let Some(first) = answer.items.first() else {
            return Ok(None);
        };
        let Some(bytes) = self.store.get(&first.item_key)? else {
            return Ok(None);
        };
        let source: Item = serde_json::from_slice(&bytes)?;
        let known = ["map", "tiles", "statistics"];
        let mut item = source.clone();
        item.assets.retain(|name, _| known.contains(&name.as_str()));
        for (name, content) in [
            ("map", ContentType::Cog),
            ("tiles", ContentType::PmTiles),
            ("statistics", ContentType::Json),
        ] {
            let asset = item.assets.entry(name.to_owned());
            asset.or_insert_with(|| Asset::new("", content));
        }
        for asset in item.assets.values_mut() {
            // Shapes, sizes and hashes are of the whole map.
            asset
                .extra
                .retain(|name, _| !name.starts_with("proj:") && !name.starts_with("file:"));
        }
        self.aoi.slug.clone_into(&mut item.id);
        item.geometry = self.aoi.to_geojson_geometry();
        item.bbox = self.aoi.lonlat_bounds().to_vec();
        item.collection = None;
        item.links.clear();
        let from: Vec<&str> = answer
            .items
            .iter()
            .map(|item| item.item_key.as_str())
            .collect();
        let extra = &mut item.properties.extra;
        extra.retain(|name, _| !name.starts_with("proj:"));
        extra.insert("geocrop:source".to_owned(), json!("precomputed"));
        extra.insert("geocrop:cut_from".to_owned(), json!(from));
        Ok(Some(item))
    }
}
