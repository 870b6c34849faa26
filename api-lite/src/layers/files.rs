//! Maps that are open: their headers stay in memory, a few hundred at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use geocrop_raster::xyz::TileSource;
use geocrop_raster::{ClassFile, Outline, RasterError};
use geocrop_store::{Store, StoreError};

use super::index::{Area, MapFile};
use super::object::ObjectReader;

/// A header is some kilobytes, and in a folder an open file.
const MOST: usize = 256;

/// Why a published map cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The raster.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A map that is open.
pub(crate) struct OpenMap {
    pub(crate) source: TileSource,
    /// Of a pixel, where all have the same.
    pub(crate) pixel_area_m2: Option<f64>,
    /// Where the map holds, in its own coordinate system.
    pub(crate) outline: Option<Outline>,
}

/// The maps that are open.
pub(crate) struct Files {
    store: Store,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// By key and version, with when each was last used.
    maps: HashMap<(String, String), (Arc<OpenMap>, u64)>,
    uses: u64,
}

impl Files {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            open: Mutex::default(),
        }
    }

    /// A file of an area, open.
    pub(crate) fn get(&self, area: &Area, file: &MapFile) -> Result<Arc<OpenMap>, FileError> {
        let name = (file.key.clone(), file.version.clone());
        if let Some(map) = self.find(&name) {
            return Ok(map);
        }
        // Two threads may open one map at the same time; nobody waits for the other.
        let map = Arc::new(self.read(area, &file.key)?);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.maps.len() >= MOST
            && let Some(oldest) = open.maps.iter().min_by_key(|(_, (_, used))| *used)
        {
            let oldest = oldest.0.clone();
            open.maps.remove(&oldest);
        }
        open.uses += 1;
        let used = open.uses;
        open.maps.insert(name, (Arc::clone(&map), used));
        Ok(map)
    }

    /// Forgets a file, because it could not be read: it may have been replaced.
    pub(crate) fn forget(&self, file: &MapFile) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.maps.remove(&(file.key.clone(), file.version.clone()));
    }

    fn find(&self, name: &(String, String)) -> Option<Arc<OpenMap>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let now = open.uses;
        let (map, used) = open.maps.get_mut(name)?;
        *used = now;
        Some(Arc::clone(map))
    }

    fn read(&self, area: &Area, key: &str) -> Result<OpenMap, FileError> {
        let source = match self.store.local_root() {
            // Keys are made by the store's layout and cannot climb.
            Some(folder) => TileSource::file(&folder.join(key))?,
            None => TileSource::behind(Arc::new(ObjectReader::open(&self.store, key)?), key)?,
        };
        let grid = source.class_file().and_then(ClassFile::grid);
        let outline = grid.as_ref().and_then(|grid| {
            let aoi = area.aoi.as_ref()?;
            aoi.outline(grid.crs).ok()
        });
        Ok(OpenMap {
            pixel_area_m2: grid.and_then(|grid| grid.pixel_area_m2().ok()),
            outline,
            source,
        })
    }
}
