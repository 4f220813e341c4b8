/* The page: what is chosen, and what of it is shown where. */

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const THEME = "alembic-gauntlet-theme";
const MANY = 40;  // Histories longer than this begin with their long runs collapsed.

const chosen = { history: 0, view: "failures", failure: 0, revision: null };
const graphs = data.histories.map((history, number) =>
  new HistoryGraph(history, data.failures.filter((failure) => failure.history === number)));
const view = new GraphView(byId("rows"), byId("scroll"), showRevision);
const VIEWS = [
  ["failures", "Failures", data.failures.length],
  ["revision", "Revision"],
  ["coverage", "Coverage"],
  ["timings", "Timings"],
  ["tests", "Tests", data.tests.length],
];

function history() {
  return data.histories[chosen.history];
}

/* Theme: the system's, until the switch is used. */

const dark = matchMedia("(prefers-color-scheme: dark)");

function keptTheme(value) {
  try {
    if (value) localStorage.setItem(THEME, value);
    return localStorage.getItem(THEME);
  } catch {
    return value ?? null;  // A browser that keeps nothing for files.
  }
}

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `Switch to ${theme === "dark" ? "light" : "dark"} colours`);
}

function systemTheme() {
  return dark.matches ? "dark" : "light";
}

applyTheme(keptTheme() ?? systemTheme());
dark.addEventListener("change", () => { if (!keptTheme()) applyTheme(systemTheme()); });
byId("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  keptTheme(theme);
  applyTheme(theme);
});

/* The panel. */

function showView(name, focus = false) {
  chosen.view = name;
  for (const tab of byId("tabs").children) {
    const isChosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    if (isChosen && focus) tab.focus();
  }
  byId("view").setAttribute("aria-labelledby", `tab-${name}`);
  byId("view").replaceChildren(...content(name));
  byId("view").scrollTop = 0;
}

function content(name) {
  if (name === "tests") return testsView(data.tests);
  if (name === "failures") return failuresView();
  if (!history()) return [element("p", { class: "empty", text: "No migration history was loaded." })];
  if (name === "coverage") return coverageView(history(), data.notes, showRevision);
  if (name === "timings") return timingsView(history(), showRevision);
  if (chosen.revision === null) return [element("p", { class: "empty", text: "Choose a revision in the graph." })];
  return revisionView(graphs[chosen.history], chosen.revision, showRevision, (failure) => chooseFailure(data.failures.indexOf(failure)));
}

function failuresView() {
  if (!data.failures.length) return [element("p", { class: "empty", text: data.tests.length ? "No failures: every check holds." : "No test has used the gauntlet." })];
  const failure = data.failures[chosen.failure];
  return [failureList(data.failures, chosen.failure, chooseFailure), failureDetail(failure, showRevision)];
}

/** Show a failure, and its path in the graph. */
function chooseFailure(index) {
  const failure = data.failures[index];
  const inList = document.activeElement?.dataset.failure !== undefined;
  chosen.failure = index;
  const scrolled = document.querySelector(".failures")?.scrollTop ?? 0;
  if (failure.history !== null && failure.history !== chosen.history) showHistory(failure.history);
  showView("failures");
  const list = document.querySelector(".failures");
  const option = list.children[index];
  list.scrollTop = scrolled;
  if (option.offsetTop - list.offsetTop < list.scrollTop) list.scrollTop = option.offsetTop - list.offsetTop;
  else list.scrollTop = Math.max(list.scrollTop, option.offsetTop - list.offsetTop + option.offsetHeight - list.clientHeight);
  if (inList) option.focus({ preventScroll: true });
  if (!history()) return;
  view.follow(failure.history === chosen.history ? failure : null);
  const graph = graphs[chosen.history];
  const ran = failure.path.flatMap((step) => step.revisions ?? []);
  const target = [failure.revision, ran.at(-1)].find((id) => graph.revisions.has(id));
  if (target === undefined) return;
  chosen.revision = target;
  view.select(target);
}

function showRevision(id) {
  chosen.revision = id;
  showView("revision");
  view.select(id);
}

function showHistory(number) {
  chosen.history = number;
  chosen.revision = null;
  byId("history").value = String(number);
  view.collapsed = history().revisions.length > MANY;
  byId("collapse").setAttribute("aria-pressed", String(view.collapsed));
  byId("collapse").hidden = graphs[number].rows(true, new Set(), new Map()).length > history().revisions.length;
  view.show(graphs[number]);
  search();
}

for (const [name, title, count] of VIEWS) {
  const number = count === undefined ? null
    : element("span", { class: `count${name === "failures" && count ? " bad" : ""}`, text: count });
  byId("tabs").append(element("button",
    { id: `tab-${name}`, role: "tab", type: "button", "aria-controls": "view", onclick: () => showView(name) }, title, number));
}
byId("tabs").addEventListener("keydown", (event) => {
  const at = VIEWS.findIndex(([name]) => name === chosen.view);
  const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: VIEWS.length - 1 };
  if (!(event.key in moves)) return;
  event.preventDefault();
  showView(VIEWS[(moves[event.key] + VIEWS.length) % VIEWS.length][0], true);
});

/* The search. */

let found = [];
let current = -1;

function search() {
  const wanted = byId("search").value.trim().toLowerCase();
  const texts = ({ id, file, message, labels }) => [id, file, message, ...labels].some((text) => text.toLowerCase().includes(wanted));
  found = wanted && history() ? history().revisions.filter(texts).map(({ id }) => id).reverse() : [];
  current = found.length ? Math.max(0, found.indexOf(byId("search").value.trim())) : -1;
  view.hits = new Set(found);
  showMatch(wanted);
}

function showMatch(wanted) {
  byId("matches").textContent = !wanted ? "" : found.length ? `${current + 1} of ${found.length}` : "nothing found";
  if (current >= 0) view.select(found[current]);
  else if (history()) view.draw();
}

byId("search").addEventListener("input", search);
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && found.length) {
    current = (current + (event.shiftKey ? found.length - 1 : 1)) % found.length;
    showMatch(true);
  } else if (event.key === "ArrowDown" && found.length) {
    event.preventDefault();
    showRevision(found[current]);
    view.find(`r:${found[current]}`)?.focus();
  } else if (event.key === "Escape") {
    byId("search").value = "";
    search();
    byId("search").blur();
  }
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea") !== null;
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  byId("search").focus();
  byId("search").select();
});

/* The graph's own bar. */

byId("collapse").addEventListener("click", () => {
  view.collapsed = !view.collapsed;
  view.expanded = new Set();
  byId("collapse").setAttribute("aria-pressed", String(view.collapsed));
  view.draw();
});
byId("legend").append(...[
  ["both", "up and down"], ["up", "only up"], ["down", "only down"], ["none", "neither"], ["depends both", "depends_on"],
].map(([kind, text]) => legend(drawn("line", { x1: 0, y1: 5, x2: 20, y2: 5, class: kind, ...(kind.startsWith("depends") ? { "stroke-dasharray": "5 3" } : {}) }), text)),
legend(drawn("circle", { cx: 10, cy: 5, r: 5 }), "faulty"), legend(drawn("line", { x1: 4, y1: 5, x2: 16, y2: 5, class: "halo" }), "path"));

function legend(mark, text) {
  return element("li", {}, drawn("svg", { viewBox: "0 0 20 10", "aria-hidden": "true" }, mark), text);
}

addEventListener("resize", () => { if (history()) view.draw(); });

/* What is there at first. */

const failed = data.tests.filter(({ outcome }) => outcome === "failed" || outcome === "error").length;
byId("verdict").classList.toggle("failed", failed > 0);
byId("verdict").append(
  element("strong", { text: failed ? `${failed} of ${counted(data.tests.length, "test")} failed` : `${counted(data.tests.length, "test")}, none failed` }),
  ` · ${new Date(data.written).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`);
document.title = `${failed ? `${failed} failed` : "passed"} – alembic-gauntlet`;
byId("history").append(...data.histories.map(({ name, revisions }, number) => element("option", { value: number, text: `${name} (${revisions.length})` })));
byId("history").hidden = data.histories.length < 2;
byId("history").addEventListener("change", (event) => {
  showHistory(Number(event.target.value));
  showView(chosen.view);
});
byId("graph").hidden = !data.histories.length;
if (data.histories.length) showHistory(0);
if (data.failures.length) chooseFailure(0);
else showView(data.histories.length ? "coverage" : "tests");
