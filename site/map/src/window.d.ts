/** What the scripts of the map page leave for each other. */
interface Window {
  /** Resolves when the browser's graphics are up; start.ts sees to it. */
  geocropGraphics?: Promise<void>;
  /** The answer to the request for layers.json. */
  geocropLayers?: Promise<Response>;
}
