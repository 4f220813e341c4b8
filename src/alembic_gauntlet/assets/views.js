/* What stands beside the graph: failures, one revision, coverage, timings, tests. */

const SIGNS = { added: "+", removed: "−", changed: "~" };

/** A button that shows a revision in the graph. */
function revisionLink(id, show) {
  return element("button", { class: "link", type: "button", text: id, onclick: () => show(id) });
}

function copyButton(text, label) {
  const button = element("button", { type: "button", text: "Copy", "aria-label": label, class: "copy" });
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "Copied" : "Select it and press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function block(title, content, extra = null) {
  return element("section", {}, element("div", { class: "head" }, element("h3", { text: title }), extra), content);
}

/** The list of failures; arrow keys choose one, Enter goes to it. */
function failureList(failures, chosen, choose) {
  const list = element("div", { class: "failures", role: "listbox", "aria-label": "Failures" });
  failures.forEach((failure, index) => {
    const place = failure.file === null ? "" : `${failure.file.split("/").at(-1)}${failure.line === null ? "" : `:${failure.line}`}`;
    list.append(element(
      "div",
      { role: "option", "data-failure": index, tabindex: index === chosen ? "0" : "-1", "aria-selected": String(index === chosen) },
      element("div", { class: "what" },
        element("span", { class: "chip bad", text: failure.revision ?? "history" }),
        element("span", { text: gist(failure) })),
      element("div", { class: "where", text: [failure.invariant, testsOf(failure), place].filter(Boolean).join(" · ") }),
    ));
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) choose(Number(option.dataset.failure));
  });
  list.addEventListener("keydown", (event) => {
    const at = Number(event.target.dataset.failure);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: failures.length - 1 };
    if (event.key in moves) choose(Math.max(0, Math.min(failures.length - 1, moves[event.key])));
    else if (event.key === "Enter") document.querySelector(".detail")?.focus();
    else return;
    event.preventDefault();
  });
  return list;
}

/** What a failure is about, in one line: the first object that differs, or what went wrong. */
function gist({ changes, message }) {
  if (changes.length) {
    const [{ change, kind, name }] = changes;
    const more = changes.length > 1 ? ` and ${counted(changes.length - 1, "more change")}` : "";
    return `${SIGNS[change]} ${kind} ${name}${more}`;
  }
  const lines = message.split("\n").map((line) => line.trim());
  return lines.length > 1 && lines[0].endsWith(":") ? lines[1] : lines[0];
}

function testName(nodeid) {
  return nodeid.split("::").slice(1).join("::") || nodeid;
}

/** A test's name, which may break before each part of it. */
function breakable(nodeid) {
  return nodeid.split(/(?=::)/).flatMap((part) => [element("wbr"), part]);
}

/** A line of a message; what stands between backticks is code. */
function withCode(line) {
  return line.split("`").map((part, place) => (place % 2 ? element("code", { text: part }) : part));
}

function testsOf(failure) {
  const [first, ...more] = failure.tests;
  return more.length ? `${failure.tests.length} tests` : testName(first).split("::").at(-1);
}

function failureDetail(failure, show) {
  const [first, ...more] = failure.message.split("\n");
  const rows = failure.path.filter((step) => step.verb === "insert");
  return element("article", { class: "detail", tabindex: "-1", "aria-label": "The chosen failure" },
    element("div", {},
      element("h2", { class: "said" }, ...withCode(first)),
      more.length ? element("p", { class: "said more", text: more.join("\n") }) : null),
    element("dl", { class: "facts" },
      element("dt", { text: "Invariant" }), element("dd", {}, element("code", { text: failure.invariant })),
      ...(failure.revision === null ? [] : [
        element("dt", { text: "Revision" }), element("dd", {}, revisionLink(failure.revision, show)),
      ]),
      element("dt", { text: failure.tests.length > 1 ? "Tests" : "Test" }),
      ...failure.tests.map((test) => element("dd", {}, element("code", {}, ...breakable(test))))),
    failure.path.length ? pathBlock(failure) : null,
    failure.changes.length ? changesBlock(failure) : null,
    failure.file === null ? null : sourceBlock(failure),
    rows.length ? rowsBlock(rows) : null,
    failure.hint ? block("Remedy", element("pre", { class: "box said remedy", text: failure.hint })) : null,
    failure.path.length ? replayBlock(failure) : null,
  );
}

function pathBlock({ path }) {
  const commands = path.filter((step) => step.verb !== "insert").length;
  const rows = path.length - commands;
  const title = `Minimal path: ${counted(commands, "command")}${rows ? `, ${counted(rows, "row")}` : ""}`;
  const lines = path.map((step, index) => element("li",
    { class: `${step.verb === "insert" ? "row" : ""} ${index === path.length - 1 ? "last" : ""}` },
    element("code", { text: step.text })));
  const text = `${path.map((step) => step.text).join("\n")}\n`;
  return block(title, element("ol", { class: "box commands" }, ...lines), copyButton(text, "Copy the commands"));
}

function replayBlock({ replay }) {
  const text = `${data.replay} '${replay.replaceAll("'", "'\\''")}'`;
  const line = element("ol", { class: "box commands alone" }, element("li", {}, element("code", { text })));
  return block("Run it again", line, copyButton(text, "Copy the command that runs it again"));
}

function changesBlock({ changes, invariant }) {
  const [before, after] = invariant === "up-to-date" ? ["In the migrations", "In the models"] : ["Expected", "Found"];
  const cards = changes.map((change) => {
    const [was, is] = apart(change.before, change.after);
    return element("div", { class: `change ${change.change}` },
      element("h4", {},
        element("span", { class: "sign", text: SIGNS[change.change], title: change.change }),
        element("span", {}, `${change.kind} `, element("b", { text: change.name }))),
      element("div", { class: "sides" }, side("before", before, was), side("after", after, is)));
  });
  return block(`What differs: ${counted(changes.length, "object")}`, element("div", { class: "changes" }, ...cards));
}

function side(kind, title, pieces) {
  const text = pieces === null
    ? element("span", { class: "absent", text: "not there" })
    : element("pre", {}, pieces[0], pieces[1] ? element("mark", { text: pieces[1] }) : "", pieces[2]);
  return element("div", { class: kind }, element("small", { text: title }), text);
}

/** Split two texts into what they begin with alike, what differs, and what they end with alike. */
function apart(before, after) {
  if (before === null || after === null) return [before, after].map((text) => (text === null ? null : [text || "there", "", ""]));
  const words = (text) => text.split(/(\s+|[(),])/);
  const [one, other] = [words(before), words(after)];
  const most = Math.min(one.length, other.length);
  let start = 0;
  while (start < most && one[start] === other[start]) start += 1;
  let end = 0;
  while (end < most - start && one.at(-1 - end) === other.at(-1 - end)) end += 1;
  return [one, other].map((all) => [
    all.slice(0, start).join(""), all.slice(start, all.length - end).join(""), all.slice(all.length - end).join(""),
  ]);
}

function sourceBlock({ file, line, source, function: name }) {
  const title = `${file}${line === null ? "" : `:${line}`}${name ? ` in ${name}()` : ""}`;
  if (source === null) return block("Migration", element("p", { class: "mono", text: title }));
  const lines = source.lines.map((text, index) => {
    const number = source.first + index;
    return element("div", { class: number === line ? "guilty" : "" },
      element("span", { text: number }), element("code", { text }));
  });
  return block(title, element("div", { class: "box source", tabindex: "0", role: "region", "aria-label": `Source of ${file}` }, ...lines),
    copyButton(`${file}:${line}`, "Copy file and line"));
}

function rowsBlock(rows) {
  const tables = new Map();
  for (const { table, row } of rows) tables.set(table, [...(tables.get(table) ?? []), row]);
  const made = [...tables].map(([table, inserted]) => {
    const columns = [...new Set(inserted.flatMap((row) => row.map(([name]) => name)))];
    const values = inserted.map((row) => new Map(row));
    return element("figure", {},
      element("figcaption", { class: "mono", text: table }),
      element("div", { class: "table" }, element("table", {},
        element("thead", {}, element("tr", {}, ...(columns.length ? columns : ["(all defaults)"]).map((text) => element("th", { scope: "col", text })))),
        element("tbody", {}, ...values.map((row) => element("tr", {},
          ...(columns.length ? columns : [""]).map((name) => element("td", { class: "mono", text: row.get(name) ?? "default" }))))))));
  });
  return block(`Rows inserted: ${rows.length.toLocaleString("en")}`, element("div", { class: "changes" }, ...made));
}

/** Everything about one revision. */
function revisionView(graph, id, show, choose) {
  const revision = graph.revisions.get(id);
  const failures = graph.failures.get(id) ?? [];
  const links = (ids) => (ids.length ? ids.map((each) => revisionLink(each, show)) : [element("span", { text: "none" })]);
  const facts = [
    ["Message", [element("span", { text: revision.message || "none" })]],
    ["File", [element("code", { text: revision.file })]],
    ["Revises", revision.parents.length ? links(revision.parents) : [element("span", { text: "base" })]],
    ...(revision.depends_on.length ? [["Depends on", links(revision.depends_on)]] : []),
    ["Next", links(graph.children.get(id))],
    ...(revision.labels.length ? [["Branch labels", revision.labels.map((text) => element("code", { text }))]] : []),
    ["Upgrade", [element("span", { text: told(revision.upgraded, revision.upgrade) })]],
    ["Downgrade", [element("span", { text: told(revision.downgraded, revision.downgrade, revision.irreversible) })]],
  ];
  return [
    element("h2", { class: "mono", text: id }),
    element("dl", { class: "facts" }, ...facts.flatMap(([name, values]) => [element("dt", { text: name }), element("dd", {}, ...values)])),
    failures.length ? block("Failures", element("ul", { class: "missing" }, ...failures.map((failure) => element("li", {},
      element("button", { class: "link", type: "button", text: gist(failure), onclick: () => choose(failure) }))))) : null,
  ].filter(Boolean);
}

function told(covered, times, irreversible = false) {
  if (!covered) return irreversible ? "never run: declared irreversible" : "never run to its end";
  if (!times) return "run";
  return `run ${counted(times.count, "time")}, ${milliseconds(times.total)} in total, ${milliseconds(times.median)} median`;
}

function coverageView(history, notes, show) {
  const { coverage, revisions } = history;
  const tile = (value, text, part = null) => element("div", { class: "tile" },
    element("b", { text: value.toLocaleString("en") }), element("span", { text }), part === null ? null : meter(part));
  const share = (count) => (revisions.length ? count / revisions.length : 0);
  return [
    element("div", { class: "tiles" },
      tile(coverage.upgraded, `of ${counted(coverage.revisions, "revision")} upgraded`, share(coverage.upgraded)),
      tile(coverage.downgraded, `of ${counted(coverage.revisions, "revision")} downgraded`, share(coverage.downgraded)),
      tile(coverage.commands, "Alembic commands run"),
      tile(coverage.states, "states reached"),
      tile(coverage.jumps, "jumps over several revisions")),
    notes.length ? block("What the tests noted", element("ul", { class: "notes" }, ...notes.map((text) => element("li", { text })))) : null,
    missing("Never upgraded", revisions.filter((revision) => !revision.upgraded), show),
    missing("Never downgraded", revisions.filter((revision) => !revision.downgraded), show),
  ].filter(Boolean);
}

function meter(part) {
  const bar = element("i");
  bar.style.width = `${part * 100}%`;
  return element("div", { class: "meter", "aria-hidden": "true" }, bar);
}

function missing(title, revisions, show) {
  if (!revisions.length) return block(title, element("p", { class: "notes", text: "No revision: all of them were." }));
  return block(`${title}: ${counted(revisions.length, "revision")}`, element("ul", { class: "missing" },
    ...revisions.map((revision) => element("li", {},
      revisionLink(revision.id, show),
      revision.irreversible && title === "Never downgraded" ? element("span", { class: "chip", text: "declared irreversible" }) : null,
      element("span", { class: "text", text: revision.message })))));
}

const TIMINGS = [
  { name: "Revision", of: (revision) => revision.id },
  ...[["upgrade", "↑"], ["downgrade", "↓"]].flatMap(([verb, sign]) => [
    { name: `${sign} runs`, label: `Runs of ${verb}`, of: (revision) => revision[verb]?.count ?? 0, number: true },
    { name: `${sign} total`, label: `Total time of ${verb}`, of: (revision) => revision[verb]?.total ?? 0, text: milliseconds, number: true },
    { name: `${sign} median`, label: `Median time of ${verb}`, of: (revision) => revision[verb]?.median ?? 0, text: milliseconds, number: true },
  ]),
];

/** How often each revision ran, and how long that took; a click on a heading sorts. */
function timingsView(history, show) {
  let [column, descending] = [3, true];
  const body = element("tbody");
  const heads = TIMINGS.map(({ name, label, number }, index) => element("th",
    { scope: "col", class: number ? "number" : "", title: label },
    element("button", { type: "button", text: name, "aria-label": label, onclick: () => sort(index) })));

  function sort(index) {
    descending = index === column ? !descending : index > 0;
    column = index;
    fill();
  }

  function fill() {
    const { of } = TIMINGS[column];
    const compare = (one, other) => (of(one) < of(other) ? -1 : Number(of(one) > of(other)));
    const sorted = [...history.revisions].sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.replaceChildren(...sorted.map((revision) => element("tr", {}, ...TIMINGS.map((each, index) => {
      if (index === 0) return element("td", {}, revisionLink(revision.id, show));
      const value = each.of(revision);
      return element("td", { class: "number", text: value === 0 ? "–" : (each.text ?? String)(value) });
    }))));
  }

  fill();
  return [
    element("p", { class: "notes", text: "How often each revision ran to its end, and how long: its function and Alembic's write to the version table, "
      + "without env.py and without the commit of several revisions together. The databases hold few rows or none." }),
    element("div", { class: "table long", tabindex: "0", role: "region", "aria-label": "Timings" },
      element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body)),
  ];
}

function testsView(tests) {
  if (!tests.length) return [element("p", { class: "empty", text: "No test has used the gauntlet." })];
  return [element("div", { class: "table" }, element("table", {},
    element("thead", {}, element("tr", {}, ...["Test", "Outcome", "Failures", "Time"].map((text, index) => element("th",
      { scope: "col", class: index > 1 ? "number" : "", text })))),
    element("tbody", {}, ...tests.map((test) => element("tr", {},
      element("td", { class: "mono", title: test.nodeid, text: testName(test.nodeid) }),
      element("td", { class: `outcome ${test.outcome}`, text: test.outcome }),
      element("td", { class: "number", text: test.failures || "–" }),
      element("td", { class: "number", text: `${test.seconds.toFixed(2)} s` }))))))];
}
