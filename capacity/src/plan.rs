//! From users and areas to machines.

use serde::{Deserialize, Serialize};

use crate::queue::Queue;

/// The share of jobs that may wait longer than the target.
const LATE: f64 = 0.05;
/// Workers that are looked for at most.
const MOST_WORKERS: u32 = 100_000;
const DAY: f64 = 86_400.0;
const HOUR: f64 = 3600.0;
const YEAR_DAYS: f64 = 365.25;
/// The unit of area that costs are told for, in km2.
const AREA: f64 = 10_000.0;
const GB: f64 = 1e9;

/// A map of a recipe, by the square kilometre and for one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// The recipe's name.
    pub name: String,
    /// Processor time of all threads together, in seconds.
    pub cpu_seconds: f64,
    /// Bytes of imagery that are read.
    pub input_bytes: f64,
    /// Bytes of the published files: maps, tiles, records.
    pub output_bytes: f64,
}

/// What users ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// People with an account who use it.
    pub users: f64,
    /// Jobs of each on a day.
    pub jobs_per_day: f64,
    /// Square kilometres of a job, on average.
    pub job_km2: f64,
    /// How many times more jobs come in the busiest hour than on average.
    pub peak: f64,
    /// Seconds within which 95 of 100 jobs begin in the busiest hour.
    pub wait_seconds: f64,
    /// Standard deviation of a job's time by its mean: 1 if there are many small ones and some large ones.
    pub variation: f64,
    /// Requests to the API for each job: sending it, looking after it, statistics.
    pub requests_per_job: f64,
    /// Days for which results of jobs are kept.
    pub keep_days: f64,
}

/// What a worker is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores of one worker.
    pub cores: f64,
    /// Mbit/s from the imagery to one worker; `None` if it is on a disk beside it, and reading takes no time of its own.
    pub mbit: Option<f64>,
    /// Processor time of the API for a request, in seconds.
    pub request_cpu_seconds: f64,
    /// Connections that each process may hold to the database.
    pub connections: f64,
}

/// What is made before anybody asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layers {
    /// Square kilometres of all areas together.
    pub km2: f64,
    /// Periods: years, usually.
    pub periods: f64,
    /// Workers that the batch has.
    pub workers: f64,
}

/// What things cost, in any currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// A core for an hour.
    pub core_hour: f64,
    /// A GB of storage for a month.
    pub gb_month: f64,
}

/// The service that is needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// What users ask for.
    pub jobs: Jobs,
    /// What is made before anybody asks, recipe by recipe.
    pub layers: Vec<PerLayer>,
    /// The batch: processor time of all layers, in hours.
    pub batch_cpu_hours: f64,
    /// The batch: hours with the workers that it has.
    pub batch_hours: f64,
    /// Bytes of all layers.
    pub layer_bytes: f64,
    /// Bytes of the results of jobs that are kept at a time.
    pub job_bytes: f64,
    /// What it costs, if there are prices.
    pub cost: Option<Bill>,
}

/// What users ask for, and what that needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Jobs {
    /// Jobs in the busiest hour.
    pub per_peak_hour: f64,
    /// Jobs of a year: rows of the database.
    pub per_year: f64,
    /// Jobs of the mean size that an hour of processor time makes.
    pub per_cpu_hour: f64,
    /// Seconds that a worker needs for the mean job, reading included.
    pub seconds: f64,
    /// Seconds of these in which imagery is read over the network.
    pub reading_seconds: f64,
    /// Workers.
    pub workers: u32,
    /// Share of the workers that is busy in the busiest hour.
    pub busy: f64,
    /// Mean seconds before a job begins in the busiest hour.
    pub mean_wait_seconds: f64,
    /// Share of jobs that wait longer than the target then.
    pub late: f64,
    /// Requests to the API a second in the busiest hour.
    pub requests_per_second: f64,
    /// Cores of the API that these keep busy.
    pub api_cores: f64,
    /// Connections to the database that one API and these workers may hold.
    pub connections: f64,
}

/// A layer for every period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerLayer {
    /// The recipe's name.
    pub name: String,
    /// Square kilometres and periods that an hour of processor time makes.
    pub km2_per_cpu_hour: f64,
    /// Bytes of a square kilometre and a period.
    pub bytes_per_km2: f64,
    /// Processor time of all periods, in hours.
    pub cpu_hours: f64,
    /// Imagery that is read for them, in bytes.
    pub input_bytes: f64,
    /// Bytes of one period.
    pub bytes_per_period: f64,
    /// Bytes of all periods.
    pub bytes: f64,
}

/// What it costs, in the currency of the prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// Making all layers, once.
    pub batch: f64,
    /// Making 10,000 km2 of one period of each layer, once.
    pub batch_10000_km2: f64,
    /// Keeping layers and results, each month.
    pub storage_month: f64,
    /// Workers and the API's cores, if they run all the time, each month.
    pub service_month: f64,
    /// The same, if workers run only while there are jobs.
    pub service_month_on_demand: f64,
}

/// Something that cannot be planned for.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum CapacityError {
    /// A number that is none, or too small.
    #[error("{what} is {found}; expected {expected}")]
    Invalid {
        /// Which number.
        what: &'static str,
        /// What it is.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// There is no recipe.
    #[error("no recipe was given; jobs and layers need one")]
    NoProduct,
    /// More workers than anybody has.
    #[error(
        "{load:.0} workers would be busy in the busiest hour; expected fewer than {MOST_WORKERS}: look at users, jobs and areas again"
    )]
    TooMany {
        /// Mean number of busy workers.
        load: f64,
    },
}

/// Works out what a service needs. Jobs are of the first product; layers are made of each.
///
/// # Errors
/// [`CapacityError`] for numbers that make no sense.
pub fn plan(
    demand: &Demand,
    products: &[Product],
    layers: &Layers,
    machine: &Machine,
    prices: Option<&Prices>,
) -> Result<Capacity, CapacityError> {
    sensible(demand, layers, machine, prices)?;
    let jobs = jobs(
        demand,
        products.first().ok_or(CapacityError::NoProduct)?,
        machine,
    )?;
    let made: Vec<PerLayer> = products.iter().map(|p| per_layer(p, layers)).collect();
    let reading = |bytes: f64| reading_seconds(bytes, machine);
    let batch_cpu_hours: f64 = made.iter().map(|layer| layer.cpu_hours).sum();
    let read: f64 = made.iter().map(|layer| reading(layer.input_bytes)).sum();
    let batch_hours = (batch_cpu_hours / machine.cores + read / HOUR) / layers.workers;
    let layer_bytes = made.iter().map(|layer| layer.bytes).sum();
    let job_bytes = demand.users
        * demand.jobs_per_day
        * demand.keep_days
        * demand.job_km2
        * products[0].output_bytes;
    let cost = prices.map(|prices| {
        let per_km2: f64 = products.iter().map(|p| cpu_hours(p, machine)).sum();
        let month = YEAR_DAYS * 24.0 / 12.0;
        let always = f64::from(jobs.workers) * machine.cores;
        let busy = jobs.per_year / YEAR_DAYS / DAY * jobs.seconds * machine.cores;
        Bill {
            batch: batch_hours * layers.workers * machine.cores * prices.core_hour,
            batch_10000_km2: AREA * per_km2 * prices.core_hour,
            storage_month: (layer_bytes + job_bytes) / GB * prices.gb_month,
            service_month: (always + jobs.api_cores.max(1.0)) * month * prices.core_hour,
            service_month_on_demand: (busy + jobs.api_cores.max(1.0)) * month * prices.core_hour,
        }
    });
    Ok(Capacity {
        jobs,
        layers: made,
        batch_cpu_hours,
        batch_hours,
        layer_bytes,
        job_bytes,
        cost,
    })
}

/// Seconds that imagery takes on its way to a worker.
fn reading_seconds(bytes: f64, machine: &Machine) -> f64 {
    machine.mbit.map_or(0.0, |mbit| bytes * 8.0 / (mbit * 1e6))
}

/// Core-hours that a square kilometre keeps a worker, waiting for imagery included: whoever rents a core pays for both.
fn cpu_hours(product: &Product, machine: &Machine) -> f64 {
    (product.cpu_seconds + reading_seconds(product.input_bytes, machine) * machine.cores) / HOUR
}

fn jobs(demand: &Demand, product: &Product, machine: &Machine) -> Result<Jobs, CapacityError> {
    let per_day = demand.users * demand.jobs_per_day;
    let cpu = demand.job_km2 * product.cpu_seconds;
    let reading = reading_seconds(demand.job_km2 * product.input_bytes, machine);
    let queue = Queue {
        arrivals: per_day * demand.peak / DAY,
        service: cpu / machine.cores + reading,
        variation: demand.variation,
    };
    let workers = queue
        .workers_for(demand.wait_seconds, LATE, MOST_WORKERS)
        .ok_or_else(|| CapacityError::TooMany { load: queue.load() })?;
    let requests = queue.arrivals * demand.requests_per_job;
    Ok(Jobs {
        per_peak_hour: queue.arrivals * HOUR,
        per_year: per_day * YEAR_DAYS,
        per_cpu_hour: HOUR / cpu,
        seconds: queue.service,
        reading_seconds: reading,
        workers,
        busy: queue.load() / f64::from(workers),
        mean_wait_seconds: queue.mean_wait(workers),
        late: queue.share_waiting_longer(demand.wait_seconds, workers),
        requests_per_second: requests,
        api_cores: requests * machine.request_cpu_seconds,
        connections: (f64::from(workers) + 1.0) * machine.connections,
    })
}

fn per_layer(product: &Product, layers: &Layers) -> PerLayer {
    let all = layers.km2 * layers.periods;
    PerLayer {
        name: product.name.clone(),
        km2_per_cpu_hour: HOUR / product.cpu_seconds,
        bytes_per_km2: product.output_bytes,
        cpu_hours: all * product.cpu_seconds / HOUR,
        input_bytes: all * product.input_bytes,
        bytes_per_period: layers.km2 * product.output_bytes,
        bytes: all * product.output_bytes,
    }
}

fn sensible(
    demand: &Demand,
    layers: &Layers,
    machine: &Machine,
    prices: Option<&Prices>,
) -> Result<(), CapacityError> {
    let above = [
        ("the area of a job", demand.job_km2),
        ("the number of cores", machine.cores),
        ("the bandwidth", machine.mbit.unwrap_or(1.0)),
        ("the number of the batch's workers", layers.workers),
    ];
    let from = [
        ("the number of users", demand.users),
        ("the number of jobs", demand.jobs_per_day),
        ("the target for waiting", demand.wait_seconds),
        ("the variation", demand.variation),
        (
            "the number of requests for each job",
            demand.requests_per_job,
        ),
        ("the days that results are kept", demand.keep_days),
        ("the area of the layers", layers.km2),
        ("the number of periods", layers.periods),
        ("the price of a core", prices.map_or(0.0, |p| p.core_hour)),
        ("the price of storage", prices.map_or(0.0, |p| p.gb_month)),
    ];
    let invalid = |what, found, expected| {
        Err(CapacityError::Invalid {
            what,
            found,
            expected,
        })
    };
    if let Some((what, found)) = above.into_iter().find(|(_, n)| !n.is_finite() || *n <= 0.0) {
        return invalid(what, found, "more than 0");
    }
    if let Some((what, found)) = from.into_iter().find(|(_, n)| !n.is_finite() || *n < 0.0) {
        return invalid(what, found, "0 or more");
    }
    if !(1.0..=24.0).contains(&demand.peak) {
        // All jobs of a day in one hour are 24 times the mean.
        return invalid("the peak factor", demand.peak, "1 to 24");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    fn product() -> Product {
        Product {
            name: "cropland".to_owned(),
            cpu_seconds: 0.36,
            input_bytes: 1e6,
            output_bytes: 15_000.0,
        }
    }

    fn team() -> (Demand, Layers, Machine) {
        let preset = presets().into_iter().find(|p| p.name == "team").unwrap();
        (preset.demand, preset.layers, preset.machine)
    }

    #[test]
    fn what_is_asked_for_twice_as_often_needs_no_more_than_twice_as_many_workers() {
        let (mut demand, layers, machine) = team();
        let mut last: Option<Jobs> = None;
        for users in [10.0, 1e3, 1e4, 1e5, 1e6] {
            demand.users = users;
            let found = plan(&demand, &[product()], &layers, &machine, None).unwrap();
            assert!(found.jobs.late <= LATE && found.jobs.busy < 1.0);
            if let Some(last) = last {
                // Many share their spare time.
                assert!(found.jobs.busy >= last.busy);
                assert!(f64::from(found.jobs.workers) <= 100.0 * f64::from(last.workers));
            }
            last = Some(found.jobs);
        }
    }

    #[test]
    fn layers_add_up_over_recipes_and_periods() {
        let (demand, _, mut machine) = team();
        machine.mbit = None;
        let layers = Layers {
            km2: 10_000.0,
            periods: 11.0,
            workers: 2.0,
        };
        let prices = Prices {
            core_hour: 0.5,
            gb_month: 0.1,
        };
        let one = plan(&demand, &[product()], &layers, &machine, Some(&prices)).unwrap();
        // 0.36 s for each of 110,000 km2 are 11 hours on one core.
        assert!((one.batch_cpu_hours - 11.0).abs() < 1e-9);
        assert!((one.batch_hours - 11.0 / 2.0 / machine.cores).abs() < 1e-9);
        assert!((one.layer_bytes - 1.65e9).abs() < 1.0);
        let bill = one.cost.unwrap();
        assert!((bill.batch - 5.5).abs() < 1e-9);
        assert!((bill.batch_10000_km2 - 0.5).abs() < 1e-9);
        let two = [product(), product()];
        let two = plan(&demand, &two, &layers, &machine, None).unwrap();
        assert!((two.batch_cpu_hours - 22.0).abs() < 1e-9);
        assert_eq!(two.jobs, one.jobs);
        assert_eq!(two.cost, None);
    }

    #[test]
    fn a_worker_that_waits_for_imagery_is_paid_for_as_well() {
        let (demand, layers, mut machine) = team();
        machine.mbit = None;
        let prices = Prices {
            core_hour: 1.0,
            gb_month: 0.0,
        };
        let near = plan(&demand, &[product()], &layers, &machine, Some(&prices)).unwrap();
        machine.mbit = Some(8.0);
        let far = plan(&demand, &[product()], &layers, &machine, Some(&prices)).unwrap();
        // A megabyte for each km2 at 8 Mbit/s: a second.
        assert!((far.jobs.reading_seconds - demand.job_km2).abs() < 1e-9);
        let more = far.cost.unwrap().batch_10000_km2 - near.cost.unwrap().batch_10000_km2;
        assert!((more - AREA * machine.cores / HOUR).abs() < 1e-9);
    }

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        let (demand, layers, machine) = team();
        let error = plan(&demand, &[], &layers, &machine, None).unwrap_err();
        assert_eq!(error, CapacityError::NoProduct);
        let wrong = |demand: Demand| {
            plan(&demand, &[product()], &layers, &machine, None)
                .unwrap_err()
                .to_string()
        };
        let users = Demand {
            users: f64::NAN,
            ..demand.clone()
        };
        assert!(wrong(users).contains("number of users"));
        let peak = Demand {
            peak: 0.5,
            ..demand.clone()
        };
        assert!(wrong(peak).contains("1 to 24"));
        let all = Demand {
            users: 1e12,
            ..demand
        };
        assert!(wrong(all).contains("workers would be busy"));
    }
}
