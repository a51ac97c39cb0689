"use strict";
// The review page's own script: order, filters, boxes, and lines for decisions.tsv.
// Without it the page shows everything, in the order of doubt. It asks nobody for anything.

const all = (selector, of = document) => [...of.querySelectorAll(selector)];
const one = (id) => document.getElementById(id);
all("[hidden]").forEach((element) => { element.hidden = false; });

// --- order and filters

const queue = one("queue");
const orders = {
  rank: (a, b) => a.dataset.rank - b.dataset.rank,
  share: (a, b) => b.dataset.share - a.dataset.share,
  item: (a, b) => a.dataset.item - b.dataset.item,
  modality: (a, b) => a.dataset.modality.localeCompare(b.dataset.modality),
};

function show() {
  const items = all("li", queue);
  const wanted = all("[data-filter]").map((select) => [select.dataset.filter, select.value]);
  const words = one("find").value.trim().toLowerCase();
  for (const item of items) {
    const path = item.querySelector(".path").textContent.toLowerCase();
    item.hidden = wanted.some(([name, value]) => value && item.dataset[name] !== value)
      || (words && item.dataset.item !== words && !path.includes(words));
  }
  const order = orders[one("sort").value];
  queue.append(...items.sort((a, b) => order(a, b) || orders.rank(a, b)));
  const left = items.filter((item) => !item.hidden).length;
  one("count").textContent = `${left} of ${items.length} ${items.length === 1 ? "item" : "items"} shown`;
}

function press(button, name) {
  const on = queue.classList.toggle(name);
  button.setAttribute("aria-pressed", on);
}

if (queue) {
  all("form").forEach((form) => form.addEventListener("submit", (event) => event.preventDefault()));
  all("select").forEach((select) => select.addEventListener("change", show));
  one("find").addEventListener("input", show);
  for (const name of ["bare", "large"]) {
    one(name).addEventListener("click", (event) => press(event.currentTarget, name));
  }
  show();
}

// --- boxes: drawn on the picture, in pixels of the stored matrix

function pixel(svg, event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const { width, height } = svg.viewBox.baseVal;
  return [Math.min(Math.max(at.x, 0), width), Math.min(Math.max(at.y, 0), height)];
}

function drawable(input) {
  const shots = all(".shot", input.closest("li"));
  const shot = shots[shots.length - 1];
  const image = shot.querySelector("img");
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${image.getAttribute("width")} ${image.getAttribute("height")}`);
  svg.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(space, "rect");
  svg.append(rect);
  shot.append(svg);
  shot.parentElement.classList.add("drawing");

  function draw([left, top, right, bottom]) {
    const sides = { x: left, y: top, width: right - left, height: bottom - top };
    for (const [name, value] of Object.entries(sides)) rect.setAttribute(name, Math.max(0, value) || 0);
  }
  let start = null;
  svg.addEventListener("pointerdown", (event) => {
    start = pixel(svg, event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = pixel(svg, event);
    const box = [Math.floor(Math.min(start[0], x)), Math.floor(Math.min(start[1], y)),
      Math.ceil(Math.max(start[0], x)), Math.ceil(Math.max(start[1], y))];
    input.value = box.join(",");
    draw(box);
  });
  svg.addEventListener("pointerup", () => { start = null; });
  input.addEventListener("input", () => draw(input.value.split(",").map(Number)));
}

all("input.box").forEach(drawable);

// --- lines for decisions.tsv

const COLUMNS = { decision: 1, frame: 2, box: 3, reviewer: 4, date: 5 };
const picked = new Map();

function write() {
  const named = [...picked.values()].map((cells) => {
    const line = [...cells];
    line[COLUMNS.reviewer] = one("reviewer").value.trim().replace(/\s+/g, " ");
    line[COLUMNS.date] = one("date").value;
    return line.join("\t");
  });
  one("picked").value = named.map((line) => `${line}\n`).join("");
}

function say(words) {
  const link = document.createElement("a");
  link.href = "#deciding";
  link.textContent = "lines for decisions.tsv";
  one("said").replaceChildren(`${words} · `, link);
}

function decide(button) {
  const item = button.closest("li");
  const kind = button.dataset.decide;
  const line = all("[data-line]", item)
    .map((pre) => pre.textContent.split("\t")).find((cells) => cells[COLUMNS.decision] === kind);
  let key = `${item.dataset.item} verdict`;
  if (kind === "mask") {
    const input = item.querySelector("input.box");
    const box = input.value.split(",").map(Number);
    if (box.length !== 4 || !box.every(Number.isInteger) || box[0] >= box[2] || box[1] >= box[3]) {
      say("A box is four whole numbers: left,top,right,bottom. Draw it on the picture, or type it.");
      input.focus();
      return;
    }
    line[COLUMNS.box] = box.join(",");
    line[COLUMNS.frame] = input.dataset.frame;
    key = `${item.dataset.item} ${line[COLUMNS.box]}`;
  }
  const taken = picked.has(key) && picked.get(key)[COLUMNS.decision] === kind;
  if (taken) picked.delete(key);
  else picked.set(key, line);
  if (kind !== "mask") {
    for (const other of all("[data-decide]:not([data-decide=mask])", item)) {
      other.setAttribute("aria-pressed", other === button && !taken);
    }
  }
  write();
  say(`${picked.size} ${picked.size === 1 ? "line" : "lines"} picked`);
}

if (one("picked")) {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  one("date").value = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  all("[data-decide]").forEach((button) => button.addEventListener("click", () => decide(button)));
  ["reviewer", "date"].forEach((name) => one(name).addEventListener("input", write));
  one("clear").addEventListener("click", () => {
    picked.clear();
    all("[data-decide][aria-pressed]").forEach((button) => button.removeAttribute("aria-pressed"));
    write();
    say("Nothing is picked");
  });
  one("copy").addEventListener("click", () => {
    if (!one("reviewer").value.trim()) {
      say("Put in your name as reviewer first: no run starts with a line that has none");
      one("reviewer").focus();
      return;
    }
    one("picked").select();
    const done = document.execCommand("copy");
    say(done ? "Copied; paste it at the end of decisions.tsv" : "Press Ctrl+C to copy");
  });
}
