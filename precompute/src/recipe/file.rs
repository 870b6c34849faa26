//! The TOML form of a recipe, and the checks that turn it into a [`Recipe`].

mod labels;
mod remote;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use geocrop_composite::{MaskGroup, MaskRecipe, scl_class};
use geocrop_model::{FeatureSet, Legend, LegendClass, Unit};
use geocrop_raster::{Crs, Resampling};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use labels::NetworkTable;
use remote::RemoteTable;

use super::output::{ClassModel, Output, RampStep};
use super::post::{self, PostTable};
use super::{
    Composite, Mask, Raster, Recipe, RecipeError, Season, Zone, definitions, feature_names,
    season_symbols, year_symbols,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    title: String,
    description: String,
    zone: Option<Zone>,
    grid: Grid,
    bands: Bands,
    mask: Option<MaskTable>,
    season: Spanned<Vec<Season>>,
    composite: Spanned<Composite>,
    #[serde(default)]
    rasters: BTreeMap<String, RasterTable>,
    features: Option<Spanned<Features>>,
    network: Option<Spanned<NetworkTable>>,
    model: Option<Spanned<ModelTable>>,
    index: Option<Spanned<IndexTable>>,
    picture: Option<Spanned<PictureTable>>,
    #[serde(default)]
    legend: Vec<LegendClass>,
    post: Option<PostTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grid {
    crs: Spanned<String>,
    resolution: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bands {
    names: Spanned<Vec<String>>,
    #[serde(default)]
    resampling: Interpolation,
    #[serde(default)]
    invalid: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaskTable {
    band: String,
    #[serde(default)]
    required: bool,
    group: Vec<GroupTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    classes: Spanned<Vec<String>>,
    #[serde(default)]
    opening: usize,
    #[serde(default)]
    dilation: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RasterTable {
    unit: Spanned<String>,
    #[serde(default)]
    resampling: Interpolation,
    #[serde(default)]
    seasonal: bool,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Interpolation {
    Nearest,
    #[default]
    Bilinear,
    Average,
    Cubic,
}

impl From<Interpolation> for Resampling {
    fn from(value: Interpolation) -> Self {
        match value {
            Interpolation::Nearest => Resampling::Nearest,
            Interpolation::Bilinear => Resampling::Bilinear,
            Interpolation::Average => Resampling::Average,
            Interpolation::Cubic => Resampling::Cubic,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Features {
    season: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    year: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelTable {
    name: String,
    #[serde(default = "production")]
    version: String,
    remote: Option<RemoteTable>,
    values: Vec<u8>,
    #[serde(default = "half")]
    threshold: f32,
}

fn production() -> String {
    "production".into()
}

fn half() -> f32 {
    0.5
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexTable {
    feature: String,
    low: f32,
    high: f32,
    step: Vec<RampStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PictureTable {
    features: [String; 3],
    low: f32,
    high: f32,
    #[serde(default = "one")]
    gamma: f32,
}

fn one() -> f32 {
    1.0
}

/// One feature of the file.
pub(super) struct Feature {
    pub(super) name: String,
    pub(super) expression: String,
    pub(super) line: usize,
}

/// Where things stand in the text, for errors.
pub(super) struct Origin<'a> {
    text: &'a str,
    name: &'a str,
}

impl Origin<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(self.text);
        1 + before.matches('\n').count()
    }

    pub(super) fn error<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> RecipeError {
        RecipeError::Value {
            origin: self.name.to_owned(),
            line: self.line(at.span().start),
            message: message.into(),
        }
    }

    /// The features of a table in the order of the file.
    fn features(&self, table: BTreeMap<String, Spanned<String>>) -> Vec<Feature> {
        let mut features: Vec<_> = table.into_iter().collect();
        features.sort_by_key(|(_, expression)| expression.span().start);
        features
            .into_iter()
            .map(|(name, expression)| Feature {
                name,
                line: self.line(expression.span().start),
                expression: expression.into_inner(),
            })
            .collect()
    }

    fn compile(
        &self,
        features: &[Feature],
        symbols: &geocrop_model::Symbols,
    ) -> Result<FeatureSet, RecipeError> {
        FeatureSet::compile(&definitions(features), symbols).map_err(|source| {
            RecipeError::Feature {
                origin: self.name.to_owned(),
                source,
            }
        })
    }
}

/// `folder` is what paths in the recipe are relative to.
pub(super) fn parse(text: &str, name: &str, folder: &Path) -> Result<Recipe, RecipeError> {
    let origin = Origin { text, name };
    let syntax = |e: toml::de::Error| RecipeError::Syntax {
        origin: name.to_owned(),
        message: e.to_string().trim_end().to_owned(),
    };
    let file: File = toml::from_str(text).map_err(syntax)?;
    let canonical = canonical(text).map_err(syntax)?;

    if !is_slug(file.name.get_ref()) {
        return Err(origin.error(
            &file.name,
            format!(
                "name = \"{}\" becomes a folder: use small letters, digits and hyphens",
                file.name.get_ref()
            ),
        ));
    }
    let crs: Crs = file
        .grid
        .crs
        .get_ref()
        .parse()
        .map_err(|e| origin.error(&file.grid.crs, format!("crs: {e}")))?;
    let resolution = *file.grid.resolution.get_ref();
    if !(resolution.is_finite() && resolution > 0.0) {
        return Err(origin.error(
            &file.grid.resolution,
            format!("resolution = {resolution}: a pixel size is a number above 0"),
        ));
    }
    check_names(&origin, &file.bands.names, "band")?;
    let mask = file.mask.map(|m| mask(&origin, m)).transpose()?;
    check_seasons(&origin, &file.season)?;
    let rasters = file
        .rasters
        .into_iter()
        .map(|(name, table)| Ok((name, raster(&origin, &table)?)))
        .collect::<Result<BTreeMap<_, _>, RecipeError>>()?;

    labels::check_composite(&origin, &file.composite, file.network.is_some())?;
    if file.network.is_some() {
        labels::check(&origin, file.features.as_ref(), &file.season)?;
    } else if file.features.is_none() {
        return Err(origin.error(
            &file.name,
            "there are no [features]: a recipe without a [network] maps what its features show",
        ));
    }
    let composite = file.composite.into_inner();
    let features = file.features.map(Spanned::into_inner).unwrap_or_default();
    let bands = file.bands.names.into_inner();
    let seasons = file.season.into_inner();
    let season_features = origin.compile(
        &origin.features(features.season),
        &season_symbols(&bands, composite.mads, &rasters),
    )?;
    let year = origin.features(features.year);
    let year_features = if year.is_empty() {
        None
    } else {
        let symbols = year_symbols(&seasons, &season_features, &rasters);
        Some(origin.compile(&year, &symbols)?)
    };

    let known = feature_names(&seasons, &season_features, year_features.as_ref());
    let output = Maps {
        network: file.network,
        model: file.model,
        index: file.index,
        picture: file.picture,
        legend: file.legend,
    }
    .check(&origin, &file.name, &bands, &known)?;
    let post = post::Context {
        rasters: &rasters,
        output: &output,
        crs,
        resolution,
        folder,
    }
    .check(&origin, file.post)?;
    Ok(Recipe {
        name: file.name.into_inner(),
        title: file.title,
        description: file.description,
        zone: file.zone,
        crs,
        resolution,
        bands,
        band_resampling: file.bands.resampling.into(),
        invalid: file.bands.invalid,
        mask,
        seasons,
        composite,
        rasters,
        season_features,
        year_features,
        output,
        post,
        folder: folder.to_owned(),
        canonical,
    })
}

/// The content without its formatting: what two files that mean the same have in common.
fn canonical(text: &str) -> Result<serde_json::Value, toml::de::Error> {
    let table: toml::Table = toml::from_str(text)?;
    Ok(serde_json::to_value(Canonical(table)).expect("TOML values are JSON values"))
}

#[derive(Serialize)]
#[serde(transparent)]
struct Canonical(toml::Table);

fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
}

fn is_identifier(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
}

fn check_names(
    origin: &Origin<'_>,
    names: &Spanned<Vec<String>>,
    what: &str,
) -> Result<(), RecipeError> {
    let mut seen = HashSet::new();
    if names.get_ref().is_empty() {
        return Err(origin.error(
            names,
            format!("no {what} is named: a map needs at least one"),
        ));
    }
    for name in names.get_ref() {
        if !is_identifier(name) {
            return Err(origin.error(
                names,
                format!("'{name}' cannot be used in an expression: letters, digits and _ only"),
            ));
        }
        if !seen.insert(name) {
            return Err(origin.error(names, format!("the {what} '{name}' is named twice")));
        }
    }
    Ok(())
}

fn check_seasons(origin: &Origin<'_>, seasons: &Spanned<Vec<Season>>) -> Result<(), RecipeError> {
    let mut seen = HashSet::new();
    if seasons.get_ref().is_empty() {
        return Err(origin.error(seasons, "a recipe needs at least one [[season]]"));
    }
    for season in seasons.get_ref() {
        if !is_identifier(&season.name) || !seen.insert(&season.name) {
            return Err(origin.error(
                seasons,
                format!(
                    "season '{}': names are unique and made of letters, digits and _",
                    season.name
                ),
            ));
        }
    }
    Ok(())
}

fn mask(origin: &Origin<'_>, table: MaskTable) -> Result<Mask, RecipeError> {
    let mut groups = Vec::new();
    for group in table.group {
        let mut classes = Vec::new();
        for name in group.classes.get_ref() {
            classes.push(scl_class(name).ok_or_else(|| {
                origin.error(
                    &group.classes,
                    format!("'{name}' is no class of Sentinel-2's scene classification"),
                )
            })?);
        }
        groups.push(MaskGroup {
            classes,
            opening: group.opening,
            dilation: group.dilation,
        });
    }
    Ok(Mask {
        band: table.band,
        required: table.required,
        recipe: MaskRecipe { groups },
    })
}

fn raster(origin: &Origin<'_>, table: &RasterTable) -> Result<Raster, RecipeError> {
    let unit: Unit = table
        .unit
        .get_ref()
        .parse()
        .map_err(|e| origin.error(&table.unit, format!("{e}")))?;
    Ok(Raster {
        unit,
        resampling: table.resampling.into(),
        seasonal: table.seasonal,
    })
}

/// The four tables of which a recipe has one, and the legend.
struct Maps {
    network: Option<Spanned<NetworkTable>>,
    model: Option<Spanned<ModelTable>>,
    index: Option<Spanned<IndexTable>>,
    picture: Option<Spanned<PictureTable>>,
    legend: Vec<LegendClass>,
}

impl Maps {
    fn check(
        self,
        origin: &Origin<'_>,
        name: &Spanned<String>,
        bands: &[String],
        known: &[String],
    ) -> Result<Output, RecipeError> {
        match (self.network, self.model, self.index, self.picture) {
            (Some(network), None, None, None) => {
                labels::map(origin, network, bands, self.legend).map(Output::Labels)
            }
            (None, Some(model), None, None) => {
                class_model(origin, model, self.legend).map(Output::Classes)
            }
            (None, None, Some(index), None) => index_output(origin, index, known),
            (None, None, None, Some(picture)) => picture_output(origin, picture, known),
            _ => Err(origin.error(
                name,
                "a recipe has exactly one of [network], [model], [index] and [picture]: it says what the map shows",
            )),
        }
    }
}

fn check_feature<T>(
    origin: &Origin<'_>,
    at: &Spanned<T>,
    feature: &str,
    known: &[String],
) -> Result<(), RecipeError> {
    if known.iter().any(|k| k == feature) {
        return Ok(());
    }
    Err(origin.error(
        at,
        format!(
            "'{feature}' is no feature of this recipe; it has {}",
            known.join(", ")
        ),
    ))
}

fn index_output(
    origin: &Origin<'_>,
    index: Spanned<IndexTable>,
    known: &[String],
) -> Result<Output, RecipeError> {
    check_feature(origin, &index, &index.get_ref().feature, known)?;
    check_steps(origin, &index)?;
    let index = index.into_inner();
    Ok(Output::Index {
        feature: index.feature,
        low: index.low,
        high: index.high,
        steps: index.step,
    })
}

fn picture_output(
    origin: &Origin<'_>,
    picture: Spanned<PictureTable>,
    known: &[String],
) -> Result<Output, RecipeError> {
    let table = picture.get_ref();
    for feature in &table.features {
        check_feature(origin, &picture, feature, known)?;
    }
    if !(table.low < table.high && table.gamma > 0.0) {
        return Err(origin.error(&picture, "low must be below high, and gamma above 0"));
    }
    let picture = picture.into_inner();
    Ok(Output::Picture {
        features: picture.features,
        low: picture.low,
        high: picture.high,
        gamma: picture.gamma,
    })
}

fn class_model(
    origin: &Origin<'_>,
    model: Spanned<ModelTable>,
    classes: Vec<LegendClass>,
) -> Result<ClassModel, RecipeError> {
    let legend = Legend::new(classes).map_err(|e| origin.error(&model, format!("legend: {e}")))?;
    for value in &model.get_ref().values {
        if legend.get(*value).is_none() {
            return Err(origin.error(
                &model,
                format!("values: {value} is not in the [[legend]]; add the class or mend the list"),
            ));
        }
    }
    let model = model.into_inner();
    let remote = model
        .remote
        .as_ref()
        .map(|table| remote::remote(origin, table));
    Ok(ClassModel {
        model: model.name,
        version: model.version,
        remote: remote.transpose()?,
        values: model.values,
        threshold: model.threshold,
        legend,
    })
}

fn check_steps(origin: &Origin<'_>, index: &Spanned<IndexTable>) -> Result<(), RecipeError> {
    let table = index.get_ref();
    let rising = table.step.windows(2).all(|w| w[0].from < w[1].from);
    let inside = table
        .step
        .iter()
        .all(|s| (table.low..table.high).contains(&s.from));
    let starts_low = table
        .step
        .first()
        .is_some_and(|s| (s.from - table.low).abs() < 1e-6);
    if rising && inside && starts_low && table.low < table.high {
        Ok(())
    } else {
        Err(origin.error(
            index,
            "steps rise from exactly `low` and begin below `high`",
        ))
    }
}
