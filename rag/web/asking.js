// The view where questions are asked: the conversation that is open, the field for the next question, its filters.

import { ApiError, ask, call, problemOf } from "./api.js";
import { byId, el, points } from "./dom.js";
import { count, t } from "./i18n.js";
import { closeSource } from "./source.js";
import { Turn } from "./turn.js";

const FILTERS = ["filter-folder", "filter-type", "filter-language", "filter-since", "filter-until"];
const KEPT_TURNS = 10;
let open = null; // the conversation: { id, title, turns }, id null until its first question
let running = null;

export const opened = () => open;

export async function openConversation(id) {
  if (id && id === open?.id) return;
  running?.abort();
  closeSource();
  open = { id, title: "", turns: [] };
  byId("turns").replaceChildren();
  if (id) {
    try {
      const found = await call("GET", `conversations/${encodeURIComponent(id)}`);
      if (open.id !== id) return;
      open = { ...found, turns: found.turns };
      found.turns.forEach((said, index) => byId("turns").append(kept(said, index).node));
      byId("turns").lastElementChild?.scrollIntoView({ block: "start" });
    } catch (error) {
      byId("turns").replaceChildren(el("p", { class: "problem", text: error.status === 404 ? t("noConversation") : problemOf(error) }));
    }
  }
  dress();
}

// What the server says of the open conversation now: its title, whether it is shared.
export function update(told) {
  Object.assign(open, told);
  dress();
}

function dress() {
  const isNew = byId("turns").childElementCount === 0;
  byId("welcome").hidden = !isNew;
  byId("head").hidden = !open.id || !open.title;
  byId("conversation-menu").classList.toggle("is-foreign", open.is_own === false);
  byId("conversation-note").hidden = open.is_own !== false && !open.isCarriedOn;
  byId("conversation-note").textContent = open.is_own === false ? t("foreign") : open.isCarriedOn ? t("carriedOn") : "";
  byId("conversation-title").textContent = open.title;
  byId("conversation-title").classList.toggle("unseen", open.title === open.turns[0]?.question);
  byId("question").placeholder = t(isNew ? "askHint" : "askNext");
  byId("view-ask").classList.toggle("is-new", isNew);
}

function kept(said, index) {
  const shown = new Turn(said.question);
  if (said.answer) shown.finish(said.answer, { changed: said.changed, nearest: { turns: before(index) } });
  else shown.hide();
  return shown;
}

const before = (index) =>
  open.turns
    .slice(Math.max(0, index - KEPT_TURNS), index)
    .flatMap((said) => [{ role: "user", text: said.question }, ...(said.answer ? [{ role: "assistant", text: said.answer.text }] : [])]);

export function filters() {
  const list = (id) => byId(id).value.split(/(?<!\[),|,(?!\])/).map((value) => value.trim()).filter(Boolean);
  const day = (id) => byId(id).value || null;
  return {
    documents: list("filter-folder"),
    types: list("filter-type").map((type) => type.replace(/^\./, "")),
    languages: list("filter-language"),
    since: day("filter-since"),
    until: day("filter-until"),
  };
}

// In the field the names are globs with commas between them: what is special there is put in brackets.
export function limitTo(folder) {
  const name = folder.replace(/[*?[,]/g, "[$&]");
  byId("filter-folder").value = name.endsWith(":") ? `${name}*` : `${name}/*`;
  nameFilters();
}

function nameFilters() {
  const { since, until, ...lists } = filters();
  const set = [...Object.values(lists).flat(), since && `≥ ${since}`, until && `≤ ${until}`].filter(Boolean);
  byId("filters-name").textContent = set.length ? `${t("filtersOn")}: ${set.join(", ")}` : t("filters");
  byId("filters").classList.toggle("is-on", set.length > 0);
}

async function submit(question) {
  if (running || !question) return;
  const shown = new Turn(question);
  const mine = open;
  const limits = filters();
  const turns = before(open.turns.length);
  running = new AbortController();
  const { signal } = running;
  byId("turns").append(shown.node);
  byId("question").value = "";
  fit();
  busy(true);
  dress();
  shown.stage("retrieve");
  shown.node.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  let answer = null;
  let problem = null;
  try {
    const isForeign = mine.is_own === false; // what is asked there begins a conversation of one's own, and knows what was said
    if (!mine.id || isForeign) Object.assign(mine, await call("POST", "conversations", { json: { title: points(question).slice(0, 200).join("") } }), { turns: mine.turns, isCarriedOn: isForeign, carried: isForeign ? turns : [] });
    await ask({ question, conversation: mine.id, ...limits, turns: mine.carried ?? [] }, (kind, data) => {
      if (kind === "status") shown.stage(data.stage);
      else if (kind === "claim") shown.claim(data);
      else if (kind === "answer") answer = data;
      else problem = new ApiError(0, data.error);
    }, signal);
  } catch (error) {
    problem = error;
  }
  running = null;
  busy(false);
  if (answer) {
    shown.finish(answer, { isNew: true, nearest: { ...limits, turns } });
    mine.carried = []; // the server keeps what is said from here on, and only that
    mine.turns.push({ question, answer, changed: [] });
  } else {
    const retry = () => { shown.node.remove(); submit(question); };
    shown.fail(why(problem, shown, signal.aborted), retry);
    if (open === mine && !byId("question").value) byId("question").value = question;
    fit();
  }
  if (open === mine) {
    dress();
    if (!byId("view-ask").hidden) {
      if (mine.id) history.replaceState(null, "", `#/c/${mine.id}`);
      byId("question").focus({ preventScroll: true });
    }
  }
  window.dispatchEvent(new Event("asked"));
}

function why(problem, shown, isStopped) {
  if (isStopped) return t("stopped");
  if (problem instanceof ApiError) return problem.message;
  return t(shown.text.hasChildNodes() ? "brokeOff" : "unreachable");
}

function busy(is) {
  byId("ask").hidden = is;
  byId("stop").hidden = !is;
}

function fit() {
  const field = byId("question");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, innerHeight / 3)}px`;
}

export function startAsking() {
  const field = byId("question");
  byId("form").addEventListener("submit", (event) => { event.preventDefault(); submit(field.value.trim()); });
  byId("stop").addEventListener("click", () => running?.abort());
  field.addEventListener("input", fit);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); byId("form").requestSubmit(); }
  });
  byId("filters").addEventListener("input", nameFilters);
  byId("filter-clear").addEventListener("click", () => {
    for (const id of FILTERS) byId(id).value = "";
    nameFilters();
  });
}

export async function tellHoldings() {
  const { documents, languages } = await call("GET", "status");
  byId("holds").textContent = documents ? count("holds", documents) : t("holdsNone");
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "language" });
  const options = Object.keys(languages).filter((code) => /^[a-z]{2,3}$/.test(code)).map((code) => el("option", { value: code, text: names.of(code) }));
  byId("filter-language").replaceChildren(el("option", { value: "", text: t("any") }), ...options);
}
