// The page beyond plain links and forms: own pictures, heat maps, the large view, marks. No state is kept but here.
"use strict";

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

const TRIES = 20; // while the server is busy
const AT_ONCE = 3; // own pictures on their way

const results = one("#results");
const shots = one("#shots");
const viewer = one("#viewer");
const teaching = one("#teaching");

function say(text) {
  one("#status").textContent = text;
}

// ---- requests ----

async function ask(url, options) {
  for (let tries = 1; ; tries += 1) {
    const reply = await fetch(url, { credentials: "same-origin", ...options });
    if (reply.status !== 429 || tries === TRIES) return reply;
    await wait(Math.min(10, Number(reply.headers.get("Retry-After")) || 1));
  }
}

const picture = (file) => ({
  method: "POST",
  body: file,
  headers: { "Content-Type": "application/octet-stream" },
});

function message(text) {
  try {
    const { error } = JSON.parse(text);
    return error.message;
  } catch {
    return "The server gave no answer that can be shown. Try again.";
  }
}

function fault(text) {
  const box = document.createElement("div");
  box.className = "fault";
  box.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = text;
  box.append(line);
  return box;
}

async function put(target, url, options) {
  target.setAttribute("aria-busy", "true");
  try {
    const reply = await ask(url, options);
    const text = await reply.text();
    if (isHtml(reply)) await htmx.swap({ text, target, swap: "innerHTML", sourceElement: target });
    else target.replaceChildren(fault(message(text)));
  } catch {
    target.replaceChildren(fault("The server cannot be reached."));
  }
  target.removeAttribute("aria-busy");
}

const isHtml = (reply) => (reply.headers.get("Content-Type") || "").startsWith("text/html");

// ---- own pictures ----

const files = new WeakMap(); // card -> file
const waiting = [];
let running = 0;

function addFiles(list) {
  const cards = [...list].map(addCard);
  if (!cards.length) return;
  shots.hidden = false;
  shots.prepend(...cards);
  say(cards.length === 1 ? "Looking at the picture" : `Looking at ${cards.length} pictures`);
  waiting.push(...cards);
  while (running < AT_ONCE && waiting.length) work();
}

function addCard(file) {
  const card = one("#shot").content.firstElementChild.cloneNode(true);
  const image = one("img", card);
  files.set(card, file);
  image.addEventListener("error", () => card.classList.add("unshown"));
  image.src = URL.createObjectURL(file);
  image.alt = file.name;
  image.dataset.source = image.src;
  one("h3", card).textContent = file.name;
  one("[data-remove]", card).setAttribute("aria-label", `Remove ${file.name}`);
  return card;
}

async function work() {
  running += 1;
  while (waiting.length) {
    const card = waiting.shift();
    if (!card.isConnected) continue; // removed before its turn
    const file = files.get(card);
    await put(one(".answer", card), `/page/predict?name=${encodeURIComponent(file.name.slice(0, 200))}`, picture(file));
    card.removeAttribute("aria-busy");
    const note = one(".outside, .fault", card);
    const first = one(".bar", card);
    say([file.name, note, first && `${one(".name", first).textContent} ${one(".percent", first).textContent}`]
      .filter(Boolean).map((part) => part.textContent ?? part).join(": "));
  }
  running -= 1;
}

function removeCard(card) {
  const next = card.nextElementSibling || card.previousElementSibling;
  URL.revokeObjectURL(one("img", card).dataset.source);
  card.remove();
  shots.hidden = !shots.children.length;
  (next ? one("[data-remove]", next) : one("#files")).focus();
}

function setUpDrop() {
  const input = one("#files");
  const area = one("#drop");
  input.addEventListener("change", () => {
    addFiles(input.files);
    input.value = "";
  });
  let depth = 0;
  const over = (step) => {
    depth = Math.max(0, depth + step);
    area.classList.toggle("over", depth > 0);
  };
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    addFiles(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) addFiles(event.clipboardData.files);
  });
}

// ---- why ----

async function why(button) {
  const place = button.closest(".shot, .large");
  const emotion = (button.dataset.emotion ? button : one("[data-emotion]", place)).dataset.emotion;
  const image = one(".stage img", place);
  image.dataset.source ||= image.src;
  const shown = place.dataset.why === emotion;
  unmap(place, image);
  if (shown) return;
  place.dataset.why = emotion;
  press(place);
  one(".stage", place).scrollIntoView({ block: "nearest" });
  const caption = one(".caption", place);
  caption.hidden = false;
  caption.textContent = `Looking for ${emotion} …`;
  await map(place, image, caption, emotion);
}

async function map(place, image, caption, emotion) {
  const file = files.get(place);
  const query = `emotion=${encodeURIComponent(emotion)}`;
  const url = file ? `/v1/explain?${query}` : `/v1/pictures/${place.dataset.id}/explain?${query}`;
  const reply = await ask(url, file ? picture(file) : {}).catch(() => null);
  if (place.dataset.why !== emotion) return; // another was asked for meanwhile
  if (!reply?.ok) {
    place.dataset.why = "";
    press(place);
    caption.textContent = reply ? message(await reply.text()) : "The server cannot be reached.";
    return;
  }
  image.src = URL.createObjectURL(await reply.blob());
  place.classList.remove("unshown");
  caption.textContent = `Warm where the model found ${emotion} (${reply.headers.get("X-Method") || "heat map"})`;
  say(caption.textContent);
}

function unmap(place, image) {
  if (image.src !== image.dataset.source) {
    URL.revokeObjectURL(image.src);
    image.src = image.dataset.source;
  }
  place.dataset.why = "";
  one(".caption", place).hidden = true;
  press(place);
}

function press(place) {
  const emotion = place.dataset.why;
  for (const bar of all("[data-emotion]", place)) bar.setAttribute("aria-pressed", String(bar.dataset.emotion === emotion));
  one("[data-why]", one(".told", place))?.setAttribute("aria-pressed", String(Boolean(emotion)));
}

// ---- large view ----

let opened = null; // id of the picture in the large view

function step(by) {
  const hits = all(".hit");
  const at = hits.findIndex((hit) => hit.dataset.id === opened);
  const next = hits[at + by];
  if (at >= 0 && next) one(".open", next).click();
}

function showViewer(id) {
  opened = id;
  const hits = all(".hit").map((hit) => hit.dataset.id);
  one("[data-step='-1']", viewer).disabled = hits.indexOf(id) <= 0;
  one("[data-step='1']", viewer).disabled = hits.indexOf(id) === hits.length - 1;
  if (!viewer.open) viewer.showModal();
}

function setUpViewer() {
  viewer.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea")) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) viewer.close();
  });
  viewer.addEventListener("close", () => {
    one(`.hit[data-id="${opened}"] .open`)?.focus();
    one("#viewer-body").replaceChildren();
  });
}

// ---- teach ----

const marks = new Map(); // id -> "yes" | "no"

function mark(hit, value) {
  const id = hit.dataset.id;
  if (marks.get(id) === value) marks.delete(id);
  else marks.set(id, value);
  paint();
  say(`${marks.get(id) ? `marked ${value}` : "not marked"}; ${counted()}`);
}

const chosen = (value) => [...marks].filter(([, found]) => found === value).map(([id]) => id);
const counted = () => `${chosen("yes").length} yes, ${chosen("no").length} no`;

function paint() {
  const on = document.body.classList.contains("teaching-on");
  one("[data-teach]")?.setAttribute("aria-pressed", String(on));
  one("#marks").textContent = counted();
  for (const hit of all(".hit")) {
    const value = marks.get(hit.dataset.id) || "";
    hit.dataset.value = on ? value : "";
    for (const button of all("[data-mark]", hit)) button.setAttribute("aria-pressed", String(button.dataset.mark === value));
  }
}

function setTeaching(on) {
  document.body.classList.toggle("teaching-on", on);
  teaching.hidden = !on;
  paint();
  (on ? one("#word") : one("[data-teach]") || one("#q")).focus();
}

async function teach(body) {
  const learned = one("#learned");
  await put(learned, "/page/teach", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  if (one(".fault", learned)) return;
  marks.clear(); // they are kept with the word, and are not the next word's
  paint();
}

function setUpTeaching() {
  teaching.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = JSON.stringify({ word: one("#word").value.trim(), yes: chosen("yes"), no: chosen("no") });
    teach(body);
  });
  results.addEventListener("keydown", (event) => {
    const hit = event.target.closest(".hit");
    if (!hit || teaching.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "y" || event.key === "n") mark(hit, event.key === "y" ? "yes" : "no");
  });
}

// ---- clicks and what htmx brings ----

const CLICKS = {
  "[data-emotion], [data-why]:not(.shot, .large)": why,
  "[data-remove]": (button) => removeCard(button.closest(".shot")),
  "[data-like]": async (button) => {
    await put(results, "/page/search", picture(files.get(button.closest(".shot"))));
    arrived();
  },
  "[data-mark]": (button) => mark(button.closest(".hit"), button.dataset.mark),
  "[data-teach]": () => setTeaching(teaching.hidden),
  "[data-clear]": () => {
    marks.clear();
    paint();
  },
  "[data-done]": () => setTeaching(false),
  "[data-step]": (button) => step(Number(button.dataset.step)),
  "[data-close]": () => viewer.close(),
};

document.addEventListener("click", (event) => {
  for (const [selector, action] of Object.entries(CLICKS)) {
    const found = event.target.closest(selector);
    if (found) return action(found);
  }
});

function arrived(move = true) {
  const title = one("#found");
  if (!title) return;
  paint();
  say(one(".fault", results)?.textContent.trim() || title.textContent.replace(/\s+/g, " ").trim());
  if (!move) return;
  title.focus({ preventScroll: true });
  results.scrollIntoView({ block: "start" });
}

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  const reply = ctx.response?.raw;
  if (reply && !isHtml(reply)) ctx.text = fault(message(ctx.text)).outerHTML;
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  const source = ctx.sourceElement;
  if (ctx.target?.id === "viewer-body") showViewer(one(".large", ctx.target)?.dataset.id);
  if (ctx.target?.id !== "results") return;
  const jump = source?.matches?.("[data-jump]") || viewer.open;
  if (viewer.open) viewer.close();
  follow();
  arrived(Boolean(jump));
});

// The form says what the address asks for, however one came there.
function follow() {
  const asked = new URLSearchParams(location.search);
  for (const field of one("#ask").elements) if (field.name) field.value = asked.get(field.name) || "";
}

setUpDrop();
if (results) {
  setUpViewer();
  setUpTeaching();
}
