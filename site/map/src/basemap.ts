// A base that needs no other host: land, borders, a graticule, towns and the outlines of mapped areas. Names are drawn
// with the reader's own fonts, so there are no glyphs to fetch.

import type { FeatureCollection } from "geojson";
import type { ExpressionSpecification, StyleSpecification } from "maplibre-gl";
import { TOWNS } from "./towns";

const LIGHT = { sea: "#e7eced", land: "#f7f4ea", border: "#b9b39e", grid: "#d9dcd4", area: "#2f6d3a", town: "#3a4136", halo: "#f7f4ea" };
const DARK = { sea: "#0f1312", land: "#1d221a", border: "#4d5646", grid: "#272d26", area: "#93cc8c", town: "#c9d0c0", halo: "#1d221a" };

function graticule(step: number): FeatureCollection {
  const lines: [number, number][][] = [];
  for (let lng = -180; lng <= 180; lng += step) {
    lines.push(Array.from({ length: 17 }, (_, i) => [lng, -80 + i * 10] as [number, number]));
  }
  for (let lat = -80; lat <= 80; lat += step) {
    lines.push([[-180, lat], [180, lat]]);
  }
  return {
    type: "FeatureCollection",
    features: [{ type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: lines } }],
  };
}

/** Large towns from afar, small ones close up. */
const SEEN: ExpressionSpecification = ["any", ["==", ["get", "rank"], 1], ["all", ["==", ["get", "rank"], 2], [">=", ["zoom"], 6.5]], [">=", ["zoom"], 8]];

const towns: FeatureCollection = {
  type: "FeatureCollection",
  features: TOWNS.map(({ name, rank, lng, lat }) => ({
    type: "Feature",
    properties: { name, rank },
    geometry: { type: "Point", coordinates: [lng, lat] },
  })),
};

/** The map's style, for a light or a dark screen. */
export function basemap(borders: string, dark: boolean): StyleSpecification {
  const colors = dark ? DARK : LIGHT;
  return {
    version: 8,
    sources: {
      borders: { type: "geojson", data: borders, attribution: "Borders: Natural Earth" },
      graticule: { type: "geojson", data: graticule(5) },
      towns: { type: "geojson", data: towns, attribution: "Towns: approximate" },
      areas: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
      drawing: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colors.sea } },
      { id: "land", type: "fill", source: "borders", paint: { "fill-color": colors.land } },
      { id: "graticule", type: "line", source: "graticule", paint: { "line-color": colors.grid, "line-width": 0.8 } },
      { id: "borders", type: "line", source: "borders", paint: { "line-color": colors.border, "line-width": 1.1 } },
      {
        id: "areas",
        type: "line",
        source: "areas",
        paint: { "line-color": colors.area, "line-width": 1.4, "line-dasharray": [3, 2] },
      },
      {
        id: "town-dots",
        type: "circle",
        source: "towns",
        filter: SEEN,
        paint: { "circle-radius": ["match", ["get", "rank"], 1, 3.5, 2, 2.8, 2.2], "circle-color": colors.town, "circle-stroke-color": colors.halo, "circle-stroke-width": 1.2 },
      },
      {
        id: "town-names",
        type: "symbol",
        source: "towns",
        filter: SEEN,
        layout: {
          "text-field": ["get", "name"],
          "text-font": ["system-ui", "sans-serif"],
          "text-size": ["match", ["get", "rank"], 1, 14, 2, 12.5, 12],
          "text-variable-anchor": ["left", "right", "top", "bottom"],
          "text-radial-offset": 0.55,
          "symbol-sort-key": ["get", "rank"],
        },
        paint: { "text-color": colors.town, "text-halo-color": colors.halo, "text-halo-width": 1.4 },
      },
      { id: "drawing-fill", type: "fill", source: "drawing", paint: { "fill-color": "#1f5fbf", "fill-opacity": 0.18 } },
      { id: "drawing-line", type: "line", source: "drawing", paint: { "line-color": "#1f5fbf", "line-width": 2.5 } },
      {
        id: "drawing-points",
        type: "circle",
        source: "drawing",
        filter: ["==", ["geometry-type"], "Point"],
        paint: { "circle-radius": 5, "circle-color": "#ffffff", "circle-stroke-color": "#1f5fbf", "circle-stroke-width": 2.5 },
      },
    ],
  };
}
