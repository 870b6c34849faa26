//! `geocrop network`, from arrays to arrays.

use std::path::Path;
use std::process::{Command, Output};

use geocrop_model::dynamic_world::{BANDS, Network};
use ndarray::Array3;

use crate::support::{project, shared_data, stderr};

/// Runs the command with a cache of its own.
fn network(cache: &Path, mirror: Option<&Path>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geocrop"));
    command
        .current_dir(project())
        .env("GEOCROP_CACHE", cache)
        .env_remove("GEOCROP_DATA_MIRROR")
        .arg("network")
        .args(args);
    if let Some(mirror) = mirror {
        command.env("GEOCROP_DATA_MIRROR", mirror);
    }
    command.output().unwrap()
}

/// Some bright and some dark ground, with one pixel of no data.
fn scene(bands: usize) -> Array3<u16> {
    let mut scene = Array3::from_shape_fn((31, 40, bands), |(y, x, band)| {
        (300 + 150 * band + 40 * (y / 5) + 90 * (x / 7)) as u16
    });
    scene[[10, 20, 4]] = 65535;
    scene
}

#[test]
fn a_scene_becomes_the_networks_probabilities_with_no_data_left_out() {
    let Some(mirror) = shared_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("scene.npy"), dir.path().join("p.npy"));
    let scene = scene(BANDS.len());
    ndarray_npy::write_npy(&input, &scene).unwrap();
    let output = network(
        dir.path(),
        Some(&mirror),
        &[
            "--json",
            "--scene",
            input.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["rows"], 31);
    let counts = report["most_probable"].as_object().unwrap();
    assert_eq!(counts["no_data"], 1);
    let pixels: u64 = counts.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(pixels, 31 * 40);

    let found: Array3<f32> = ndarray_npy::read_npy(&out).unwrap();
    assert_eq!(found.dim(), (31, 40, 9));
    let planes: Vec<f32> = scene
        .view()
        .permuted_axes([2, 0, 1])
        .iter()
        .map(|v| if *v == 65535 { f32::NAN } else { f32::from(*v) })
        .collect();
    let network = Network::load(&mirror.join("dynamicworld/forward")).unwrap();
    let expected = network.probabilities(&planes, 31, 40).unwrap();
    let expected = Array3::from_shape_vec((9, 31, 40), expected).unwrap();
    for (place, found) in found.indexed_iter() {
        let expected = expected[[place.2, place.0, place.1]];
        assert_eq!(found.to_bits(), expected.to_bits(), "{place:?}");
        assert_eq!(found.is_nan(), (place.0, place.1) == (10, 20));
    }
}

#[test]
fn without_the_network_the_error_says_how_to_fetch_it() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--scene", "scene.npy", "--out", "p.npy"];
    let output = network(dir.path(), None, &args);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("geocrop data pull dynamic-world"), "{said}");

    let mut args = args.to_vec();
    args.extend(["--model", "no-such-folder"]);
    let said = stderr(&network(dir.path(), None, &args));
    assert!(said.contains("no-such-folder"), "{said}");
    assert!(said.contains("dynamic-world"), "{said}");
}

#[test]
fn a_scene_of_other_bands_or_another_type_is_refused() {
    let Some(mirror) = shared_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("scene.npy");
    let out = dir.path().join("p.npy");
    let run = || {
        let args = [
            "--scene",
            input.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ];
        let output = network(dir.path(), Some(&mirror), &args);
        assert_eq!(output.status.code(), Some(1));
        assert!(!out.exists());
        stderr(&output)
    };
    ndarray_npy::write_npy(&input, &scene(10)).unwrap();
    let said = run();
    assert!(
        said.contains("10 bands") && said.contains("swir_2"),
        "{said}"
    );
    ndarray_npy::write_npy(&input, &scene(9).mapv(f32::from)).unwrap();
    assert!(run().contains("uint16"));
    ndarray_npy::write_npy(&input, &Array3::<u16>::zeros((1, 7, 9))).unwrap();
    assert!(run().contains("at least 2 x 2"));
}
