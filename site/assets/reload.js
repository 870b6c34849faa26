// Only in pages that `geocrop site serve` builds: loads the page again when the site was built again.

let built;

async function look() {
  try {
    const answer = await fetch("/build.json", { cache: "no-store" });
    const now = (await answer.json()).built;
    if (built && now !== built) location.reload();
    built = now;
  } catch {
    // The server is being started again; the next look will tell.
  }
}

look();
setInterval(() => document.hidden || look(), 400);
