// The capacity page's script: a form over `capacity.ts`, which needs no server. The page holds the examples as data.

import { type Inputs, plan } from "./capacity";
import { element } from "./element";

interface Example {
  preset: { name: string; title: string; demand: Inputs["demand"]; layers: Inputs["layers"]; machine: Inputs["machine"] };
  products: Inputs["products"];
  prices: Inputs["prices"];
}

/** What the form's fields belong to. */
interface Groups {
  demand: Inputs["demand"];
  layers: Inputs["layers"];
  machine: Inputs["machine"];
  product: Inputs["products"][number];
  prices: Inputs["prices"];
}

type Numbers = Record<string, number | null>;

interface Field {
  group: keyof Groups;
  key: string;
  label: string;
  least: number;
  most?: number;
  /** What nothing means, where nothing may stand. */
  empty?: null;
}

const FIELDS: [string, Field[]][] = [
  ["What users ask for", [
    { group: "demand", key: "users", label: "Users", least: 0 },
    { group: "demand", key: "jobs_per_day", label: "Jobs of each on a day", least: 0 },
    { group: "demand", key: "job_km2", label: "Area of a job, km²", least: 1e-3 },
    { group: "demand", key: "peak", label: "Busiest hour, times the mean", least: 1, most: 24 },
    { group: "demand", key: "wait_seconds", label: "95 of 100 begin within, seconds", least: 0 },
  ]],
  ["What is made before", [
    { group: "layers", key: "km2", label: "Area of the layers, km²", least: 0 },
    { group: "layers", key: "periods", label: "Periods, such as years", least: 0 },
    { group: "layers", key: "workers", label: "Workers of the batch", least: 1 },
    { group: "prices", key: "core_hour", label: "Price of a core for an hour", least: 0, empty: null },
    { group: "prices", key: "gb_month", label: "Price of a GB for a month", least: 0, empty: null },
  ]],
  ["What was measured", [
    { group: "machine", key: "cores", label: "Cores of a worker", least: 0.1 },
    { group: "machine", key: "mbit", label: "Mbit/s of imagery to a worker (empty: beside it)", least: 1e-3, empty: null },
    { group: "product", key: "cpu_seconds", label: "Processor seconds for a km² and period", least: 1e-9 },
    { group: "product", key: "input_bytes", label: "Bytes of imagery for a km² and period", least: 0 },
    { group: "product", key: "output_bytes", label: "Bytes kept for a km² and period", least: 0 },
  ]],
];

const number = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });
const bytes = (value: number) => {
  const steps: [number, string][] = [[1e15, "PB"], [1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  const step = steps.find(([size]) => value >= size);
  return step ? `${number.format(value / step[0])} ${step[1]}` : `${number.format(value)} B`;
};
const time = (seconds: number) => {
  if (seconds < 120) return `${number.format(seconds)} s`;
  if (seconds < 7200) return `${number.format(seconds / 60)} min`;
  return seconds < 172_800 ? `${number.format(seconds / 3600)} h` : `${number.format(seconds / 86_400)} days`;
};

function rows(inputs: Inputs): [string, string][] | null {
  const found = plan(inputs);
  if (!found) return null;
  const { jobs, cost } = found;
  return [
    ["Workers", String(jobs.workers)],
    ["Busy in the busiest hour", `${number.format(jobs.busy * 100)} %`],
    ["Mean wait then", time(jobs.mean_wait_seconds)],
    ["A job", time(jobs.seconds)],
    ["Jobs in an hour of processor time", number.format(jobs.per_cpu_hour)],
    ["Requests to the API a second", number.format(jobs.requests_per_second)],
    ["Connections to the database", String(jobs.connections)],
    ["Results of jobs", bytes(found.job_bytes)],
    ["Layers", bytes(found.layer_bytes)],
    ["Batch, processor time", `${number.format(found.batch_cpu_hours)} h`],
    ["Batch, on its workers", time(found.batch_hours * 3600)],
    ...(cost
      ? ([
          ["Cost of the batch, once", number.format(cost.batch)],
          ["Cost of 10,000 km² of one period", number.format(cost.batch_10000_km2)],
          ["Cost of storage, each month", number.format(cost.storage_month)],
          ["Cost of API and workers, each month", number.format(cost.service_month)],
          ["The same, workers only for jobs", number.format(cost.service_month_on_demand)],
        ] as [string, string][])
      : []),
  ];
}

function start(place: HTMLElement): void {
  const examples: Example[] = JSON.parse(place.dataset.examples!).cases.filter((example: Example) => !example.prices);
  const inputs = new Map<Field, HTMLInputElement>();
  const choice = element("select", {}, ...examples.map(({ preset }) => element("option", { value: preset.name }, preset.title)));
  const said = element("p", { role: "status" });
  const table = element("tbody");

  const example = () => examples.find(({ preset }) => preset.name === choice.value)!;
  const groups = ({ preset, products, prices }: Example) =>
    ({ demand: preset.demand, layers: preset.layers, machine: preset.machine, product: products[0], prices: prices ?? {} }) as unknown as Record<keyof Groups, Numbers>;

  function fill(): void {
    for (const [field, input] of inputs) {
      const value = groups(example())[field.group][field.key];
      // Nine digits are enough to look at, and to compute the same.
      input.value = value === null || value === undefined ? "" : String(Number(value.toPrecision(9)));
    }
    show();
  }

  function show(): void {
    const given = structuredClone(groups(example()));
    const wrong: string[] = [];
    for (const [field, input] of inputs) {
      const text = input.value.trim();
      const value = text === "" && field.empty === null ? null : Number(text);
      const bad = value !== null && (text === "" || !Number.isFinite(value) || value < field.least || value > (field.most ?? Infinity));
      input.setAttribute("aria-invalid", String(bad));
      if (bad) wrong.push(`${field.label}: ${field.most ? `${field.least} to ${field.most}` : field.least ? "more than 0" : "0 or more"}`);
      given[field.group][field.key] = value;
    }
    const { demand, layers, machine, product, prices } = given as unknown as Groups;
    const both = Object.values(given.prices).every((price) => price !== null);
    const found = wrong.length ? null : rows({ demand, layers, machine, products: [product], prices: both ? prices : null });
    said.textContent = wrong.length ? wrong.join("; ") : found ? "" : "No number of workers is enough: look at users, jobs and areas again.";
    said.className = said.textContent ? "wrong" : "";
    table.replaceChildren(...(found ?? []).map(([what, value]) => element("tr", {}, element("th", { scope: "row" }, what), element("td", {}, value))));
  }

  const sets = FIELDS.map(([legend, fields]) =>
    element(
      "fieldset",
      {},
      element("legend", {}, legend),
      ...fields.map((field) => {
        const input = element("input", { type: "number", step: "any", min: field.least, max: field.most, name: `${field.group}.${field.key}`, oninput: show });
        inputs.set(field, input);
        return element("label", {}, field.label, input);
      }),
    ),
  );
  choice.addEventListener("change", fill);
  place.append(
    element("form", { class: "calculator", onsubmit: (event: Event) => event.preventDefault() }, element("fieldset", {}, element("legend", {}, "Begin with"), element("label", {}, "Example", choice)), ...sets),
    said,
    element("div", { class: "table-wrap" }, element("table", { "aria-label": "What it needs" }, table)),
  );
  fill();
}

const place = document.getElementById("calculator");
if (place) start(place);
