//! The newest layer and the newest scene: how old is what the map shows?
//!
//! Items say nothing of when they were made, so that equal inputs give equal bytes; when one was published is when the
//! store last took it. Items are read again only when a collection has changed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use geocrop_store::{Entry, ResultKeys, Store, StoreError, layout};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The layer that was published last.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct NewestLayer {
    /// Key of its STAC item in the store.
    #[schema(example = "layers/ndvi/2024/mazowe.json")]
    pub(crate) item: String,
    /// Its name for people.
    pub(crate) title: String,
    /// When the store took it (RFC 3339).
    pub(crate) published: String,
    /// Whether it is of the made landscape.
    pub(crate) synthetic: bool,
}

/// The latest acquisition that any layer was made of.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct NewestScene {
    /// The scene's name in its catalog.
    pub(crate) id: String,
    /// When it was taken (RFC 3339).
    pub(crate) datetime: String,
    /// Key of the STAC item of a layer that was made of it.
    pub(crate) item: String,
    /// Whether it is of the made landscape.
    pub(crate) synthetic: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Newest {
    pub(crate) layer: Option<NewestLayer>,
    pub(crate) scene: Option<NewestScene>,
}

/// What is known of the published items.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What the collections looked like when the items were last listed.
    collections: Vec<(String, String)>,
    /// Items by key, with what tells their bytes from others.
    items: HashMap<String, (String, Known)>,
    pub(super) newest: Newest,
    /// Key of the tiles of the newest layer that has some.
    pub(super) tiles: Option<String>,
}

/// What is kept of an item.
#[derive(Debug, Clone)]
struct Known {
    title: String,
    synthetic: bool,
    tiles: Option<String>,
    scene: Option<(DateTime<Utc>, String)>,
}

#[derive(Deserialize)]
struct Linked {
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    id: String,
    properties: Properties,
    #[serde(default)]
    assets: HashMap<String, Asset>,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(default)]
    title: Option<String>,
    #[serde(default, rename = "geocrop:synthetic")]
    synthetic: bool,
    #[serde(default, rename = "geocrop:scenes")]
    scenes: Vec<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    id: String,
    #[serde(default)]
    datetime: Option<String>,
}

#[derive(Deserialize)]
struct Asset {
    href: String,
}

impl Seen {
    /// The same, brought up to date; or as it was with what went wrong. A store that is not `there` afterwards went away while it
    /// was read, and then it looked empty.
    pub(super) fn refreshed(
        self,
        store: &Store,
        there: impl Fn(&Store) -> bool,
    ) -> (Self, Option<StoreError>) {
        match self.read(store) {
            Ok(None) => (self, None),
            Ok(Some(_)) if !there(store) => {
                let key = layout::catalog().to_owned();
                (self, Some(StoreError::NotFound { key }))
            }
            Ok(Some(now)) => (now, None),
            Err(error) => (self, Some(error)),
        }
    }

    /// `None`: nothing has changed.
    fn read(&self, store: &Store) -> Result<Option<Self>, StoreError> {
        let collections = collections(store)?;
        if collections == self.collections {
            return Ok(None);
        }
        let mut items = HashMap::new();
        let (mut newest, mut tiles) = (Newest::default(), None);
        let (mut published_last, mut tiled_last, mut taken_last) = (None, None, None);
        for entry in store.list(layout::layers_folder())? {
            let Some(keys) = ResultKeys::from_item(&entry.key) else {
                continue;
            };
            let tag = tag(&entry);
            let known = match self.items.get(&entry.key) {
                Some((same, known)) if *same == tag => known.clone(),
                _ => match store
                    .get(&entry.key)?
                    .as_deref()
                    .and_then(|b| known(b, &keys))
                {
                    Some(known) => known,
                    // Removed meanwhile, or not an item of ours.
                    None => continue,
                },
            };
            if published_last < Some(entry.modified) {
                published_last = Some(entry.modified);
                newest.layer = Some(NewestLayer {
                    item: entry.key.clone(),
                    title: known.title.clone(),
                    published: crate::routes::time(entry.modified),
                    synthetic: known.synthetic,
                });
            }
            if known.tiles.is_some() && tiled_last < Some(entry.modified) {
                tiled_last = Some(entry.modified);
                tiles.clone_from(&known.tiles);
            }
            if let Some((taken, id)) = &known.scene
                && taken_last < Some(*taken)
            {
                taken_last = Some(*taken);
                newest.scene = Some(NewestScene {
                    id: id.clone(),
                    datetime: crate::routes::time(*taken),
                    item: entry.key.clone(),
                    synthetic: known.synthetic,
                });
            }
            items.insert(entry.key, (tag, known));
        }
        Ok(Some(Self {
            collections,
            items,
            newest,
            tiles,
        }))
    }
}

/// The collections that the catalog names, each with what tells its bytes from others: publishing writes them last.
fn collections(store: &Store) -> Result<Vec<(String, String)>, StoreError> {
    let Some(bytes) = store.get(layout::catalog())? else {
        return Ok(Vec::new());
    };
    // A damaged catalog names nothing; the store's own check tells of it.
    let catalog = serde_json::from_slice::<Linked>(&bytes).unwrap_or(Linked { links: Vec::new() });
    let children = catalog.links.into_iter().filter(|link| link.rel == "child");
    children
        .map(|link| {
            let key = link.href.trim_start_matches("./").to_owned();
            let tag = store.head(&key)?.as_ref().map(tag).unwrap_or_default();
            Ok((key, tag))
        })
        .collect()
}

fn tag(entry: &Entry) -> String {
    format!(
        "{} {} {}",
        entry.size,
        entry.modified.timestamp_micros(),
        entry.etag.as_deref().unwrap_or_default()
    )
}

fn known(bytes: &[u8], keys: &ResultKeys) -> Option<Known> {
    let item: Item = serde_json::from_slice(bytes).ok()?;
    let tiles = item.assets.get("tiles");
    Some(Known {
        title: item.properties.title.unwrap_or(item.id),
        synthetic: item.properties.synthetic,
        tiles: tiles.and_then(|asset| keys.referred(&asset.href)),
        scene: item
            .properties
            .scenes
            .into_iter()
            .filter_map(|scene| {
                let taken = DateTime::parse_from_rfc3339(scene.datetime.as_deref()?).ok()?;
                Some((taken.to_utc(), scene.id))
            })
            .max(),
    })
}
