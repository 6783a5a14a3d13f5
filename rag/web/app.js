// Start the page: who is asking, which view is open, and what belongs to none of them.

import { logIn, logOut, session, problemOf } from "./api.js";
import { openConversation, startAsking, tellHoldings } from "./asking.js";
import { unpeek } from "./citations.js";
import { refresh, startConversations } from "./conversations.js";
import { openDocuments, startDocuments } from "./documents.js";
import { byId } from "./dom.js";
import { switchLanguage, translate } from "./i18n.js";
import { openOverview } from "./overview.js";
import { closeSource, showLinked } from "./source.js";

let last = null; // the name of who was here before

function route() {
  const [, view, id] = /^#\/(c|documents|overview|source)?\/?(.*)$/.exec(location.hash) ?? [];
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
    openConversation(view === "c" && id ? decoded(id) : null);
    byId("question").focus({ preventScroll: true });
    if (view === "source") showLinked(new URLSearchParams(id), byId("question"));
  }
}

function decoded(id) {
  try {
    return decodeURIComponent(id);
  } catch {
    return id; // a broken link, which the server then knows nothing of
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
  last = who.user;
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

async function leave() {
  try {
    await logOut();
  } catch (error) {
    if (error.status !== 401) {
      byId("trouble").textContent = problemOf(error);
      byId("trouble").hidden = false;
      return;
    }
  }
  location.assign("./");
}

async function enter() {
  try {
    const who = await logIn(byId("user").value, byId("password").value);
    // A page of one's own: nothing that somebody else saw, wrote or had open remains.
    if (last !== null && last !== who.user) location.replace("./");
    else await begin(who);
    byId("password").value = byId("login-error").textContent = "";
  } catch (error) {
    byId("login-error").textContent = problemOf(error);
  }
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
  byId("log-out").addEventListener("click", leave);
  document.addEventListener("keydown", keys);
  window.addEventListener("hashchange", route);
  window.addEventListener("signed-out", askWho);
  window.addEventListener("pageshow", (event) => event.persisted && location.reload()); // "back" after a log out
  byId("login-form").addEventListener("submit", (event) => { event.preventDefault(); enter(); });
  try {
    await begin(await session());
  } catch (error) {
    askWho();
    if (error.status !== 401) byId("login-error").textContent = problemOf(error);
  }
}

start();
