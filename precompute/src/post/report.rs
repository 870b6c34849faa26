//! What post-processing did to a map, as its item tells it.

use serde_json::{Value, json};

use super::PolygonFile;
use crate::recipe::{MaskPlace, Post};

/// Pixels of the finished map that each step changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Mask by mask.
    pub(crate) masks: Vec<u64>,
    pub(crate) majority: u64,
    pub(crate) unit: u64,
}

impl Report {
    /// The steps in their order, with their settings; `None` when there were none but the usual clipping.
    pub(crate) fn to_json(&self, post: &Post, polygons: &[PolygonFile]) -> Option<Value> {
        let mut steps = Vec::new();
        let mut polygons = polygons.iter();
        for (mask, pixels) in post.masks.iter().zip(&self.masks) {
            let mut step = match &mask.place {
                MaskPlace::Raster {
                    name,
                    unit,
                    above,
                    below,
                } => {
                    json!({ "raster": name, "unit": unit.to_string(), "above": above, "below": below })
                }
                MaskPlace::Polygons { path, dataset } => json!({
                    "polygons": path.file_name().map(|name| name.to_string_lossy()),
                    "dataset": dataset,
                    "sha256": polygons.next().map(|file| &file.sha256),
                }),
            };
            step["step"] = json!("mask");
            step["value"] = json!(mask.value);
            step["changed_pixels"] = json!(pixels);
            steps.push(step);
        }
        if let Some(window) = post.majority {
            steps.push(json!({
                "step": "majority", "window": window, "changed_pixels": self.majority,
            }));
        }
        if let Some(unit) = post.unit {
            steps.push(json!({
                "step": "minimum_mapping_unit",
                "hectares": unit.hectares,
                "pixels": unit.pixels,
                "connectivity": unit.connectivity.neighbours(),
                "changed_pixels": self.unit,
            }));
        }
        if steps.is_empty() && post.clip {
            return None;
        }
        steps.push(json!({ "step": "clip", "applied": post.clip }));
        Some(Value::from(steps))
    }

    /// The same for people; empty when there was nothing but the usual clipping.
    pub(crate) fn sentences(&self, post: &Post) -> Vec<String> {
        let mut sentences = Vec::new();
        for (mask, pixels) in post.masks.iter().zip(&self.masks) {
            let place = match &mask.place {
                MaskPlace::Raster {
                    name,
                    unit,
                    above,
                    below,
                } => {
                    let sides = [("above", above), ("below", below)]
                        .into_iter()
                        .filter_map(|(word, limit)| Some(format!("{word} {} {unit}", (*limit)?)));
                    format!("where {name} is {}", sides.collect::<Vec<_>>().join(" or "))
                }
                MaskPlace::Polygons { path, .. } => {
                    let name = path.file_name().unwrap_or_default();
                    format!("inside the polygons of {}", name.to_string_lossy())
                }
            };
            let becomes = match mask.value {
                Some(value) => format!("class {value}"),
                None => "nodata".to_owned(),
            };
            sentences.push(format!("Set to {becomes} {place}: {pixels} pixels."));
        }
        if let Some(edge) = post.majority {
            sentences.push(format!(
                "Majority of {edge} x {edge} pixels: {} pixels changed.",
                self.majority
            ));
        }
        if let Some(unit) = post.unit {
            sentences.push(format!(
                "Patches below {} ha joined their surroundings: {} pixels changed.",
                unit.hectares, self.unit
            ));
        }
        if !sentences.is_empty() {
            sentences.push("Confidence is the model's, before these steps.".into());
        }
        if !post.clip {
            sentences.push("Not clipped: the rectangle around the area is mapped.".into());
        }
        sentences
    }
}
