// What the map page does before the map's own script: it lets the browser paint the page, then opens its way to the
// graphics. The first graphics context of a browser waits for its graphics process and driver: a third of a second and
// more in which a page that asks for it answers to nothing. A worker can wait instead, while the map's script is read;
// the map's context is then there at once. This file is both: the page's script, and that worker.

/** Longer than this the map does not wait for a worker that says nothing, in milliseconds. */
const PATIENCE = 5000;
/** Longer than this nothing waits for the page's first picture. */
const SOON = 2500;

if (typeof document === "undefined") {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  gl?.clear(gl.COLOR_BUFFER_BIT);
  // An answer from the graphics process, so that it is up when the page is told.
  gl?.getError();
  postMessage(gl !== null);
} else {
  const own = document.currentScript as HTMLScriptElement;
  // On its way with the page; the map's script finds it here.
  const layers = document.getElementById("app")?.dataset.hrefLayers;
  if (layers) {
    window.geocropLayers = fetch(layers);
    // Who reads it says what is wrong with it.
    window.geocropLayers.catch(() => undefined);
  }
  const seen = painted();
  window.geocropGraphics = seen.then(() => graphics(own.src));
  // Reading a megabyte of script before the first picture would keep the page white.
  void seen.then(() => {
    const script = document.createElement("script");
    script.src = own.dataset.script!;
    document.head.append(script);
  });
}

/** Resolves when the browser's graphics are up. */
function graphics(address: string): Promise<void> {
  return new Promise((ready) => {
    const worker = new Worker(address);
    const done = () => {
      worker.terminate();
      ready();
    };
    // Without a worker or its context all is as it would be without this file.
    worker.onmessage = worker.onerror = done;
    setTimeout(done, PATIENCE);
  });
}

/** Resolves when the picture that stands for the map is on the screen, or any text where there is no picture. */
function painted(): Promise<void> {
  const picture = document.querySelector("#wait img");
  const type = picture ? "largest-contentful-paint" : "paint";
  return new Promise((done) => {
    // A browser that does not tell, and a page that nobody sees, are not waited for.
    if (!PerformanceObserver.supportedEntryTypes.includes(type) || document.hidden) return done();
    const shown = (entry: PerformanceEntry & { element?: Element | null }) => (picture ? entry.element === picture : entry.name === "first-contentful-paint");
    new PerformanceObserver((list) => list.getEntries().some(shown) && done()).observe({ type, buffered: true });
    setTimeout(done, SOON);
  });
}
