//! Preview cards: the picture that a link to a page is shown with elsewhere (Open Graph's `og:image`).
//!
//! Brand, title and description on the left; on the right the area's own map, the page's picture, or fields.

use std::path::PathBuf;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};
use geocrop_raster::{Picture, RasterError};
use geocrop_store::Store;

use crate::error::SiteError;
use crate::hash::{Digest, of_parts, short_hash};
use crate::picture::with_file;

/// Pixels: the shape that previews are cut to.
pub(crate) const SIZE: (usize, usize) = (1200, 630);

/// Where the picture begins.
const EDGE: usize = 760;
const MARGIN: f32 = 64.0;

/// A change of what cards look like must make all of them anew.
const DESIGN: &[u8] = b"card 1";

type Rgb = [u8; 3];

const PAPER: Rgb = [0xfb, 0xfa, 0xf6];
const INK: Rgb = [0x1c, 0x22, 0x17];
const MUTED: Rgb = [0x5a, 0x61, 0x52];
/// The brand's four fields and what may grow beside them.
const FIELDS: [Rgb; 6] = [
    [0x39, 0x7d, 0x49],
    [0xe4, 0x96, 0x35],
    [0x88, 0xb0, 0x53],
    [0xd9, 0xd2, 0xbf],
    [0x41, 0x9b, 0xdf],
    [0xc7, 0x7d, 0x1e],
];

/// What a card shows on its right.
#[derive(Debug, Clone)]
pub(crate) enum Motif {
    /// A map, by its key in the store.
    Map(String),
    /// A photograph.
    File(PathBuf),
    /// A patchwork that is the page's own.
    Fields,
}

/// The card of a page.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    /// Its address: the name holds the hash of everything it shows.
    pub(crate) src: String,
    title: String,
    description: String,
    motif: Motif,
    seed: Digest,
}

impl Card {
    /// The card of the page at `address`. `tag` tells the motif's state from any other.
    pub(crate) fn new(
        address: &str,
        title: &str,
        description: &str,
        motif: Motif,
        tag: &str,
    ) -> Self {
        let shown = [DESIGN, title.as_bytes(), description.as_bytes()];
        let key = of_parts(&[shown.as_slice(), &[tag.as_bytes(), address.as_bytes()]].concat());
        let stem = match address.trim_matches('/').replace('/', "-") {
            stem if stem.is_empty() => "home".to_owned(),
            stem => stem,
        };
        Self {
            src: format!("/cards/{stem}.{}.png", short_hash(key.bytes())),
            title: title.to_owned(),
            description: description.to_owned(),
            motif,
            seed: of_parts(&[address.as_bytes()]),
        }
    }

    /// Draws the card as a PNG.
    pub(crate) fn draw(&self, store: &Store) -> Result<Vec<u8>, SiteError> {
        let failed = |problem: String| SiteError::Card {
            address: self.src.clone(),
            problem,
        };
        let mut canvas = Canvas::new();
        match self.picture(store)? {
            Some(picture) => canvas.cover(&picture),
            None => canvas.patchwork(self.seed.bytes()),
        }
        let fonts = Fonts::new().map_err(failed)?;
        canvas.brand(&fonts);
        let width = EDGE as f32 - 2.0 * MARGIN;
        // Long titles are set smaller before they are cut.
        let (size, lines) = [72.0, 60.0, 50.0]
            .into_iter()
            .map(|size| (size, wrap(&fonts.bold, size, &self.title, width)))
            .find(|(_, lines)| lines.len() <= 3)
            .unwrap_or_else(|| (44.0, wrap(&fonts.bold, 44.0, &self.title, width)));
        let mut y = 190.0;
        for line in lines.iter().take(5) {
            y += size * 1.12;
            canvas.text(&fonts.bold, size, (MARGIN, y), INK, line);
        }
        y += 28.0;
        let room = ((SIZE.1 as f32 - 48.0 - y) / 40.0).max(0.0) as usize;
        let lines = wrap(&fonts.regular, 29.0, &self.description, width);
        let cut = lines.len() > room;
        for (at, line) in lines.iter().take(room).enumerate() {
            y += 40.0;
            let last = cut && at + 1 == room;
            let line = if last {
                format!("{} …", line.trim_end_matches([',', ';', '.', ':']))
            } else {
                line.clone()
            };
            canvas.text(&fonts.regular, 29.0, (MARGIN, y), MUTED, &line);
        }
        canvas.png().map_err(|e| failed(e.to_string()))
    }

    fn picture(&self, store: &Store) -> Result<Option<Picture>, SiteError> {
        // The motif is higher than it is wide; its shorter side must still fill the card.
        const LONGEST: usize = 1024;
        match &self.motif {
            Motif::Fields => Ok(None),
            Motif::Map(key) => {
                with_file(store, key, |path| geocrop_raster::picture(path, LONGEST)).map(Some)
            }
            Motif::File(path) => {
                geocrop_raster::picture(path, LONGEST)
                    .map(Some)
                    .map_err(|source: RasterError| SiteError::Picture {
                        path: path.display().to_string(),
                        source,
                    })
            }
        }
    }
}

struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Fonts {
    fn new() -> Result<Self, String> {
        let load = |bytes| FontRef::try_from_slice(bytes).map_err(|e| e.to_string());
        Ok(Self {
            regular: load(ttf_noto_sans::REGULAR)?,
            bold: load(ttf_noto_sans::BOLD)?,
        })
    }
}

/// The text in lines of at most `width` pixels; a word that is longer has a line of its own.
fn wrap(font: &FontRef<'_>, size: f32, text: &str, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if length(font, size, &[line, " ", word].concat()) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Calls `place` with each glyph and where it stands, in pixels from the start; returns where the next would stand.
fn set(font: &FontRef<'_>, size: f32, text: &str, mut place: impl FnMut(GlyphId, f32)) -> f32 {
    let font = font.as_scaled(PxScale::from(size));
    let (mut x, mut before) = (0.0, None);
    for letter in text.chars() {
        let glyph = font.glyph_id(letter);
        if let Some(before) = before {
            x += font.kern(before, glyph);
        }
        place(glyph, x);
        x += font.h_advance(glyph);
        before = Some(glyph);
    }
    x
}

fn length(font: &FontRef<'_>, size: f32, text: &str) -> f32 {
    set(font, size, text, |_, _| ())
}

struct Canvas {
    pixels: Vec<Rgb>,
}

impl Canvas {
    fn new() -> Self {
        Self {
            pixels: vec![PAPER; SIZE.0 * SIZE.1],
        }
    }

    fn rectangle(&mut self, (left, top): (usize, usize), (right, bottom): (usize, usize), c: Rgb) {
        for y in top..bottom.min(SIZE.1) {
            self.pixels[y * SIZE.0 + left..y * SIZE.0 + right.min(SIZE.0)].fill(c);
        }
    }

    /// Fills the right part with the middle of the picture, nearest pixels, so that classes keep their colours.
    fn cover(&mut self, picture: &Picture) {
        let (wide, high) = (SIZE.0 - EDGE, SIZE.1);
        let scale = (picture.width as f64 / wide as f64).min(picture.height as f64 / high as f64);
        let corner = |whole: usize, part: usize| (whole as f64 - part as f64 * scale) / 2.0;
        let (left, top) = (corner(picture.width, wide), corner(picture.height, high));
        let at = |from: f64, pixel: usize, most: usize| {
            ((from + (pixel as f64 + 0.5) * scale) as usize).min(most - 1)
        };
        for y in 0..high {
            let row = at(top, y, picture.height) * picture.width;
            for x in 0..wide {
                let pixel = 4 * (row + at(left, x, picture.width));
                let [red, green, blue, solid] =
                    std::array::from_fn(|part| picture.rgba[pixel + part]);
                let below = &mut self.pixels[y * SIZE.0 + EDGE + x];
                *below = blend(*below, [red, green, blue], f32::from(solid) / 255.0);
            }
        }
    }

    /// Fills the right part with fields of six colours: rows of uneven strips, as `seed` has them.
    fn patchwork(&mut self, seed: &[u8]) {
        let byte = |at: usize| usize::from(seed[at % seed.len()]);
        // No slivers at the edge.
        let end = |wanted: usize, most: usize| if wanted + 50 > most { most } else { wanted };
        let (mut top, mut row, mut last) = (0, 0, FIELDS.len());
        while top < SIZE.1 {
            let bottom = end(top + 70 + byte(row) / 2, SIZE.1);
            let (mut left, mut field) = (EDGE, row);
            while left < SIZE.0 {
                let right = end(left + 60 + byte(3 * row + field) / 2, SIZE.0);
                let mut color = byte(row + 5 * field) % FIELDS.len();
                if color == last {
                    color = (color + 1) % FIELDS.len();
                }
                self.rectangle((left, top), (right, bottom), PAPER);
                self.rectangle((left + 4, top + 4), (right, bottom), FIELDS[color]);
                (left, field, last) = (right, field + 1, color);
            }
            (top, row) = (bottom, row + 1);
        }
    }

    /// The mark and the name.
    fn brand(&mut self, fonts: &Fonts) {
        let mark = [
            ((0, 0), (26, 18), FIELDS[0]),
            ((30, 0), (44, 28), FIELDS[1]),
            ((0, 22), (14, 44), FIELDS[2]),
            ((18, 32), (44, 44), FIELDS[5]),
        ];
        let (left, top) = (MARGIN as usize, 66);
        for ((x0, y0), (x1, y1), color) in mark {
            self.rectangle((left + x0, top + y0), (left + x1, top + y1), color);
        }
        self.text(&fonts.bold, 40.0, (MARGIN + 60.0, 103.0), INK, "GeoCrop");
    }

    /// One line of text that stands on `y`.
    fn text(&mut self, font: &FontRef<'_>, size: f32, (x, y): (f32, f32), color: Rgb, text: &str) {
        set(font, size, text, |glyph, from| {
            let glyph = glyph.with_scale_and_position(PxScale::from(size), point(x + from, y));
            let Some(outline) = font.outline_glyph(glyph) else {
                return;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|across, down, cover| {
                let (across, down) = (corner.x + across as f32, corner.y + down as f32);
                if across >= 0.0 && down >= 0.0 && across < SIZE.0 as f32 && down < SIZE.1 as f32 {
                    let pixel = &mut self.pixels[down as usize * SIZE.0 + across as usize];
                    *pixel = blend(*pixel, color, cover);
                }
            });
        });
    }

    fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, SIZE.0 as u32, SIZE.1 as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer.finish()?;
        Ok(file)
    }
}

/// `over` on `below`, as far as it covers it (0 to 1).
fn blend(below: Rgb, over: Rgb, cover: f32) -> Rgb {
    std::array::from_fn(|part| {
        let (from, to) = (f32::from(below[part]), f32::from(over[part]));
        (from + (to - from) * cover.clamp(0.0, 1.0)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_longer_than_the_card_allows() {
        let fonts = Fonts::new().unwrap();
        let text = "Engineering decisions and trade-offs, each with what it costs";
        let lines = wrap(&fonts.bold, 60.0, text, 600.0);
        assert!(lines.len() > 2, "{lines:?}");
        assert!(
            lines
                .iter()
                .all(|line| length(&fonts.bold, 60.0, line) <= 600.0)
        );
        assert_eq!(lines.join(" "), text);
        assert_eq!(
            wrap(&fonts.bold, 60.0, "Unbreakableunbreakable", 10.0).len(),
            1
        );
    }

    #[test]
    fn a_card_has_the_text_on_the_left_and_the_fields_of_its_page_on_the_right() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("file://{}", folder.path().display())).unwrap();
        let draw = |address: &str, title: &str| {
            let card = Card::new(address, title, "Why it is so.", Motif::Fields, "");
            let png = card.draw(&store).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(png))
                .read_info()
                .unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((info.width as usize, info.height as usize), SIZE);
            pixels
        };
        let (one, two, three) = (
            draw("/a/", "Trade-offs"),
            draw("/b/", "Trade-offs"),
            draw("/a/", "Other"),
        );
        let part = |pixels: &[u8], right: bool| -> Vec<u8> {
            let rows = pixels.chunks_exact(3 * SIZE.0);
            rows.flat_map(|row| {
                if right {
                    &row[3 * EDGE..]
                } else {
                    &row[..3 * EDGE]
                }
            })
            .copied()
            .collect()
        };
        assert_eq!(part(&one, false), part(&two, false));
        assert_ne!(part(&one, true), part(&two, true));
        assert_ne!(part(&one, false), part(&three, false));
        assert_eq!(part(&one, true), part(&three, true));
        assert!(part(&one, false).chunks_exact(3).any(|pixel| pixel == INK));
    }

    #[test]
    fn the_name_follows_what_is_shown() {
        let src = |title, tag| Card::new("/areas/dam/", title, "", Motif::Fields, tag).src;
        assert!(src("A", "1").starts_with("/cards/areas-dam."));
        assert_ne!(src("A", "1"), src("A", "2"));
        assert_ne!(src("A", "1"), src("B", "1"));
        assert_eq!(src("A", "1"), src("A", "1"));
    }
}
