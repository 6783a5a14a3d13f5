// The list of conversations, and what can be done with the one that is open.

import { call, problemOf } from "./api.js";
import { opened, update } from "./asking.js";
import { asked, confirmed, shown } from "./dialog.js";
import { announce, byId, el, points, save } from "./dom.js";
import { t } from "./i18n.js";
import { conversationAsMarkdown } from "./markdown.js";

let sought = 0;

export async function refresh() {
  const mine = ++sought;
  const text = byId("find").value;
  let found;
  try {
    found = await call("GET", "conversations", { params: { text, limit: 1000 } });
  } catch {
    return; // the list stays as it is; whoever asks next is told what is wrong
  }
  if (mine !== sought) return;
  const items = found.conversations.map(({ id, title }) =>
    el("li", {}, el("a", { href: `#/c/${id}`, text: title, title, "aria-current": location.hash === `#/c/${id}` ? "page" : null })),
  );
  byId("conversations").replaceChildren(...(items.length ? items : [el("li", { class: "quiet", text: t(text ? "nothingFound" : "noConversations") })]));
}

async function rename() {
  const conversation = opened();
  const title = await asked(t("renameTitle"), conversation.title);
  if (!title?.trim()) return;
  update(await call("PATCH", path(conversation), { json: { title } }));
  refresh();
}

async function share() {
  const conversation = opened();
  const link = new URL(`#/c/${encodeURIComponent(conversation.id)}`, document.baseURI).href;
  if (!conversation.is_shared) update(await call("PUT", `${path(conversation)}/share`));
  if (!(await shown(t("shareTitle"), link, t("shareEnd")))) return;
  update(await call("DELETE", `${path(conversation)}/share`));
  announce(t("shareEnded"));
}

async function remove() {
  if (!(await confirmed(t("deleteConversation"), t("delete")))) return;
  await call("DELETE", path(opened()));
  location.hash = "#/";
  refresh();
}

function failed(error) {
  byId("conversation-note").hidden = false;
  byId("conversation-note").textContent = problemOf(error);
}

const path = (conversation) => `conversations/${encodeURIComponent(conversation.id)}`;
const fileName = (title) => points(title.replace(/[^\p{L}\p{N} _-]/gu, "").trim()).slice(0, 60).join("") || "conversation";

async function exportAs(kind) {
  const conversation = await call("GET", path(opened()));
  const name = `${fileName(conversation.title)}.${kind}`;
  if (kind === "json") save(name, "application/json", JSON.stringify(conversation, null, 2));
  else save(name, "text/markdown", conversationAsMarkdown(conversation.title, conversation.turns));
}

export function startConversations() {
  const acts = [
    ["rename", rename, "own"],
    ["share", share, "own"],
    ["exportMarkdown", () => exportAs("md")],
    ["exportJson", () => exportAs("json")],
    ["print", () => window.print()],
    ["delete", remove, "own"],
  ];
  byId("conversation-actions").append(
    ...acts.map(([name, act, whose]) =>
      el("button", {
        class: whose ? `plain ${whose}` : "plain",
        type: "button",
        text: t(name),
        onclick: async (event) => {
          event.target.closest("details").open = false;
          try {
            await act();
          } catch (error) {
            failed(error);
          }
        },
      }),
    ),
  );
  byId("find").addEventListener("input", refresh);
  window.addEventListener("asked", refresh);
}
