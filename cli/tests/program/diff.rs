//! `geocrop diff`: what it prints, its JSON, and its exit codes.

use std::path::Path;

use geocrop_raster::{BlockWriter, CogSpec, Crs, Grid, Window, histogram};
use ndarray::Array2;

use crate::support::{geocrop, stderr, stdout};

/// Nine classes in stripes, moved by some pixels.
fn write(path: &Path, moved: usize) -> String {
    let grid = Grid {
        crs: Crs::EQUAL_AREA,
        x0: 2_990_000.0,
        y0: -2_260_000.0,
        resolution: 10.0,
        width: 900,
        height: 700,
    };
    let names = [
        "Water",
        "Trees",
        "Grass",
        "Flooded vegetation, seasonally or always",
        "Crops",
        "Shrub",
        "Built",
        "Bare",
        "Snow",
    ];
    let spec = CogSpec {
        category_names: names.map(str::to_owned).to_vec(),
        ..CogSpec::default()
    };
    let writer = BlockWriter::create(path.parent().unwrap(), &grid, &spec).unwrap();
    let codes = Array2::from_shape_fn((700, 900), |(_, x)| (((x + moved) / 100) % 9) as u8);
    let all = Window {
        x: 0,
        y: 0,
        width: 900,
        height: 700,
    };
    writer.write(all, 1, &codes).unwrap();
    writer.finish(path).unwrap();
    path.display().to_string()
}

#[test]
fn a_comparison_fits_eighty_columns_and_says_how_much_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(&dir.path().join("a.tif"), 0);
    let b = write(&dir.path().join("b.tif"), 10);
    let output = geocrop(&["diff", &a, &b]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = stdout(&output);
    for line in page.lines().filter(|l| !l.starts_with(['A', 'B'])) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // Each of nine stripes loses ten columns of 700 pixels to its neighbour.
    for words in [
        "Changed",
        "630.00 ha",
        "10.0 %",
        "Largest of 9 patches",
        "Water -> Trees",
    ] {
        assert!(page.contains(words), "'{words}' is not in:\n{page}");
    }
}

#[test]
fn the_exit_code_tells_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(&dir.path().join("a.tif"), 0);
    let b = write(&dir.path().join("b.tif"), 10);
    let code = |args: &[&str]| geocrop(args).status.code();
    assert_eq!(code(&["diff", &a, &b]), Some(0));
    assert_eq!(code(&["diff", "--exit-code", &a, &a]), Some(0));
    assert_eq!(code(&["diff", "--exit-code", &a, &b]), Some(1));
    let missing = geocrop(&[
        "diff",
        "no/such/map.tif",
        &b,
        "--store",
        dir.path().to_str().unwrap(),
    ]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("no/such/map.tif"),
        "{}",
        stderr(&missing)
    );
    let store = dir.path().to_str().unwrap();
    assert_eq!(
        code(&[
            "diff",
            "--exit-code",
            "ndvi/2024/nowhere",
            &b,
            "--store",
            store
        ]),
        Some(2)
    );
}

#[test]
fn json_and_the_file_of_changes_tell_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(&dir.path().join("a.tif"), 0);
    let b = write(&dir.path().join("b.tif"), 10);
    let out = dir.path().join("change.tif");
    let output = geocrop(&["diff", &a, &b, "--json", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let pixels = histogram(&out, 1).unwrap();
    assert_eq!(found["pixels"]["changed"], 63_000);
    assert_eq!(pixels[1..255].iter().sum::<u64>(), 63_000);
    assert_eq!(found["pixels"]["equal"], pixels[0]);
    assert_eq!(found["matrix_pixels"][0][1], pixels[1]);
    assert_eq!(found["largest"].as_array().unwrap().len(), 9);
    assert_eq!(found["classes"][4]["title"], "Crops");
}
