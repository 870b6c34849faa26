//! Features of places as a table, and what was left out of it.

use std::io::{self, Write};

use geocrop_model::csv::quoted;
use geocrop_raster::{Grid, Projection};
use geocrop_store::ContentHash;
use serde::Serialize;
use serde_json::{Value, json};

use super::{ExtractError, ExtractInputs, MOST_ROWS, Plot, PlotPlace};
use crate::TaskError;
use crate::lock::Lock;

/// Features of places.
#[derive(Debug, Clone)]
pub struct Extracted {
    /// Names of the features, in the recipe's order.
    pub features: Vec<String>,
    /// Pixels of areas that were left out while others of the same area were seen.
    pub unclear_pixels: usize,
    /// Places without any row, by their order.
    pub missed: Vec<LeftOut>,
    plots: Vec<Plot>,
    rows: Vec<Row>,
    /// `[row][feature]`.
    values: Vec<f32>,
    recipe: Value,
    locks: Vec<Value>,
}

/// A place that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its number among the plots.
    #[serde(skip)]
    pub plot: usize,
    /// What it is called.
    pub name: String,
    /// Why.
    pub reason: Missed,
}

/// Why a place was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// No scene reaches it in some season.
    Outside,
    /// There are scenes, but none is clear there in some season.
    Unclear,
    /// An area that holds no pixel's centre.
    Small,
}

/// One pixel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) plot: usize,
    /// Row and column on the part's grid.
    pub(super) at: (usize, usize),
    /// Degrees.
    pub(super) lonlat: [f64; 2],
}

impl Extracted {
    pub(super) fn new(inputs: &ExtractInputs) -> Self {
        let recipe = &inputs.recipe;
        let text = recipe.canonical.to_string();
        Self {
            features: recipe.feature_names(),
            unclear_pixels: 0,
            missed: Vec::new(),
            plots: inputs.plots.clone(),
            rows: Vec::new(),
            values: Vec::new(),
            recipe: json!({
                "name": recipe.name,
                "sha256": ContentHash::of_bytes(text.as_bytes()).to_string(),
            }),
            locks: Vec::new(),
        }
    }

    pub(super) fn miss(&mut self, plot: usize, reason: Missed) {
        let name = self.plots[plot].name.clone();
        self.missed.push(LeftOut { plot, name, reason });
    }

    pub(super) fn keep(&mut self, lock: &Lock) {
        let lock = serde_json::to_value(lock).expect("a lock is plain data");
        self.locks.push(lock);
    }

    pub(super) fn push(
        &mut self,
        row: Row,
        values: impl Iterator<Item = f32>,
    ) -> Result<(), TaskError> {
        if self.rows.len() == MOST_ROWS {
            return Err(ExtractError::TooMany { limit: MOST_ROWS }.into());
        }
        self.rows.push(row);
        self.values.extend(values);
        Ok(())
    }

    /// Puts the rows in the order of the places, and refuses a result without rows.
    pub(super) fn finish(mut self, inputs: &ExtractInputs) -> Result<Self, TaskError> {
        self.missed.sort_by_key(|missed| missed.plot);
        if self.rows.is_empty() {
            return Err(ExtractError::Nothing {
                plots: self.plots.len(),
                outside: self.count(Missed::Outside),
                unclear: self.count(Missed::Unclear),
                small: self.count(Missed::Small),
                source_name: inputs.source.description().title.clone(),
            }
            .into());
        }
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|row| (self.rows[*row].plot, self.rows[*row].at));
        let width = self.features.len();
        let values = |row: &usize| self.values[row * width..(row + 1) * width].to_vec();
        self.values = order.iter().flat_map(values).collect();
        self.rows = order.into_iter().map(|row| self.rows[row]).collect();
        Ok(self)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many places were left out for a reason.
    pub fn count(&self, reason: Missed) -> usize {
        self.missed.iter().filter(|m| m.reason == reason).count()
    }

    /// A row: its plot's number, and the values of the features.
    pub fn row(&self, row: usize) -> (usize, &[f32]) {
        let width = self.features.len();
        (
            self.rows[row].plot,
            &self.values[row * width..(row + 1) * width],
        )
    }

    /// Writes the rows as CSV: `Class`, `group` where something belongs together, `weight` where some plot has one, `lon`,
    /// `lat`, `period`, and the features in fewest digits that read back the same. A feature that is missing, such as the deviation of one observation,
    /// leaves its field empty.
    pub fn write_csv(&self, mut to: impl Write) -> io::Result<()> {
        let is_grouped =
            |plot: &Plot| plot.group.is_some() || matches!(plot.place, PlotPlace::Area(_));
        // A column of groups that are single points would keep a trainer from blocks of land.
        let grouped = self.plots.iter().any(is_grouped);
        let weighted = self.plots.iter().any(|plot| plot.weight.is_some());
        let group = if grouped { "group," } else { "" };
        let weight = if weighted { "weight," } else { "" };
        write!(to, "Class,{group}{weight}lon,lat,period")?;
        for name in &self.features {
            write!(to, ",{}", quoted(name))?;
        }
        writeln!(to)?;
        for (number, row) in self.rows.iter().enumerate() {
            let plot = &self.plots[row.plot];
            write!(to, "{},", plot.class)?;
            if grouped {
                let name = plot.group.as_ref().unwrap_or(&plot.name);
                write!(to, "{},", quoted(name))?;
            }
            if weighted {
                write!(to, "{},", plot.weight.unwrap_or(1.0))?;
            }
            let [lon, lat] = row.lonlat;
            write!(to, "{lon},{lat},{}", plot.period)?;
            for value in self.row(number).1 {
                if value.is_nan() {
                    write!(to, ",")?;
                } else {
                    write!(to, ",{value}")?;
                }
            }
            writeln!(to)?;
        }
        to.flush()
    }

    /// What the table was made of, to lie beside it: the recipe and its hash, what was left out, and for each part of the
    /// land the lock with every scene, as maps have it.
    pub fn record(&self) -> Value {
        json!({
            "program": env!("CARGO_PKG_VERSION"),
            "recipe": self.recipe,
            "features": self.features,
            "rows": self.rows.len(),
            "samples": self.plots.len(),
            "left_out": self.missed,
            "unclear_pixels": self.unclear_pixels,
            "locks": self.locks,
        })
    }
}

/// The centre of a pixel in degrees, to a centimetre.
pub(super) fn degrees_of(
    grid: &Grid,
    back: &Projection,
    (row, column): (usize, usize),
) -> Result<[f64; 2], TaskError> {
    let mut x = [grid.x0 + (column as f64 + 0.5) * grid.resolution];
    let mut y = [grid.y0 - (row as f64 + 0.5) * grid.resolution];
    back.points(&mut x, &mut y)?;
    Ok([x[0], y[0]].map(|degrees| (degrees * 1e7).round() / 1e7))
}
