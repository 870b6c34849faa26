//! A source, opened: where it lies, what it offers, and the scenes that answer a question.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::description::{AncillaryDescription, Api, Description, Kind, inferred_api};
use crate::error::SourceError;
use crate::folder::{self, Pattern};
use crate::http::{Http, Network};
use crate::location::Location;
use crate::query::Query;
use crate::scene::Scene;
use crate::{api, catalog, fingerprint};

/// A description with the place that its relative paths start from.
#[derive(Debug, Clone)]
pub struct Source {
    description: Description,
    /// A document in the folder that relative paths start from.
    base: Location,
    /// The catalogue, the API's root, or the folder.
    root: Location,
    http: Arc<Http>,
}

impl Source {
    /// Opens a source: a description (`*.toml`), a catalogue (`*.json`, on disk or over HTTP), the URL of a STAC API, or
    /// a folder: one with a `source.toml` or a `catalog.json` in it, or rasters named `{date}_{band}.tif`.
    ///
    /// `datasets_root` is the folder where pulled datasets lie; a description that names a `dataset` needs it. Only the
    /// description is read: what it points to is asked by the first search.
    pub fn open(location: &str, datasets_root: Option<&Path>) -> Result<Self, SourceError> {
        Self::open_with(location, datasets_root, Network::default())
    }

    /// As [`Source::open`], with a patience of your own.
    pub fn open_with(
        location: &str,
        datasets_root: Option<&Path>,
        network: Network,
    ) -> Result<Self, SourceError> {
        let http = Arc::new(Http::new(network));
        let refused = |reason: String| SourceError::Location {
            location: location.to_owned(),
            reason,
        };
        let mut place = Location::typed(location).map_err(refused)?;
        if let Location::File(path) = &place {
            if !path.exists() {
                return Err(refused(
                    "there is no such file or folder; a source is a .toml description, a catalog.json, a folder, or the URL of a STAC API"
                        .to_owned(),
                ));
            }
            for inside in ["source.toml", "catalog.json"] {
                let inside = path.join(inside);
                if inside.is_file() {
                    place = Location::File(inside);
                    break;
                }
            }
        }
        if place.has_extension("toml") {
            let bytes = catalog::read(&http, &place)?;
            let text = String::from_utf8_lossy(&bytes);
            let description = Description::parse(&text, &place.to_string())?;
            return Self::described(description, place, datasets_root, http);
        }
        let is_folder = matches!(&place, Location::File(path) if path.is_dir());
        let api = if is_folder {
            Api::Folder {
                pattern: Pattern::usual(Kind::Scenes).to_owned(),
            }
        } else if place.has_extension("json") || matches!(place, Location::Url(_)) {
            inferred_api(&place.to_string())
        } else {
            return Err(refused(
                "it is neither a .toml description, nor a .json catalogue, nor a folder".to_owned(),
            ));
        };
        let description = Description::bare(&bare_name(&place), &place.to_string(), api);
        Ok(Self {
            description,
            base: place.clone(),
            root: place,
            http,
        })
    }

    fn described(
        description: Description,
        place: Location,
        datasets_root: Option<&Path>,
        http: Arc<Http>,
    ) -> Result<Self, SourceError> {
        let base = match &description.dataset {
            None => place,
            Some(dataset) => {
                let lacking = |found: String| SourceError::Dataset {
                    source_name: description.name.clone(),
                    dataset: dataset.clone(),
                    found,
                };
                let folder = datasets_root
                    .ok_or_else(|| lacking("no folder of datasets is known".to_owned()))?;
                let folder = std::path::absolute(folder).map_err(|e| lacking(e.to_string()))?;
                let base = Location::File(folder.join("datasets.toml"));
                let file = base.resolve(&description.url);
                if let Ok(Location::File(path)) = &file
                    && !path.exists()
                {
                    return Err(lacking(format!("{} is not there", path.display())));
                }
                base
            }
        };
        let root = base
            .resolve(&description.url)
            .map_err(|reason| SourceError::Href {
                place: format!("source `{}`", description.name),
                href: description.url.clone(),
                reason,
            })?;
        let fits = match (&description.api, &root) {
            (Api::Stac, Location::Url(url)) => url.scheme() != "s3",
            (Api::Static, _) | (Api::Folder { .. }, Location::File(_)) => true,
            _ => false,
        };
        if !fits {
            return Err(SourceError::Location {
                location: root.to_string(),
                reason: "a STAC API is an http address, and a folder is on this machine".to_owned(),
            });
        }
        Ok(Self {
            description,
            base,
            root,
            http,
        })
    }

    /// No source in particular, for plans that assume their scenes. Any search of it fails.
    pub fn unknown() -> Self {
        let place = Location::File(std::path::PathBuf::from("no imagery was named"));
        let description = Description::bare("any source", &place.to_string(), Api::Static);
        Self {
            description,
            base: place.clone(),
            root: place,
            http: Arc::new(Http::new(Network::default())),
        }
    }

    /// A source as it was when a task was planned, for making the task again from inputs that are known. `base` is what
    /// [`Source::base_address`] said then; nothing is searched and nothing needs to be there.
    ///
    /// # Errors
    /// When `base` is neither a path nor an address.
    pub fn remembered(description: Description, base: &str) -> Result<Self, SourceError> {
        let place = Location::typed(base).map_err(|reason| SourceError::Location {
            location: base.to_owned(),
            reason,
        })?;
        Ok(Self {
            description,
            base: place.clone(),
            root: place,
            http: Arc::new(Http::new(Network::default())),
        })
    }

    /// The document whose folder the description's relative paths start from.
    pub fn base_address(&self) -> String {
        self.base.to_string()
    }

    /// What the source holds and under which terms.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The scenes that answer the query, by time and then by id.
    ///
    /// A scene counts when its box touches the query's and its time lies in the season; an interval, such as a monthly
    /// composite's, when its middle does.
    pub fn scenes(&self, query: &Query) -> Result<Vec<Scene>, SourceError> {
        let mut scenes = match (&self.description.api, &self.root) {
            (Api::Stac, Location::Url(root)) => {
                api::scenes(&self.http, root, &self.description, query)?
            }
            (Api::Folder { pattern }, Location::File(folder)) => {
                folder::scenes(folder, pattern, &self.description, query)?
            }
            _ => catalog::scenes(&self.http, &self.root, &self.description, query)?,
        };
        scenes.sort_by(|a, b| {
            (a.datetime, &a.id, &a.collection).cmp(&(b.datetime, &b.id, &b.collection))
        });
        scenes.dedup_by(|a, b| a.id == b.id && a.collection == b.collection);
        scenes.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(scenes)
    }

    /// The ready-made composites of a season with every band that the description names, one a tile.
    pub fn composites(
        &self,
        bbox: [f64; 4],
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Vec<Scene>, SourceError> {
        if self.description.kind != Kind::Composites {
            return Err(SourceError::NotComposites(self.description.name.clone()));
        }
        self.scenes(&Query {
            bbox,
            start,
            end,
            bands: self.description.bands.keys().cloned().collect(),
            optional_bands: Vec::new(),
            limit: None,
        })
    }

    /// Looks at every file of a scene, one `HEAD` for each remote one, and notes size, time of change and `ETag`. What
    /// cannot be found out stays as it was.
    pub fn fingerprint(&self, scene: &mut Scene) {
        fingerprint::refresh(&self.http, scene);
    }

    /// The description of a raster beside the scenes.
    pub fn raster(&self, name: &str) -> Option<&AncillaryDescription> {
        self.description.rasters.get(name)
    }

    /// Where the source has data: west, south, east, north in degrees. As described, else around the extents of a
    /// static catalogue's collections, which are read for it; `None` when neither says.
    pub fn extent(&self) -> Option<[f64; 4]> {
        self.description.bbox.or_else(|| {
            (self.description.api == Api::Static)
                .then(|| catalog::extent(&self.http, &self.root, &self.description))?
                .ok()?
        })
    }

    pub(crate) fn base(&self) -> &Location {
        &self.base
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }
}

/// A name for a source that has none: the folder's or the host's.
fn bare_name(place: &Location) -> String {
    let name = match place {
        Location::Url(url) => url.host_str().map(str::to_owned),
        Location::File(path) => {
            let folder = if path.is_dir() {
                Some(path.as_path())
            } else {
                path.parent()
            };
            folder
                .and_then(Path::file_name)
                .map(|name| name.to_string_lossy().into_owned())
        }
    };
    name.unwrap_or_else(|| "source".to_owned())
        .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-")
}

/// The datasets that a local description names, to be pulled before [`Source::open`]. Other locations name none.
///
/// # Errors
/// When the description cannot be read or parsed.
pub fn datasets_of(location: &str) -> Result<Vec<String>, SourceError> {
    let path = Path::new(location);
    if path.extension().is_none_or(|e| e != "toml") || !path.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path).map_err(|e| SourceError::Location {
        location: location.to_owned(),
        reason: e.to_string(),
    })?;
    let description = Description::parse(&text, location)?;
    Ok(description
        .datasets()
        .into_iter()
        .map(str::to_owned)
        .collect())
}
