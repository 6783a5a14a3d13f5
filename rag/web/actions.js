// What can be done with an answer: copy it, print it, say what one thinks of it.

import { call, problemOf } from "./api.js";
import { place } from "./citations.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { answerAsMarkdown } from "./markdown.js";

export function actions(turn) {
  const told = el("span", { class: "told", role: "status" });
  const wrong = complaint(turn, told);
  return el(
    "div",
    { class: "actions" },
    el("button", { class: "plain", type: "button", text: t("copy"), onclick: () => copy(turn, told) }),
    el("button", { class: "plain", type: "button", text: t("good"), onclick: () => give(turn, "good", "", told) }),
    el("button", { class: "plain", type: "button", text: t("bad"), onclick: () => { wrong.hidden = !wrong.hidden; if (!wrong.hidden) wrong.querySelector("textarea").focus(); } }),
    told,
    wrong,
  );
}

async function copy(turn, told) {
  const text = answerAsMarkdown(turn.question, turn.answer);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP from another machine there is no clipboard API.
    const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  told.textContent = t("copied");
}

function complaint(turn, told) {
  const what = el("select", { "aria-label": t("whatIsWrong") }, el("option", { value: "", text: t("wholeAnswer") }));
  turn.numbers.all.forEach((citation, index) => {
    const name = `[${index + 1}] ${place(citation)}`;
    what.append(el("option", { value: name, text: name }));
  });
  const comment = el("textarea", { rows: "2", maxlength: "4000", "aria-label": t("whatIsWrong") });
  const form = el(
    "form",
    { class: "complaint", hidden: true },
    el("p", { text: t("whatIsWrong") }),
    what,
    comment,
    el("button", { type: "submit", text: t("sendIt") }),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = [what.value, comment.value.trim()].filter(Boolean).join(": ");
    if (await give(turn, "bad", said, told)) form.hidden = true;
  });
  return form;
}

async function give(turn, rating, comment, told) {
  try {
    await call("POST", "feedback", { json: { rating, comment, answer: turn.answer } });
    told.textContent = t("thanks");
    return true;
  } catch (error) {
    told.textContent = problemOf(error);
    return false;
  }
}
