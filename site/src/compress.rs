//! Compressed copies of text files, for servers that send them as they lie.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

use crate::error::SiteError;

/// Endings of files that shrink.
const TEXT: [&str; 9] = [
    "html", "css", "js", "json", "geojson", "svg", "xml", "txt", "csv",
];

/// Below this, headers and a second request path outweigh what is saved.
const LEAST: usize = 512;

/// Brotli's quality: 5 is where its size falls clearly below gzip's; above it, time grows faster than files shrink.
const QUALITY: i32 = 5;

thread_local! {
    // Its tables cost more to set up than a page to compress.
    static GZIP: RefCell<Compressor> = RefCell::new(Compressor::new(CompressionLvl::default()));
}

/// The compressed copies of a file by ending; none where it is no text, or small, or would not shrink.
///
/// Pages get no brotli copy: its encoder takes and clears megabytes for each file, which for a thousand small pages is
/// most of a build. Styles, scripts and data are few, large and rarely change.
pub(crate) fn copies(
    address: &str,
    bytes: &[u8],
) -> Result<Vec<(&'static str, Vec<u8>)>, SiteError> {
    let ending = address.rsplit_once('.').map_or("", |(_, ending)| ending);
    if !TEXT.contains(&ending) || bytes.len() < LEAST {
        return Ok(Vec::new());
    }
    let fault = |problem: String| SiteError::Compress {
        address: address.to_owned(),
        problem,
    };
    let mut copies = vec![("gz", gzip(bytes).map_err(fault)?)];
    if ending != "html" {
        copies.push(("br", brotli(bytes).map_err(fault)?));
    }
    copies.retain(|(_, packed)| packed.len() < bytes.len());
    Ok(copies)
}

/// The address of the file that `address` is a compressed copy of, or `address` itself.
pub(crate) fn original(address: &str) -> &str {
    match address.rsplit_once('.') {
        Some((original, "gz" | "br")) => original,
        _ => address,
    }
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    GZIP.with_borrow_mut(|compressor| {
        let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
        let size = compressor
            .gzip_compress(bytes, &mut packed)
            .map_err(|e| e.to_string())?;
        packed.truncate(size);
        Ok(packed)
    })
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>, String> {
    // A window larger than the page only costs memory.
    let window = (usize::BITS - bytes.len().leading_zeros()).clamp(10, 22);
    let params = brotli::enc::BrotliEncoderParams {
        quality: QUALITY,
        lgwin: window as i32,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut packed = Vec::with_capacity(bytes.len() / 3);
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params).map_err(|e| e.to_string())?;
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_unpack_to_the_file() {
        let text = "crop field pixel season ".repeat(100);
        let copies = copies("/style.css", text.as_bytes()).unwrap();
        let endings: Vec<_> = copies.iter().map(|(ending, _)| *ending).collect();
        assert_eq!(endings, ["gz", "br"]);
        let mut gunzipped = vec![0; text.len()];
        libdeflater::Decompressor::new()
            .gzip_decompress(&copies[0].1, &mut gunzipped)
            .unwrap();
        assert_eq!(gunzipped, text.as_bytes());
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut copies[1].1.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
    }

    #[test]
    fn pages_have_a_gzip_copy_alone() {
        let page = "<p>crop field</p>".repeat(100);
        let copies = copies("/a/index.html", page.as_bytes()).unwrap();
        assert_eq!(copies.len(), 1);
        assert_eq!(copies[0].0, "gz");
    }

    #[test]
    fn pictures_and_small_files_are_left_alone() {
        assert!(copies("/a.png", &[7; 4096]).unwrap().is_empty());
        assert!(copies("/a.html", b"<p>").unwrap().is_empty());
    }
}
