//! Looks at a running demo as a visitor would: pages, tiles, and a job from login to result.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use geocrop_precompute::Period;
use geocrop_raster::Aoi;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use super::super::user::Login;
use crate::progress;

/// Bounds the wait for a job of a few hectares.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) fn check(address: SocketAddr, login: &Login, area: &Aoi, period: Period) -> Result<()> {
    let visitor = Visitor {
        base: format!("http://{address}"),
        client: Client::builder().timeout(Duration::from_secs(30)).build()?,
    };
    let mut seen = 0;
    let mut passed = |what: &str| {
        progress::line(&format!("  ok  {what}"));
        seen += 1;
    };
    for (path, text) in [
        ("/", "GeoCrop"),
        ("/map/", "map"),
        ("/areas/", area.name.as_str()),
        (&format!("/areas/{}/", area.slug), area.name.as_str()),
        ("/architecture/", "<svg"),
        ("/status/", "Map tiles"),
        ("/api/", "/v1/jobs"),
    ] {
        visitor.page(path, text)?;
        passed(&format!("GET {path}"));
    }
    ensure!(
        visitor.get("/no-such-page/")?.status() == 404,
        "a page that is not there must answer 404"
    );
    passed("a missing page answers 404");
    visitor.json("/healthz")?;
    passed("GET /healthz");
    visitor.parts()?;
    passed("no part of the service is down");

    let tiles = visitor.tiles_of_every_layer()?;
    passed(&format!("{tiles} PMTiles answer range requests"));

    let token = visitor.log_in(login)?;
    passed("log in");
    let job = visitor.submit(&token, area, period, false)?;
    visitor.follow(&token, &job)?;
    passed("a part of the area is cut out of the published map at once");
    let job = visitor.submit(&token, area, period, true)?;
    passed("submit a job that makes the same part from imagery");
    visitor.follow(&token, &job)?;
    passed("the job is done, its map and statistics are there");
    progress::line(&format!("{seen} checks passed"));
    Ok(())
}

struct Visitor {
    base: String,
    client: Client,
}

impl Visitor {
    fn get(&self, path: &str) -> Result<Response> {
        self.client
            .get(format!("{}{path}", self.base))
            .send()
            .with_context(|| format!("GET {path}"))
    }

    fn page(&self, path: &str, text: &str) -> Result<()> {
        let answer = self.get(path)?;
        ensure!(
            answer.status() == 200,
            "GET {path} answers {}",
            answer.status()
        );
        let body = answer.text()?;
        ensure!(
            body.contains(text),
            "GET {path}: the page does not say '{text}'"
        );
        Ok(())
    }

    fn json(&self, path: &str) -> Result<Value> {
        let answer = self.get(path)?;
        ensure!(
            answer.status() == 200,
            "GET {path} answers {}",
            answer.status()
        );
        answer
            .json()
            .with_context(|| format!("GET {path}: not JSON"))
    }

    /// Waits for the first look at the parts, and fails on one that is down.
    fn parts(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let status = self.json("/v1/status")?;
            if status["checked_at"].is_null() {
                ensure!(began.elapsed() < PATIENCE, "nobody looked at the parts");
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
            let parts = status["parts"].as_array().map_or(&[][..], Vec::as_slice);
            ensure!(!parts.is_empty(), "the status tells of no part");
            for part in parts {
                ensure!(
                    part["state"] != "down",
                    "{} is down: {}",
                    part["name"],
                    part["detail"]
                );
            }
            return Ok(());
        }
    }

    /// Walks the catalog to every item and reads the head of its tiles.
    fn tiles_of_every_layer(&self) -> Result<usize> {
        let mut count = 0;
        for collection in self.links("/store/catalog.json", "child")? {
            for item in self.links(&collection, "item")? {
                let document = self.json(&item)?;
                let href = document["assets"]["tiles"]["href"]
                    .as_str()
                    .with_context(|| format!("{item} has no tiles"))?;
                let path = beside(&item, href);
                let answer = self
                    .client
                    .get(format!("{}{path}", self.base))
                    .header("range", "bytes=0-6")
                    .send()?;
                ensure!(
                    answer.status() == 206,
                    "a range of {path} answers {}",
                    answer.status()
                );
                ensure!(
                    answer.bytes()?.as_ref() == b"PMTiles",
                    "{path} is no PMTiles archive"
                );
                count += 1;
            }
        }
        ensure!(count > 0, "the catalog lists no layer");
        Ok(count)
    }

    fn links(&self, path: &str, rel: &str) -> Result<Vec<String>> {
        let document = self.json(path)?;
        let links = document["links"].as_array().cloned().unwrap_or_default();
        Ok(links
            .iter()
            .filter(|link| link["rel"] == rel)
            .filter_map(|link| Some(beside(path, link["href"].as_str()?)))
            .collect())
    }

    fn log_in(&self, login: &Login) -> Result<String> {
        let answer: Value = self
            .client
            .post(format!("{}/v1/auth/token", self.base))
            .json(&json!({ "username": login.name, "password": login.password }))
            .send()?
            .error_for_status()?
            .json()?;
        let token = answer["access_token"]
            .as_str()
            .context("the login gives no token")?;
        Ok(token.to_owned())
    }

    /// Asks for the middle of an area: a box a quarter as wide and high.
    /// Asks for a map of the middle of an area, cut out of what is published or made afresh.
    fn submit(&self, token: &str, area: &Aoi, period: Period, fresh: bool) -> Result<String> {
        let [west, south, east, north] = area.lonlat_bounds();
        let (x, y) = (f64::midpoint(west, east), f64::midpoint(south, north));
        let (dx, dy) = ((east - west) / 8.0, (north - south) / 8.0);
        let corners = [
            (-1.0, -1.0),
            (1.0, -1.0),
            (1.0, 1.0),
            (-1.0, 1.0),
            (-1.0, -1.0),
        ];
        let ring: Vec<[f64; 2]> = corners
            .iter()
            .map(|(i, j)| [x + i * dx, y + j * dy])
            .collect();
        let answer = self
            .client
            .post(format!("{}/v1/jobs", self.base))
            .bearer_auth(token)
            .json(&json!({
                "recipe": "cropland-southeast-africa",
                "period": period.to_string(),
                "aoi": { "type": "Polygon", "coordinates": [ring] },
                "fresh": fresh,
            }))
            .send()?;
        let expected = if fresh { 202 } else { 201 };
        ensure!(
            answer.status() == expected,
            "POST /v1/jobs answers {}: {}",
            answer.status(),
            answer.text()?
        );
        let job: Value = answer.json()?;
        let id = job["id"].as_str().context("the job has no id")?;
        Ok(format!("/v1/jobs/{id}"))
    }

    fn follow(&self, token: &str, job: &str) -> Result<()> {
        let begun = Instant::now();
        let read = |path: &str| {
            self.client
                .get(format!("{}{path}", self.base))
                .bearer_auth(token)
                .send()
        };
        loop {
            let status: Value = read(job)?.error_for_status()?.json()?;
            match status["status"].as_str() {
                Some("successful") => {
                    let result = |name: &str| status["results"][name].as_str().map(str::to_owned);
                    let statistics = result("statistics").context("the job has no statistics")?;
                    let statistics: Value = read(&statistics)?.error_for_status()?.json()?;
                    let mapped = statistics["observed_ha"].as_f64().unwrap_or(0.0);
                    ensure!(mapped > 0.0, "the job mapped nothing");
                    let tiles = result("tiles").context("the job has no tiles")?;
                    let head = read(&tiles)?.error_for_status()?.bytes()?;
                    ensure!(
                        head.starts_with(b"PMTiles"),
                        "{tiles} is no PMTiles archive"
                    );
                    return Ok(());
                }
                Some("failed" | "dismissed") => bail!("the job failed: {}", status["message"]),
                _ if begun.elapsed() > PATIENCE => {
                    bail!("the job is not done after {} s", PATIENCE.as_secs())
                }
                _ => std::thread::sleep(Duration::from_millis(300)),
            }
        }
    }
}

/// A relative href resolved against the path of its document.
fn beside(document: &str, href: &str) -> String {
    if href.starts_with('/') {
        return href.to_owned();
    }
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in href.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn hrefs_are_taken_from_the_documents_folder() {
        assert_eq!(
            beside("/store/catalog.json", "./layers/a.json"),
            "/store/layers/a.json"
        );
        assert_eq!(
            beside("/store/layers/a/c.json", "../../x.json"),
            "/store/x.json"
        );
        assert_eq!(beside("/a/b", "/c"), "/c");
    }
}
