//! The network with weights that were never trained, against the plain one, at sizes of all kinds.

use geocrop_model::dynamic_world::{BANDS, HALO, Network, NetworkError};
use geocrop_model::tensor_bundle::TensorBundle;

use crate::bundle::{Files, Numbers, untrained, write};
use crate::oracle::Oracle;
use crate::{classes, largest_difference};

/// Fields of some pixels with noise on them, `[band][row][column]`.
fn scene(height: usize, width: usize) -> Vec<f32> {
    let mut numbers = Numbers((height * 1000 + width) as u64);
    let mut bands = Vec::new();
    for band in 0..BANDS.len() {
        for y in 0..height {
            for x in 0..width {
                let field = Numbers((band * 7919 + y / 9 * 131 + x / 13) as u64).unit();
                bands.push((field * 5000.0 + numbers.between(0.0, 800.0)).round());
            }
        }
    }
    bands
}

fn interleaved(bands: &[f32]) -> Vec<f32> {
    let pixels = bands.len() / BANDS.len();
    (0..bands.len())
        .map(|at| bands[at % BANDS.len() * pixels + at / BANDS.len()])
        .collect()
}

fn window(
    planes: &[f32],
    (height, width): (usize, usize),
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> Vec<f32> {
    planes
        .chunks_exact(height * width)
        .flat_map(|plane| {
            let columns = columns.clone();
            rows.clone()
                .flat_map(move |y| plane[y * width..][..width][columns.clone()].to_vec())
        })
        .collect()
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn network(seed: u64) -> (Network, Files) {
    let files = write(&untrained(seed), true);
    let network = Network::from_bytes(&files.index, &files.data).unwrap();
    (network, files)
}

#[test]
fn images_of_even_and_odd_sizes_get_the_probabilities_of_the_plain_network() {
    let (network, files) = network(7);
    let bundle = TensorBundle::new(&files.index, &files.data).unwrap();
    let sizes = [
        (2, 2),
        (2, 3),
        (3, 2),
        (3, 5),
        (4, 70),
        (69, 2),
        (7, 7),
        (13, 18),
        (16, 31),
        (22, 24),
        (33, 47),
        (48, 41),
        (70, 69),
    ];
    for (height, width) in sizes {
        let bands = scene(height, width);
        let found = network.probabilities(&bands, height, width).unwrap();
        let steps = Oracle::new(&bundle).run(&interleaved(&bands), height, width);
        let difference = largest_difference(&steps["probabilities"].values, &found, 9);
        assert!(difference < 1e-5, "{height} x {width}: {difference}");
        for pixel in 0..height * width {
            let sum: f32 = (0..9).map(|c| found[c * height * width + pixel]).sum();
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn no_bit_depends_on_how_many_threads_share_an_image() {
    let (network, _) = network(3);
    for (height, width) in [(140, 128), (129, 131)] {
        let bands = scene(height, width);
        let run = || network.probabilities(&bands, height, width).unwrap();
        let alone = with_threads(1, run);
        for threads in [2, 4] {
            let shared = with_threads(threads, run);
            assert!(
                bits(&alone) == bits(&shared),
                "{height} x {width}, {threads}"
            );
        }
    }
}

#[test]
fn a_scene_cut_in_two_is_the_whole_scene_beyond_the_halo() {
    let (network, _) = network(5);
    let (height, width) = (60, 120);
    let bands = scene(height, width);
    let whole = network.probabilities(&bands, height, width).unwrap();
    // The half that is wanted, and the halo of context.
    for (part, wanted) in [
        (0..60 + HALO, 0..60_usize),
        (60 - HALO..width, 60..width),
        (40 - HALO..80 + HALO, 40..80),
    ] {
        let cut = window(&bands, (height, width), 0..height, part.clone());
        let found = network.probabilities(&cut, height, part.len()).unwrap();
        let inside = wanted.start - part.start..wanted.end - part.start;
        let found = window(&found, (height, part.len()), 0..height, inside);
        let expected = window(&whole, (height, width), 0..height, wanted);
        assert!(bits(&found) == bits(&expected), "columns {part:?}");
        assert_eq!(classes(&found), classes(&expected));
    }
    // The same along the other axis.
    let cut = window(&bands, (height, width), 10..60, 0..width);
    let found = network.probabilities(&cut, 50, width).unwrap();
    let found = window(&found, (50, width), HALO..50, 0..width);
    let expected = window(&whole, (height, width), 10 + HALO..60, 0..width);
    assert!(bits(&found) == bits(&expected));
}

#[test]
fn a_smaller_halo_would_show() {
    let (network, _) = network(5);
    let (height, width) = (8, 120);
    let bands = scene(height, width);
    let whole = network.probabilities(&bands, height, width).unwrap();
    let start = 60 - HALO + 2;
    let cut = window(&bands, (height, width), 0..height, start..width);
    let found = network.probabilities(&cut, height, width - start).unwrap();
    let found = window(
        &found,
        (height, width - start),
        0..height,
        60 - start..62 - start,
    );
    let expected = window(&whole, (height, width), 0..height, 60..62);
    assert!(bits(&found) != bits(&expected));
}

#[test]
fn no_data_in_any_band_is_no_data_and_is_seen_by_neighbours_as_65535() {
    let (network, files) = network(7);
    let bundle = TensorBundle::new(&files.index, &files.data).unwrap();
    let (height, width) = (19, 26);
    let mut bands = scene(height, width);
    let holes = [0, 17, 5 * width + 3, 11 * width + 25, height * width - 1];
    for (band, hole) in holes.into_iter().enumerate() {
        bands[2 * band % 9 * height * width + hole] = f32::NAN;
    }
    let found = network.probabilities(&bands, height, width).unwrap();
    let blank = classes(&found).iter().filter(|c| c.is_none()).count();
    assert_eq!(blank, holes.len());
    let steps = Oracle::new(&bundle).run(&interleaved(&bands), height, width);
    let difference = largest_difference(&steps["probabilities"].values, &found, 9);
    assert!(difference < 1e-5, "{difference}");

    let nothing = vec![f32::NAN; 9 * 6 * 5];
    let found = network.probabilities(&nothing, 6, 5).unwrap();
    assert!(found.iter().all(|p| p.is_nan()));
}

#[test]
fn what_cannot_be_halved_or_does_not_fit_its_size_is_refused() {
    let (network, _) = network(1);
    let error = network.probabilities(&[0.0; 9 * 5], 1, 5).unwrap_err();
    assert!(matches!(
        error,
        NetworkError::Small {
            height: 1,
            width: 5
        }
    ));
    let error = network.probabilities(&[0.0; 9], 2, 2).unwrap_err();
    assert!(error.to_string().contains("are 36"), "{error}");
    assert!(network.probabilities(&[], usize::MAX, 3).is_err());
}

#[test]
fn progress_ends_with_every_pixel() {
    let (network, _) = network(1);
    let (height, width) = (140, 70);
    let most = std::sync::atomic::AtomicUsize::new(0);
    let watch = |done: usize, all: usize| {
        assert_eq!(all, height * width);
        most.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
    };
    let bands = scene(height, width);
    with_threads(2, || {
        network.probabilities_watched(&bands, height, width, &watch)
    })
    .unwrap();
    assert_eq!(most.into_inner(), height * width);
}
