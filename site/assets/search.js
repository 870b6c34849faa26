// The search page: the index is fetched when somebody begins to type, and searched here.

const form = document.querySelector("form.search");
const field = form.elements.namedItem("q");
const list = document.querySelector(".results");
const said = document.querySelector(".search-said");
const MOST = 20;

let index;

/** Every passage of the site: where it is, what it is called, what it says. */
function passages() {
  index ??= fetch(form.dataset.hrefIndex)
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`the index answers ${answer.status}`))))
    .then((pages) =>
      pages.flatMap(([address, title, parts]) =>
        parts.map(([id, heading, text]) => ({
          address: id ? `${address}#${id}` : address,
          page: address,
          title,
          heading,
          text,
          places: [title, heading, text].map((place) => plain(place)),
        })),
      ),
    );
  return index;
}

/** Lower case without accents, letter for letter as long as the original. */
function plain(text) {
  return Array.from(text, (letter) => {
    const bare = letter.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    return bare.length === letter.length ? bare : letter;
  }).join("");
}

/** Where a word that begins with `term` starts, or -1. */
function wordStart(text, term) {
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1])) return at;
  }
  return -1;
}

/** How well a passage answers: 0 unless every term begins a word of it; names count more than text. */
function score(passage, terms) {
  let sum = 0;
  for (const term of terms) {
    const weights = [8, 5, 1];
    const best = Math.max(...passage.places.map((place, at) => (wordStart(place, term) >= 0 ? weights[at] : 0)));
    if (best === 0) return 0;
    sum += best;
  }
  return sum;
}

/** Part of the text around the first term, with the terms marked. */
function excerpt(passage, terms) {
  const text = passage.text;
  const low = passage.places[2];
  const first = Math.max(0, Math.min(...terms.map((term) => wordStart(low, term)).filter((at) => at >= 0), text.length));
  const start = first < 60 || first === text.length ? 0 : text.indexOf(" ", first - 60) + 1;
  const end = Math.min(text.length, start + 180);
  const line = document.createElement("p");
  if (start > 0) line.append("… ");
  let from = start;
  const hits = terms
    .flatMap((term) => {
      const found = [];
      for (let at = wordStart(low, term); at >= 0; ) {
        found.push([at, at + term.length]);
        const next = wordStart(low.slice(at + 1), term);
        at = next < 0 ? -1 : at + 1 + next;
      }
      return found;
    })
    .sort((a, b) => a[0] - b[0]);
  for (const [begin, stop] of hits) {
    if (begin < from || stop > end) continue;
    line.append(text.slice(from, begin));
    line.append(Object.assign(document.createElement("mark"), { textContent: text.slice(begin, stop) }));
    from = stop;
  }
  line.append(text.slice(from, end));
  if (end < text.length) line.append(" …");
  return line;
}

function show(found, terms) {
  list.replaceChildren(
    ...found.slice(0, MOST).map(({ passage }) => {
      const item = document.createElement("li");
      const name = Object.assign(document.createElement("a"), { href: passage.address, textContent: passage.heading || passage.title });
      const heading = document.createElement("h2");
      heading.append(name);
      item.append(heading);
      if (passage.heading) item.append(Object.assign(document.createElement("p"), { className: "where", textContent: passage.title }));
      item.append(excerpt(passage, terms));
      return item;
    }),
  );
}

async function search() {
  const query = field.value.trim();
  const address = new URL(location.href);
  if (query) address.searchParams.set("q", query);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
  const terms = plain(query).split(/\s+/).filter(Boolean);
  document.body.classList.toggle("searching", terms.length > 0);
  if (terms.length === 0) {
    list.replaceChildren();
    said.textContent = "";
    return;
  }
  try {
    const found = (await passages())
      .map((passage) => ({ passage, score: score(passage, terms) }))
      .filter((hit) => hit.score > 0)
      .sort((a, b) => b.score - a.score);
    if (field.value.trim() !== query) return;
    show(found, terms);
    const shown = found.length > MOST ? `, the first ${MOST} shown` : "";
    said.textContent = found.length === 0 ? `Nothing on this site says “${query}”.` : `${found.length} ${found.length === 1 ? "passage" : "passages"}${shown}`;
  } catch (error) {
    index = undefined;
    said.textContent = `The search does not work just now: ${error.message}. The pages below are all there are.`;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
field.addEventListener("input", search);
field.value = new URL(location.href).searchParams.get("q") ?? "";
if (field.value) search();
