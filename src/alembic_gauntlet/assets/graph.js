"use strict";

/* The revision graph: what is shown of it, where, and drawn. Newest above, base below. */

const ROW = 28;
const LONG_RUN = 4;  // Fewer revisions than this are never collapsed.
const FEW_STEPS = 4;
const BASE = "base";
const COVERED = {
  both: "upgraded and downgraded", up: "upgraded, never downgraded", down: "downgraded, never upgraded", none: "never run to its end",
};

/** Make an element; `text` is set as text, whatever it holds. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function milliseconds(value) {
  return `${value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 })} ms`;
}

/** What a history is besides its revisions: its edges, the failures at each revision, what was covered. */
class HistoryGraph {
  constructor(history, failures) {
    this.history = history;
    this.revisions = new Map(history.revisions.map((revision) => [revision.id, revision]));
    this.children = new Map(history.revisions.map((revision) => [revision.id, []]));
    this.failures = new Map();
    for (const revision of history.revisions) {
      for (const parent of this.parents(revision)) this.children.get(parent)?.push(revision.id);
    }
    for (const failure of failures) {
      if (failure.revision === null || !this.revisions.has(failure.revision)) continue;
      this.failures.set(failure.revision, [...(this.failures.get(failure.revision) ?? []), failure]);
    }
  }

  parents(revision) {
    return [...new Set([...revision.parents, ...revision.depends_on])];
  }

  covered(revision) {
    if (revision.upgraded && revision.downgraded) return "both";
    if (revision.upgraded) return "up";
    return revision.downgraded ? "down" : "none";
  }

  isPlain(revision) {
    const [parents, children] = [this.parents(revision), this.children.get(revision.id)];
    return parents.length === 1 && children.length === 1 && !revision.labels.length && !this.failures.has(revision.id);
  }

  /** The rows, base first: revisions, and in their place the long runs in which nothing is to be told apart. */
  rows(collapsed, kept, path) {
    const rows = [{ key: BASE, kind: "base", parents: [] }];
    const key = (id) => `r:${id}`;
    const done = new Set();
    for (const revision of this.history.revisions) {
      if (done.has(revision.id)) continue;
      const run = collapsed ? this.run(revision, kept, path) : [revision];
      const long = run.length >= LONG_RUN;
      for (const members of long ? [run] : run.map((each) => [each])) {
        const [first, last] = [members[0], members.at(-1)];
        members.forEach((each) => done.add(each.id));
        const parents = this.parents(first);
        rows.push({
          key: key(last.id),
          kind: long ? "run" : "revision",
          members,
          revision: last,
          parents: parents.length ? parents.map(key) : [BASE],
          depends: new Set(first.depends_on.filter((id) => !first.parents.includes(id)).map(key)),
          covered: this.covered(last),
        });
      }
    }
    return rows;
  }

  run(first, kept, path) {
    const kind = (revision) => `${this.covered(revision)} ${JSON.stringify(path.get(revision.id) ?? [])}`;
    const fits = (revision) => this.isPlain(revision) && !kept.has(revision.id);
    const run = [first];
    while (fits(run.at(-1))) {
      const next = this.revisions.get(this.children.get(run.at(-1).id)[0]);
      if (!fits(next) || kind(next) !== kind(first)) break;
      run.push(next);
    }
    return run;
  }
}

/** Put each row into a lane, so that edges do not run through revisions. */
function laneOf(rows) {
  const place = new Map(rows.map((row, index) => [row.key, index]));
  const graph = d3.graphStratify().id((row) => row.key).parentIds((row) => row.parents)(rows);
  d3.grid().lane(d3.laneGreedy().topDown(false)).rank((node) => place.get(node.data.key)).nodeSize([1, 1]).gap([0, 0])(graph);
  return new Map([...graph.nodes()].map((node) => [node.data.key, Math.round(node.x - 0.5)]));
}

/** The graph as it is on the page. `onselect` is told the id of a revision. */
class GraphView {
  constructor(rows, scroll, onselect) {
    Object.assign(this, { list: rows, scroll, onselect });
    this.collapsed = false;
    this.expanded = new Set();
    this.path = new Map();
    this.hits = new Set();
    this.selected = null;
    rows.addEventListener("click", (event) => this.clicked(event));
    rows.addEventListener("keydown", (event) => this.pressed(event));
  }

  show(graph) {
    this.graph = graph;
    this.expanded = new Set();
    this.selected = null;
    this.path = new Map();
    this.hits = new Set();
    this.draw();
  }

  /** Mark the revisions that the commands of a failure run: each with the numbers of the commands. */
  follow(failure) {
    this.path = new Map();
    (failure?.path ?? []).forEach((step, index) => {
      for (const id of step.revisions ?? []) {
        this.path.set(id, [...(this.path.get(id) ?? []), `${index + 1}${step.verb === "upgrade" ? "↑" : "↓"}`]);
      }
    });
    this.draw();
  }

  draw() {
    const kept = new Set([...this.expanded, ...this.hits]);
    if (this.selected !== null) kept.add(this.selected);
    const rows = this.graph.rows(this.collapsed, kept, this.path);
    this.rows = new Map(rows.map((row) => [row.key, row]));
    const lanes = laneOf(rows);
    const count = Math.max(...lanes.values()) + 1;
    const room = Math.max(70, Math.min(280, this.scroll.clientWidth * 0.25));
    const width = Math.max(5, Math.min(18, room / count));
    const at = new Map(rows.map((row, index) => [
      row.key, { x: (lanes.get(row.key) + 0.5) * width, y: (rows.length - index - 0.5) * ROW },
    ]));
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.list.style.setProperty("--lanes", `${count * width}px`);
    this.list.replaceChildren(this.edges(rows, at, count * width), ...rows.toReversed().map((row) => this.row(row)));
    const rest = focused && this.find(focused);
    this.makeCurrent(rest || this.list.querySelector("[aria-selected=true]") || this.list.querySelector(".revision"));
    if (rest) rest.focus({ preventScroll: true });
  }

  edges(rows, at, width) {
    const [halos, lines, nodes] = [[], [], []];
    for (const row of rows) {
      const to = at.get(row.key);
      for (const parent of row.parents) {
        const d = curve(at.get(parent), to);
        if (this.isOnPath(row)) halos.push(drawn("path", { d, class: "halo" }));
        const kind = row.depends.has(parent) ? `${row.covered} depends` : row.covered;
        lines.push(drawn("path", { d, class: kind, "data-from": parent, "data-to": row.key }));
      }
      if (this.isOnPath(row)) halos.push(drawn("path", { d: `M${to.x},${to.y}h0.1`, class: "halo" }));
      nodes.push(...this.node(row, to));
    }
    return drawn("svg", { id: "edges", width, height: rows.length * ROW, "aria-hidden": "true" }, ...halos, ...lines, ...nodes);
  }

  node(row, { x, y }) {
    if (row.kind === "base") return [drawn("rect", { x: x - 4, y: y - 4, width: 8, height: 8, rx: 1.5, class: "stop" })];
    if (row.kind === "run") {
      const box = drawn("rect", { x: x - 5, y: y - 10, width: 10, height: 20, rx: 5, class: row.covered });
      return [box, ...[-4, 0, 4].map((by) => drawn("circle", { cx: x, cy: y + by, r: 1.2, class: "dot" }))];
    }
    if (!this.graph.failures.has(row.revision.id)) return [drawn("circle", { cx: x, cy: y, r: 4.5, class: row.covered })];
    const mark = drawn("text", { x, y: y + 3.6 });
    mark.textContent = "!";
    return [drawn("circle", { cx: x, cy: y, r: 6.5, class: "fault" }), mark];
  }

  isOnPath(row) {
    return row.kind !== "base" && this.path.has(row.revision.id);
  }

  row(row) {
    const made = element("div", {
      class: `revision ${row.kind}`, role: "option", tabindex: "-1", "data-key": row.key, "aria-selected": "false",
    });
    if (row.kind === "base") {
      made.append(element("span", { class: "id", text: "base" }), element("span", { class: "message", text: "the empty database" }));
      return made;
    }
    made.classList.toggle("on-path", this.isOnPath(row));
    const steps = this.steps(this.path.get(row.revision.id) ?? []);
    made.append(...(row.kind === "run" ? this.ofRun(row) : this.ofRevision(row, made)));
    made.querySelector(".gap").after(...steps);
    return made;
  }

  /** The commands that run a revision, the first few by their numbers. */
  steps(steps) {
    const few = steps.length > FEW_STEPS ? [...steps.slice(0, FEW_STEPS - 1), `+${steps.length - FEW_STEPS + 1}`] : steps;
    const title = `run by these steps of the path: ${steps.join(", ")}`;
    return few.map((text) => element("span", { class: "chip path", text, title }));
  }

  ofRun({ members }) {
    return [
      element("span", { class: "id", text: `${members.length} revisions` }),
      element("span", { class: "message", text: `${members[0].id} … ${members.at(-1).id}` }),
      element("span", { class: "gap" }),
      element("span", { class: "took" }),
      element("span", { class: "took" }),
    ];
  }

  ofRevision({ revision }, made) {
    const { id, message, labels, upgrade, downgrade, file } = revision;
    const failures = this.graph.failures.get(id) ?? [];
    made.classList.toggle("faulty", failures.length > 0);
    made.classList.toggle("hit", this.hits.has(id));
    made.setAttribute("aria-selected", String(this.selected === id));
    made.title = [id, message, file, COVERED[this.graph.covered(revision)]].filter(Boolean).join("\n");
    const tags = this.graph.history.heads.includes(id) ? ["head", ...labels] : labels;
    return [
      element("span", { class: "id", text: id }),
      ...tags.map((text) => element("span", { class: "chip", text })),
      element("span", { class: "message", text: message }),
      element("span", { class: "gap" }),
      failures.length ? element("span", { class: "chip bad", text: counted(failures.length, "failure") }) : null,
      ...[[upgrade, "↑", "upgrade"], [downgrade, "↓", "downgrade"]].map(([times, sign, verb]) => element("span", {
        class: "took", text: times ? `${sign} ${milliseconds(times.median)}` : "", title: times ? `median time of its ${verb}` : null,
      })),
    ].filter(Boolean);
  }

  find(key) {
    return [...this.list.children].find((child) => child.dataset.key === key);
  }

  /** Select a revision, and bring it into view. */
  select(id) {
    this.selected = id;
    this.draw();
    const row = this.find(`r:${id}`);
    if (row) this.reveal(row);
  }

  reveal(row) {
    this.makeCurrent(row);
    const top = row.offsetTop - (this.scroll.clientHeight - ROW) / 2;
    this.scroll.scrollTop = top;
  }

  /** Make a row the one that Tab goes to. */
  makeCurrent(row) {
    this.list.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    row?.setAttribute("tabindex", "0");
  }

  clicked(event) {
    const row = event.target.closest(".revision");
    if (row) this.activate(row);
  }

  activate(row) {
    this.makeCurrent(row);
    row.focus({ preventScroll: true });
    const { kind, members, revision } = this.rows.get(row.dataset.key);
    if (kind === "run") {
      members.forEach((each) => this.expanded.add(each.id));
      this.draw();
    } else if (kind === "revision") {
      this.onselect(revision.id);
    }
  }

  pressed(event) {
    const row = event.target.closest(".revision");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...this.list.querySelectorAll(".revision")];
    const index = rows.indexOf(row);
    const page = Math.max(1, Math.floor(this.scroll.clientHeight / ROW) - 1);
    const moves = {
      ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: rows.length - 1,
    };
    if (event.key in moves) {
      const next = rows[Math.max(0, Math.min(rows.length - 1, moves[event.key]))];
      this.makeCurrent(next);
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.activate(row);
    } else {
      return;
    }
    event.preventDefault();
  }
}

/** From a revision across to the lane of the one above, then up to it. */
function curve(from, to) {
  if (from.x === to.x) return `M${from.x},${from.y}V${to.y}`;
  const bend = Math.min(ROW / 2, Math.abs(to.x - from.x)) * Math.sign(to.x - from.x);
  return `M${from.x},${from.y}H${to.x - bend}Q${to.x},${from.y} ${to.x},${from.y - Math.min(ROW / 2, Math.abs(bend))}V${to.y}`;
}

function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
