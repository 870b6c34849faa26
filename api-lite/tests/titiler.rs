//! Tiles have the pixels that `TiTiler` draws from the same file.
//!
//! `./dev test` installs it and names its Python in `GEOCROP_TEST_TITILER`; without it the test says so and skips.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::Place;
use common::maps;
use reqwest::{Client, StatusCode};

struct Titiler {
    process: Child,
    address: String,
}

impl Drop for Titiler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Titiler {
    async fn start(client: &Client) -> Option<Self> {
        let python = std::env::var_os("GEOCROP_TEST_TITILER")?;
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let arguments = [
            "-m",
            "uvicorn",
            "titiler.application.main:app",
            "--host",
            "127.0.0.1",
        ];
        let process = Command::new(python)
            .args(arguments)
            .args(["--log-level", "error", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let titiler = Self {
            process,
            address: format!("http://127.0.0.1:{port}"),
        };
        for _ in 0..600 {
            let answer = client
                .get(format!("{}/healthz", titiler.address))
                .send()
                .await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Some(titiler);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("TiTiler did not start");
    }

    /// A tile's pixels; none where it has no tile.
    async fn tile(
        &self,
        client: &Client,
        file: &Path,
        tile: (u8, u32, u32),
        query: &[(&str, &str)],
    ) -> Option<Vec<[u8; 4]>> {
        let (z, x, y) = tile;
        let url = format!("{}/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.png", self.address);
        let answer = client
            .get(url)
            .query(&[("url", file.to_str().unwrap())])
            .query(query)
            .send()
            .await
            .unwrap();
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        let answer = answer.error_for_status().unwrap();
        Some(maps::rgba(&answer.bytes().await.unwrap()).1)
    }
}

#[tokio::test]
async fn pixels_are_those_of_titiler() {
    let client = Client::new();
    let Some(titiler) = Titiler::start(&client).await else {
        eprintln!(
            "skipped: no GEOCROP_TEST_TITILER with titiler.application ('./dev test' sets it)"
        );
        return;
    };
    let place = Place::new().await;
    let grids = [
        ("crops/2023", maps::equal_area()),
        ("crops/2024", maps::utm()),
    ];
    for (layer, grid) in &grids {
        let rectangle = maps::rectangle(grid.lonlat_bounds().unwrap());
        maps::publish_in(&place.store(), layer, "area", grid, rectangle);
    }
    let server = place.start().await;
    // Only some of the classes, one of them half transparent, and one that does not occur.
    let colormap = r##"{"1":[9,8,7,255],"2":"#ff000080","4":[0,0,255],"200":[1,1,1,255]}"##;
    let mut compared = 0;
    for (layer, grid) in &grids {
        let file = place.path("store").join(format!("layers/{layer}/area.tif"));
        let [west, south, east, north] = grid.lonlat_bounds().unwrap();
        let middle = f64::midpoint;
        let places = [
            [middle(west, east), middle(south, north)],
            [west + 1e-4, middle(south, north)],
            [middle(west, east), south + 1e-4],
            [east - 1e-4, north - 1e-4],
            [west + (east - west) / 3.0, south + (north - south) / 7.0],
        ];
        for zoom in 0..=18 {
            for (number, at) in places.into_iter().enumerate() {
                let (x, y) = maps::tile_at(zoom, at);
                let (scale, size) = if number == 4 {
                    ("@2x", "512")
                } else {
                    ("", "256")
                };
                let mut given = vec![("tilesize", size)];
                let mut own = Vec::new();
                if number % 2 == 1 {
                    given.push(("colormap", colormap));
                    own.push(("colormap", colormap));
                }
                let theirs = titiler.tile(&client, &file, (zoom, x, y), &given).await;
                let url = server.url(&format!("/v1/tiles/{layer}/{zoom}/{x}/{y}{scale}.png"));
                let answer = client.get(url).query(&own).send().await.unwrap();
                let answer = answer.error_for_status().unwrap();
                let (side, ours) = maps::rgba(&answer.bytes().await.unwrap());
                let theirs = theirs.unwrap_or_else(|| vec![[0; 4]; side * side]);
                assert_eq!(ours.len(), theirs.len());
                let seen = |pixel: &[u8; 4]| if pixel[3] == 0 { [0; 4] } else { *pixel };
                let off = ours.iter().zip(&theirs).filter(|(a, b)| seen(a) != seen(b));
                assert_eq!(off.count(), 0, "{layer} {zoom}/{x}/{y}{scale} {own:?}");
                compared += usize::from(ours.iter().any(|pixel| pixel[3] > 0));
            }
        }
    }
    assert!(compared > 150, "{compared}");
    server.stop().await;
}
