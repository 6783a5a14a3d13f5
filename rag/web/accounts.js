// For administrators: who may use the server. Names of groups are those of the access rules.

import { call, problemOf } from "./api.js";
import { confirmed, shown } from "./dialog.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";

const SCOPES = ["ask", "read", "write", "admin"];
const path = (kind, name) => `accounts/${kind}/${encodeURIComponent(name)}`;
const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

// `draw` shows the whole page anew, after something was changed.
export function accounts({ users, keys }, draw) {
  const problem = el("p", { class: "problem", role: "alert" });
  const act = async (does) => {
    problem.textContent = "";
    try {
      if ((await does()) !== false) await draw();
    } catch (error) {
      problem.textContent = problemOf(error);
    }
  };
  const valid = keys.filter((key) => !key.revoked);
  return el(
    "section",
    { class: "accounts" },
    el("h2", { text: t("users") }),
    table(users, (user) => rightsOf(user, act), (user) => ending("remove", user.name, "users", act)),
    newUser(act),
    el("h2", { text: t("keys") }),
    table(valid, (key) => el("span", { text: [key.scopes.join(", "), key.user, ...key.groups].filter(Boolean).join(" · ") }), (key) => ending("revoke", key.name, "keys", act)),
    newKey(users, act),
    problem,
    groups([...users, ...valid]),
  );
}

function table(all, rights, end) {
  const head = ["user", "rights", "ends"].map((name) => el("th", { scope: "col", text: t(name) }));
  const rows = all.map((one) => el("tr", {}, el("th", { scope: "row", text: one.name }), el("td", {}, rights(one)), el("td", {}, end(one))));
  return el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)));
}

function scopeBoxes(chosen, name) {
  return SCOPES.map((scope) => el("label", {}, el("input", { type: "checkbox", name: "scope", value: scope, checked: chosen.includes(scope), "aria-label": name ? `${scope}: ${name}` : null }), ` ${scope}`));
}

const rightsIn = (form) => ({ scopes: [...form.querySelectorAll("[name=scope]:checked")].map((box) => box.value), groups: words(form.elements.groups.value) });

function rightsOf(user, act) {
  const groupField = el("input", { name: "groups", value: user.groups.join(", "), "aria-label": `${t("groups")}: ${user.name}`, placeholder: t("groups") });
  const save = el("button", { type: "submit", text: t("save"), "aria-label": `${t("save")}: ${user.name}` });
  const form = el("form", { class: "row" }, ...scopeBoxes(user.scopes, user.name), groupField, save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(() => call("PATCH", path("users", user.name), { json: rightsIn(form) }));
  });
  return form;
}

function ending(what, name, kind, act) {
  const ask = async () => ((await confirmed(t(`${what}Title`, { name }), t(what))) ? call("DELETE", path(kind, name)) : false);
  return el("button", { type: "button", class: "plain", text: t(what), "aria-label": `${t(what)}: ${name}`, onclick: () => act(ask) });
}

function adding(title, fields, send) {
  const form = el("form", { class: "row" }, ...fields, ...scopeBoxes(["ask", "read"], ""), el("input", { name: "groups", "aria-label": t("groups"), placeholder: t("groups") }), el("button", { type: "submit", text: title }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  return el("details", {}, el("summary", { text: title }), form);
}

const field = (name, label, more) => el("input", { name, "aria-label": label, placeholder: label, required: true, ...more });

function newUser(act) {
  const fields = [field("name", t("user"), { maxlength: "64", autocomplete: "off" }), field("password", t("password"), { type: "password", autocomplete: "new-password" })];
  return adding(t("addUser"), fields, (form) => {
    const { name, password } = form.elements;
    act(() => call("POST", "accounts/users", { json: { name: name.value.trim(), password: password.value, ...rightsIn(form) } }));
  });
}

function newKey(users, act) {
  const options = [el("option", { value: "", text: t("noUser") }), ...users.map(({ name }) => el("option", { value: name, text: name }))];
  const fields = [field("name", t("keyName"), { maxlength: "64", autocomplete: "off" }), el("select", { name: "user", "aria-label": t("user") }, ...options)];
  return adding(t("addKey"), fields, (form) => {
    const { name, user } = form.elements;
    act(async () => {
      const json = { name: name.value.trim(), user: user.value || null, ...rightsIn(form) };
      const { key } = await call("POST", "accounts/keys", { json });
      await shown(t("keyOnce"), key, t("close"));
    });
  });
}

// Groups have no list of their own: they are what users, keys and access rules name.
function groups(all) {
  const members = new Map();
  for (const one of all) for (const group of one.groups) members.set(group, [...(members.get(group) ?? []), one.name]);
  if (!members.size) return "";
  const rows = [...members].sort().flatMap(([group, names]) => [el("dt", { text: group }), el("dd", { text: names.join(", ") })]);
  return el("div", {}, el("h2", { text: t("groups") }), el("dl", {}, ...rows));
}
