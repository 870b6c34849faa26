//! The strata that points are drawn from: the classes of the map, or those of another map of the same land.

use anyhow::{Context as _, Result, bail};
use geocrop_assessment::{Candidate, ClassStrata, MapClass};
use geocrop_precompute::diff::{Map, Pixel, Pixels};

use super::Layer;
use crate::progress::Bar;

/// The stratum of pixels where the other map has no class.
const ELSEWHERE: &str = "no class";

/// Strata with their pixels.
pub(super) struct Strata {
    pub(super) parts: ClassStrata,
    other: Option<Map>,
}

impl Strata {
    /// Those of a layer: by its statistics if they are its own classes, else counted over both maps.
    pub(super) fn of(layer: &Layer, other: Option<&String>) -> Result<Self> {
        let Some(name) = other else {
            return Ok(Self {
                parts: ClassStrata::new(&layer.classes).with_context(|| {
                    format!("{} has no class of two pixels or more", layer.name)
                })?,
                other: None,
            });
        };
        let other = Map::from_store(&layer.store, name)?;
        let map = layer.map()?;
        let mut pixels = Stratified::new(map.pixels()?, Some(&other))?;
        let mut counts = pixels.strata();
        let whole = counts.len() - 1;
        let bar = Bar::start("count strata");
        while let Some(pixel) = pixels.next_at(&bar) {
            counts[pixel?.1].pixels += 1;
        }
        bar.clear();
        if counts[..whole].iter().all(|stratum| stratum.pixels == 0) {
            bail!(
                "{} has no class anywhere on {}: take a map of the same land",
                other.name(),
                layer.name
            );
        }
        Ok(Self {
            parts: ClassStrata::new(&counts)
                .with_context(|| format!("{} has no stratum of two pixels or more", layer.name))?,
            other: Some(other),
        })
    }

    /// The other map, if they are its classes.
    pub(super) fn of_map(&self) -> Option<&str> {
        self.other.as_ref().map(Map::name)
    }

    /// The pixels of the map, which may be in these strata.
    pub(super) fn candidates<'a>(&'a self, pixels: Pixels<'a>) -> Result<Candidates<'a>> {
        Ok(Candidates {
            pixels: Stratified::new(pixels, self.other.as_ref())?,
            stratum: &self.parts.of_class,
        })
    }
}

/// Pixels with their strata.
pub(super) struct Candidates<'a> {
    pixels: Stratified<'a>,
    /// The stratum of each class of the map, or of the other one.
    stratum: &'a [usize],
}

impl<'a> Candidates<'a> {
    pub(super) fn next_at(&mut self, bar: &Bar) -> Option<Result<Candidate>> {
        let pixel = self.pixels.next_at(bar)?;
        Some(pixel.map(|(pixel, of)| Candidate {
            stratum: self.stratum[of],
            class: pixel.class,
            pixel: pixel.number,
        }))
    }

    /// The map that is drawn from.
    pub(super) fn map(&self) -> &Pixels<'a> {
        &self.pixels.map
    }
}

/// The pixels of a map, each with the number of its class on the other map, or else on this one.
struct Stratified<'a> {
    map: Pixels<'a>,
    other: Option<Pixels<'a>>,
    /// The other map's next pixel.
    ahead: Option<Pixel>,
    seen: u64,
}

impl<'a> Stratified<'a> {
    fn new(map: Pixels<'a>, other: Option<&'a Map>) -> Result<Self> {
        let other = other.map(|other| other.pixels_on(map.grid())).transpose()?;
        Ok(Self {
            map,
            other,
            ahead: None,
            seen: 0,
        })
    }

    /// What the numbers mean, not counted yet.
    fn strata(&self) -> Vec<MapClass> {
        let (classes, elsewhere) = match &self.other {
            Some(other) => (other.classes(), Some(ELSEWHERE.to_owned())),
            None => (self.map.classes(), None),
        };
        let names = classes.iter().map(|class| class.name.clone());
        let counted = |name| MapClass { name, pixels: 0 };
        names.chain(elsewhere).map(counted).collect()
    }

    /// The next pixel; the bar shows how far it is.
    fn next_at(&mut self, bar: &Bar) -> Option<Result<(Pixel, usize)>> {
        /// Pixels between two looks at the clock.
        const OFTEN: u64 = 1 << 20;
        if self.seen.is_multiple_of(OFTEN) {
            bar.at(self.map.share(), "");
        }
        self.seen += 1;
        let pixel = match self.map.next()? {
            Ok(pixel) => pixel,
            Err(error) => return Some(Err(error.into())),
        };
        let stratum = self.beside(pixel);
        Some(stratum.map(|stratum| (pixel, stratum)))
    }

    /// Both maps' pixels come in the order of their numbers.
    fn beside(&mut self, pixel: Pixel) -> Result<usize> {
        let Some(other) = &mut self.other else {
            return Ok(pixel.class);
        };
        let elsewhere = other.classes().len();
        loop {
            if self.ahead.is_none() {
                self.ahead = other.next().transpose()?;
            }
            match self.ahead {
                Some(ahead) if ahead.number < pixel.number => self.ahead = None,
                Some(ahead) if ahead.number == pixel.number => return Ok(ahead.class),
                _ => return Ok(elsewhere),
            }
        }
    }
}
