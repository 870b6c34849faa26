//! The table `[post]`: what is done to a map after it was classified, and the checks of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use geocrop_model::Unit;
use geocrop_raster::{Crs, Grid};
use serde::Deserialize;
use toml::Spanned;

use super::file::Origin;
use super::{Output, Raster, RecipeError};
use crate::prepare::conversion;

/// What is done to a map after it was made, always in this order: masks, majority filter, minimum mapping unit,
/// clipping. A recipe without the table has only the clipping.
#[derive(Debug, Clone)]
pub struct Post {
    /// Places where the map says something else, one after another.
    pub masks: Vec<PostMask>,
    /// Edge of the majority filter's window in pixels: odd, 3 to [`WIDEST_WINDOW`].
    pub majority: Option<usize>,
    /// Patches that are smaller become part of their surroundings.
    pub unit: Option<MappingUnit>,
    /// Whether pixels outside the area are nodata; otherwise the whole rectangle around it is mapped.
    pub clip: bool,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            masks: Vec::new(),
            majority: None,
            unit: None,
            clip: true,
        }
    }
}

/// The smallest patch that a map shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MappingUnit {
    /// As the recipe has it.
    pub hectares: f64,
    /// The same in whole pixels of the recipe's grid, rounded up: 2 to [`LARGEST_UNIT`].
    pub pixels: usize,
    /// Which pixels make a patch.
    pub connectivity: Connectivity,
}

/// Which neighbours of a pixel belong to its patch when they have its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share an edge.
    Four,
    /// Those that share a corner as well: a stream that runs diagonally is one patch.
    Eight,
}

impl Connectivity {
    /// 4 or 8.
    pub fn neighbours(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// Pixels that the map shows otherwise than the model says.
#[derive(Debug, Clone)]
pub struct PostMask {
    /// Which pixels.
    pub place: MaskPlace,
    /// The legend's value that they get; nodata if `None`.
    pub value: Option<u8>,
}

/// Where a mask holds.
#[derive(Debug, Clone)]
pub enum MaskPlace {
    /// Where one of the recipe's rasters lies beyond a threshold. Where it has no data, the mask does not hold.
    Raster {
        /// The raster's name in `[rasters]`.
        name: String,
        /// The unit of the thresholds.
        unit: Unit,
        /// Holds above this.
        above: Option<f32>,
        /// Holds below this; with `above`, either is enough.
        below: Option<f32>,
    },
    /// Where the centre of a pixel lies in one of the polygons of a `GeoJSON` file.
    Polygons {
        /// The file: beside the recipe, or in the data set's folder.
        path: PathBuf,
        /// The data set of `datasets.toml` that holds it.
        dataset: Option<String>,
    },
}

/// The widest window of a majority filter, in pixels.
pub const WIDEST_WINDOW: usize = 31;

/// The largest mapping unit, in pixels. A patch must be seen whole before it is judged, so memory grows with the square
/// of the unit; and who wants a larger one wants a coarser grid.
pub const LARGEST_UNIT: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostTable {
    #[serde(default)]
    mask: Vec<Spanned<MaskTable>>,
    majority: Option<Spanned<i64>>,
    minimum_mapping_unit_ha: Option<Spanned<f64>>,
    connectivity: Option<Spanned<i64>>,
    #[serde(default = "yes")]
    clip: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaskTable {
    raster: Option<String>,
    above: Option<f32>,
    below: Option<f32>,
    unit: Option<String>,
    polygons: Option<String>,
    dataset: Option<String>,
    value: Option<u8>,
}

/// What the table is checked against.
pub(super) struct Context<'a> {
    pub(super) rasters: &'a BTreeMap<String, Raster>,
    pub(super) output: &'a Output,
    pub(super) crs: Crs,
    pub(super) resolution: f64,
    /// The recipe's folder: paths are relative to it.
    pub(super) folder: &'a Path,
}

impl Context<'_> {
    pub(super) fn check(
        &self,
        origin: &Origin<'_>,
        table: Option<PostTable>,
    ) -> Result<Post, RecipeError> {
        let Some(table) = table else {
            return Ok(Post::default());
        };
        let masks = table
            .mask
            .iter()
            .map(|mask| self.mask(origin, mask))
            .collect::<Result<_, _>>()?;
        let majority = table.majority.map(|edge| self.majority(origin, &edge));
        if let (None, Some(at)) = (&table.minimum_mapping_unit_ha, &table.connectivity) {
            return Err(origin.error(
                at,
                "connectivity says what a patch is, and there is no minimum_mapping_unit_ha to be compared with: add it, or leave connectivity out",
            ));
        }
        let connectivity = match table.connectivity {
            None => Connectivity::Eight,
            Some(number) => match number.get_ref() {
                4 => Connectivity::Four,
                8 => Connectivity::Eight,
                other => {
                    return Err(origin.error(
                        &number,
                        format!("connectivity = {other}: 4 (pixels that share an edge) or 8 (or a corner)"),
                    ));
                }
            },
        };
        let unit = table.minimum_mapping_unit_ha;
        let unit = unit.map(|hectares| self.unit(origin, &hectares, connectivity));
        Ok(Post {
            masks,
            majority: majority.transpose()?,
            unit: unit.transpose()?,
            clip: table.clip,
        })
    }

    fn majority(&self, origin: &Origin<'_>, edge: &Spanned<i64>) -> Result<usize, RecipeError> {
        self.needs_classes(origin, edge, "majority")?;
        let found = *edge.get_ref();
        usize::try_from(found)
            .ok()
            .filter(|edge| edge % 2 == 1 && (3..=WIDEST_WINDOW).contains(edge))
            .ok_or_else(|| {
                origin.error(
                    edge,
                    format!(
                        "majority = {found}: the edge of the window in pixels, an odd number from 3 to {WIDEST_WINDOW}"
                    ),
                )
            })
    }

    fn unit(
        &self,
        origin: &Origin<'_>,
        hectares: &Spanned<f64>,
        connectivity: Connectivity,
    ) -> Result<MappingUnit, RecipeError> {
        self.needs_classes(origin, hectares, "minimum_mapping_unit_ha")?;
        let found = *hectares.get_ref();
        let pixel = Grid {
            crs: self.crs,
            x0: 0.0,
            y0: 0.0,
            resolution: self.resolution,
            width: 1,
            height: 1,
        };
        let pixel_ha = pixel
            .pixel_area_m2()
            .map_err(|e| origin.error(hectares, format!("minimum_mapping_unit_ha: {e}")))?
            / 10_000.0;
        // A patch of exactly the unit stays, and 0.3 ha are 30 pixels although 0.3 / 0.01 is a little more.
        let pixels = (found / pixel_ha - 1e-6).ceil();
        if !(pixels >= 2.0 && pixels <= LARGEST_UNIT as f64) {
            return Err(origin.error(
                hectares,
                format!(
                    "minimum_mapping_unit_ha = {found}: a pixel has {pixel_ha} ha, so give more than that and at most {} ha ({LARGEST_UNIT} pixels)",
                    pixel_ha * LARGEST_UNIT as f64
                ),
            ));
        }
        Ok(MappingUnit {
            hectares: found,
            pixels: pixels as usize,
            connectivity,
        })
    }

    fn needs_classes<T>(
        &self,
        origin: &Origin<'_>,
        at: &Spanned<T>,
        key: &str,
    ) -> Result<(), RecipeError> {
        if self.output.legend().is_some() {
            return Ok(());
        }
        Err(origin.error(
            at,
            format!(
                "{key} works on classes, and this recipe maps an index or a picture: leave it out"
            ),
        ))
    }

    fn mask(
        &self,
        origin: &Origin<'_>,
        mask: &Spanned<MaskTable>,
    ) -> Result<PostMask, RecipeError> {
        let table = mask.get_ref();
        let refuse = |message: String| origin.error(mask, message);
        if let Some(value) = table.value {
            let Some(legend) = self.output.legend() else {
                return Err(refuse(format!(
                    "value = {value}: an index or a picture has no classes; without `value` the masked pixels are nodata"
                )));
            };
            if legend.get(value).is_none() {
                return Err(refuse(format!(
                    "value = {value} is not in the [[legend]]; add the class, or leave `value` out for nodata"
                )));
            }
        }
        let place = match (&table.raster, &table.polygons) {
            (Some(raster), None) => self.beyond(&refuse, raster, table)?,
            (None, Some(path)) => self.inside(&refuse, path, table)?,
            _ => {
                return Err(refuse(
                    "a [[post.mask]] has either `raster` with `above` or `below` and `unit`, or `polygons`".into(),
                ));
            }
        };
        Ok(PostMask {
            place,
            value: table.value,
        })
    }

    fn beyond(
        &self,
        refuse: &dyn Fn(String) -> RecipeError,
        name: &str,
        table: &MaskTable,
    ) -> Result<MaskPlace, RecipeError> {
        if table.dataset.is_some() {
            return Err(refuse(
                "`dataset` says where polygons lie; a raster's place is the source's business"
                    .into(),
            ));
        }
        let Some(raster) = self.rasters.get(name) else {
            let known: Vec<&str> = self.rasters.keys().map(String::as_str).collect();
            return Err(refuse(format!(
                "raster = \"{name}\": the recipe's [rasters] are {}; add [rasters.{name}] with its unit",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            )));
        };
        if raster.seasonal {
            return Err(refuse(format!(
                "raster = \"{name}\" has one value per season; a mask needs a raster that holds for the whole period"
            )));
        }
        let finite = |v: Option<f32>| v.is_none_or(f32::is_finite);
        if (table.above.is_none() && table.below.is_none())
            || !finite(table.above)
            || !finite(table.below)
        {
            return Err(refuse(format!(
                "the mask by \"{name}\" needs a threshold: `above = NUMBER`, `below = NUMBER`, or both"
            )));
        }
        if let (Some(above), Some(below)) = (table.above, table.below)
            && below > above
        {
            return Err(refuse(format!(
                "above = {above} and below = {below} hold everywhere together: `below` is the lower of the two"
            )));
        }
        let Some(unit) = &table.unit else {
            return Err(refuse(format!(
                "the mask by \"{name}\" needs the unit of its threshold, such as unit = \"{}\"",
                raster.unit
            )));
        };
        let unit: Unit = unit.parse().map_err(|e| refuse(format!("{e}")))?;
        if conversion(raster.unit, unit).is_none() {
            return Err(refuse(format!(
                "the raster \"{name}\" is in {}, which cannot be turned into {unit}",
                raster.unit
            )));
        }
        Ok(MaskPlace::Raster {
            name: name.to_owned(),
            unit,
            above: table.above,
            below: table.below,
        })
    }

    fn inside(
        &self,
        refuse: &dyn Fn(String) -> RecipeError,
        path: &str,
        table: &MaskTable,
    ) -> Result<MaskPlace, RecipeError> {
        if table.above.is_some() || table.below.is_some() || table.unit.is_some() {
            return Err(refuse(
                "`above`, `below` and `unit` are thresholds of a raster; polygons have none".into(),
            ));
        }
        let path = Path::new(path);
        if path.as_os_str().is_empty() || path.is_absolute() {
            return Err(refuse(
                "polygons: a path relative to the recipe, or to the folder of its `dataset`; an absolute one would work on one machine only".into(),
            ));
        }
        Ok(MaskPlace::Polygons {
            path: match table.dataset {
                Some(_) => path.to_owned(),
                None => self.folder.join(path),
            },
            dataset: table.dataset.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    fn parse(post: &str) -> Result<Recipe, RecipeError> {
        let shipped = include_str!("../../../recipes/cropland-southeast-africa.toml");
        // In front of the legend, with which every recipe of classes ends; without a table of its own.
        let (head, legend) = shipped.split_once("[[legend]]").unwrap();
        let head = head.split("[post]").next().unwrap();
        let text = format!("{head}\n{post}\n[[legend]]{legend}");
        Recipe::parse(&text, "recipes/test.toml")
    }

    #[test]
    fn a_recipe_without_the_table_is_only_clipped() {
        let post = parse("").unwrap().post;
        assert!(post.clip && post.masks.is_empty() && post.majority.is_none());
    }

    #[test]
    fn hectares_become_whole_pixels_rounded_up() {
        for (hectares, pixels) in [("0.3", 30), ("0.5", 50), ("0.101", 11), ("0.02", 2)] {
            let recipe = parse(&format!("[post]\nminimum_mapping_unit_ha = {hectares}"));
            let unit = recipe.unwrap().post.unit.unwrap();
            assert_eq!(
                (unit.pixels, unit.connectivity),
                (pixels, Connectivity::Eight)
            );
        }
    }

    #[test]
    fn polygons_lie_beside_the_recipe_or_in_a_data_set() {
        let recipe = Recipe::parse_in(
            &[
                include_str!("../../../recipes/ndvi.toml"),
                "[post]\n[[post.mask]]\npolygons = \"parks.geojson\"\n[[post.mask]]\npolygons = \"parks.geojson\"\ndataset = \"parks\"",
            ]
            .join("\n"),
            "ndvi.toml",
            Path::new("recipes"),
        )
        .unwrap();
        let place = |k: usize| match &recipe.post.masks[k].place {
            MaskPlace::Polygons { path, dataset } => (path.clone(), dataset.clone()),
            MaskPlace::Raster { .. } => panic!("no raster was named"),
        };
        assert_eq!(place(0), (PathBuf::from("recipes/parks.geojson"), None));
        assert_eq!(
            place(1),
            (PathBuf::from("parks.geojson"), Some("parks".into()))
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line_and_what_to_write() {
        let cases = [
            ("[post]\nmajority = 4", "odd number from 3"),
            ("[post]\nmajority = -3", "odd number from 3"),
            ("[post]\nmajority = 33", "odd number from 3 to 31"),
            (
                "[post]\nminimum_mapping_unit_ha = 0.01",
                "a pixel has 0.01 ha",
            ),
            ("[post]\nminimum_mapping_unit_ha = 11", "at most 5 ha"),
            ("[post]\nminimum_mapping_unit_ha = nan", "a pixel has"),
            ("[post]\nconnectivity = 4", "no minimum_mapping_unit_ha"),
            (
                "[post]\nminimum_mapping_unit_ha = 0.5\nconnectivity = 6",
                "4 (pixels",
            ),
            ("[post]\nmedian = 3", "unknown field `median`"),
            ("[[post.mask]]\nvalue = 0", "either `raster`"),
            (
                "[[post.mask]]\nraster = \"slope\"\npolygons = \"a\"",
                "either `raster`",
            ),
            (
                "[[post.mask]]\nraster = \"water\"\nabove = 1\nunit = \"one\"",
                "add [rasters.water]",
            ),
            (
                "[[post.mask]]\nraster = \"rain\"\nabove = 1\nunit = \"mm\"",
                "one value per season",
            ),
            (
                "[[post.mask]]\nraster = \"slope\"\nunit = \"degree\"",
                "needs a threshold",
            ),
            (
                "[[post.mask]]\nraster = \"slope\"\nabove = inf\nunit = \"degree\"",
                "needs a threshold",
            ),
            (
                "[[post.mask]]\nraster = \"slope\"\nabove = 50",
                "unit = \"%\"",
            ),
            (
                "[[post.mask]]\nraster = \"slope\"\nabove = 50\nunit = \"inch\"",
                "not a known unit",
            ),
            (
                "[[post.mask]]\nraster = \"slope\"\nabove = 50\nunit = \"mm\"",
                "cannot be turned into",
            ),
            (
                "[[post.mask]]\nraster = \"slope\"\nabove = 5\nbelow = 9\nunit = \"%\"",
                "everywhere",
            ),
            (
                "[[post.mask]]\npolygons = \"/tmp/a.geojson\"",
                "relative to the recipe",
            ),
            (
                "[[post.mask]]\npolygons = \"a.geojson\"\nabove = 3",
                "polygons have none",
            ),
            (
                "[[post.mask]]\npolygons = \"a.geojson\"\nvalue = 7",
                "not in the [[legend]]",
            ),
        ];
        for (post, word) in cases {
            let message = parse(post).unwrap_err().to_string();
            assert!(message.contains(word), "{post}: {message}");
            assert!(message.starts_with("recipes/test.toml"), "{message}");
        }
    }

    #[test]
    fn filters_of_classes_are_refused_for_an_index() {
        let ndvi = include_str!("../../../recipes/ndvi.toml").trim_end();
        for post in ["majority = 3", "minimum_mapping_unit_ha = 0.5"] {
            let error = Recipe::parse(&format!("{ndvi}\n[post]\n{post}"), "ndvi.toml");
            let message = error.unwrap_err().to_string();
            assert!(message.contains("works on classes"), "{message}");
            let line = ndvi.lines().count() + 2;
            assert!(
                message.starts_with(&format!("ndvi.toml:{line}:")),
                "{message}"
            );
        }
    }
}
