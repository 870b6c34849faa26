//! The published weights, against what TensorFlow computes with them. Skipped where the sample data are
//! not at hand.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use geocrop_model::dynamic_world::{HALO, Network};
use geocrop_model::tensor_bundle::{TensorBundle, read_files};
use ndarray::{Array3, ArrayD};
use ndarray_npy::{ReadNpyExt, ReadableElement};

use crate::oracle::Oracle;
use crate::{classes, largest_difference};

/// The folder of the network, if this machine has the sample data.
fn published() -> Option<PathBuf> {
    let shared = std::env::var_os("GEOCROP_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data/dynamicworld");
    if folder.join("forward/variables").exists() {
        return Some(folder);
    }
    eprintln!("skipped: no ../shared/data/dynamicworld with the published network");
    None
}

/// An array of an `.npz` file: a ZIP archive of `.npy` files. Its directory is at the end.
fn array<T: ReadableElement>(file: &Path, name: &str) -> ArrayD<T> {
    let bytes = std::fs::read(file).unwrap();
    let number = |at: usize, length: usize| {
        let bytes = &bytes[at..at + length];
        bytes.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b))
    };
    let end = bytes.len() - 22;
    assert_eq!(
        &bytes[end..end + 4],
        b"PK\x05\x06",
        "no comment is expected"
    );
    let mut at = number(end + 16, 4);
    while &bytes[at..at + 4] == b"PK\x01\x02" {
        let (method, packed) = (number(at + 10, 2), number(at + 20, 4));
        let lengths = [28, 30, 32].map(|field| number(at + field, 2));
        let place = number(at + 42, 4);
        let found = &bytes[at + 46..at + 46 + lengths[0]];
        if found == format!("{name}.npy").as_bytes() {
            let content = place + 30 + number(place + 26, 2) + number(place + 28, 2);
            let content = &bytes[content..content + packed];
            let mut npy = Vec::new();
            match method {
                0 => npy.extend(content),
                8 => {
                    let mut inflate = flate2::read::DeflateDecoder::new(content);
                    inflate.read_to_end(&mut npy).unwrap();
                }
                other => panic!("{name} is packed by method {other}"),
            }
            return ArrayD::read_npy(npy.as_slice()).unwrap();
        }
        at += 46 + lengths.iter().sum::<usize>();
    }
    panic!("{} has no array {name}", file.display());
}

/// `[band][row][column]` of a raw array, NaN for 65535.
fn planes(raw: &Array3<u16>) -> Vec<f32> {
    raw.view()
        .permuted_axes([2, 0, 1])
        .iter()
        .map(|v| {
            if *v == u16::MAX {
                f32::NAN
            } else {
                f32::from(*v)
            }
        })
        .collect()
}

fn raw(file: &Path) -> Array3<u16> {
    array(file, "raw").into_dimensionality().unwrap()
}

#[test]
fn both_golden_months_get_tensorflows_probabilities_and_classes() {
    let Some(folder) = published() else { return };
    let network = Network::load(&folder.join("forward")).unwrap();
    for month in ["2021-04-01", "2021-08-01"] {
        let file = folder.join(format!("golden/{month}.npz"));
        let raw = raw(&file);
        let (height, width, _) = raw.dim();
        let found = network.probabilities(&planes(&raw), height, width).unwrap();
        let expected = array::<f32>(&file, "probabilities").mapv(f64::from);
        let difference = largest_difference(expected.as_slice().unwrap(), &found, 9);
        assert!(difference < 1e-5, "{month}: {difference}");

        let logits = array::<f32>(&file, "logits");
        let expected = logits.as_slice().unwrap().chunks_exact(9).map(|scores| {
            let best = (0..9).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
            assert!(best.is_some());
            best
        });
        let expected: Vec<_> = expected.collect();
        assert!(classes(&found) == expected, "{month}: a class changed");
    }
}

#[test]
fn the_plain_network_agrees_with_tensorflow_step_by_step() {
    let Some(folder) = published() else { return };
    let (index, data) = read_files(&folder.join("forward")).unwrap();
    let bundle = TensorBundle::new(&index, &data).unwrap();
    let file = folder.join("golden/stages_13x18.npz");
    let raw = raw(&file);
    let (height, width, _) = raw.dim();
    let interleaved: Vec<f32> = raw.iter().map(|v| f32::from(*v)).collect();
    let steps = Oracle::new(&bundle).run(&interleaved, height, width);
    for (name, step) in &steps {
        let expected = array::<f32>(&file, name);
        assert_eq!(
            expected.shape(),
            [step.height, step.width, step.channels],
            "{name}"
        );
        let difference = expected
            .iter()
            .zip(&step.values)
            .map(|(a, b)| (f64::from(*a) - b).abs())
            .fold(0.0, f64::max);
        assert!(difference < 2e-5, "{name}: {difference}");
    }
    // And the fast one agrees with both, at this odd height.
    let network = Network::load(&folder.join("forward")).unwrap();
    let found = network.probabilities(&planes(&raw), height, width).unwrap();
    let difference = largest_difference(&steps["probabilities"].values, &found, 9);
    assert!(difference < 5e-6, "{difference}");
}

#[test]
fn a_month_cut_in_two_has_no_seam() {
    let Some(folder) = published() else { return };
    let network = Network::load(&folder.join("forward")).unwrap();
    let raw = raw(&folder.join("golden/2021-08-01.npz"));
    let (height, width, _) = raw.dim();
    let whole = network.probabilities(&planes(&raw), height, width).unwrap();
    let whole = classes(&whole);
    let mut joined = vec![None; height * width];
    for (from, to, wanted) in [(0, 50 + HALO, 0..50), (50 - HALO, width, 50..width)] {
        let part = raw.slice(ndarray::s![.., from..to, ..]).to_owned();
        let found = network.probabilities(&planes(&part), height, to - from);
        let found = classes(&found.unwrap());
        for y in 0..height {
            for x in wanted.clone() {
                joined[y * width + x] = found[y * (to - from) + x - from];
            }
        }
    }
    assert!(joined == whole);
}
