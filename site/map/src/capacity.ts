// How much of everything so many users and so much area need. The same arithmetic as the crate `capacity` has, where it is
// explained; the tests hold both to the examples that the program printed.

export interface Product {
  name: string;
  cpu_seconds: number;
  input_bytes: number;
  output_bytes: number;
}

export interface Demand {
  users: number;
  jobs_per_day: number;
  job_km2: number;
  peak: number;
  wait_seconds: number;
  variation: number;
  requests_per_job: number;
  keep_days: number;
}

export interface Machine {
  cores: number;
  mbit: number | null;
  request_cpu_seconds: number;
  connections: number;
}

export interface Layers {
  km2: number;
  periods: number;
  workers: number;
}

export interface Prices {
  core_hour: number;
  gb_month: number;
}

export interface Inputs {
  demand: Demand;
  layers: Layers;
  machine: Machine;
  products: Product[];
  prices: Prices | null;
}

const LATE = 0.05;
const MOST_WORKERS = 100_000;
const DAY = 86_400;
const HOUR = 3600;
const YEAR_DAYS = 365.25;
const AREA = 10_000;
const GB = 1e9;

/** The probability that a job has to wait: Erlang's C formula, for a load in erlangs. */
export function erlangC(workers: number, load: number): number {
  if (load >= workers) return 1;
  let blocked = 1;
  for (let n = 1; n <= workers; n++) blocked = (load * blocked) / (n + load * blocked);
  return (workers * blocked) / (workers - load * (1 - blocked));
}

function queue(arrivals: number, service: number, variation: number) {
  const load = arrivals * service;
  const delay = (workers: number) => (((1 + variation * variation) / 2) * service) / (workers - load);
  const late = (seconds: number, workers: number) => (load >= workers ? 1 : erlangC(workers, load) * Math.exp(-seconds / delay(workers)));
  return {
    load,
    late,
    wait: (workers: number) => (load >= workers ? Infinity : erlangC(workers, load) * delay(workers)),
    workersFor(seconds: number): number | null {
      for (let workers = Math.floor(load) + 1; workers <= MOST_WORKERS; workers++) if (late(seconds, workers) <= LATE) return workers;
      return null;
    },
  };
}

/** What a service needs; `null` if no number of workers is enough. Jobs are of the first product. */
export function plan({ demand, layers, machine, products, prices }: Inputs) {
  const first = products[0]!;
  const reading = (bytes: number) => (machine.mbit === null ? 0 : (bytes * 8) / (machine.mbit * 1e6));
  const perDay = demand.users * demand.jobs_per_day;
  const arrivals = (perDay * demand.peak) / DAY;
  const cpu = demand.job_km2 * first.cpu_seconds;
  const readingSeconds = reading(demand.job_km2 * first.input_bytes);
  const line = queue(arrivals, cpu / machine.cores + readingSeconds, demand.variation);
  const workers = line.workersFor(demand.wait_seconds);
  if (workers === null) return null;
  const requests = arrivals * demand.requests_per_job;
  const jobs = {
    per_peak_hour: arrivals * HOUR,
    per_year: perDay * YEAR_DAYS,
    per_cpu_hour: HOUR / cpu,
    seconds: cpu / machine.cores + readingSeconds,
    reading_seconds: readingSeconds,
    workers,
    busy: line.load / workers,
    mean_wait_seconds: line.wait(workers),
    late: line.late(demand.wait_seconds, workers),
    requests_per_second: requests,
    api_cores: requests * machine.request_cpu_seconds,
    connections: (workers + 1) * machine.connections,
  };
  const all = layers.km2 * layers.periods;
  const made = products.map((product) => ({
    name: product.name,
    km2_per_cpu_hour: HOUR / product.cpu_seconds,
    bytes_per_km2: product.output_bytes,
    cpu_hours: (all * product.cpu_seconds) / HOUR,
    input_bytes: all * product.input_bytes,
    bytes_per_period: layers.km2 * product.output_bytes,
    bytes: all * product.output_bytes,
  }));
  const sum = (value: (layer: (typeof made)[number]) => number) => made.reduce((total, layer) => total + value(layer), 0);
  const batchCpuHours = sum((layer) => layer.cpu_hours);
  const batchHours = (batchCpuHours / machine.cores + sum((layer) => reading(layer.input_bytes)) / HOUR) / layers.workers;
  const layerBytes = sum((layer) => layer.bytes);
  const jobBytes = demand.users * demand.jobs_per_day * demand.keep_days * demand.job_km2 * first.output_bytes;
  const bill = ({ core_hour, gb_month }: Prices) => {
    const perKm2 = products.reduce((total, p) => total + (p.cpu_seconds + reading(p.input_bytes) * machine.cores) / HOUR, 0);
    const month = (YEAR_DAYS * 24) / 12;
    const api = Math.max(jobs.api_cores, 1);
    const busy = (jobs.per_year / YEAR_DAYS / DAY) * jobs.seconds * machine.cores;
    return {
      batch: batchHours * layers.workers * machine.cores * core_hour,
      batch_10000_km2: AREA * perKm2 * core_hour,
      storage_month: ((layerBytes + jobBytes) / GB) * gb_month,
      service_month: (workers * machine.cores + api) * month * core_hour,
      service_month_on_demand: (busy + api) * month * core_hour,
    };
  };
  return {
    jobs,
    layers: made,
    batch_cpu_hours: batchCpuHours,
    batch_hours: batchHours,
    layer_bytes: layerBytes,
    job_bytes: jobBytes,
    cost: prices && bill(prices),
  };
}
