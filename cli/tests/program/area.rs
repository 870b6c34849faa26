//! `geocrop area`: from a published map to the sentence on its page, on land whose truth is known.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use geocrop_raster::{Crs, Grid, Projection, RasterReader, Resampling};
use geocrop_synthetic::Landscape;
use ndarray::Array2;
use serde_json::Value;

use crate::ask::mapped;
use crate::support::{command, geocrop, stderr, stdout};

const RECIPE: &str = "cropland-southeast-africa";
const LAYER: &str = "cropland-southeast-africa/2024/valley";

/// Land, a store with its map, and a small site.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        world.map(6);
        for (file, front) in [
            ("index", "title = \"Home\"\ntemplate = \"home\""),
            ("areas", "title = \"Areas\"\ntemplate = \"areas\""),
            ("map", "title = \"Map\"\ntemplate = \"map\""),
        ] {
            let text = format!("+++\n{front}\ndescription = \"All of it.\"\n+++\n\nWords.\n");
            let path = world.path(&format!("content/{file}.md"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        world
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn text(&self, inside: &str) -> String {
        self.path(inside).display().to_string()
    }

    /// Makes the layer from so many scenes of the land.
    fn map(&self, dates: usize) {
        let land = self.path(&format!("land-{dates}"));
        fs::create_dir_all(&land).unwrap();
        let landscape = Landscape::valley(96, dates);
        landscape.write(&land, &|_, _, _| true).unwrap();
        let output = mapped(&land, RECIPE, &self.text("store"));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    fn area(&self, args: &[&str]) -> std::process::Output {
        let store = self.text("store");
        let all = [&["area"], args, &["--store", &store]].concat();
        geocrop(&all)
    }

    /// What it prints when it succeeds.
    fn done(&self, args: &[&str]) -> String {
        let output = self.area(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// What it says when it refuses.
    fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.area(args);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        stderr(&output)
    }

    /// Builds the site as far as it is not built: the area's page, and what was said.
    fn page(&self) -> (String, String) {
        let [content, store, out] = ["content", "store", "dist"].map(|name| self.text(name));
        let build = [
            "site",
            "build",
            "--content",
            &content,
            "--store",
            &store,
            "--out",
            &out,
        ];
        let built = command(&build)
            .env("GEOCROP_CACHE", self.path("cache"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", stderr(&built));
        let page = fs::read_to_string(self.path("dist/areas/valley/index.html")).unwrap();
        (page, stderr(&built))
    }

    /// Writes the sheet again with what is true at each point, as `filled.csv`.
    fn label(&self, truth: &Truth) {
        let sheet = fs::read_to_string(self.path("points/points.csv")).unwrap();
        let mut lines = sheet.lines();
        let mut filled = format!("{}\n", lines.next().unwrap());
        for line in lines {
            let start = line.strip_suffix(",,,").unwrap();
            let fields: Vec<&str> = start.split(',').collect();
            let [lon, lat] = [1, 2].map(|field: usize| fields[field].parse().unwrap());
            let _ = writeln!(filled, "{start},{},high,", truth.at(lon, lat));
        }
        fs::write(self.path("points/filled.csv"), filled).unwrap();
    }
}

/// The landscape's own truth, in the classes of the map.
struct Truth {
    grid: Grid,
    /// Names; none where the map has no class.
    classes: Array2<Option<String>>,
}

impl Truth {
    fn of(world: &World) -> Self {
        let land = world.path("land-6");
        let source: toml::Table = fs::read_to_string(land.join("source.toml"))
            .unwrap()
            .parse()
            .unwrap();
        let meaning = source["truth"][RECIPE]["values"].as_table().unwrap();
        let layer = format!("store/layers/{LAYER}");
        let statistics = read_json(&world.path(&format!("{layer}.stats.json")));
        let names: BTreeMap<i64, String> = statistics["classes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|class| {
                let name = class["name"].as_str().unwrap().to_owned();
                (class["value"].as_i64().unwrap(), name)
            })
            .collect();
        let mut reader = RasterReader::new();
        let [file, map] = [
            land.join("truth/valley.tif"),
            world.path(&format!("{layer}.tif")),
        ]
        .map(|path| path.display().to_string());
        // The truth is drawn on the grid of the scenes.
        let grid = reader.info(&map).unwrap().grid().unwrap();
        let mut read = |file: &str| {
            let near = Resampling::Nearest;
            reader.read(file, 1, None, &grid, near).unwrap()
        };
        let (truth, map) = (read(&file), read(&map));
        let classes = Array2::from_shape_fn(truth.dim(), |place| {
            let known = !map[place].is_nan();
            let value = meaning[&(truth[place] as u8).to_string()].as_integer();
            known.then(|| names[&value.unwrap()].clone())
        });
        Self { grid, classes }
    }

    fn at(&self, lon: f64, lat: f64) -> &str {
        let (mut x, mut y) = ([lon], [lat]);
        let projection = Projection::new(Crs::LON_LAT, self.grid.crs).unwrap();
        projection.points(&mut x, &mut y).unwrap();
        let column = (x[0] - self.grid.x0) / self.grid.resolution;
        let row = (self.grid.y0 - y[0]) / self.grid.resolution;
        // A point is the centre of its pixel.
        for place in [column, row] {
            assert!((place.fract() - 0.5).abs() < 0.01, "{place}");
        }
        let place = [row as usize, column as usize];
        self.classes[place].as_deref().unwrap()
    }

    fn hectares(&self, class: &str) -> f64 {
        let all = self.classes.iter().flatten();
        let pixels = all.filter(|name| *name == class).count();
        pixels as f64 * self.grid.pixel_area_m2().unwrap() / 10_000.0
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_map_gets_its_true_area_on_its_page_until_it_is_made_again() {
    let world = World::new();
    let truth = Truth::of(&world);
    let table = world.done(&["propose", LAYER, "--expect", "cropland=0.9"]);
    assert!(table.contains("Rare strata get 50 points first"), "{table}");
    assert!(table.contains("geocrop area draw"), "{table}");

    let points = world.text("points");
    let draw = ["draw", LAYER, "--points", "240", "--seed", "5", "--out"];
    let draw = [&draw[..], &[&points]].concat();
    let next = world.done(&draw);
    assert!(next.contains("240 points of layers/"), "{next}");
    let again = world.refused(&draw, 1);
    assert!(again.contains("is there already"), "{again}");
    let empty = world.refused(&["estimate", &points], 1);
    assert!(empty.contains("240 of 240 points have no"), "{empty}");

    world.label(&truth);
    let filled = world.text("points/filled.csv");
    let estimate = ["estimate", &points, "--sheet", &filled];
    let json = world.done(&[&estimate[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&json).unwrap();
    for class in classes(&found) {
        let number = |name: &str| class["area_ha"][name].as_f64().unwrap();
        let true_ha = truth.hectares(class["name"].as_str().unwrap());
        let off = (number("value") - true_ha).abs();
        assert!(off <= 1.96 * number("se"), "{true_ha} ha, found {class}");
    }
    let (before, _) = world.page();
    assert!(!before.contains("drawn at random"), "{before}");

    let published = [&estimate[..], &["--publish"]].concat();
    let unsaid = world.refused(&published, 2);
    assert!(unsaid.contains("--labelled-by"), "{unsaid}");
    let words = "the drawn landscape’s own truth";
    let table = world.done(&[&published[..], &["--labelled-by", words]].concat());
    assert!(table.contains("Olofsson et al. 2014"), "{table}");
    let sentence = table.lines().find(|l| l.starts_with("cropland: mapped"));
    let sentence = sentence.unwrap().replace("cropland: ", "Cropland: ");
    let sentence = format!("{sentence}, from 240 points drawn at random");
    let (page, _) = world.page();
    assert!(page.contains(&sentence), "{sentence} is not in:\n{page}");
    assert!(sentence.contains(" ± ") && sentence.contains("ha (95 %)"));
    assert!(page.contains(words), "{page}");
    assert!(page.contains("valley.estimate.json"), "{page}");

    world.map(5);
    let (remade, said) = world.page();
    assert!(!remade.contains("drawn at random"), "{remade}");
    assert!(said.contains("1 area estimate(s) left out"), "{said}");
    let late = world.refused(&estimate, 1);
    assert!(late.contains("was made again since"), "{late}");

    // Another model makes a map of the same land. The labels are as true as they were, and say something about it too.
    let store = world.text("store");
    let forced = [
        "model", "promote", RECIPE, "1", "--force", "--why", "a trial", "--by", "ann",
    ];
    let forced = geocrop(&[&forced[..], &["--store", &store]].concat());
    assert!(forced.status.success(), "{}", stderr(&forced));
    world.map(6);
    let again = [&published[..], &["--labelled-by", words, "--map", LAYER]].concat();
    let table = world.done(&again);
    assert!(table.contains("Stehman 2014"), "{table}");
    let record = read_json(&world.path(&format!("store/layers/{LAYER}.estimate.json")));
    for (class, before) in classes(&record).iter().zip(classes(&found)) {
        // What is on the ground has not changed with the map. Stehman's error knows that the map has an end.
        for (number, most) in [("value", 1e-9), ("se", 0.02)] {
            let [now, then] = [class, before].map(|c| c["area_ha"][number].as_f64().unwrap());
            assert!((now - then).abs() <= most * then, "{class} {before}");
        }
        assert_ne!(class["mapped_ha"], before["mapped_ha"]);
    }
    let (page, _) = world.page();
    assert!(page.contains("drawn at random"), "{page}");

    // Another grid, or a sheet that a spreadsheet has rounded.
    let sheet = fs::read_to_string(&filled).unwrap();
    let rounded = sheet.replace("30.", "30.0");
    assert_ne!(sheet, rounded);
    fs::write(&filled, rounded).unwrap();
    let astray = world.refused(&again, 1);
    assert!(astray.contains("at no centre of a pixel"), "{astray}");
}

fn classes(estimate: &Value) -> &Vec<Value> {
    estimate["classes"].as_array().unwrap()
}

#[test]
fn points_are_drawn_by_the_classes_of_another_map_of_the_same_land() {
    let world = World::new();
    let truth = Truth::of(&world);
    let land = world.path("land-6");
    let output = mapped(&land, "ndvi", &world.text("store"));
    assert!(output.status.success(), "{}", stderr(&output));
    let strata = ["--strata", "ndvi/2024/valley"];
    let points = world.text("points");
    let propose = world.done(&[&["propose", LAYER], &strata[..]].concat());
    assert!(propose.contains("--strata ndvi/2024/valley"), "{propose}");
    let draw = [
        "draw", LAYER, "--points", "240", "--seed", "5", "--out", &points,
    ];
    world.done(&[&draw[..], &strata].concat());
    let design = read_json(&world.path("points/design.json"));
    assert_eq!(design["strata_of"], "layers/ndvi/2024/valley");
    let sum = |list: &str| -> u64 {
        let list = design[list].as_array().unwrap().iter();
        list.map(|part| part["pixels"].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("strata"), sum("classes"));
    assert!(design["strata"].as_array().unwrap().len() > 2);

    world.label(&truth);
    let filled = world.text("points/filled.csv");
    let json = world.done(&["estimate", &points, "--sheet", &filled, "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["estimator"], "stehman2014");
    for class in classes(&found) {
        let number = |name: &str| class["area_ha"][name].as_f64().unwrap();
        let true_ha = truth.hectares(class["name"].as_str().unwrap());
        let off = (number("value") - true_ha).abs();
        assert!(off <= 1.96 * number("se"), "{true_ha} ha, found {class}");
    }
    let unknown = [&["propose", LAYER, "--expect", "maize=0.9"], &strata[..]].concat();
    let unknown = world.refused(&unknown, 2);
    assert!(
        unknown.contains("layers/ndvi/2024/valley has no class"),
        "{unknown}"
    );
}

#[test]
fn points_that_nobody_drew_and_maps_without_classes_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = folder.path().join("training.csv").display().to_string();
    fs::write(&sheet, "id,lon,lat,reference\n1,31,-17.4,cropland\n").unwrap();
    let here = folder.path().display().to_string();
    let args = [
        "area", "estimate", &here, "--sheet", &sheet, "--store", &here,
    ];
    let output = geocrop(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("drawn at random with known"),
        "{}",
        stderr(&output)
    );

    let land = folder.path().join("land");
    fs::create_dir_all(&land).unwrap();
    Landscape::valley(64, 2)
        .write(&land, &|_, _, _| true)
        .unwrap();
    let store = folder.path().join("store").display().to_string();
    let output = mapped(&land, "ndvi", &store);
    assert!(output.status.success(), "{}", stderr(&output));
    for (layer, reason, code) in [
        ("ndvi/2024/valley", "no map of classes", 1),
        ("ndvi/2024/nowhere", "not in the store", 1),
        ("nowhere", "recipe/period/area", 2),
    ] {
        let output = geocrop(&["area", "propose", layer, "--store", &store]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    }
}

#[test]
fn a_large_areas_tiles_give_the_points_of_the_same_map_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    Landscape::valley(96, 6)
        .write(folder.path(), &|_, _, _| true)
        .unwrap();
    let [source, aoi] = ["source.toml", "aois/valley.geojson"].map(path);
    let mut drawn = Vec::new();
    for (store, more) in [("whole", &[][..]), ("tiles", &["--tile", "64"])] {
        let (points, store) = (path(&format!("{store}-points")), path(store));
        let run = ["precompute", "run", "--recipe", RECIPE, "--period", "2024"];
        let from = ["--aoi", &aoi, "--source", &source, "--store", &store];
        let made = command(&[&run[..], &from, more].concat())
            .env("XDG_CACHE_HOME", folder.path().join("cache"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
        let draw = ["area", "draw", LAYER, "--points", "60", "--seed", "3"];
        let output = geocrop(&[&draw[..], &["--out", &points, "--store", &store]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let points = Path::new(&points);
        let design = read_json(&points.join("design.json"));
        drawn.push((
            fs::read_to_string(points.join("points.csv")).unwrap(),
            fs::read_to_string(points.join("key.csv")).unwrap(),
            design["classes"].clone(),
        ));
    }
    assert!(
        Path::new(&path("tiles/layers"))
            .join(format!("{LAYER}.vrt"))
            .exists()
    );
    assert_eq!(drawn[0], drawn[1]);
}
