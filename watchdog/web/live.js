// Keeps an open page as its server would write it now: the server says when, and the page is fetched and its part
// #live is put in place of the old one. Nothing is built from strings here, and without this script the page is the
// same, only older.
"use strict";

(() => {
  const AGAIN_MS = 15000;
  const said = document.getElementById("said");
  let busy = false;
  let wanted = false;
  let polling = 0;

  // Whoever marks a command to copy it must not lose it under the hand.
  const isSelecting = () => {
    const selection = document.getSelection();
    const live = document.getElementById("live");
    return selection !== null && !selection.isCollapsed && live.contains(selection.anchorNode);
  };

  const lose = (why) => {
    document.body.classList.add("lost");
    said.textContent = why;
  };

  const stops = () => [...document.querySelectorAll("#live a[href], #live summary, #live [tabindex]")];

  const put = (fresh) => {
    document.querySelector("footer").replaceWith(document.adoptNode(fresh.querySelector("footer")));
    const old = document.getElementById("live");
    const now = fresh.getElementById("live");
    if (old.innerHTML === now.innerHTML) {
      return;
    }
    const focused = document.activeElement;
    const place = stops().indexOf(focused);
    old.replaceWith(document.adoptNode(now));
    if (place >= 0) {
      (document.getElementById(focused.id) ?? stops()[place])?.focus({ preventScroll: true });
    }
  };

  const refresh = async () => {
    if (busy) {
      wanted = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store", credentials: "omit" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const summary = fresh.getElementById("said")?.textContent;
      if (summary === undefined || fresh.getElementById("live") === null) {
        throw new Error("no page of ours");
      }
      document.body.classList.remove("lost");
      document.title = fresh.title;
      document.getElementById("sign").textContent = fresh.getElementById("sign").textContent;
      if (said.textContent !== summary) {
        said.textContent = summary;
      }
      if (!isSelecting()) {
        put(fresh);
      }
    } catch {
      lose("UNKNOWN: this page's server does not answer; below is what was last known");
    } finally {
      busy = false;
      if (wanted) {
        wanted = false;
        refresh();
      }
    }
  };

  const stream = new EventSource("/live");
  stream.addEventListener("changed", refresh);
  stream.addEventListener("tick", refresh);
  stream.addEventListener("error", () => {
    refresh();
    if (stream.readyState === EventSource.CLOSED && polling === 0) {
      polling = setInterval(refresh, AGAIN_MS);
    }
  });
})();
