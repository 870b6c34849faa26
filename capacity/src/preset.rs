//! Examples to begin with: one person, a team, a thousand users, a continent.
//!
//! Users, jobs, areas and networks of these are examples: imagery over a line of 100 Mbit/s, or 1000 near its bucket. What was measured: the API's
//! processor time for a request and the requests for each job are those of the busy day in `docs/performance.md`.

use serde::Serialize;

use crate::{Demand, Layers, Machine};

/// Zimbabwe, in km2 (its land and water).
const ZIMBABWE_KM2: f64 = 390_757.0;
/// Africa with its islands, in km2.
const AFRICA_KM2: f64 = 30_400_000.0;
/// 2015 to 2025.
const YEARS: f64 = 11.0;

/// An example.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What users ask for.
    pub demand: Demand,
    /// What is made before anybody asks.
    pub layers: Layers,
    /// What a worker is.
    pub machine: Machine,
}

/// The examples, smallest first.
pub fn presets() -> Vec<Preset> {
    let demand = |users, jobs_per_day, peak, wait_seconds| Demand {
        users,
        jobs_per_day,
        job_km2: 25.0,
        peak,
        wait_seconds,
        variation: 1.0,
        // The measured mix: of twenty requests one is a new job.
        requests_per_job: 20.0,
        keep_days: 30.0,
    };
    let layers = |km2, periods, workers| Layers {
        km2,
        periods,
        workers,
    };
    let preset = |name, title, mbit, demand, layers| Preset {
        name,
        title,
        demand,
        layers,
        machine: Machine {
            // What was measured had two.
            cores: 2.0,
            mbit: Some(mbit),
            request_cpu_seconds: 0.52e-3,
            connections: 10.0,
        },
    };
    vec![
        preset(
            "one",
            "1 user, a district for a year",
            100.0,
            demand(1.0, 10.0, 4.0, 300.0),
            layers(10_000.0, 1.0, 1.0),
        ),
        preset(
            "team",
            "10 users, a province for eleven years",
            100.0,
            demand(10.0, 10.0, 4.0, 120.0),
            layers(50_000.0, YEARS, 1.0),
        ),
        preset(
            "thousand",
            "1,000 users, a country for eleven years",
            1000.0,
            demand(1000.0, 5.0, 6.0, 60.0),
            layers(ZIMBABWE_KM2, YEARS, 4.0),
        ),
        preset(
            "continent",
            "1,000 users, Africa at 10 m for eleven years",
            1000.0,
            demand(1000.0, 5.0, 6.0, 60.0),
            layers(AFRICA_KM2, YEARS, 100.0),
        ),
    ]
}
