//! A map as a picture for a page.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use gdal::cpl::CslStringList;
use gdal::raster::{Buffer, ColorInterpretation, ResampleAlg};
use gdal::{Dataset, DriverManager};

use crate::error::{RasterError, Result};
use crate::ffi;
use crate::image::{encode, encode_classes, encode_color};
use crate::read::open_picture;

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
    style_of(path, dataset, dataset.raster_count())
}

fn style_of(path: &Path, dataset: &Dataset, bands: usize) -> Result<(Style, Option<u8>)> {
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
    let style = match bands {
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

/// A raster as pixels to look at.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Red, green, blue and opacity of each pixel, row by row.
    pub rgba: Vec<u8>,
    /// Whether each colour stands for a class, so that none may change.
    pub classes: bool,
}

/// Reads a raster as a picture of at most `max_pixels` on its longer side, in the raster's own projection: palette applied,
/// nodata transparent. Smaller pictures are read from the overviews, so classes keep their MODE and colours their mean.
/// Photographs and drawings (PNG, JPEG, WebP) are read the same way.
///
/// # Errors
/// When the raster is neither classes nor colour of `uint8`, or cannot be read.
pub fn picture(path: &Path, max_pixels: usize) -> Result<Picture> {
    let dataset = open_picture(path)?;
    let count = dataset.raster_count();
    // A last band of opacity, which only pictures have; maps say what is missing by a value.
    let opacity = matches!(count, 2 | 4)
        && dataset
            .rasterband(count)
            .is_ok_and(|band| band.color_interpretation() == ColorInterpretation::AlphaBand);
    let (style, nodata) = style_of(path, &dataset, count - usize::from(opacity))?;
    let size = shrunk(dataset.raster_size(), max_pixels);
    let classes = matches!(&style, Style::Classes(_))
        && dataset
            .rasterband(1)
            .is_ok_and(|band| band.color_table().is_some());
    let resampling = if classes {
        ResampleAlg::NearestNeighbour
    } else {
        ResampleAlg::Average
    };
    let read = |number| read_shrunk(path, &dataset, number, size, resampling);
    let bands = (1..=style.bands()).map(read).collect::<Result<Vec<_>>>()?;
    let opacity = opacity.then(|| read(count)).transpose()?;

    let mut rgba = Vec::with_capacity(4 * size.0 * size.1);
    for at in 0..size.0 * size.1 {
        let known = |band: &Vec<u8>| (Some(band[at]) != nodata).then_some(band[at]);
        let color = match (&style, bands.as_slice()) {
            (Style::Classes(colors), [value]) => known(value).map(|v| colors[usize::from(v)]),
            (Style::Color, [red, green, blue]) => {
                let parts = [red, green, blue].map(known);
                parts
                    .iter()
                    .any(Option::is_some)
                    .then(|| parts.map(Option::unwrap_or_default))
            }
            _ => return Err(RasterError::draw(path, "it lacks a band")),
        };
        let solid = opacity.as_ref().map_or(255, |band| band[at]);
        let [red, green, blue] = color.unwrap_or_default();
        rgba.extend([red, green, blue, if color.is_some() { solid } else { 0 }]);
    }
    Ok(Picture {
        width: size.0,
        height: size.1,
        rgba,
        classes,
    })
}

/// The size of a raster that is made to fit `longest` pixels; small ones are left as they are.
fn shrunk((width, height): (usize, usize), longest: usize) -> (usize, usize) {
    let longer = width.max(height);
    if longer <= longest {
        return (width, height);
    }
    let shrink = |side: usize| (side * longest.max(1)).div_ceil(longer).clamp(1, side);
    (shrink(width), shrink(height))
}

fn read_shrunk(
    path: &Path,
    dataset: &Dataset,
    number: usize,
    size: (usize, usize),
    resampling: ResampleAlg,
) -> Result<Vec<u8>> {
    let (read, messages) = ffi::watch(|| {
        let whole = dataset.raster_size();
        dataset
            .rasterband(number)?
            .read_as::<u8>((0, 0), whole, size, Some(resampling))
    });
    let values = read.map_err(|error| {
        let said = messages.into_iter().find(|message| message.failure);
        RasterError::draw(path, said.map_or_else(|| error.to_string(), |m| m.text))
    })?;
    Ok(values.data().to_vec())
}

/// The quality of photographs as WebP: above it files grow faster than anybody sees.
const QUALITY: &str = "80";

impl Picture {
    /// The picture as PNG.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn png(&self) -> Result<Vec<u8>> {
        encode(&self.rgba, png::ColorType::Rgba, (self.width, self.height))
            .map_err(|error| RasterError::draw(Path::new("picture.png"), error))
    }

    /// The picture as WebP: classes without loss, photographs with what nobody sees.
    ///
    /// # Errors
    /// When GDAL cannot write the format.
    pub fn webp(&self) -> Result<Vec<u8>> {
        // Files in GDAL's memory share one name space.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = format!("/vsimem/geocrop-picture-{number}.webp");
        let (written, messages) = ffi::watch(|| self.write_webp(Path::new(&path)));
        let failed = |error: gdal::errors::GdalError| {
            let said = messages.into_iter().find(|message| message.failure);
            RasterError::draw(
                Path::new("picture.webp"),
                said.map_or_else(|| error.to_string(), |m| m.text),
            )
        };
        match written {
            Ok(()) => gdal::vsi::get_vsi_mem_file_bytes_owned(&path).map_err(failed),
            Err(error) => {
                let _ = gdal::vsi::unlink_mem_file(&path);
                Err(failed(error))
            }
        }
    }

    fn write_webp(&self, path: &Path) -> gdal::errors::Result<()> {
        let solid = self.rgba.iter().skip(3).step_by(4).all(|&a| a == 255);
        let bands = if solid { 3 } else { 4 };
        let size = (self.width, self.height);
        let memory = DriverManager::get_driver_by_name("MEM")?.create_with_band_type::<u8, _>(
            "",
            self.width,
            self.height,
            bands,
        )?;
        for number in 0..bands {
            let values = self.rgba.iter().skip(number).step_by(4).copied().collect();
            memory
                .rasterband(number + 1)?
                .write((0, 0), size, &mut Buffer::new(size, values))?;
        }
        if !solid {
            memory
                .rasterband(4)?
                .set_color_interpretation(ColorInterpretation::AlphaBand)?;
        }
        let mut options = CslStringList::new();
        if self.classes {
            options.set_name_value("LOSSLESS", "YES")?;
            // Of 0 to 6; above it takes twice as long for three hundredths of the size.
            options.set_name_value("METHOD", "2")?;
        } else {
            options.set_name_value("QUALITY", QUALITY)?;
        }
        memory
            .create_copy(&DriverManager::get_driver_by_name("WEBP")?, path, &options)?
            .close()
    }
}
