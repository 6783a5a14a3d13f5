// Start the page: who is asking, which view is open, and what belongs to none of them.

import { logIn, logOut, session } from "./api.js";
import { openConversation, startAsking, tellHoldings } from "./asking.js";
import { unpeek } from "./citations.js";
import { refresh, startConversations } from "./conversations.js";
import { openDocuments, startDocuments } from "./documents.js";
import { byId } from "./dom.js";
import { switchLanguage, t, translate } from "./i18n.js";
import { openOverview } from "./overview.js";
import { closeSource } from "./source.js";

function route() {
  const [, view, id] = /^#\/(c|documents|overview)?\/?(.*)$/.exec(location.hash) ?? [];
  const name = view === "documents" || view === "overview" ? view : "ask";
  for (const one of ["ask", "documents", "overview"]) byId(`view-${one}`).hidden = one !== name;
  for (const link of document.querySelectorAll("#side a")) {
    if (link.getAttribute("href") === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  menu(false);
  closeSource();
  if (name === "documents") openDocuments();
  else if (name === "overview") openOverview();
  else {
    openConversation(id ? decodeURIComponent(id) : null);
    byId("question").focus({ preventScroll: true });
  }
}

function menu(isOpen) {
  document.body.classList.toggle("has-menu", isOpen);
  byId("menu").setAttribute("aria-expanded", String(isOpen));
}

function keys(event) {
  if (event.key !== "Escape" || byId("dialog").open) return;
  unpeek();
  const menus = [...document.querySelectorAll("details.menu[open]")];
  if (menus.length) menus.forEach((one) => { one.open = false; one.querySelector("summary").focus(); });
  else if (document.body.classList.contains("has-menu")) { menu(false); byId("menu").focus(); }
  else closeSource();
}

async function begin(who) {
  byId("login").hidden = true;
  byId("shell").hidden = false;
  const may = (scope) => who.scopes.includes("admin") || who.scopes.includes(scope);
  byId("to-overview").hidden = !who.scopes.includes("admin");
  byId("account").hidden = who.how !== "session";
  byId("to-login").hidden = who.how !== "anonymous";
  byId("who").textContent = who.user;
  startDocuments(may);
  route();
  await Promise.allSettled([refresh(), tellHoldings()]);
}

function askWho() {
  byId("shell").hidden = true;
  byId("login").hidden = false;
  byId("user").focus();
}

async function start() {
  translate(document);
  startAsking();
  startConversations();
  byId("language").addEventListener("click", switchLanguage);
  byId("menu").addEventListener("click", () => menu(!document.body.classList.contains("has-menu")));
  byId("main").addEventListener("click", () => menu(false));
  byId("main").addEventListener("scroll", unpeek, { passive: true });
  byId("to-login").addEventListener("click", () => { askWho(); byId("login-back").hidden = false; });
  byId("log-out").addEventListener("click", async () => { await logOut(); location.assign("./"); });
  document.addEventListener("keydown", keys);
  window.addEventListener("hashchange", route);
  window.addEventListener("signed-out", askWho);
  byId("login-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const who = await logIn(byId("user").value, byId("password").value);
      byId("password").value = byId("login-error").textContent = "";
      await begin(who);
    } catch (error) {
      byId("login-error").textContent = error.message || t("unreachable");
    }
  });
  try {
    await begin(await session());
  } catch (error) {
    askWho();
    if (error.status !== 401) byId("login-error").textContent = error.status ? error.message : t("unreachable");
  }
}

start();
