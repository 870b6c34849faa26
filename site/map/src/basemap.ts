// A base that needs no other host: land, borders, a graticule, towns and the outlines of mapped areas. Names are drawn
// with the reader's own fonts, so there are no glyphs to fetch.

import type { FeatureCollection } from "geojson";
import type { ExpressionSpecification, StyleSpecification } from "maplibre-gl";
import type { Bounds } from "./layers";
import { TOWNS } from "./towns";

const LIGHT = { sea: "#e7eced", land: "#f7f4ea", border: "#b9b39e", grid: "#d9dcd4", area: "#2f6d3a", town: "#3a4136", halo: "#f7f4ea" };
const DARK = { sea: "#0f1312", land: "#1d221a", border: "#4d5646", grid: "#272d26", area: "#93cc8c", town: "#c9d0c0", halo: "#1d221a" };

/** Meridians and parallels every `step` degrees within a box; both are straight lines on this projection. */
function graticule(step: number, [west, south, east, north]: Bounds): FeatureCollection {
  const lines: [number, number][][] = [];
  for (let lng = west; lng <= east; lng += step) lines.push([[lng, south], [lng, north]]);
  for (let lat = south; lat <= north; lat += step) lines.push([[west, lat], [east, lat]]);
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
      graticule: { type: "geojson", data: graticule(5, [-180, -80, 180, 80]) },
      // Finer where the maps are, so that an empty view still has a scale.
      degrees: { type: "geojson", data: graticule(1, [8, -36, 52, 6]) },
      towns: { type: "geojson", data: towns, attribution: "Towns: approximate" },
      areas: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
      drawing: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colors.sea } },
      { id: "land", type: "fill", source: "borders", paint: { "fill-color": colors.land, "fill-antialias": false } },
      { id: "graticule", type: "line", source: "graticule", paint: { "line-color": colors.grid, "line-width": 0.8 } },
      { id: "degrees", type: "line", source: "degrees", minzoom: 6, paint: { "line-color": colors.grid, "line-width": 0.8 } },
      { id: "borders", type: "line", source: "borders", paint: { "line-color": colors.border, "line-width": 1.1 } },
      {
        id: "areas",
        type: "line",
        source: "areas",
        paint: { "line-color": colors.area, "line-width": 1.4 },
      },
      {
        id: "town-names",
        type: "symbol",
        source: "towns",
        filter: SEEN,
        // The dot is a letter too: every other kind of drawing is one more shader to compile before the map is there.
        layout: {
          "text-field": ["format", "● ", { "font-scale": 0.6 }, ["get", "name"], {}],
          "text-font": ["system-ui", "sans-serif"],
          "text-size": ["match", ["get", "rank"], 1, 14, 2, 12.5, 12],
          "text-anchor": "left",
          "text-offset": [-0.3, 0],
          "text-max-width": 20,
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
