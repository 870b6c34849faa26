//! Whole builds of a tiny site: its store is made here, its content is a handful of pages.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use geocrop_raster::{BlockWriter, CogSpec, Crs, Grid, Palette, Window};
use geocrop_site::{BuildOptions, Report, SiteError, build};
use ndarray::Array2;
use serde_json::{Value, json};
use tempfile::TempDir;

const ITEM: &str = "layers/cropland/2021/valley.json";

/// A folder with content, a store and room for the site.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        site.write(
            "content/index.md",
            &page(
                "Home",
                "template = \"home\"",
                "[Areas](/areas/) and [more](/about/#the-parts).",
            ),
        );
        site.write(
            "content/areas.md",
            &page("Areas", "order = 2\ntemplate = \"areas\"", "All."),
        );
        site.write(
            "content/map.md",
            &page("Map", "order = 1\ntemplate = \"map\"", "A map."),
        );
        site.write(
            "content/about.md",
            &page(
                "About",
                "",
                "## The parts\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```mermaid\naccTitle: From A to B\nflowchart LR\n  a[Alpha] --> b[Beta]\n```\n",
            ),
        );
        site.store();
        site
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, inside: &str) -> String {
        std::fs::read_to_string(self.path(inside)).unwrap()
    }

    fn options(&self) -> BuildOptions {
        BuildOptions::new(
            self.path("content"),
            self.path("store").to_string_lossy(),
            self.path("out"),
            self.path("cache"),
        )
    }

    fn build(&self) -> Result<Report, SiteError> {
        build(&self.options())
    }

    fn fault(&self) -> String {
        self.build().unwrap_err().to_string()
    }

    /// One synthetic layer of one area, with a real map.
    fn store(&self) {
        let map = self.path("store/layers/cropland/2021/valley.tif");
        std::fs::create_dir_all(map.parent().unwrap()).unwrap();
        let grid = Grid {
            crs: Crs::EQUAL_AREA,
            x0: 2_985_000.0,
            y0: -2_222_000.0,
            resolution: 10.0,
            width: 64,
            height: 48,
        };
        let spec = CogSpec {
            palette: Some(Palette(vec![(0, [217, 210, 191]), (1, [199, 125, 30])])),
            ..CogSpec::default()
        };
        let writer = BlockWriter::create(self.folder.path(), &grid, &spec).unwrap();
        let whole = Window {
            x: 0,
            y: 0,
            width: 64,
            height: 48,
        };
        let pixels = Array2::from_shape_fn((48, 64), |(_, column)| u8::from(column < 16));
        writer.write(whole, 1, &pixels).unwrap();
        writer.finish(&map).unwrap();

        self.write("store/layers/cropland/2021/valley.ab12.pmtiles", "tiles");
        self.write(
            "store/layers/cropland/2021/valley.stats.json",
            &statistics().to_string(),
        );
        self.write(&format!("store/{ITEM}"), &item().to_string());
        self.write(
            "store/layers/cropland/collection.json",
            &json!({ "title": "Cropland", "links": [{ "rel": "item", "href": "./2021/valley.json" }] }).to_string(),
        );
        self.write(
            "store/catalog.json",
            &json!({ "links": [{ "rel": "child", "href": "./layers/cropland/collection.json" }] })
                .to_string(),
        );
    }

    /// Every file of the built site with its bytes, but the one that holds the time.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path("out")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().unwrap() != "build.json" {
                    found.insert(path.clone(), std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }
}

fn page(title: &str, more: &str, text: &str) -> String {
    format!("+++\ntitle = \"{title}\"\ndescription = \"About {title}.\"\n{more}\n+++\n\n{text}\n")
}

fn statistics() -> Value {
    json!({
        "area_ha": 30.72, "observed_ha": 30.72,
        "classes": [
            { "value": 0, "name": "other", "title": "Not cropland", "color": "#d9d2bf", "pixels": 2304, "hectares": 23.04, "percent": 75.0 },
            { "value": 1, "name": "cropland", "title": "Cropland", "color": "#c77d1e", "pixels": 768, "hectares": 7.68, "percent": 25.0 },
        ],
        "observations": { "min": 3, "median": 9, "max": 12 },
        "confidence_mean": 0.875,
        "reference": {
            "kind": "synthetic truth", "pixels": 3072, "accuracy": 0.9375, "kappa": 0.8125,
            "confusion": [[2200, 88], [104, 680]], "labels": ["other", "cropland"],
            "per_class": [{ "name": "cropland", "users_accuracy": 0.885, "producers_accuracy": 0.867, "f1": null }],
        },
    })
}

fn item() -> Value {
    json!({
        "bbox": [30.9, -17.5, 31.0, -17.4],
        "properties": {
            "title": "Cropland, Valley, 2021",
            "start_datetime": "2021-01-01T00:00:00Z", "end_datetime": "2021-12-31T23:59:59Z",
            "geocrop:area": "valley", "geocrop:area_name": "Valley <north>", "geocrop:area_kind": "synthetic sample",
            "geocrop:period": "2021", "geocrop:recipe": "cropland", "geocrop:recipe_hash": "0123456789abcdef",
            "geocrop:kind": "classes", "geocrop:synthetic": true,
            "geocrop:notes": ["A note about this map."],
            "geocrop:model": { "name": "trees", "version": "3", "sha256": "fedcba9876543210" },
            "geocrop:scenes": [
                { "id": "S2_A", "datetime": "2021-01-06T08:00:00Z", "offset": { "value": -1000.0, "reason": "raster:bands" }, "clear_percent": 60.0 },
                { "id": "S2_B", "datetime": "2021-02-06T08:00:00Z", "offset": { "value": 0.0, "reason": "none given" }, "clear_percent": 80.0 },
            ],
            "processing:software": { "geocrop": "0.1.0" },
            "proj:code": "EPSG:6933", "proj:shape": [48, 64], "proj:transform": [10.0, 0.0, 2_985_000.0, 0.0, -10.0, -2_222_000.0],
        },
        "assets": {
            "map": {
                "href": "./valley.tif",
                "classification:classes": [
                    { "value": 0, "name": "other", "title": "Not cropland", "color_hint": "D9D2BF" },
                    { "value": 1, "name": "cropland", "title": "Cropland", "description": "Planted in the season", "color_hint": "C77D1E" },
                ],
            },
            "tiles": { "href": "./valley.ab12.pmtiles", "geocrop:min_zoom": 9, "geocrop:max_zoom": 14, "geocrop:tile_size": 512 },
            "statistics": { "href": "./valley.stats.json" },
        },
    })
}

#[test]
fn an_area_page_tells_everything_about_its_layer() {
    let site = Site::new();
    let report = site.build().unwrap();
    assert_eq!(report.pages, 5);
    let html = site.read("out/areas/valley/index.html");
    for expected in [
        "Valley &lt;north&gt;",
        "A note about this map.",
        "7.7 ha · 25.0 %",
        "Planted in the season",
        "Overall accuracy 93.8 %, Cohen’s kappa 0.812, over 3,072 pixels",
        "2, 70 % clear on average",
        "−1000 on 1 scene",
        "0123456789ab",
        "trees 3",
        "EPSG:6933, 64 × 48, 10 m pixels",
        "/store/layers/cropland/2021/valley.tif",
        "/store/layers/cropland/2021/valley.ab12.pmtiles",
        "/store/layers/cropland/2021/valley.json",
        "<svg class=\"chart\" role=\"img\"",
        "width=\"64\" height=\"48\"",
    ] {
        assert!(html.contains(expected), "{expected} is missing in:\n{html}");
    }
}

#[test]
fn a_maps_record_links_to_the_card_of_the_version_that_made_it() {
    let site = Site::new();
    site.build().unwrap();
    let html = site.read("out/areas/valley/index.html");
    assert!(html.contains("<dd>trees 3 <code>"), "{html}");
    for (file, text) in [
        ("3/model.json", "{}"),
        ("3/card.json", "{}"),
        ("production", "4\n"),
    ] {
        site.write(&format!("store/models/trees/{file}"), text);
    }
    site.build().unwrap();
    let html = site.read("out/areas/valley/index.html");
    assert!(
        html.contains("<dd><a href=\"/models/trees/3/\">trees 3</a> <code>"),
        "{html}"
    );
}

#[test]
fn areas_that_were_estimated_are_told_as_long_as_the_map_is_the_same() {
    let site = Site::new();
    let mut item = item();
    item["type"] = json!("Feature");
    item["stac_version"] = json!("1.1.0");
    item["id"] = json!("cropland-2021-valley");
    item["geometry"] = Value::Null;
    let mut map = |sha256: &str| {
        item["assets"]["map"]["file:checksum"] = json!(format!("1220{sha256}"));
        site.write(&format!("store/{ITEM}"), &item.to_string());
    };
    let (this, other) = ("ab".repeat(32), "cd".repeat(32));
    map(&this);
    let before = site.build().unwrap();
    let share = |value: f64, se: f64| json!({ "value": value, "se": se });
    let estimate = json!({
        "map": "layers/cropland/2021/valley", "map_sha256": this, "estimator": "olofsson2014",
        "points": 1300, "total_ha": 30.72, "overall_accuracy": share(0.9, 0.01),
        "classes": [
            { "name": "other", "mapped_ha": 23.04, "area_ha": share(20.0, 1.0),
              "users_accuracy": share(0.85, 0.02), "producers_accuracy": share(0.95, 0.01) },
            { "name": "cropland", "mapped_ha": 7.68, "area_ha": share(10.72, 1.0),
              "users_accuracy": share(0.95, 0.02), "producers_accuracy": null },
            { "name": "never seen", "mapped_ha": 0.0, "area_ha": share(0.0, 0.0),
              "users_accuracy": null, "producers_accuracy": null },
        ],
        "error_matrix": [], "labelled_by": "two <people>.", "of a later program": 1,
    });
    let key = "store/layers/cropland/2021/valley.estimate.json";
    site.write(key, &estimate.to_string());
    let report = site.build().unwrap();
    assert_eq!((report.rendered, report.outdated_estimates), (1, 0));
    let html = site.read("out/areas/valley/index.html");
    for expected in [
        "<li>Cropland: mapped 8 ha, estimated 11 ± 2 ha (95 %), from 1,300 points drawn at random</li>",
        "90.0 ± 2.0 % of the map is right.",
        "labelled by: two &lt;people&gt;.</p>",
        "<td class=\"number\">95.0 ± 3.9 %</td><td class=\"number\">–</td>",
        "href=\"/store/layers/cropland/2021/valley.estimate.json\"",
    ] {
        assert!(html.contains(expected), "{expected} is missing in:\n{html}");
    }
    assert!(!html.contains("never seen"));

    map(&other);
    for _ in 0..2 {
        // Also where there is nothing left to do.
        assert_eq!(site.build().unwrap().outdated_estimates, 1);
        assert!(
            !site
                .read("out/areas/valley/index.html")
                .contains("at random")
        );
    }
    map(&this);
    site.write(key, "no estimate");
    assert!(site.fault().contains("valley.estimate.json"));
    std::fs::remove_file(site.path(key)).unwrap();
    assert_eq!(site.build().unwrap().pages, before.pages);
}

#[test]
fn several_years_of_a_layer_stand_side_by_side_and_the_earlier_ones_are_folded() {
    let site = Site::new();
    let mut links = Vec::new();
    for (year, crops) in [("2019", 5.0), ("2020", 6.5), ("2021", 7.68)] {
        let folder = format!("store/layers/cropland/{year}");
        let mut item = item();
        item["properties"]["geocrop:period"] = json!(year);
        let mut statistics = statistics();
        statistics["classes"][1]["hectares"] = json!(crops);
        statistics["doubtful"] = json!({ "thin_ha": 3.072, "tie_ha": 0.0 });
        site.write(&format!("{folder}/valley.json"), &item.to_string());
        site.write(
            &format!("{folder}/valley.stats.json"),
            &statistics.to_string(),
        );
        let map = site.path("store/layers/cropland/2021/valley.tif");
        if year != "2021" {
            std::fs::copy(map, site.path(&format!("{folder}/valley.tif"))).unwrap();
            site.write(&format!("{folder}/valley.ab12.pmtiles"), "tiles");
        }
        links.push(json!({ "rel": "item", "href": format!("./{year}/valley.json") }));
    }
    site.write(
        "store/layers/cropland/collection.json",
        &json!({ "title": "Cropland", "links": links }).to_string(),
    );
    site.build().unwrap();
    let html = site.read("out/areas/valley/index.html");
    let at = |text: &str| {
        html.find(text)
            .unwrap_or_else(|| panic!("{text} is missing in:\n{html}"))
    };
    // The newest year, then all years together, then the others behind a fold.
    assert!(at("id=\"cropland-2021\"") < at("Cropland, 2019 to 2021</h3>"));
    assert!(at("Cropland, 2019 to 2021</h3>") < at("2 earlier years"));
    assert!(at("2 earlier years") < at("id=\"cropland-2020\""));
    assert!(at("id=\"cropland-2020\"") < at("id=\"cropland-2019\""));
    at("<td class=\"number\">5.0</td><td class=\"number\">6.5</td><td class=\"number\">7.7</td>");
    at("<dt>Thin evidence</dt><dd>10.0 %</dd>");
    at("<td class=\"number change\">+2.7</td><td class=\"number change\">+53.6 %</td>");
    at("id=\"cropland-2021-lines-title\">Hectares of each class of Cropland, 2019 to 2021<");
    at("enter <code>/store/layers/cropland/2021/valley.tif</code> with this site");
    // Three of scenes, three of QGIS, and the fold.
    assert_eq!(html.matches("<summary>").count(), 7);
}

#[test]
fn synthetic_layers_are_marked_wherever_they_are_shown() {
    let site = Site::new();
    site.build().unwrap();
    for file in [
        "out/index.html",
        "out/areas/index.html",
        "out/areas/valley/index.html",
    ] {
        let html = site.read(file);
        assert!(html.contains("badge synthetic\">Synthetic"), "{file}");
    }
    assert!(
        site.read("out/areas/valley/index.html")
            .contains("is no real place")
    );
    let layers: Value = serde_json::from_str(&site.read("out/map/layers.json")).unwrap();
    assert_eq!(layers["layers"][0]["synthetic"], true);
}

#[test]
fn the_map_is_told_tiles_legend_and_hectares() {
    let site = Site::new();
    site.build().unwrap();
    let layers: Value = serde_json::from_str(&site.read("out/map/layers.json")).unwrap();
    let layer = &layers["layers"][0];
    assert_eq!(layer["id"], "cropland/2021/valley");
    assert_eq!(layer["tiles"], "layers/cropland/2021/valley.ab12.pmtiles");
    assert_eq!(layer["item"], ITEM);
    assert_eq!(
        layer["rasters"],
        json!({ "map": "layers/cropland/2021/valley.tif" })
    );
    assert_eq!(layer["tile_size"], 512);
    assert_eq!(layer["legend"][1]["color"], "#c77d1e");
    assert_eq!(layer["legend"][1]["hectares"], 7.68);
}

#[test]
fn pages_name_no_other_host_and_hold_no_script_or_inline_style() {
    let site = Site::new();
    site.build().unwrap();
    for (path, bytes) in site.files() {
        if path.extension().is_none_or(|e| e != "html") {
            continue;
        }
        let html = String::from_utf8(bytes).unwrap();
        for forbidden in [
            "http://",
            "https://",
            "=\"//",
            "<script",
            "<style",
            " style=\"",
            " onclick=",
        ] {
            assert!(
                !html.contains(forbidden),
                "{} in {}",
                forbidden,
                path.display()
            );
        }
        assert!(
            html.contains("default-src &#39;none&#39;"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_diagram_is_a_picture_and_never_text() {
    let site = Site::new();
    site.build().unwrap();
    let html = site.read("out/about/index.html");
    assert!(html.contains(">From A to B</title>"), "{html}");
    assert!(html.contains("role=\"img\""));
    assert!(
        !html.contains("flowchart LR") && !html.contains("--&gt;"),
        "{html}"
    );
}

#[test]
fn a_bad_diagram_stops_the_build_with_page_and_line() {
    let site = Site::new();
    site.write(
        "content/broken.md",
        &page(
            "Broken",
            "",
            "Text.\n\n```mermaid\naccTitle: Broken\nflowchart TD\n  a[open --> b\n```",
        ),
    );
    let message = site.fault();
    assert!(message.starts_with("content/broken.md:9:"), "{message}");
}

#[test]
fn broken_links_stop_the_build_with_page_and_line() {
    let site = Site::new();
    site.write(
        "content/broken.md",
        &page(
            "Broken",
            "",
            "[Fine](/about/).\n[Gone](/nowhere/)\n\n[No anchor](/about/#nothing)\n\n[Not stored](/store/layers/none.tif) ![Picture](/none.png)",
        ),
    );
    let message = site.fault();
    for expected in [
        "content/broken.md:8: /nowhere/",
        "content/broken.md:10: /about/#nothing",
        "content/broken.md:12: /store/layers/none.tif",
        "content/broken.md:12: /none.png",
        "4 broken link(s)",
    ] {
        assert!(
            message.contains(expected),
            "{expected} is missing in:\n{message}"
        );
    }
}

#[test]
fn a_failed_build_leaves_the_old_site_whole() {
    let site = Site::new();
    site.build().unwrap();
    let before = site.files();
    site.write(
        "content/broken.md",
        &page("Broken", "", "[Gone](/nowhere/)"),
    );
    site.fault();
    assert!(site.files() == before);
}

#[test]
fn a_map_that_the_item_names_but_the_store_lost_is_told() {
    let site = Site::new();
    std::fs::remove_file(site.path("store/layers/cropland/2021/valley.ab12.pmtiles")).unwrap();
    let message = site.fault();
    assert!(
        message.contains("valley.ab12.pmtiles is not in the store"),
        "{message}"
    );
}

#[test]
fn an_empty_store_still_makes_a_site() {
    let site = Site::new();
    let mut options = site.options();
    options.store = "memory://".to_owned();
    let report = build(&options).unwrap();
    assert_eq!(report.pages, 4);
    assert!(
        site.read("out/areas/index.html")
            .contains("Nothing has been mapped")
    );
}

#[test]
fn the_map_page_gets_the_bundle_under_hashed_names_and_a_policy_for_its_hosts() {
    let site = Site::new();
    for file in [
        "start.js",
        "map.js",
        "map.css",
        "worker.js",
        "borders.json",
        "status.js",
        "capacity.js",
    ] {
        site.write(&format!("bundle/{file}"), file);
    }
    // The browser must be allowed to reach a store on another host, and nothing else.
    std::fs::remove_dir_all(site.path("store/layers")).unwrap();
    site.write("store/catalog.json", "{}");
    let mut options = site.options();
    options.map_bundle = Some(site.path("bundle"));
    options.store_href = "https://files.example.org/geocrop".to_owned();
    options.basemap = Some("https://tiles.example.org/zimbabwe.pmtiles".to_owned());
    build(&options).unwrap();
    let html = site.read("out/map/index.html");
    assert!(
        html.contains(
            "connect-src &#39;self&#39; https://files.example.org https://tiles.example.org"
        ),
        "{html}"
    );
    assert!(html.contains("data-href-basemap=\"https://tiles.example.org/zimbabwe.pmtiles\""));
    assert!(html.contains("worker-src &#39;self&#39;"));
    assert!(html.contains("data-href-store=\"https://files.example.org/geocrop/\""));
    let scripts: Vec<_> = site
        .files()
        .into_keys()
        .filter(|path| path.extension().is_some_and(|e| e == "js"))
        .collect();
    assert_eq!(scripts.len(), 5, "start, map, worker, status and capacity");
    for script in scripts {
        let name = script.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name.split('.').count(), 3, "{name} has no hash");
    }
}

#[test]
fn an_incomplete_bundle_names_the_missing_file() {
    let site = Site::new();
    site.write("bundle/map.js", "");
    let mut options = site.options();
    options.map_bundle = Some(site.path("bundle"));
    let message = build(&options).unwrap_err().to_string();
    assert!(message.contains("map.css is missing"), "{message}");
}

#[test]
fn with_a_public_address_pages_have_canonical_links_and_cards() {
    let site = Site::new();
    let mut options = site.options();
    options.base_url = Some("https://maps.example.org/".to_owned());
    build(&options).unwrap();
    let html = site.read("out/areas/valley/index.html");
    assert!(html.contains("rel=\"canonical\" href=\"https://maps.example.org/areas/valley/\""));
    assert!(
        html.contains(
            "property=\"og:image\" content=\"https://maps.example.org/cards/areas-valley."
        )
    );
    let cards = |site: &Site| -> Vec<String> {
        site.files()
            .into_keys()
            .map(|path| path.to_string_lossy().into_owned())
            .filter(|path| path.contains("cards/"))
            .collect()
    };
    let first = cards(&site);
    assert_eq!(first.len(), 5, "{first:?}");
    // Another title is another card; the others stand.
    site.write(
        "content/about.md",
        &page("Something else", "", "## The parts\n\nText."),
    );
    assert_eq!(build(&options).unwrap().rendered, 1);
    let second = cards(&site);
    assert_eq!(second.len(), 5);
    assert_eq!(second.iter().filter(|name| first.contains(name)).count(), 4);
}

#[test]
fn photographs_come_in_the_sizes_of_screens() {
    let site = Site::new();
    let file = std::fs::File::create(site.path("content/dam.png")).unwrap();
    let mut encoder = png::Encoder::new(file, 800, 50);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    let pixels: Vec<u8> = (0..40_000_u32).map(|at| (at % 800 / 4) as u8).collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    site.write(
        "content/water.md",
        &page("Water", "", "![The \"big\" dam](/dam.png)"),
    );
    site.build().unwrap();
    let html = site.read("out/water/index.html");
    let img = &html[html.find("<img").unwrap()..];
    let img = &img[..img.find('>').unwrap()];
    for part in [
        "src=\"/pictures/dam-800.",
        "/pictures/dam-320.",
        " 320w, ",
        " 640w, ",
        " 800w\"",
        "width=\"800\" height=\"50\"",
        "alt=\"The \u{201c}big\u{201d} dam\"",
    ] {
        assert!(img.contains(part), "{part}: {img}");
    }
    // Made once: the next build, of another page, keeps them.
    site.write(
        "content/about.md",
        &page("About", "", "## The parts\n\nNew text."),
    );
    assert_eq!(site.build().unwrap().changed, 1);
    assert!(site.path("out/dam.png").exists());
    site.write("content/dam.png", "no picture");
    assert!(site.fault().contains("dam.png"));
}

#[test]
fn the_project_s_own_content_builds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let site = Site::new();
    let mut options = site.options();
    options.content = root.join("content");
    let report = build(&options).unwrap();
    assert!(report.pages >= 6, "{report:?}");
}

#[test]
fn a_site_holds_robots_and_compressed_copies_and_only_with_an_address_a_sitemap_and_a_feed() {
    let site = Site::new();
    site.write(
        "content/news.md",
        &page("News", "date = 2025-03-01\nupdated = 2025-04-02", "New."),
    );
    site.build().unwrap();
    assert_eq!(site.read("out/robots.txt"), "User-agent: *\nAllow: /\n");
    assert!(site.path("out/index.html.gz").exists());
    let copies = site.files().into_keys().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("style.") && (name.ends_with(".css.gz") || name.ends_with(".css.br"))
    });
    assert_eq!(copies.count(), 2);
    assert!(!site.path("out/sitemap.xml").exists() && !site.path("out/feed.xml").exists());
    let mut options = site.options();
    options.base_url = Some("https://maps.example.org".to_owned());
    build(&options).unwrap();
    let sitemap = site.read("out/sitemap.xml");
    assert!(
        sitemap.contains("<loc>https://maps.example.org/news/</loc><lastmod>2025-04-02</lastmod>")
    );
    assert!(sitemap.contains("https://maps.example.org/areas/valley/"));
    let feed = site.read("out/feed.xml");
    assert_eq!(feed.matches("<entry>").count(), 1, "{feed}");
    assert!(
        feed.contains("<published>2025-03-01T00:00:00Z</published><updated>2025-04-02T00:00:00Z")
    );
    assert!(
        site.read("out/robots.txt")
            .contains("Sitemap: https://maps.example.org/sitemap.xml")
    );
    let html = site.read("out/news/index.html");
    assert!(html.contains("type=\"application/atom+xml\" title=\"GeoCrop\" href=\"/feed.xml\""));
    let (_, data) = html
        .split_once("<script type=\"application/ld+json\">")
        .unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(data["datePublished"], "2025-03-01");
}

#[test]
fn an_alias_leads_to_its_page() {
    let site = Site::new();
    site.write(
        "content/new/place.md",
        &page(
            "Place",
            "aliases = [\"/old/\", \"/older.html\"]",
            "Here. [Old](/old/)",
        ),
    );
    site.build().unwrap();
    assert!(site.path("out/new/place/index.html").exists());
    for file in ["out/old/index.html", "out/older.html"] {
        assert!(
            site.read(file).contains("content=\"0; url=/new/place/\""),
            "{file}"
        );
    }
    site.write(
        "content/rival.md",
        &page("Rival", "aliases = [\"/new/place/\"]", ""),
    );
    let message = site.fault();
    assert!(
        message.contains("/new/place/index.html is made twice"),
        "{message}"
    );
    assert!(message.contains("content/rival.md:4"), "{message}");
}

#[test]
fn a_draft_is_built_only_when_asked_for() {
    let site = Site::new();
    site.write(
        "content/secret.md",
        &page("Secret", "draft = true", "Not yet."),
    );
    assert_eq!(site.build().unwrap().pages, 5);
    assert!(!site.path("out/secret").exists());
    let mut options = site.options();
    options.drafts = true;
    assert_eq!(build(&options).unwrap().pages, 6);
    assert!(site.path("out/secret/index.html").exists());
    // And it goes again, with its folder.
    site.build().unwrap();
    assert!(!site.path("out/secret").exists());
}

#[test]
fn pictures_and_downloads_beside_the_pages_are_published_and_checked() {
    let site = Site::new();
    site.write(
        "content/guide/dam.svg",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    site.write("content/guide/data.csv", "a,b\n");
    site.write("content/guide/notes.tmp", "left behind by an editor");
    site.write(
        "content/guide/water.md",
        &page(
            "Water",
            "image = \"/guide/dam.svg\"",
            "![The dam](../dam.svg) [Table](/guide/data.csv)",
        ),
    );
    site.build().unwrap();
    assert!(site.path("out/guide/dam.svg").exists() && site.path("out/guide/data.csv").exists());
    assert!(!site.path("out/guide/notes.tmp").exists());
    std::fs::remove_file(site.path("content/guide/dam.svg")).unwrap();
    let message = site.fault();
    assert!(
        message.contains("content/guide/water.md:7: ../dam.svg leads to"),
        "{message}"
    );
    assert!(
        message.contains("content/guide/water.md:4: /guide/dam.svg does not exist"),
        "{message}"
    );
}

#[test]
fn code_is_coloured_by_class() {
    let site = Site::new();
    site.write(
        "content/code.md",
        &page(
            "Code",
            "",
            "```rust\nlet a = 1;\n```\n\n```\nplain <b>\n```",
        ),
    );
    site.build().unwrap();
    let html = site.read("out/code/index.html");
    assert!(
        html.contains(
            "<pre tabindex=\"0\"><code class=\"language-rust\"><span class=\"hl-k\">let</span> a"
        ),
        "{html}"
    );
    assert!(html.contains("<code>plain &lt;b&gt;"), "{html}");
}
