//! `geocrop buffer`, `geocrop zonal-stats`, and the API's models, as a user meets them.

use std::path::Path;
use std::process::{Command, Stdio};

use geocrop_raster::{RasterReader, Resampling};
use geocrop_synthetic::Landscape;
use serde_json::{Value, json};

use crate::support::{Api, command, geocrop, project, stderr, stdout};

#[test]
fn a_point_grows_into_an_area_and_what_is_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let point = dir.path().join("dam.geojson");
    let text = r#"{"type":"Feature","properties":{"name":"Dam"},"geometry":{"type":"Point","coordinates":[293303.762,8030865.923]}}"#;
    std::fs::write(&point, text).unwrap();
    let (point, out) = (point.display().to_string(), dir.path().join("out.geojson"));
    let shown = out.display().to_string();
    let args = [
        "buffer",
        "--aoi",
        &point,
        "--metres",
        "500",
        "--crs",
        "EPSG:32736",
        "--out",
        &shown,
    ];
    let output = geocrop(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("0.78"), "{}", stderr(&output));
    let made: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(made["properties"]["buffer_m"], 500.0);
    let lon = made["geometry"]["coordinates"][0][0][0].as_f64().unwrap();
    assert!((lon - 31.05).abs() < 0.01);

    let wrong = geocrop(&["buffer", "--aoi", &point, "--metres", "500"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        stderr(&wrong).contains("coordinate reference system"),
        "{}",
        stderr(&wrong)
    );
    let shrunk = geocrop(&[
        "buffer",
        "--aoi",
        &point,
        "--metres",
        "-5",
        "--crs",
        "EPSG:32736",
    ]);
    assert!(stderr(&shrunk).contains("no inside"), "{}", stderr(&shrunk));
}

fn landscape(dir: &Path) {
    Landscape::valley(64, 4)
        .write(dir, &|_, _, _| true)
        .unwrap();
}

/// Makes the map of the valley with a recipe's file into a store.
pub(crate) fn mapped(dir: &Path, recipe: &str, store: &str) -> std::process::Output {
    let source = dir.join("source.toml").display().to_string();
    let aoi = dir.join("aois/valley.geojson").display().to_string();
    command(&[
        "precompute",
        "run",
        "--recipe",
        recipe,
        "--aoi",
        &aoi,
        "--period",
        "2024",
        "--source",
        &source,
        "--store",
        store,
    ])
    .env("XDG_CACHE_HOME", dir.join("cache"))
    .env(
        "CROPS_TOKEN",
        std::fs::read_to_string(dir.join("token")).unwrap_or_default(),
    )
    .output()
    .unwrap()
}

#[test]
fn zones_get_their_hectares_and_their_greenness() {
    let dir = tempfile::tempdir().unwrap();
    landscape(dir.path());
    let store = dir.path().join("store").display().to_string();
    let output = mapped(dir.path(), "ndvi", &store);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let zones = dir.path().join("zones.geojson");
    let ring = [
        [30.998, -17.402],
        [31.002, -17.402],
        [31.002, -17.398],
        [30.998, -17.402],
    ];
    let text = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "id": "a", "properties": { "name": "Corner" },
          "geometry": { "type": "Polygon", "coordinates": [ring] } } ] });
    std::fs::write(&zones, text.to_string()).unwrap();
    let out = dir.path().join("stats");
    let source = dir.path().join("source.toml").display().to_string();
    let (zones, shown) = (zones.display().to_string(), out.display().to_string());
    let mut args = vec![
        "zonal-stats",
        "--recipe",
        "ndvi",
        "--period",
        "2024",
        "--features",
        &zones,
        "--out",
        &shown,
        "--store",
        &store,
        "--source",
        &source,
        "--json",
    ];
    let output = geocrop(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let properties = &found["features"][0]["properties"];
    let mapped = properties["mapped_ha"].as_f64().unwrap();
    assert!(
        (mapped - properties["area_ha"].as_f64().unwrap()).abs() < 1.0,
        "{properties}"
    );
    assert_eq!(properties["ndvi"].as_array().unwrap().len(), 4);
    for name in ["zones.geojson", "classes.csv", "ndvi.csv"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    args[4] = "2019";
    args.truncate(11);
    let none = geocrop(&args);
    assert_eq!(none.status.code(), Some(2), "{}", stderr(&none));
    assert!(
        stderr(&none).contains("no map ndvi/2019"),
        "{}",
        stderr(&none)
    );
}

#[test]
fn a_table_gets_the_classes_of_a_model_in_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let model = project().join("models/cropland-southeast-africa/1/model.json");
    let names = geocrop_model::TreeEnsemble::load(model)
        .unwrap()
        .feature_names()
        .to_vec();
    let table = dir.path().join("plots.csv");
    let row = names
        .iter()
        .enumerate()
        .map(|(n, _)| format!("0.{n}"))
        .collect::<Vec<_>>();
    let empty = vec![String::new(); names.len()];
    let text = format!(
        "plot,{}\nA,{}\nB,{}\n",
        names.join(","),
        row.join(","),
        empty.join(",")
    );
    std::fs::write(&table, text).unwrap();
    let out = dir.path().join("out.csv").display().to_string();
    let (table, store) = (
        table.display().to_string(),
        dir.path().join("store").display().to_string(),
    );
    let args = [
        "predict",
        "--model",
        "cropland-southeast-africa",
        "--table",
        &table,
        "--out",
        &out,
        "--store",
        &store,
    ];
    let output = geocrop(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let made = std::fs::read_to_string(&out).unwrap();
    assert!(
        made.starts_with("row,plot,class,class_name,confidence,p_other,p_cropland\n1,A,"),
        "{made}"
    );
    assert_eq!(made.lines().count(), 3);

    // The same with blanks, as samples are published.
    let missing = vec!["nan"; names.len()].join(" ");
    let text = format!(
        "# plot {}\nA {}\nB {missing}\n",
        names.join(" "),
        row.join(" ")
    );
    std::fs::write(&table, text).unwrap();
    let output = geocrop(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), made);

    std::fs::write(&table, "plot\nA\n").unwrap();
    let output = geocrop(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no column"), "{}", stderr(&output));
    assert!(!Path::new(&out).exists());
}

fn api(dir: &Path) -> Api {
    let source = dir.join("source.toml").display().to_string();
    let store = dir.join("served").display().to_string();
    let args = [
        "api",
        "--address",
        "127.0.0.1:0",
        "--source",
        &source,
        "--store",
        &store,
    ];
    let mut server: Command = command(&args);
    server
        .env("GEOCROP_STATE", dir.join("state"))
        .env("XDG_CACHE_HOME", dir.join("cache"));
    Api::start(server)
}

#[test]
fn a_map_from_the_api_s_model_is_the_map_from_the_model_here() {
    const NAME: &str = "cropland-southeast-africa";
    const PASSWORD: &str = "a long enough password";
    let dir = tempfile::tempdir().unwrap();
    landscape(dir.path());
    let mut add = command(&["user", "add", "mapper", "--password-stdin"]);
    add.env("GEOCROP_STATE", dir.path().join("state"));
    let mut add = add.stdin(Stdio::piped()).spawn().unwrap();
    let stdin = add.stdin.take().unwrap();
    std::io::Write::write_all(&mut { stdin }, PASSWORD.as_bytes()).unwrap();
    assert!(add.wait().unwrap().success());

    let api = api(dir.path());
    let client = reqwest::blocking::Client::new();
    let token: Value = client
        .post(format!("{}/v1/auth/token", api.address))
        .json(&json!({ "username": "mapper", "password": PASSWORD }))
        .send()
        .unwrap()
        .json()
        .unwrap();
    let token = token["access_token"].as_str().unwrap();
    std::fs::write(dir.path().join("token"), token).unwrap();

    // The network is listed, whether its weights are here or not.
    let listed: Value = client
        .get(format!("{}/v1/models", api.address))
        .send()
        .unwrap()
        .json()
        .unwrap();
    let models = listed["models"].as_array().unwrap();
    assert!(
        models
            .iter()
            .any(|m| m["name"] == "dynamic-world" && m["kind"] == "network")
    );
    assert!(
        models
            .iter()
            .any(|m| m["name"] == NAME && m["labels"][0] == "production")
    );

    let recipe =
        std::fs::read_to_string(project().join("recipes").join(format!("{NAME}.toml"))).unwrap();
    let url = format!("{}/v1/models/{NAME}/labels/production", api.address);
    let table = format!("[model]\nremote = {{ url = \"{url}\", token_env = \"CROPS_TOKEN\" }}\n");
    let file = dir.path().join("remote.toml");
    std::fs::write(&file, recipe.replace("[model]\n", &table)).unwrap();

    let stores = ["here", "there"].map(|name| dir.path().join(name));
    for (store, recipe) in stores.iter().zip([NAME, &file.display().to_string()]) {
        let output = mapped(dir.path(), recipe, &store.display().to_string());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    for name in ["valley.tif", "valley-confidence.tif"] {
        let [here, there] = stores.each_ref().map(|store| {
            let path = store
                .join(format!("layers/{NAME}/2024/{name}"))
                .display()
                .to_string();
            let mut reader = RasterReader::new();
            let grid = reader.info(&path).unwrap().grid().unwrap();
            let values = reader
                .read(&path, 1, Some(-1.0), &grid, Resampling::Nearest)
                .unwrap();
            values.iter().map(|v| *v as u8).collect::<Vec<u8>>()
        });
        assert!(here == there, "{name} differs");
    }
    let lock = stores[1].join(format!("layers/{NAME}/2024/valley.lock.json"));
    assert!(std::fs::read_to_string(lock).unwrap().contains(&url));
}
