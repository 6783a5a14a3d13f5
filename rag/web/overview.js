// For administrators: what the store holds, what came of the questions, what users said.

import { call, figures, problemOf } from "./api.js";
import { place, short } from "./citations.js";
import { accounts } from "./accounts.js";
import { byId, el, save } from "./dom.js";
import { language, t } from "./i18n.js";

const MAX_FEEDBACK = 2000;

export async function openOverview() {
  const view = byId("view-overview");
  view.replaceChildren(el("h1", { text: t("overview") }), el("p", { class: "quiet", text: t("loading") }));
  try {
    const [status, failed, counted, said, silent, known] = await Promise.all([
      call("GET", "status"),
      call("GET", "documents", { params: { failed: true, limit: 20 } }),
      figures(),
      allFeedback(),
      call("GET", "unanswered"),
      call("GET", "accounts"),
    ]);
    const parts = [store(status, failed), outcomes(counted), unanswered(silent), feedback(said), accounts(known, openOverview)];
    view.replaceChildren(el("h1", { text: t("overview") }), ...parts);
  } catch (error) {
    view.append(el("p", { class: "problem", role: "alert", text: problemOf(error) }));
  }
}

function store(status, failed) {
  const rows = [
    [t("documents"), status.documents],
    [t("failedOnly"), failed.total],
    [t("chunks", { n: "" }).trim(), status.chunks],
    [t("generator"), status.generator],
    [t("checker"), status.checker],
  ].flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]);
  const reasons = failed.documents.map((state) => el("li", {}, el("strong", { text: state.document }), ` ${state.reason}`));
  return el("section", {}, el("h2", { text: t("store") }), el("dl", {}, ...rows), el("ul", { class: "failures" }, ...reasons));
}

function outcomes(text) {
  const found = [...text.matchAll(/^rag_answers_total\{outcome="(\w+)"\} ([\d.e+]+)$/gm)];
  const rows = found.flatMap(([, name, n]) => [el("dt", { text: t(`outcome_${name}`) }), el("dd", { text: Number(n) })]);
  return el("section", {}, el("h2", { text: t("outcomes") }), rows.length ? el("dl", {}, ...rows) : el("p", { class: "quiet", text: "0" }));
}

async function allFeedback() {
  const said = [];
  for (let before = null; said.length < MAX_FEEDBACK; ) {
    const page = await call("GET", "feedback", { params: { limit: 200, before } });
    said.push(...page.feedback);
    before = page.next;
    if (before === null) break;
  }
  return said;
}

function unanswered({ is_kept: isKept, questions }) {
  const items = questions.map(({ question: text, reason, times, last }) =>
    el(
      "li",
      {},
      el("strong", { text }),
      el("span", { class: "quiet", text: `${t(`abstain_${reason}`)} ${t("times", { n: times, at: new Date(last).toLocaleString(language) })}` }),
    ),
  );
  const none = el("p", { class: "quiet", text: t(isKept ? "nothingFound" : "notKept") });
  return el("section", {}, el("h2", { text: t("unanswered") }), items.length ? el("ul", { class: "feedback" }, ...items) : none);
}

function feedback(said) {
  const items = said.map((one) =>
    el(
      "li",
      { class: one.rating },
      el("strong", { text: `${t(one.rating)}: ${one.answer.question}` }),
      el("span", { text: short(one.answer.text, 300) }),
      one.comment && el("q", { text: one.comment }),
      ...one.answer.claims.flatMap((claim) => claim.citations).map((citation) => el("span", { class: "quiet", text: place(citation) })),
      el("span", { class: "quiet", text: t("by", { who: one.principal, at: new Date(one.at).toLocaleString(language) }) }),
    ),
  );
  const button = el("button", { type: "button", text: t("exportQuestions"), onclick: () => save("questions.jsonl", "application/jsonl", said.map(question).join("")) });
  return el(
    "section",
    {},
    el("h2", { text: t("feedback") }),
    ...(said.length ? [el("p", { class: "quiet", text: t("exportNote") }), button, el("ul", { class: "feedback" }, ...items)] : [el("p", { class: "quiet", text: t("noFeedback") })]),
  );
}

// A line as `rag eval` reads it. What a user called wrong has no evidence yet: that is for whoever reviews it.
function question(one) {
  const { question: asked, claims, abstained } = one.answer;
  const isGood = one.rating === "good";
  const cited = claims.flatMap((claim) => claim.citations);
  const gold = isGood ? cited.map(({ document, start, end, page, quote }) => ({ document, start, end, page, quote })) : [];
  const line = { id: `feedback-${one.id}`, question: asked, answerable: isGood ? !abstained : null, answers: isGood ? claims.map((claim) => claim.text) : [], gold };
  return `${JSON.stringify(isGood ? line : { ...line, comment: one.comment })}\n`;
}
