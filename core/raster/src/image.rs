//! PNG: small files for maps of few classes, and colour with transparency.

use libdeflater::Crc;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::cog::deflate::ClassDeflate;

/// Encodes classes as a PNG with a palette of only the values that occur, in the fewest bits that hold them.
///
/// `pixels` are `width x height` values, row by row; `colors` has a colour for every value. Returns `None` when every
/// pixel is transparent.
pub(crate) fn encode_classes(
    pixels: &[Option<u8>],
    (width, height): (usize, usize),
    colors: &[[u8; 3]; 256],
) -> Result<Option<Vec<u8>>, png::EncodingError> {
    let mut seen = [false; 256];
    let mut holes = false;
    for pixel in pixels {
        match pixel {
            Some(value) => seen[usize::from(*value)] = true,
            None => holes = true,
        }
    }
    let used: Vec<usize> = (0..256).filter(|&value| seen[value]).collect();
    if used.is_empty() {
        return Ok(None);
    }
    // The transparent entry comes first, so that the list of opacities has one element.
    let first = usize::from(holes);
    if used.len() + first > 256 {
        let colored: Vec<Option<[u8; 3]>> = pixels
            .iter()
            .map(|pixel| pixel.map(|value| colors[usize::from(value)]))
            .collect();
        return encode_color(&colored, (width, height));
    }
    let mut index = [0_u8; 256];
    let mut palette = vec![[0_u8; 4]; first];
    for (position, &value) in used.iter().enumerate() {
        index[value] = u8::try_from(position + first).unwrap_or(u8::MAX);
        let [red, green, blue] = colors[value];
        palette.push([red, green, blue, 255]);
    }
    let indices: Vec<u8> = pixels
        .iter()
        .map(|pixel| pixel.map_or(0, |value| index[usize::from(value)]))
        .collect();
    Ok(Some(encode_indexed(
        &indices,
        (width, height),
        &palette,
        true,
    )))
}

/// Encodes pixels that are places in a palette of at most 256 colours, in the fewest bits that hold them.
///
/// Colours that are not opaque should come first: the list of opacities ends with the last of them. If it is to be
/// `thorough`, it takes twice as long and is a few percent smaller.
pub(crate) fn encode_indexed(
    indices: &[u8],
    (width, height): (usize, usize),
    palette: &[[u8; 4]],
    thorough: bool,
) -> Vec<u8> {
    let bits = match palette.len() {
        ..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    };
    let per_byte = 8 / bits;
    let row_bytes = 1 + width.div_ceil(per_byte);
    let mut rows = Vec::with_capacity(row_bytes * height);
    for row in indices.chunks_exact(width) {
        // Without a filter: neighbouring classes are equal or unrelated, differences do not compress better.
        rows.push(0);
        if bits == 8 {
            rows.extend_from_slice(row);
            continue;
        }
        let pairs = row.as_chunks::<2>();
        if bits == 4 && pairs.1.is_empty() {
            rows.extend(pairs.0.iter().map(|[left, right]| left << 4 | right));
            continue;
        }
        for group in row.chunks(per_byte) {
            let mut byte = 0_u8;
            for (place, index) in group.iter().enumerate() {
                byte |= index << (8 - bits * (place + 1));
            }
            rows.push(byte);
        }
    }
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX).to_be_bytes();
    let [width, height] = [width, height].map(side);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    // Colour type 3: a palette.
    let shape = [&width[..], &height, &[bits as u8, 3, 0, 0, 0]].concat();
    chunk(&mut file, *b"IHDR", &shape);
    let solid: Vec<[u8; 3]> = palette.iter().map(|&[r, g, b, _]| [r, g, b]).collect();
    chunk(&mut file, *b"PLTE", solid.as_flattened());
    let clear = palette.iter().rposition(|color| color[3] < 255);
    if let Some(last) = clear {
        let opacities: Vec<u8> = palette[..=last].iter().map(|color| color[3]).collect();
        chunk(&mut file, *b"tRNS", &opacities);
    }
    let mut deflate = ClassDeflate::new(row_bytes);
    chunk(&mut file, *b"IDAT", deflate.compress(&rows, thorough));
    chunk(&mut file, *b"IEND", &[]);
    file
}

/// Adds a part of a PNG file.
fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(data);
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(sum.sum().to_be_bytes());
}

/// Encodes colour: with an alpha channel only if some pixel is transparent. `None` when all are.
pub(crate) fn encode_color(
    pixels: &[Option<[u8; 3]>],
    size: (usize, usize),
) -> Result<Option<Vec<u8>>, png::EncodingError> {
    let holes = pixels.iter().filter(|pixel| pixel.is_none()).count();
    if holes == pixels.len() {
        return Ok(None);
    }
    let (color, data): (_, Vec<u8>) = if holes == 0 {
        let data = pixels.iter().flatten().flatten().copied().collect();
        (ColorType::Rgb, data)
    } else {
        let rgba = |pixel: &Option<[u8; 3]>| match *pixel {
            Some([red, green, blue]) => [red, green, blue, 255],
            None => [0; 4],
        };
        (ColorType::Rgba, pixels.iter().flat_map(rgba).collect())
    };
    encode(&data, color, size).map(Some)
}

/// Encodes samples that are a colour as they are.
pub(crate) fn encode(
    data: &[u8],
    color: ColorType,
    size: (usize, usize),
) -> Result<Vec<u8>, png::EncodingError> {
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, side(size.0), side(size.1));
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colors() -> [[u8; 3]; 256] {
        std::array::from_fn(|value| [value as u8, 255 - value as u8, 7])
    }

    fn decoded(file: &[u8]) -> (png::OutputInfo, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        pixels.truncate(info.buffer_size());
        (info, pixels)
    }

    #[test]
    fn classes_keep_their_colours_at_every_depth() {
        for count in [1_usize, 2, 3, 4, 9, 16, 17, 255, 256] {
            for holes in [false, true] {
                let (width, height) = (37, 9);
                let pixels: Vec<Option<u8>> = (0..width * height)
                    .map(|n| (!holes || n % 5 != 0).then_some((n % count) as u8))
                    .collect();
                let file = encode_classes(&pixels, (width, height), &colors())
                    .unwrap()
                    .unwrap();
                let (info, drawn) = decoded(&file);
                assert_eq!((info.width, info.height), (37, 9));
                let samples = if holes { 4 } else { 3 };
                for (pixel, shown) in pixels.iter().zip(drawn.chunks_exact(samples)) {
                    match pixel {
                        Some(value) => assert_eq!(shown[..3], colors()[usize::from(*value)]),
                        None => assert_eq!(shown[3], 0),
                    }
                }
            }
        }
    }

    #[test]
    fn a_picture_of_nothing_is_no_picture() {
        assert!(
            encode_classes(&[None; 4], (2, 2), &colors())
                .unwrap()
                .is_none()
        );
        assert!(encode_color(&[None; 4], (2, 2)).unwrap().is_none());
    }

    #[test]
    fn colour_has_an_alpha_channel_only_where_needed() {
        let full = encode_color(&[Some([1, 2, 3]); 4], (2, 2))
            .unwrap()
            .unwrap();
        assert_eq!(decoded(&full).1, [1, 2, 3].repeat(4));
        let holed = encode_color(&[Some([1, 2, 3]), None], (2, 1))
            .unwrap()
            .unwrap();
        assert_eq!(decoded(&holed).1, [1, 2, 3, 255, 0, 0, 0, 0]);
    }
}
