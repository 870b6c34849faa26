//! Layers, their tiles and their statistics over HTTP.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use common::maps::{self, COLORS, LAYER};
use common::{Place, Server, problem};
use geocrop_store::Store;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

/// A server with one layer of two areas that lie beside each other.
async fn start() -> (Place, Server) {
    let place = Place::new().await;
    let west = maps::equal_area();
    let mut east = west.clone();
    east.x0 += west.width as f64 * west.resolution;
    east.width = 900;
    for (area, grid) in [("east", east), ("west", west)] {
        let bounds = grid.lonlat_bounds().unwrap();
        maps::publish_map(&place.store(), area, &grid, maps::rectangle(bounds));
    }
    let server = place.start().await;
    (place, server)
}

async fn get(server: &Server, path: &str) -> Response {
    server.get(path).send().await.unwrap()
}

async fn json(server: &Server, path: &str) -> Value {
    let answer = get(server, path).await.error_for_status().unwrap();
    answer.json().await.unwrap()
}

/// The address of a tile without its ending.
fn address(zoom: u8, at: [f64; 2]) -> String {
    let (x, y) = maps::tile_at(zoom, at);
    format!("/v1/tiles/{LAYER}/{zoom}/{x}/{y}")
}

/// Near the border of the two areas.
fn border() -> [f64; 2] {
    let [_, south, east, north] = maps::equal_area().lonlat_bounds().unwrap();
    [east - 1e-4, f64::midpoint(south, north)]
}

#[tokio::test]
async fn layers_are_listed_with_legend_bounds_and_links() {
    let (place, server) = start().await;
    let list = json(&server, "/v1/layers").await;
    let [layer] = &list["layers"].as_array().unwrap()[..] else {
        panic!("{list}")
    };
    assert_eq!(layer["id"], LAYER);
    assert_eq!(layer["title"], "Crops, 2024");
    assert_eq!(layer["classes"].as_array().unwrap().len(), COLORS.len());
    assert_eq!(
        layer["classes"][1],
        json!({ "value": 1, "name": "class-1", "title": "Class 1", "color": "#fed976" })
    );
    let names: Vec<&Value> = layer["areas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["name"])
        .collect();
    assert_eq!(names, ["east", "west"]);
    assert_eq!(*layer, json(&server, &format!("/v1/layers/{LAYER}")).await);
    assert_eq!(
        json(&server, layer["areas"][0]["item"].as_str().unwrap()).await["id"],
        "east"
    );

    let described = json(&server, layer["links"]["tilejson"].as_str().unwrap()).await;
    assert_eq!(described["tilejson"], "3.0.0");
    assert_eq!(described["bounds"], layer["bounds"]);
    let pattern = described["tiles"][0].as_str().unwrap();
    assert!(
        pattern.starts_with(&server.url("/v1/tiles/crops/2024/{z}/{x}/{y}.png?v=")),
        "{pattern}"
    );
    let (x, y) = maps::tile_at(12, border());
    let url = pattern
        .replace("{z}", "12")
        .replace("{x}", &x.to_string())
        .replace("{y}", &y.to_string());
    let tile = server.client.get(url).send().await.unwrap();
    assert_eq!(tile.status(), StatusCode::OK);
    assert!(
        tile.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    let chosen = format!(
        "{}?classes=1,2",
        layer["links"]["tilejson"].as_str().unwrap()
    );
    let pattern = json(&server, &chosen).await["tiles"][0].clone();
    assert!(
        pattern.as_str().unwrap().contains(".png?classes=1,2&v="),
        "{pattern}"
    );

    problem(
        get(&server, "/v1/layers/crops/2023").await,
        404,
        "no-such-layer",
    )
    .await;
    problem(
        get(&server, "/v1/layers/crops/later").await,
        422,
        "invalid-name",
    )
    .await;
    problem(
        get(&server, "/v1/tiles/none/2024/tilejson.json").await,
        404,
        "no-such-layer",
    )
    .await;
    drop(place);
    server.stop().await;
}

#[tokio::test]
async fn a_tile_shows_all_areas_in_the_colours_that_are_asked_for() {
    let (_place, server) = start().await;
    let path = address(11, border());
    let answer = get(&server, &format!("{path}.png")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["cache-control"], "public, no-cache");
    let tag = answer.headers()["etag"].clone();
    let (side, whole) = maps::rgba(&answer.bytes().await.unwrap());
    assert_eq!(side, 256);
    let known = |pixels: &[[u8; 4]]| pixels.iter().filter(|pixel| pixel[3] == 255).count();
    for pixel in &whole {
        assert!(pixel[3] == 0 || COLORS.contains(&[pixel[0], pixel[1], pixel[2]]));
    }

    let known_already = server
        .get(&format!("{path}.png"))
        .header("if-none-match", &tag);
    let known_already = known_already.send().await.unwrap();
    assert_eq!(known_already.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(known_already.headers()["etag"], tag);

    let of = async |query: &str| {
        let answer = get(&server, &format!("{path}.png?{query}")).await;
        maps::rgba(&answer.error_for_status().unwrap().bytes().await.unwrap()).1
    };
    let two = of("classes=1,2").await;
    for (all, two) in whole.iter().zip(&two) {
        let kept = [COLORS[1], COLORS[2]].contains(&[all[0], all[1], all[2]]) && all[3] > 0;
        assert_eq!(*two, if kept { *all } else { [0; 4] });
    }
    assert_eq!(known(&two) + known(&of("hide=1,2").await), known(&whole));
    let red = of("colormap={\"2\":\"%23f00\"}").await;
    assert!(
        red.iter()
            .all(|pixel| pixel[3] == 0 || *pixel == [255, 0, 0, 255])
    );
    assert!(known(&red) > 0);
    let sure = of("asset=confidence").await;
    assert!(
        sure.iter()
            .all(|pixel| pixel[3] == 0 || *pixel == [80, 80, 80, 255])
    );
    assert!(known(&sure) > known(&whole));

    let large = get(&server, &format!("{path}@2x.png")).await;
    assert_eq!(maps::rgba(&large.bytes().await.unwrap()).0, 512);
    let webp = get(&server, &format!("{path}.webp")).await;
    assert_eq!(webp.headers()["content-type"], "image/webp");
    assert_eq!(&webp.bytes().await.unwrap()[8..12], b"WEBP");

    let from_elsewhere = server
        .get(&format!("{path}.png"))
        .header("origin", "https://example.org");
    let from_elsewhere = from_elsewhere.send().await.unwrap();
    assert_eq!(from_elsewhere.headers()["access-control-allow-origin"], "*");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_tile_of_the_layer_is_a_problem_that_says_why() {
    let (_place, server) = start().await;
    let path = address(11, border());
    for (path, status, kind) in [
        (format!("{path}.png?url=/etc/passwd"), 422, "url-refused"),
        (
            format!("{path}.png?url=http%3A%2F%2F169.254.169.254%2F"),
            422,
            "url-refused",
        ),
        (format!("{path}.png?rescale=0,1"), 422, "invalid-parameter"),
        (format!("{path}.png?classes=x"), 422, "invalid-parameter"),
        (
            format!("{path}.png?colormap=%7B%7D%7D"),
            422,
            "invalid-parameter",
        ),
        (format!("{path}.jpg"), 422, "invalid-tile"),
        (path.clone(), 422, "invalid-tile"),
        (
            "/v1/tiles/crops/2024/3/8/0.png".to_owned(),
            422,
            "invalid-tile",
        ),
        (
            "/v1/tiles/crops/2024/99/0/0.png".to_owned(),
            422,
            "invalid-tile",
        ),
        (
            "/v1/tiles/crops/2024/3/-1/0.png".to_owned(),
            422,
            "invalid-tile",
        ),
        (
            "/v1/tiles/crops/2024/3/+1/0.png".to_owned(),
            422,
            "invalid-tile",
        ),
        (
            "/v1/tiles/crops/2024/10/0/0.png".to_owned(),
            404,
            "tile-outside",
        ),
        (
            "/v1/tiles/crops/1999/0/0/0.png".to_owned(),
            404,
            "no-such-layer",
        ),
        (
            "/v1/tiles/Crops/2024/0/0/0.png".to_owned(),
            422,
            "invalid-name",
        ),
        (
            "/v1/tiles/..%2F..%2Fx/2024/0/0/0.png".to_owned(),
            422,
            "invalid-name",
        ),
    ] {
        problem(get(&server, &path).await, status, kind).await;
    }
    let world = get(&server, "/v1/tiles/crops/2024/0/0/0.png").await;
    assert_eq!(world.status(), StatusCode::OK);
    server.stop().await;
}

async fn ask(server: &Server, aoi: Value) -> Response {
    let question = json!({ "recipe": "crops", "period": "2024", "aoi": aoi });
    let request = server.client.post(server.url("/v1/statistics"));
    request.json(&question).send().await.unwrap()
}

#[tokio::test]
async fn an_area_that_published_maps_cover_is_counted_without_a_token() {
    let (place, server) = start().await;
    let grid = maps::equal_area();
    let bounds = grid.lonlat_bounds().unwrap();
    let answer = ask(&server, maps::rectangle(bounds)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let whole: Value = answer.json().await.unwrap();
    assert_eq!(whole["source"], "precomputed");
    let file = place.path("store").join(format!("layers/{LAYER}/west.tif"));
    let counts = geocrop_raster::histogram(&file, 1).unwrap();
    for (value, class) in whole["classes"].as_array().unwrap().iter().enumerate() {
        assert_eq!(class["pixels"], counts[value], "{class}");
        assert_eq!(class["hectares"], (counts[value] as f64) / 100.0);
    }
    assert_eq!(whole["nodata_ha"], counts[255] as f64 / 100.0);
    assert_eq!(whole["area_ha"], (grid.width * grid.height) as f64 / 100.0);
    assert_eq!(whole["items"].as_array().unwrap().len(), 1);
    let item = json(&server, whole["items"][0]["href"].as_str().unwrap()).await;
    assert_eq!(item["id"], "west");

    let [lon, lat] = border();
    let around = maps::rectangle([lon - 0.02, lat - 0.01, lon + 0.02, lat + 0.01]);
    let both: Value = ask(&server, around).await.json().await.unwrap();
    assert_eq!(both["items"].as_array().unwrap().len(), 2, "{both}");

    let [_, south, _, north] = bounds;
    let over = maps::rectangle([lon - 0.02, north - 0.01, lon + 0.02, north + 0.01]);
    let refused = problem(ask(&server, over).await, 404, "not-precomputed").await;
    assert!(
        refused["hint"].as_str().unwrap().contains("/v1/jobs"),
        "{refused}"
    );
    let speck = maps::rectangle([lon - 1e-6, south + 0.01, lon, south + 0.010_001]);
    problem(ask(&server, speck).await, 404, "not-precomputed").await;
    let huge = maps::rectangle([20.0, -20.0, 30.0, -10.0]);
    problem(ask(&server, huge).await, 422, "invalid-aoi").await;
    let unknown = json!({ "recipe": "crops", "period": "1999", "aoi": maps::rectangle(bounds) });
    let unknown = server
        .client
        .post(server.url("/v1/statistics"))
        .json(&unknown);
    problem(unknown.send().await.unwrap(), 404, "no-such-layer").await;
    server.stop().await;
}

#[tokio::test]
async fn a_map_holds_only_inside_its_own_outline() {
    let place = Place::new().await;
    let grid = maps::equal_area();
    let [west, south, east, north] = grid.lonlat_bounds().unwrap();
    let triangle = json!({
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [west, north], [west, south]]]
    });
    maps::publish_map(&place.store(), "half", &grid, triangle);
    let server = place.start().await;
    let inside = maps::rectangle([west + 0.01, south + 0.01, west + 0.03, south + 0.03]);
    assert_eq!(ask(&server, inside).await.status(), StatusCode::OK);
    let beyond = maps::rectangle([east - 0.03, north - 0.03, east - 0.01, north - 0.01]);
    problem(ask(&server, beyond).await, 404, "not-precomputed").await;
    server.stop().await;
}

#[tokio::test]
async fn a_store_that_is_no_folder_is_read_in_ranges_and_a_new_map_is_seen() {
    let (_place, folder) = start().await;
    let mut place = Place::new().await;
    place.elsewhere = Some(Store::open("memory://").unwrap());
    let west = maps::equal_area();
    let bounds = west.lonlat_bounds().unwrap();
    maps::publish_map(&place.store(), "west", &west, maps::rectangle(bounds));
    let server = place.start().await;
    let [lon, lat] = [
        f64::midpoint(bounds[0], bounds[2]),
        f64::midpoint(bounds[1], bounds[3]),
    ];
    for zoom in [9, 12, 14, 16] {
        let path = address(zoom, [lon, lat]) + ".png?asset=map";
        let (from_folder, from_ranges) = (get(&folder, &path).await, get(&server, &path).await);
        let from_ranges = from_ranges
            .error_for_status()
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let from_folder = from_folder
            .error_for_status()
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert!(zoom < 12 || from_ranges == from_folder, "zoom {zoom}");
    }
    let inside = maps::rectangle([lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01]);
    let here: Value = ask(&server, inside.clone()).await.json().await.unwrap();
    let there: Value = ask(&folder, inside).await.json().await.unwrap();
    assert_eq!(here["classes"], there["classes"]);

    let described = json(&server, &format!("/v1/layers/{LAYER}")).await;
    let mut smaller = west.clone();
    smaller.width = 1500;
    let bounds = smaller.lonlat_bounds().unwrap();
    maps::publish_map(&place.store(), "west", &smaller, maps::rectangle(bounds));
    let mut seen = described.clone();
    for _ in 0..300 {
        seen = json(&server, &format!("/v1/layers/{LAYER}")).await;
        // Drawn all the while, from one version or the other.
        let answer = get(&server, &(address(12, [lon, lat]) + ".png")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        if seen["version"] != described["version"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_ne!(seen["version"], described["version"]);
    assert_ne!(seen["bounds"], described["bounds"]);
    server.stop().await;
    folder.stop().await;
}

/// An area of a few hundred metres around a point.
fn around([lon, lat]: [f64; 2]) -> Value {
    let (a, b, c, d) = (lon - 2e-3, lat - 2e-3, lon + 2e-3, lat + 2e-3);
    json!({ "type": "Polygon", "coordinates": [[[a, b], [c, b], [c, d], [a, d], [a, b]]] })
}

#[tokio::test]
async fn a_job_that_published_maps_cover_is_answered_at_once_and_costs_nothing() {
    let (place, server) = start().await;
    let token = server.log_in("ann").await;
    let (recipe, period) = LAYER.split_once('/').unwrap();
    let order = |at: [f64; 2], fresh: bool| {
        server
            .post("/v1/jobs", &token)
            .json(&json!({ "recipe": recipe, "period": period, "aoi": around(at), "fresh": fresh }))
            .send()
    };
    let done = order(border(), false).await.unwrap();
    assert_eq!(done.status(), StatusCode::CREATED);
    let location = done.headers()["location"].to_str().unwrap().to_owned();
    let done: Value = done.json().await.unwrap();
    assert_eq!(
        (&done["status"], &done["source"], &done["progress"]),
        (&json!("successful"), &json!("precomputed"), &json!(100))
    );
    let kept: Value = server.json(&location, &token).await;
    assert_eq!(kept, done);
    let fetch = async |name: &str| {
        let file = server
            .read(done["results"][name].as_str().unwrap(), &token)
            .await;
        assert_eq!(file.status(), StatusCode::OK, "{name}");
        file.bytes().await.unwrap()
    };
    let item: Value = serde_json::from_slice(&fetch("item").await).unwrap();
    assert_eq!(
        item["properties"]["geocrop:cut_from"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "the border runs through the area"
    );
    assert_eq!(&fetch("map").await[..2], b"II");
    assert_eq!(&fetch("tiles").await[..7], b"PMTiles");
    let statistics: Value = serde_json::from_slice(&fetch("statistics").await).unwrap();
    let same: Value = server
        .client
        .post(server.url("/v1/statistics"))
        .json(&json!({ "recipe": recipe, "period": period, "aoi": around(border()) }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(statistics, same);
    let me: Value = server.json("/v1/me", &token).await;
    assert_eq!(me["quota"]["jobs"]["used"], 0);

    // Sent again, it is the same job, and no files are left that no job knows of.
    let again = || {
        server
            .post("/v1/jobs", &token)
            .header("idempotency-key", "border")
            .json(&json!({ "recipe": recipe, "period": period, "aoi": around(border()) }))
            .send()
    };
    let (one, other) = tokio::join!(again(), again());
    let mut ids = Vec::new();
    for answer in [one, other, again().await] {
        let job: Value = answer.unwrap().json().await.unwrap();
        ids.push(job["id"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let mut folders: Vec<String> = place
        .store()
        .list("jobs/one")
        .unwrap()
        .iter()
        .map(|entry| entry.key.split('/').nth(2).unwrap().to_owned())
        .collect();
    folders.dedup();
    assert_eq!(folders.len(), 2, "one for each of the two jobs");

    // Half of it lies where nothing is published; and who wants it anew gets it anew.
    let [west, south, _, north] = maps::equal_area().lonlat_bounds().unwrap();
    let edge = [west, f64::midpoint(south, north)];
    for waits in [order(edge, false).await, order(border(), true).await] {
        let waits = waits.unwrap();
        assert_eq!(waits.status(), StatusCode::ACCEPTED);
        let waits: Value = waits.json().await.unwrap();
        assert_eq!(waits["source"], "computed");
    }
    server.stop().await;
    drop(place);
}
