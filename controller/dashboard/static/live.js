"use strict";
// Keeps an open page up to date, and copies commands. Pages say all that they have to say without it.

// What each part was when it came: what is shown has marks of ours since, and buttons that are offered.
const given = new WeakMap();
for (const part of document.querySelectorAll("[data-part]")) given.set(part, part.outerHTML);
// When each row changed, by its id, for as long as that is new.
const changed = new Map();
// As long as a mark takes to fade.
const NEW_MS = 2000;

// Marks a row whose change is new, also where it is put in its place once more meanwhile.
function mark(row, now) {
  const age = now - (changed.get(row.id) ?? -Infinity);
  if (age < NEW_MS) {
    row.classList.add("changed");
    row.style.animationDelay = `${-age}ms`;
  } else {
    changed.delete(row.id);
  }
}

// Only what differs is put in the place of what was shown, so that nothing else moves.
function take(page) {
  const now = performance.now();
  const said = [];
  for (const part of page.querySelectorAll("[data-part]")) {
    const shown = document.getElementById(part.id);
    if (!shown || given.get(shown) === part.outerHTML) continue;
    const rows = new Map([...shown.querySelectorAll("tr[id]")].map((row) => [row.id, row.textContent]));
    const focused = shown.contains(document.activeElement) ? document.activeElement : null;
    // Whoever has moved a wide table sideways, by keyboard or by finger, stays where they are.
    const tables = [...shown.querySelectorAll(".scroll")];
    const moved = tables.map((table) => table.scrollLeft);
    const held = tables.indexOf(document.activeElement);
    const news = document.importNode(part, true);
    given.set(news, part.outerHTML);
    for (const row of news.querySelectorAll("tr[id]")) {
      if (rows.get(row.id) !== row.textContent) changed.set(row.id, now);
      mark(row, now);
    }
    shown.replaceWith(news);
    const fresh = [...news.querySelectorAll(".scroll")];
    fresh.forEach((table, number) => (table.scrollLeft = moved[number] ?? 0));
    if (held >= 0) fresh[held]?.focus({ preventScroll: true });
    if (focused) likeness(news, focused, [...shown.querySelectorAll(STOPS)].indexOf(focused))?.focus({ preventScroll: true });
    if (part.dataset.said && part.dataset.said !== shown.dataset.said) said.push(part.dataset.said);
  }
  offerCopies();
  if (said.length) say(said.join(" "));
}

const STOPS = "a, button, input, select, textarea";

// What a keyboard stood on, in what is shown now: by its id, or by what it is called and leads to; else
// whatever stands in its place, so that nobody has to begin anew at the top of the page.
function likeness(news, one, place) {
  const known = one.id && document.getElementById(one.id);
  if (known) return known;
  const stops = [...news.querySelectorAll(STOPS)];
  const told = (each) => [each.tagName, each.href, each.name, each.dataset.copy, each.textContent].join("\n");
  return stops.find((each) => told(each) === told(one)) ?? stops[Math.min(place, stops.length - 1)];
}

// Says whether the page is still behind, and is to be loaded again though no change may follow: it
// shows a picture that stands for a newer one for a moment, or the dashboard could not make it now.
async function reload() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  // Whoever may not see it any more, or has to sign in again, is told so by the page itself.
  if (GONE.has(answer.status)) location.reload();
  if (!answer.ok) return PASSING.has(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  take(page);
  return page.body.dataset.since === "behind";
}

const GONE = new Set([401, 403, 404]);
const PASSING = new Set([429, 502, 503, 504]);

function follow(what, since) {
  let busy = false;
  let again = false;
  let lost = 0;
  const stream = new EventSource("/live?" + new URLSearchParams({ of: what, since }));
  stream.onerror = () => {
    // A moment without a connection is nothing; then the page would grow old without a word.
    lost ||= setTimeout(sayLost, LOST_MS);
    // Refused for good, and not merely cut off: the page itself says why, or it is tried again.
    if (stream.readyState === EventSource.CLOSED) {
      reload().catch(() => {});
      setTimeout(() => (clearTimeout(lost), follow(what, since)), LOST_MS);
    }
  };
  stream.onopen = () => {
    clearTimeout(lost);
    lost = 0;
    if (document.querySelector("#part-behind [data-lost]")) reload().catch(() => {});
  };
  stream.onmessage = async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      const behind = await reload().catch(() => true);
      if (behind && !again) {
        await new Promise((done) => setTimeout(done, BEHIND_MS));
        // Where the dashboard has ended the stream says so, and tells what was missed when it is back.
        again ||= stream.readyState === EventSource.OPEN;
      }
    }
    busy = false;
  };
}

const LOST_MS = 3000;
// As long as a picture stands for newer ones at most.
const BEHIND_MS = 1000;

function sayLost() {
  const place = document.getElementById("part-behind");
  if (!place || place.firstElementChild) return;
  const words = document.createElement("p");
  words.className = "warning";
  words.dataset.lost = "";
  words.textContent = "This page may be behind: the dashboard does not answer.";
  place.append(words);
  // To be taken away again by whatever comes.
  given.delete(place);
  say(words.textContent);
}

// The one voice of a page.
function say(words) {
  const voice = document.getElementById("said");
  if (voice) voice.textContent = words;
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  say("Copied.");
  button.classList.add("copied");
});

offerCopies();
// What has just been asked for is said once the page is there: a voice that was full is not heard.
const done = document.querySelector(".done");
if (done) setTimeout(() => say(done.textContent), 100);
if (document.body.dataset.live !== undefined) follow(document.body.dataset.live, document.body.dataset.since);
