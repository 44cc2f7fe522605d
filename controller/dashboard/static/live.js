"use strict";
// Keeps an open page up to date, and copies commands. Pages say all that they have to say without it.

// Only what differs is put in the place of what was shown, so that nothing else moves.
function take(page) {
  const said = [];
  for (const part of page.querySelectorAll("[data-part]")) {
    const shown = document.getElementById(part.id);
    if (!shown || shown.outerHTML === part.outerHTML) continue;
    const rows = new Map([...shown.querySelectorAll("tr[id]")].map((row) => [row.id, row.textContent]));
    const focused = shown.contains(document.activeElement) ? document.activeElement.id : "";
    // Whoever has moved a wide table sideways, by keyboard or by finger, stays where they are.
    const tables = [...shown.querySelectorAll(".scroll")];
    const moved = tables.map((table) => table.scrollLeft);
    const held = tables.indexOf(document.activeElement);
    const news = document.importNode(part, true);
    for (const row of news.querySelectorAll("tr[id]")) {
      if (rows.get(row.id) !== row.textContent) row.classList.add("changed");
    }
    shown.replaceWith(news);
    const fresh = [...news.querySelectorAll(".scroll")];
    fresh.forEach((table, number) => (table.scrollLeft = moved[number] ?? 0));
    if (held >= 0) fresh[held]?.focus({ preventScroll: true });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (part.dataset.said && part.dataset.said !== shown.dataset.said) said.push(part.dataset.said);
  }
  offerCopies();
  const voice = document.getElementById("said");
  if (voice && said.length) voice.textContent = said.join(" ");
}

async function reload() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  // Whoever may not see it any more, or has to sign in again, is told so by the page itself.
  if (GONE.has(answer.status)) location.reload();
  if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

const GONE = new Set([401, 403, 404]);

function follow(what, since) {
  let busy = false;
  let again = false;
  const stream = new EventSource("/live?" + new URLSearchParams({ of: what, since }));
  // Refused for good, and not merely cut off: the page would grow old without a word.
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) reload().catch(() => {});
  };
  stream.onmessage = async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      try {
        await reload();
      } catch {
        // The dashboard has ended; the stream says so, and finds it again.
      }
    }
    busy = false;
  };
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  document.getElementById("said").textContent = "Copied.";
  button.classList.add("copied");
});

offerCopies();
if (document.body.dataset.live !== undefined) follow(document.body.dataset.live, document.body.dataset.since);
