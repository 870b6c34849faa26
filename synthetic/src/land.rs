//! One area rasterised: what each 10 m pixel is made of, and its surface reflectance on a day.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::class::LandClass;
use crate::noise::Noise;
use crate::seasons::{Cover, cover, leaves, turbidity, water_level, wetness};
use crate::terrain::{Place, Terrain};

/// The ten bands, by Sentinel-2 name: B02 B03 B04 B05 B06 B07 B08 B8A B11 B12.
pub(crate) const BANDS: usize = 10;

/// Reflectance of a material in the ten bands.
type Spectrum = [f32; BANDS];

// Pure materials, set by hand to lie within what Sentinel-2 sees of such surfaces.
const LEAF_OF_CROP: Spectrum = [
    0.030, 0.064, 0.036, 0.104, 0.322, 0.378, 0.405, 0.420, 0.195, 0.095,
];
const LEAF_OF_TREE: Spectrum = [
    0.026, 0.050, 0.036, 0.086, 0.212, 0.255, 0.275, 0.295, 0.172, 0.084,
];
const DRY_MATTER: Spectrum = [
    0.062, 0.088, 0.122, 0.152, 0.182, 0.203, 0.222, 0.240, 0.330, 0.232,
];
const SAND: Spectrum = [
    0.098, 0.135, 0.185, 0.212, 0.232, 0.247, 0.262, 0.282, 0.395, 0.352,
];
const CLAY: Spectrum = [
    0.054, 0.079, 0.132, 0.152, 0.166, 0.180, 0.194, 0.213, 0.302, 0.268,
];
const ROCK: Spectrum = [
    0.118, 0.140, 0.166, 0.180, 0.190, 0.200, 0.210, 0.220, 0.270, 0.240,
];
const ROOF: Spectrum = [
    0.150, 0.166, 0.185, 0.197, 0.208, 0.218, 0.228, 0.240, 0.268, 0.242,
];
const ASH: Spectrum = [
    0.038, 0.042, 0.048, 0.056, 0.064, 0.071, 0.078, 0.086, 0.118, 0.112,
];
const CLEAR_WATER: Spectrum = [
    0.044, 0.042, 0.028, 0.024, 0.019, 0.018, 0.014, 0.013, 0.008, 0.006,
];
const SILTY_WATER: Spectrum = [
    0.072, 0.096, 0.098, 0.092, 0.068, 0.064, 0.052, 0.046, 0.018, 0.012,
];

/// A square raster of an area.
pub(crate) struct Land {
    /// Pixels per side.
    pub(crate) size: usize,
    noise: Noise,
    pixels: Vec<Pixel>,
    /// Class and randomness of each field; the first ones stand for the classes outside fields.
    fields: Vec<(LandClass, Noise)>,
}

/// What decides the history of a pixel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) class: LandClass,
    /// The randomness of its field, or of its class outside fields.
    pub(crate) field: Noise,
    /// Share of tree crowns.
    pub(crate) trees: f32,
    /// Height above the full reservoir in metres.
    pub(crate) shore: f32,
}

#[derive(Debug, Clone, Copy)]
struct Pixel {
    class: LandClass,
    field: u32,
    trees: f32,
    roof: f32,
    rock: f32,
    shore: f32,
    /// Share of clay in the soil.
    clay: f32,
    /// Factor on the brightness of soil, and on the density of plants.
    soil: f32,
    growth: f32,
}

impl Land {
    /// Asks a terrain for each pixel. `west` and `north` are the metres from the area's centre to the left and the
    /// upper edge of the raster.
    pub(crate) fn new(
        terrain: &dyn Terrain,
        noise: Noise,
        west: f64,
        north: f64,
        size: usize,
    ) -> Self {
        let noise = noise.named("land");
        let places: Vec<Place> = (0..size * size)
            .into_par_iter()
            .map(|i| {
                let (x, y) = position(west, north, size, i);
                terrain.place(x, y)
            })
            .collect();

        let mut fields: Vec<(LandClass, Noise)> = LandClass::ALL
            .iter()
            .map(|&class| (class, noise.named("wild").branch(u64::from(class.value()))))
            .collect();
        let mut known = BTreeMap::new();
        let mut number_of = |place: &Place| {
            if place.field == 0 {
                return u32::from(place.class.value()) - 1;
            }
            *known.entry(place.field).or_insert_with(|| {
                fields.push((place.class, noise.named("field").branch(place.field)));
                fields.len() as u32 - 1
            })
        };
        let numbers: Vec<u32> = places.iter().map(&mut number_of).collect();

        let pixels = places
            .into_par_iter()
            .zip(numbers)
            .enumerate()
            .map(|(i, (place, field))| {
                let (x, y) = position(west, north, size, i);
                let own = fields[field as usize].1.named("soil");
                let tilled = place.field != 0;
                let soil = 1.0
                    + 0.1 * noise.branch(1).fractal(x, y, 300.0, 4)
                    + 0.05 * noise.branch(2).smooth(x, y, 24.0)
                    + if tilled {
                        0.09 * own.branch(0).normal()
                    } else {
                        0.0
                    };
                let density = 1.0
                    + 0.13 * noise.branch(3).fractal(x, y, 130.0, 4)
                    + 0.07 * noise.branch(4).smooth(x, y, 22.0)
                    + if tilled {
                        0.06 * own.branch(1).normal()
                    } else {
                        0.0
                    };
                let clay = 0.5 + 0.45 * noise.branch(5).fractal(x, y, 2100.0, 3);
                Pixel {
                    class: place.class,
                    field,
                    trees: place.trees.clamp(0.0, 1.0) as f32,
                    roof: place.roof as f32,
                    rock: place.rock as f32,
                    shore: place.shore as f32,
                    clay: clay.clamp(0.0, 1.0) as f32,
                    soil: soil.clamp(0.6, 1.5) as f32,
                    growth: density.clamp(0.55, 1.4) as f32,
                }
            })
            .collect();
        Self {
            size,
            noise,
            pixels,
            fields,
        }
    }

    /// The truth: the class of each pixel, row by row from the north-west.
    pub(crate) fn classes(&self) -> impl Iterator<Item = LandClass> {
        self.pixels.iter().map(|pixel| pixel.class)
    }

    /// What each pixel is, row by row from the north-west.
    pub(crate) fn sites(&self) -> impl Iterator<Item = Site> {
        self.pixels.iter().map(|pixel| Site {
            class: pixel.class,
            field: self.fields[pixel.field as usize].1,
            trees: pixel.trees,
            shore: pixel.shore,
        })
    }

    /// Reflectance on a day, `[band][pixel]`, as a sensor would see it without an atmosphere: neighbouring pixels are
    /// mixed a little, as its point spread does.
    pub(crate) fn reflectance(&self, day: f64) -> Vec<Vec<f32>> {
        let covers: Vec<Cover> = self
            .fields
            .iter()
            .map(|&(class, noise)| cover(class, noise, day))
            .collect();
        let leaves = LandClass::ALL.map(|class| leaves(class, day) as f32);
        let showers = self.noise.named("showers").branch(day.to_bits());
        let weather = Weather {
            level: water_level(day) as f32,
            turbidity: turbidity(day) as f32,
            // A shower in the last days makes soil darker than the season alone.
            wetness: (wetness(day) * showers.within(0.3, 1.7)) as f32,
        };
        let grain = self.noise.named("grain").branch(day.to_bits());
        let mut bands = vec![vec![0.0; self.pixels.len()]; BANDS];
        for (i, pixel) in self.pixels.iter().enumerate() {
            let class = usize::from(pixel.class.value()) - 1;
            let mix = pixel.mix(covers[pixel.field as usize], leaves[class], &weather);
            let flicker = 1.0 + 0.012 * grain.cell(i as i64, 0).normal() as f32;
            for (band, value) in bands.iter_mut().zip(mix) {
                band[i] = value * flicker;
            }
        }
        for band in &mut bands {
            *band = point_spread(band, self.size);
        }
        bands
    }
}

struct Weather {
    level: f32,
    turbidity: f32,
    wetness: f32,
}

impl Pixel {
    fn mix(&self, cover: Cover, leaves: f32, weather: &Weather) -> Spectrum {
        let mut out = [0.0; BANDS];
        let mut add = |share: f32, spectrum: &Spectrum| {
            for (out, value) in out.iter_mut().zip(spectrum) {
                *out += share * value;
            }
        };
        if self.shore < weather.level {
            let silt = (weather.turbidity + 0.5 * (self.soil - 1.0)).clamp(0.0, 1.0);
            // Shallow water shows some of its bed.
            let bed = 0.12 * (1.0 + self.shore - weather.level).clamp(0.0, 1.0);
            add(bed, &CLAY);
            add((1.0 - bed) * silt, &SILTY_WATER);
            add((1.0 - bed) * (1.0 - silt), &CLEAR_WATER);
            return out;
        }
        let herbs = (1.0 - self.trees - self.roof).max(0.0);
        let green = (cover.green as f32 * self.growth).min(1.0);
        let dry = (cover.dry as f32 * self.growth).min(1.0 - green);
        let burnt = (cover.burnt as f32).min(1.0 - green - dry);
        let open = 1.0 - green - dry - burnt;

        let twigs = self.trees * (1.0 - leaves);
        add(self.trees * leaves, &LEAF_OF_TREE);
        add(herbs * green, &LEAF_OF_CROP);
        add(herbs * dry + 0.55 * twigs, &DRY_MATTER);
        add(herbs * burnt, &ASH);
        add(self.roof, &ROOF);
        add(herbs * open * self.rock, &ROCK);
        // Mud that the reservoir has just left is wet and dark.
        let mud = if self.shore < 0.0 { 0.7 } else { 1.0 };
        let soil = (herbs * open * (1.0 - self.rock) + 0.25 * twigs)
            * self.soil
            * mud
            * (1.0 - 0.22 * weather.wetness);
        add(soil * (1.0 - self.clay), &SAND);
        add(soil * self.clay, &CLAY);
        out
    }
}

fn position(west: f64, north: f64, size: usize, index: usize) -> (f64, f64) {
    let (row, column) = (index / size, index % size);
    (
        west + 10.0 * (column as f64 + 0.5),
        north - 10.0 * (row as f64 + 0.5),
    )
}

/// Mixes each pixel with its neighbours: a quarter, a half, a quarter, along rows and along columns.
fn point_spread(band: &[f32], size: usize) -> Vec<f32> {
    let last = size - 1;
    let mut rows = vec![0.0; band.len()];
    for (row, out) in band.chunks_exact(size).zip(rows.chunks_exact_mut(size)) {
        for x in 0..size {
            out[x] = 0.25 * row[x.saturating_sub(1)] + 0.5 * row[x] + 0.25 * row[(x + 1).min(last)];
        }
    }
    let mut out = vec![0.0; band.len()];
    for y in 0..size {
        let above = &rows[y.saturating_sub(1) * size..][..size];
        let here = &rows[y * size..][..size];
        let below = &rows[(y + 1).min(last) * size..][..size];
        for (x, out) in out[y * size..][..size].iter_mut().enumerate() {
            *out = 0.25 * above[x] + 0.5 * here[x] + 0.25 * below[x];
        }
    }
    out
}
