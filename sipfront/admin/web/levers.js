// The levers of the command, each confirmed; and the token that they need.

import { ask, setToken, token } from "./api.js";
import { byId, say } from "./dom.js";

const WORDS = {
  switchover: (node) => [`Make ${node.name} active?`, "New calls go to it from now on; calls that are up stay where they are until they end.", `Make ${node.name} active`],
  drain: (node) => [`Drain ${node.name}?`, node.role === "active"
    ? "A switch-over comes first. It keeps its calls, gets nothing new and cannot take over."
    : "It keeps its calls, gets nothing new and cannot take over: the pair is not redundant until you resume it.", `Drain ${node.name}`],
  maintenance: (node) => [`Maintenance of ${node.name}?`, "As drain, and nobody is alarmed about it. The pair is not redundant until you resume it.", `Begin maintenance of ${node.name}`],
  resume: (node) => [`Resume ${node.name}?`, "It takes part again, as the standby; it does not become active by this.", `Resume ${node.name}`],
};
const MODES = { drain: "drain", maintenance: "maintenance", resume: "in-service" };

/** Ask, and pull if confirmed. */
export function pull(lever, node) {
  const dialog = byId("ask");
  const [title, text, word] = WORDS[lever](node);
  say(byId("ask-title"), title);
  say(byId("ask-text"), text);
  say(byId("ask-yes"), word);
  say(byId("ask-said"), "");
  byId("ask-force").hidden = lever !== "switchover" || node.ready;
  byId("ask-force-box").checked = false;
  dialog.onsubmit = async (event) => {
    if (event.submitter?.value !== "yes") return;
    event.preventDefault();
    byId("ask-yes").disabled = true;
    try {
      const [path, body] = lever === "switchover"
        ? ["/api/v1/switchover", { to: node.name, force: byId("ask-force-box").checked }]
        : [`/api/v1/nodes/${encodeURIComponent(node.name)}/mode`, { mode: MODES[lever] }];
      const { status, value } = await ask(path, { method: "POST", body });
      if (status === 200) dialog.close("done");
      else say(byId("ask-said"), value.error || `the front answered ${status}`);
      if (status === 409 && lever === "switchover") byId("ask-force").hidden = false;
    } catch {
      say(byId("ask-said"), "the front does not answer; nothing is known of what it did");
    } finally {
      byId("ask-yes").disabled = false;
    }
  };
  dialog.showModal();
}

/** Ask for the token; `changed()` is called when there is one. */
export function unlock(changed, why = "") {
  const dialog = byId("token");
  if (dialog.open) return;
  byId("token-value").value = "";
  say(byId("token-said"), why);
  byId("token-no").onclick = () => dialog.close("no");
  dialog.onsubmit = async (event) => {
    event.preventDefault();
    const given = byId("token-value").value.trim();
    try {
      const fine = /^[\x21-\x7e]+$/.test(given);
      const { status, value } = fine ? await ask("/api/v1/access", { using: given }) : { status: 401, value: {} };
      if (status === 200 && value.levers) {
        setToken(given);
        dialog.close("done");
        changed();
      } else say(byId("token-said"), "the front does not take this token");
    } catch {
      say(byId("token-said"), "the front does not answer");
    }
  };
  dialog.showModal();
  byId("token-value").focus();
}

export function lock(changed) {
  setToken("");
  changed();
}

export function unlocked() {
  return token() !== "";
}
