// SPDX-License-Identifier: MIT
// The search box, the switch between light and dark, and the list of pages on small screens. No server is needed.
"use strict";

(function () {
  const input = document.getElementById("search");
  const results = document.getElementById("results");
  let chosen = -1;

  // Titles count more than text, beginnings of words more than their middle; every word has to be found.
  function score(entry, words) {
    const title = entry[0].toLowerCase();
    const whole = (entry[0] + " " + entry[1] + " " + entry[3]).toLowerCase();
    let sum = 0;
    for (const word of words) {
      const at = title.indexOf(word);
      if (title === word || title.endsWith("." + word) || title.endsWith(":" + word)) sum += 200;
      else if (at === 0) sum += 80;
      else if (at > 0) sum += /\W/.test(title[at - 1]) ? 60 : 30;
      else if (entry[1].toLowerCase().includes(word)) sum += 10;
      else if (whole.includes(word)) sum += 5;
      else return 0;
    }
    return sum - title.length / 100;
  }

  function excerpt(entry, words) {
    const text = entry[3].trim();
    const at = Math.max(0, text.toLowerCase().indexOf(words[0]) - 40);
    return (at > 0 ? "…" : "") + text.slice(at, at + 140) + (text.length > at + 140 ? "…" : "");
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function show() {
    const words = input.value.toLowerCase().split(/[\s()]+/).filter(Boolean);
    results.replaceChildren();
    chosen = -1;
    results.hidden = words.length === 0;
    if (results.hidden) return;
    const found = searchIndex.map((entry) => [score(entry, words), entry]).filter((pair) => pair[0] > 0);
    found.sort((a, b) => b[0] - a[0]);
    for (const [, entry] of found.slice(0, 12)) {
      const link = element("a", "", "");
      link.href = entry[2];
      link.append(element("b", "", entry[0]), element("i", "", entry[1]), element("span", "", excerpt(entry, words)));
      const item = element("li", "", "");
      item.append(link);
      results.append(item);
    }
    if (found.length === 0) results.append(element("li", "nothing", "Nothing was found."));
  }

  function choose(step) {
    const links = results.querySelectorAll("a");
    if (links.length === 0) return;
    chosen = (chosen + step + links.length) % links.length;
    links.forEach((link, index) => link.classList.toggle("chosen", index === chosen));
    links[chosen].scrollIntoView({ block: "nearest" });
  }

  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(1);
    else if (event.key === "ArrowUp") choose(-1);
    else if (event.key === "Escape") { input.value = ""; show(); input.blur(); }
    else if (event.key === "Enter") {
      const link = results.querySelectorAll("a")[Math.max(chosen, 0)];
      if (link) location.href = link.href;
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".search")) results.hidden = true;
    else if (input.value) results.hidden = false;
  });
  results.addEventListener("click", () => { results.hidden = true; });

  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  });

  const menu = document.getElementById("menu");
  menu.addEventListener("click", () => {
    const isOpen = document.body.classList.toggle("menu-open");
    menu.setAttribute("aria-expanded", String(isOpen));
  });

  const present = document.querySelector("nav.pages [aria-current]");
  if (present) { // only the list, not the page
    const list = present.closest("nav");
    list.scrollTop = present.offsetTop - list.clientHeight / 2;
  }

  // What is on the screen is marked in the list beside it; `#search=words` searches at once.
  const marks = new Map();
  document.querySelectorAll("nav.contents a").forEach((link) => marks.set(link.hash.slice(1), link));
  if (marks.size > 0) {
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const link = marks.get(encodeURI(entry.target.id)) || marks.get(entry.target.id);
        if (!entry.isIntersecting || !link) continue;
        marks.forEach((other) => other.classList.toggle("present", other === link));
      }
    }, { rootMargin: "-64px 0px -70% 0px" });
    document.querySelectorAll("main h2, main h3").forEach((heading) => observer.observe(heading));
  }
  const asked = location.hash.match(/^#search=(.*)$/);
  if (asked) { input.value = decodeURIComponent(asked[1]); show(); }
})();
