// Ask gatedog before each tool call of an OpenClaw agent: `gatedog gate check --json`, as a list of words, no shell.
//
// allow      the call goes on
// refuse     it is blocked, and the agent reads why
// ask-human  it is blocked, and the agent reads which command a person types; afterwards the same call goes on, once
//
// When gatedog cannot be asked, tools that only look go on, and every other call is blocked. OpenClaw itself blocks a
// call whose hook fails or takes longer than 15 s.

import { execFile } from "node:child_process";

const DEFAULT_PROGRAM = "/usr/bin/gatedog";
const DEFAULT_TIMEOUT_MS = 10_000;
const REFUSED = 77;
const BUSY = 75;
const TRIES = 4;
const WAIT_MS = 1_000;

// Tools without a command and without a file to write, whatever their parameters say.
const LOOKING = new Set([
  "read", "web_search", "web_fetch", "x_search", "view_image", "memory_search", "memory_get", "session_status",
  "sessions_list", "sessions_history", "agents_list", "tool_search", "tool_describe", "get_goal",
]);

// Tools of which one parameter says what they do: `cron` with `action: "remove"` is asked about as "cron.remove".
const ACTING = new Set(["cron", "gateway", "process", "nodes", "plugins", "message", "browser", "sessions"]);

// Tools that write, whether or not their parameters say where.
const WRITING = new Set(["write", "edit", "apply_patch"]);

// A path that is opened as it is written. OpenClaw makes another one of `~/x`, `@x`, `file:///x`, `x</arg_value>>` and of
// odd spaces; asked about as "", which is: nobody knows where.
const PLAIN = /^[\p{L}\p{N}_.\/](?:[\p{L}\p{N}_.\/+,=~@()[\] -]*[\p{L}\p{N}_.\/+,=~@()[\]-])?$/u;

// Shells by which nobody can log in: OpenClaw takes `sh` instead.
const NO_SHELLS = new Set(["", "nologin", "false"]);

// By which shell OpenClaw runs a command. For fish it takes bash.
function shellOf(environment) {
  const shell = (environment.SHELL ?? "").trim();
  const name = shell.slice(shell.lastIndexOf("/") + 1);
  return NO_SHELLS.has(name) ? "sh" : name === "fish" ? "bash" : shell;
}

// Where a command runs; "": not known. `workspace` is where relative folders begin.
function directoryOf(workdir, workspace) {
  const folder = typeof workdir === "string" ? workdir.trim() : "";
  if (folder === "" || folder === ".") return workspace;
  if (!PLAIN.test(folder)) return "";
  return folder.startsWith("/") ? folder : workspace && `${workspace}/${folder}`;
}

function texts(value) {
  return (Array.isArray(value) ? value : [value]).filter((each) => typeof each === "string" && each !== "");
}

// The words of `gatedog gate check` for one tool call. `workspace` is where its relative paths begin; "": not known.
export function wordsFor(event, workspace, environment = process.env) {
  const params = event.params ?? {};
  const shell = event.toolName === "exec" && event.toolKind === undefined;
  const name = event.toolKind ?? event.toolName;
  const action = ACTING.has(name) && typeof params.action === "string" ? `${name}.${params.action}` : name;
  const words = ["gate", "check", "--json", "--action", action];
  const directory = shell ? directoryOf(params.workdir, workspace) : workspace;
  words.push("--directory", directory.startsWith("/") ? directory : "");
  if (!LOOKING.has(name) && !shell) {
    const paths = [...texts(params.path), ...texts(params.file_path), ...texts(event.derivedPaths)];
    if (paths.length === 0 && WRITING.has(name)) paths.push("");
    for (const path of new Set(paths)) words.push("--path", PLAIN.test(path) ? path : "");
  }
  if (shell) {
    const variables = Object.entries(params.env ?? {}).map(([key, value]) => `${key}=${value}`);
    const wrapper = variables.length > 0 ? ["env", ...variables] : [];
    words.push("--", ...wrapper, shellOf(environment), "-c", String(params.command ?? ""));
  }
  return words;
}

function ask(config, words, signal) {
  const socket = config.socket ? ["--socket", config.socket] : [];
  const options = { timeout: config.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal, maxBuffer: 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(config.program ?? DEFAULT_PROGRAM, [...socket, ...words], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      let answer = null;
      try {
        answer = JSON.parse(stdout);
      } catch {
        // It said nothing that can be read: as good as not asked.
      }
      resolve({ code, answer, said: String(stderr).trim().slice(0, 500) });
    });
  });
}

// What OpenClaw is told of an answer; undefined lets the call go on.
export function verdictOf({ code, answer, said }, isLooking) {
  if (code === 0 && answer?.answer === "allow") return undefined;
  if (code === REFUSED && (answer?.answer === "refuse" || answer?.answer === "ask-human")) {
    const next = (answer.next_commands ?? []).join("; ");
    const blocked = answer.answer === "refuse" ? "gatedog refuses this" : "gatedog asks a human first";
    return { block: true, blockReason: `${blocked}: ${answer.message} [${answer.rule}]. Next: ${next}` };
  }
  if (isLooking) return undefined;
  return { block: true, blockReason: `gatedog could not be asked, so this is not done (${code}): ${said}` };
}

export default {
  id: "gatedog-gate",
  name: "gatedog gate",
  description: "Asks gatedog before each tool call, and blocks what it does not allow",
  register(api) {
    const config = api.pluginConfig ?? {};
    api.on(
      "before_tool_call",
      async (event, ctx) => {
        let workspace = "";
        try {
          workspace = api.runtime.agent.resolveAgentWorkspaceDir(api.config, ctx?.agentId) ?? "";
        } catch {
          // Then relative paths lead nobody knows where, and gatedog asks a human about them.
        }
        const isLooking = LOOKING.has(event.toolName) && event.toolKind === undefined;
        const words = wordsFor(event, workspace);
        let said = await ask(config, words, ctx?.abortSignal);
        for (let tries = 1; said.code === BUSY && tries < TRIES; tries += 1) {
          await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
          said = await ask(config, words, ctx?.abortSignal);
        }
        return verdictOf(said, isLooking);
      },
      { priority: 100 },
    );
  },
};
