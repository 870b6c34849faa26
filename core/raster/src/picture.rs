//! A map as a picture for a page.

use std::path::Path;

use gdal::Dataset;
use gdal::raster::{ColorInterpretation, ResampleAlg};

use crate::error::{RasterError, Result};
use crate::ffi;
use crate::image::{encode_classes, encode_color};
use crate::read::open_file;

/// How a raster of `uint8` is drawn.
#[derive(Debug, Clone)]
pub(crate) enum Style {
    /// One band; the colour of each value.
    Classes(Box<[[u8; 3]; 256]>),
    /// Three bands: red, green, blue.
    Color,
}

/// A raster of `uint8` that can be drawn: its style and its nodata value.
pub(crate) fn style(path: &Path, dataset: &Dataset) -> Result<(Style, Option<u8>)> {
    let band = dataset
        .rasterband(1)
        .map_err(|error| RasterError::draw(path, error))?;
    let kind = band.band_type().name();
    if kind != "Byte" {
        return Err(RasterError::draw(path, format!("its pixels are {kind}")));
    }
    let nodata = band
        .no_data_value()
        .filter(|value| (0.0..=255.0).contains(value))
        .map(|value| value as u8);
    let style = match dataset.raster_count() {
        1 => {
            let table = band.color_table();
            let color = |value: usize| {
                let entry = table.as_ref().map(|table| table.entry_as_rgb(value));
                match entry {
                    // Without a palette, shades of grey.
                    None => [value as u8; 3],
                    Some(None) => [0; 3],
                    Some(Some(rgb)) => [rgb.r, rgb.g, rgb.b].map(|part| part.clamp(0, 255) as u8),
                }
            };
            Style::Classes(Box::new(std::array::from_fn(color)))
        }
        3 if band.color_interpretation() == ColorInterpretation::RedBand => Style::Color,
        bands => {
            return Err(RasterError::draw(
                path,
                format!("it has {bands} bands of data"),
            ));
        }
    };
    Ok((style, nodata))
}

impl Style {
    pub(crate) fn bands(&self) -> usize {
        match self {
            Self::Classes(_) => 1,
            Self::Color => 3,
        }
    }

    /// Draws pixels as a PNG; `None` when all of them are transparent.
    ///
    /// `bands` holds for each band the pixels row by row, `None` where there are no data. A colour pixel is transparent
    /// when all three bands lack it; a single band that lacks it counts as black.
    pub(crate) fn png(
        &self,
        path: &Path,
        bands: &[Vec<Option<u8>>],
        size: (usize, usize),
    ) -> Result<Option<Vec<u8>>> {
        let drawn = match (self, bands) {
            (Self::Classes(colors), [values]) => encode_classes(values, size, colors),
            (Self::Color, [red, green, blue]) => {
                let pixels: Vec<Option<[u8; 3]>> = red
                    .iter()
                    .zip(green)
                    .zip(blue)
                    .map(|((&red, &green), &blue)| {
                        (red.is_some() || green.is_some() || blue.is_some())
                            .then(|| [red, green, blue].map(Option::unwrap_or_default))
                    })
                    .collect();
                encode_color(&pixels, size)
            }
            _ => return Err(RasterError::draw(path, "it lacks a band")),
        };
        drawn.map_err(|error| RasterError::draw(path, error))
    }
}

/// Draws a raster as a PNG of at most `max_pixels` on its longer side, in the raster's own projection: palette applied,
/// nodata transparent. Smaller pictures are read from the overviews, so classes keep their MODE and colours their mean.
///
/// # Errors
/// When the raster is neither one nor three bands of `uint8`, or cannot be read.
pub fn picture_png(cog: &Path, max_pixels: usize) -> Result<Vec<u8>> {
    let dataset = open_file(cog, None)?;
    let (style, nodata) = style(cog, &dataset)?;
    let (width, height) = dataset.raster_size();
    let longer = width.max(height);
    let shrink = |side: usize| (side * max_pixels.max(1)).div_ceil(longer).clamp(1, side);
    let size = if longer <= max_pixels {
        (width, height)
    } else {
        (shrink(width), shrink(height))
    };
    let resampling = match style {
        Style::Classes(_) => ResampleAlg::NearestNeighbour,
        Style::Color => ResampleAlg::Average,
    };
    let mut bands = Vec::with_capacity(style.bands());
    for number in 1..=style.bands() {
        let (read, messages) = ffi::watch(|| {
            dataset.rasterband(number)?.read_as::<u8>(
                (0, 0),
                (width, height),
                size,
                Some(resampling),
            )
        });
        let values = read.map_err(|error| {
            let said = messages.into_iter().find(|message| message.failure);
            RasterError::draw(cog, said.map_or_else(|| error.to_string(), |m| m.text))
        })?;
        let known = |&value: &u8| (Some(value) != nodata).then_some(value);
        bands.push(values.data().iter().map(known).collect());
    }
    match style.png(cog, &bands, size)? {
        Some(png) => Ok(png),
        // A map of nothing is still a picture: one transparent pixel would lose its shape.
        None => transparent(cog, size),
    }
}

fn transparent(cog: &Path, (width, height): (usize, usize)) -> Result<Vec<u8>> {
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(width), side(height));
    encoder.set_color(png::ColorType::GrayscaleAlpha);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&vec![0; width * height * 2]));
    written.map_err(|error| RasterError::draw(cog, error))?;
    Ok(file)
}
