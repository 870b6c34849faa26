//! Maps of labels: Dynamic World exports as files in all their forms become `dynamic-world/<year>`.

use std::path::Path;
use std::sync::Arc;

use geocrop_precompute::{
    LabelError, Outcome, Progress, Published, Recipe, Target, Task, TaskError,
};
use geocrop_raster::{
    Aoi, AoiLimits, BlockWriter, Bounds, CogSpec, Crs, Grid, Projection, RasterReader, Resampling,
    Window, write_plain,
};
use geocrop_source::Source;
use ndarray::Array2;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Bench, project, recipe};

const CLASSES: [&str; 9] = [
    "water",
    "trees",
    "grass",
    "flooded_vegetation",
    "crops",
    "shrub_and_scrub",
    "built",
    "bare",
    "snow_and_ice",
];

/// 48 x 40 pixels of the map's own grid, so that files on it are read without resampling.
fn grid() -> Grid {
    Grid {
        crs: Crs::EQUAL_AREA,
        x0: 2_980_000.0,
        y0: -2_209_000.0,
        resolution: 10.0,
        width: 48,
        height: 40,
    }
}

/// A folder of label files.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn labels(&self, name: &str, grid: &Grid, value: impl Fn(usize, usize) -> u8) {
        let pixels = Array2::from_shape_fn((grid.height, grid.width), |(y, x)| value(y, x));
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_plain(&path, grid, &pixels, Some(255.0), None).unwrap();
    }

    /// Nine described bands in per cent, with the scale in the file's tags.
    fn probabilities(&self, name: &str, value: impl Fn(usize, usize, usize) -> u8) {
        let grid = grid();
        let spec = CogSpec {
            bands: 9,
            band_names: CLASSES.map(str::to_owned).to_vec(),
            scale_offset: Some((0.01, 0.0)),
            ..CogSpec::default()
        };
        let writer = BlockWriter::create(self.0.path(), &grid, &spec).unwrap();
        let window = Window {
            x: 0,
            y: 0,
            width: grid.width,
            height: grid.height,
        };
        for class in 0..9 {
            let plane =
                Array2::from_shape_fn((grid.height, grid.width), |(y, x)| value(class, y, x));
            writer.write(window, class + 1, &plane).unwrap();
        }
        writer.finish(&self.0.path().join(name)).unwrap();
    }

    fn source(&self, more: &str) -> Arc<Source> {
        let text = format!(
            "name = \"labels\"\ntitle = \"Label exports\"\nattribution = \"\"\nlicence = \"\"\nkind = \"labels\"\nurl = \".\"\n{more}"
        );
        let file = self.0.path().join("source.toml");
        std::fs::write(&file, text).unwrap();
        Arc::new(Source::open(&file.display().to_string(), None).unwrap())
    }

    fn task(&self, recipe: &Arc<Recipe>) -> Task {
        Task {
            recipe: Arc::clone(recipe),
            aoi: aoi(),
            period: "2020".parse().unwrap(),
            source: self.source("api = \"folder\"\n"),
            target: Target::Layer,
        }
    }
}

/// The whole grid, a metre inside its edges.
fn aoi() -> Aoi {
    let bounds = grid().bounds();
    let inside = Bounds {
        min_x: bounds.min_x + 1.0,
        min_y: bounds.min_y + 1.0,
        max_x: bounds.max_x - 1.0,
        max_y: bounds.max_y - 1.0,
    };
    let box_of = Projection::new(Crs::EQUAL_AREA, Crs::LON_LAT)
        .unwrap()
        .bounds(inside)
        .unwrap();
    let (w, s, e, n) = (box_of.min_x, box_of.min_y, box_of.max_x, box_of.max_y);
    let polygon =
        json!({"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]});
    Aoi::parse(&polygon.to_string(), "here", &AoiLimits::default()).unwrap()
}

fn mean_probability() -> Arc<Recipe> {
    let file = project().join("recipes/dynamic-world.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let changed = text.replace("method = \"mode\"", "method = \"mean-probability\"");
    assert_ne!(text, changed);
    Arc::new(Recipe::parse(&changed, "mean").unwrap())
}

/// A band of a published file on the grid; 255 stays 255.
fn read(bench: &Bench, file: &str, band: usize) -> Array2<u8> {
    let path = bench.file(&format!("layers/dynamic-world/2020/{file}"));
    let values = RasterReader::new()
        .read(
            &path.display().to_string(),
            band,
            Some(-1.0),
            &grid(),
            Resampling::Nearest,
        )
        .unwrap();
    values.mapv(|v| v as u8)
}

struct Layer {
    bench: Bench,
    published: Published,
    map: Array2<u8>,
    confidence: Array2<u8>,
    count: Array2<u8>,
    evidence: Array2<u8>,
}

fn make(task: &Task) -> Layer {
    let bench = Bench::new();
    let published = bench.make(task);
    Layer {
        map: read(&bench, "here.tif", 1),
        confidence: read(&bench, "here-confidence.tif", 1),
        count: read(&bench, "here-observations.tif", 1),
        evidence: read(&bench, "here-observations.tif", 2),
        published,
        bench,
    }
}

fn error(task: &Task) -> TaskError {
    let bench = Bench::new();
    let error = bench.engine.run(task, &Progress::new()).unwrap_err();
    let (published, scratch) = bench.files();
    assert!(published.is_empty() && scratch.is_empty());
    error
}

/// A class that depends on date and place, 255 for a cloud.
fn label(date: usize, y: usize, x: usize) -> u8 {
    let mixed = (date * 7919 + y * 104_729 + x * 1_299_709 + 17) * 2_654_435_761 % 4_294_967_296;
    match mixed >> 24 {
        0..80 => 255,
        80..130 => (mixed % 9) as u8,
        _ => ((y / 8 + x / 8) % 9) as u8,
    }
}

#[test]
fn the_mode_of_a_years_labels_is_that_of_counting_them_one_by_one() {
    let folder = Folder::new();
    for date in 0..7 {
        let name = format!("2020/{}/2020{:02}15T075211_T36KTB.tif", date % 2, date + 1);
        folder.labels(&name, &grid(), |y, x| label(date, y, x));
    }
    // Another year's file is no observation of this one.
    folder.labels("2021/20210115.tif", &grid(), |_, _| 8);
    let layer = make(&folder.task(&recipe("dynamic-world")));

    let mut kinds = [0; 4];
    for ((y, x), class) in layer.map.indexed_iter() {
        let mut votes = [0_u8; 9];
        for date in 0..7 {
            if let Some(n) = votes.get_mut(usize::from(label(date, y, x))) {
                *n += 1;
            }
        }
        let count: u8 = votes.iter().sum();
        let most = *votes.iter().max().unwrap();
        let level = (0..9).filter(|class| votes[*class] == most).count();
        assert_eq!(layer.count[[y, x]], count);
        if count == 0 {
            assert_eq!((*class, layer.confidence[[y, x]]), (255, 255));
            assert_eq!(layer.evidence[[y, x]], 0);
            kinds[0] += 1;
            continue;
        }
        let first = votes.iter().position(|n| *n == most).unwrap();
        assert_eq!(usize::from(*class), first);
        let share = (100.0 * f64::from(most) / f64::from(count)).round() as u8;
        assert_eq!(layer.confidence[[y, x]], share);
        let evidence = match (level > 1, count < 4) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 1,
        };
        assert_eq!(layer.evidence[[y, x]], evidence);
        kinds[usize::from(evidence)] += 1;
    }
    assert!(kinds[1..].iter().all(|n| *n > 20), "{kinds:?}");
    let doubtful = layer.published.statistics.doubtful.unwrap();
    assert!((doubtful.thin_ha - f64::from(kinds[2]) * 0.01).abs() < 0.006);
    assert!((doubtful.tie_ha - f64::from(kinds[3]) * 0.01).abs() < 0.006);
}

#[test]
fn the_top_class_of_the_mean_probability_is_that_of_averaging_them() {
    let per_cent = |date: usize, class: usize, y: usize, x: usize| -> u8 {
        let strong = usize::from(label(date, y, x));
        match strong {
            255 => 255,
            _ if class == strong => 40,
            // The second choice is the same every day and may win on average.
            _ if class == (x / 8) % 9 => 35,
            _ => 3,
        }
    };
    let folder = Folder::new();
    for date in 0..5 {
        let name = format!("2020-0{}-01.tif", date + 1);
        folder.probabilities(&name, |class, y, x| per_cent(date, class, y, x));
    }
    let layer = make(&folder.task(&mean_probability()));
    let mut differs_from_mode = 0;
    for ((y, x), class) in layer.map.indexed_iter() {
        let dates: Vec<usize> = (0..5).filter(|d| per_cent(*d, 0, y, x) != 255).collect();
        assert_eq!(usize::from(layer.count[[y, x]]), dates.len());
        if dates.is_empty() {
            assert_eq!(*class, 255);
            continue;
        }
        let mean = |class: usize| {
            let sum: u32 = dates
                .iter()
                .map(|d| u32::from(per_cent(*d, class, y, x)))
                .sum();
            f64::from(sum) / dates.len() as f64
        };
        let best = (0..9).fold(0, |b, c| if mean(c) > mean(b) + 1e-9 { c } else { b });
        assert_eq!(usize::from(*class), best, "at {y}, {x}");
        assert!((f64::from(layer.confidence[[y, x]]) - mean(best)).abs() < 0.51);
        let level = (0..9)
            .filter(|c| (mean(*c) - mean(best)).abs() < 1e-9)
            .count();
        assert_eq!(layer.evidence[[y, x]] == 3, level > 1);
        let votes = |class: usize| {
            let on = |d: &&usize| usize::from(label(**d, y, x)) == class;
            dates.iter().filter(on).count()
        };
        let most = (0..9).fold(0, |b, c| if votes(c) > votes(b) { c } else { b });
        differs_from_mode += usize::from(most != best);
    }
    assert!(differs_from_mode > 20, "{differs_from_mode}");
}

#[test]
fn probabilities_count_as_the_label_of_their_day_where_the_recipe_takes_the_mode() {
    let folder = Folder::new();
    for day in 1..=4 {
        let winner = if day == 4 { 1 } else { 4 };
        folder.probabilities(&format!("2020010{day}.tif"), |class, _, _| {
            if class == winner { 60 } else { 5 }
        });
    }
    let layer = make(&folder.task(&recipe("dynamic-world")));
    assert!(layer.map.iter().all(|class| *class == 4));
    assert!(layer.confidence.iter().all(|percent| *percent == 75));
}

#[test]
fn many_files_of_one_day_in_other_systems_and_resolutions_are_one_observation() {
    let folder = Folder::new();
    let bounds = grid().bounds();
    let middle = f64::midpoint(bounds.min_x, bounds.max_x);
    let west = Bounds {
        max_x: middle + 60.0,
        ..bounds
    };
    let east = Bounds {
        min_x: middle - 60.0,
        ..bounds
    };
    let place = |crs: Crs, resolution: f64, part: Bounds| {
        let padded = Bounds {
            min_x: part.min_x - 200.0,
            min_y: part.min_y - 200.0,
            max_x: part.max_x
                + if part.max_x < bounds.max_x {
                    0.0
                } else {
                    200.0
                },
            max_y: part.max_y + 200.0,
        };
        let there = Projection::new(Crs::EQUAL_AREA, crs)
            .unwrap()
            .bounds(padded)
            .unwrap();
        Grid::covering(crs, resolution, there).unwrap()
    };
    // In order of name: the first file wins where the two overlap.
    let utm = place(Crs::from_epsg(32_736), 20.0, west);
    let degrees = place(Crs::LON_LAT, 0.0001, east);
    folder.labels("a-20200301.tif", &utm, |_, _| 4);
    folder.labels("b-20200301.tif", &degrees, |_, _| 1);
    let layer = make(&folder.task(&recipe("dynamic-world")));
    assert!(layer.count.iter().all(|count| *count == 1));
    for ((_, x), class) in layer.map.indexed_iter() {
        match x {
            0..24 => assert_eq!(*class, 4),
            34.. => assert_eq!(*class, 1),
            _ => assert!([1, 4].contains(class)),
        }
    }
    assert!(layer.evidence.iter().all(|evidence| *evidence == 2));
    let item = layer.bench.item(&layer.published.item_key);
    let scenes = item.properties.extra["geocrop:scenes"].as_array().unwrap();
    assert_eq!(scenes.len(), 2);
}

#[test]
fn bands_in_files_of_their_own_are_found_by_their_names() {
    let folder = Folder::new();
    for (class, name) in CLASSES.iter().enumerate() {
        let value = if class == 7 { 0.6_f32 } else { 0.05 };
        let plane = Array2::from_elem((grid().height, grid().width), value);
        let path = folder.0.path().join(format!("20200601_{name}.tif"));
        write_plain(&path, &grid(), &plane, None, None).unwrap();
    }
    let mut task = folder.task(&mean_probability());
    task.source = folder.source("pattern = \"{date}_{band}.tif\"\n");
    let layer = make(&task);
    assert!(layer.map.iter().all(|class| *class == 7));
    assert!(layer.confidence.iter().all(|percent| *percent == 60));
}

#[test]
fn a_catalog_of_label_items_is_read_as_a_folder_is() {
    let folder = Folder::new();
    folder.labels("x/label.tif", &grid(), |_, _| 6);
    let [w, s, e, n] = grid().lonlat_bounds().unwrap();
    let items = json!({ "type": "FeatureCollection", "features": [{
        "type": "Feature", "stac_version": "1.1.0", "id": "20200715T075211_T36KTB",
        "bbox": [w, s, e, n],
        "geometry": { "type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]] },
        "properties": { "datetime": "2020-07-15T07:52:11Z" },
        "assets": { "label": { "href": "./x/label.tif", "type": "image/tiff" } },
        "links": [],
    }]});
    std::fs::write(folder.0.path().join("items.json"), items.to_string()).unwrap();
    let mut task = folder.task(&recipe("dynamic-world"));
    let source = folder.0.path().join("source.toml");
    let text = std::fs::read_to_string(&source).unwrap();
    let text = text
        .replace("url = \".\"", "url = \"items.json\"")
        .replace("api = \"folder\"", "api = \"static\"");
    std::fs::write(&source, text).unwrap();
    task.source = Arc::new(Source::open(&source.display().to_string(), None).unwrap());
    let layer = make(&task);
    assert!(layer.map.iter().all(|class| *class == 6));
}

#[test]
fn the_layer_tells_its_legend_its_way_and_what_its_bands_mean() {
    let folder = Folder::new();
    for month in 1..=4 {
        folder.labels(&format!("20200{month}10.tif"), &grid(), |y, _| {
            if y < 20 { 0 } else { 4 }
        });
    }
    let layer = make(&folder.task(&recipe("dynamic-world")));
    assert_eq!(
        layer.published.item_key,
        "layers/dynamic-world/2020/here.json"
    );
    let item = layer.bench.item(&layer.published.item_key);
    let classes = item.assets["map"].extra["classification:classes"]
        .as_array()
        .unwrap();
    let colors: Vec<&str> = classes
        .iter()
        .map(|c| c["color_hint"].as_str().unwrap())
        .collect();
    assert_eq!(
        colors,
        [
            "419BDF", "397D49", "88B053", "7A87C6", "E49635", "DFC35A", "C4281B", "A59B8F",
            "B39FE1"
        ]
    );
    assert_eq!(item.assets["map"].extra["nodata"], 255);
    let bands = &item.assets["observations"].extra["bands"];
    assert_eq!(bands[0]["name"], "count");
    assert_eq!(bands[1]["name"], "evidence");
    assert_eq!(bands[1]["classification:classes"][3]["name"], "tie");
    let facts = &item.properties.extra;
    assert_eq!(
        facts["geocrop:composite"],
        json!({"method": "mode", "thin": 4})
    );
    let lineage = facts["processing:lineage"].as_str().unwrap();
    assert!(
        lineage.contains("most frequent class of 4 days"),
        "{lineage}"
    );

    // A person in QGIS sees the bands' names.
    let path = layer
        .bench
        .file("layers/dynamic-world/2020/here-observations.tif");
    let info = RasterReader::new()
        .info(&path.display().to_string())
        .unwrap();
    let names: Vec<&str> = info.bands.iter().map(|b| b.description.as_str()).collect();
    assert_eq!(names, ["count", "evidence"]);
    let hectares: Vec<f64> = layer
        .published
        .statistics
        .classes
        .iter()
        .map(|c| c.hectares)
        .collect();
    assert!((hectares[0] - 9.6).abs() < 1e-9 && (hectares[4] - 9.6).abs() < 1e-9);
}

#[test]
fn a_value_outside_the_legend_is_named_with_its_file_and_the_legend() {
    let folder = Folder::new();
    folder.labels("20200110.tif", &grid(), |_, _| 4);
    folder.labels("20200210.tif", &grid(), |y, _| if y == 30 { 17 } else { 4 });
    let error = error(&folder.task(&recipe("dynamic-world")));
    assert!(matches!(
        &error,
        TaskError::Labels(LabelError::OutsideLegend { .. })
    ));
    let message = error.to_string();
    for part in ["20200210.tif", "17", "dynamic-world", "8 snow_and_ice"] {
        assert!(message.contains(part), "{part} in: {message}");
    }
}

#[test]
fn files_that_are_neither_labels_nor_probabilities_are_refused_with_what_they_hold() {
    let task_of = |folder: &Folder| folder.task(&mean_probability());
    let folder = Folder::new();
    folder.labels("20200110.tif", &grid(), |_, _| 4);
    let message = error(&task_of(&folder)).to_string();
    assert!(message.contains("no probabilities"), "{message}");

    let folder = Folder::new();
    folder.probabilities("20200110.tif", |_, _, _| 200);
    let message = error(&task_of(&folder)).to_string();
    assert!(
        message.contains("2 is no probability") && message.contains("[[encoding]]"),
        "{message}"
    );

    let folder = Folder::new();
    let spec = CogSpec {
        bands: 2,
        band_names: vec!["quality".into(), "date".into()],
        ..CogSpec::default()
    };
    BlockWriter::create(folder.0.path(), &grid(), &spec)
        .unwrap()
        .finish(&folder.0.path().join("20200110.tif"))
        .unwrap();
    let message = error(&task_of(&folder)).to_string();
    assert!(
        message.contains("described as quality, date") && message.contains("snow_and_ice"),
        "{message}"
    );
}

#[test]
fn labels_elsewhere_and_labels_for_a_recipe_of_scenes_are_told_apart() {
    let folder = Folder::new();
    let far = Grid {
        x0: grid().x0 + 50_000.0,
        ..grid()
    };
    folder.labels("20200110.tif", &far, |_, _| 4);
    let message = error(&folder.task(&recipe("dynamic-world"))).to_string();
    assert!(message.contains("none of the 1 label files"), "{message}");

    let message = error(&folder.task(&recipe("ndvi"))).to_string();
    assert!(
        message.contains("Label exports, which holds labels"),
        "{message}"
    );
}

#[test]
fn blocks_of_labels_are_the_same_in_any_size() {
    let folder = Folder::new();
    let wide = Grid {
        width: 200,
        height: 150,
        ..grid()
    };
    for date in 0..3 {
        folder.labels(&format!("2020010{}.tif", date + 1), &wide, |y, x| {
            label(date, y, x)
        });
    }
    let task = folder.task(&recipe("dynamic-world"));
    let key = Path::new("layers/dynamic-world/2020/here.tif");
    let bytes = |memory: usize| {
        let bench = Bench::with_memory(memory);
        bench.make(&task);
        std::fs::read(bench.store.path().join(key)).unwrap()
    };
    assert_eq!(bytes(128), bytes(2048));
}

#[test]
fn filters_change_the_classes_and_leave_their_evidence_and_the_map_can_be_made_again() {
    let folder = Folder::new();
    for date in 0..5 {
        folder.labels(&format!("2020010{}.tif", date + 1), &grid(), |y, x| {
            label(date, y, x)
        });
    }
    let file = project().join("recipes/dynamic-world.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let filtered = text.replacen("[[legend]]", "[post]\nmajority = 3\n\n[[legend]]", 1);
    let filtered = Arc::new(Recipe::parse(&filtered, "filtered").unwrap());
    let (plain, filtered) = (
        make(&folder.task(&recipe("dynamic-world"))),
        make(&folder.task(&filtered)),
    );
    assert_ne!(plain.map, filtered.map);
    assert_eq!(plain.evidence, filtered.evidence);
    assert_eq!(plain.count, filtered.count);
    for layer in [plain, filtered] {
        let key = &layer.published.item_key;
        let again = layer.bench.engine.reproduce(key, &Progress::new()).unwrap();
        assert_eq!(again.difference, None);
    }
}

#[test]
fn a_large_area_of_labels_is_cut_and_its_tiles_add_up() {
    let folder = Folder::new();
    let wide = Grid {
        width: 160,
        height: 120,
        x0: grid().x0 - 500.0,
        y0: grid().y0 + 400.0,
        ..grid()
    };
    for date in 0..5 {
        folder.labels(&format!("2020010{}.tif", date + 1), &wide, |y, x| {
            label(date, y, x)
        });
    }
    let task = folder.task(&recipe("dynamic-world"));
    let whole = make(&task);
    let cut = Bench::with(|options| options.tile_pixels = 32);
    let tiles = cut.engine.split(&task).unwrap();
    assert!(tiles.len() > 1);
    for tile in &tiles {
        cut.make(tile);
    }
    let Outcome::Done(mosaic) = cut.engine.mosaic(&task, &Progress::new()).unwrap() else {
        panic!("all tiles are there");
    };
    assert_eq!(
        mosaic.statistics.classes,
        whole.published.statistics.classes
    );
    let (sum, one) = (
        mosaic.statistics.doubtful.unwrap(),
        whole.published.statistics.doubtful.unwrap(),
    );
    assert!((sum.thin_ha - one.thin_ha).abs() < 1e-6 && (sum.tie_ha - one.tie_ha).abs() < 1e-6);
}
