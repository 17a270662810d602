// The lab's log entries as sentences. The lab names what happened and to whom; the words are the page's.
import type { LogEntry } from "./contract";

type Say = (entry: LogEntry) => string;

const statusSays: Readonly<Record<string, string>> = {
  joining: "is joining",
  up: "answers",
  suspect: "does not answer: suspected",
  dormant: "is away: others stand in",
  leaving: "is handing everything over",
  departed: "is gone for good",
};

const epochSays: Readonly<Record<string, string>> = {
  first: "it is new",
  "unclean-stop": "it did not stop cleanly, so its last numbers may be lost",
  "foreign-dot": "somebody else has used its numbers",
  "let-go": "it let go of what it held",
  "memo-full": "it had too many to remember",
};

const sentences: Readonly<Record<string, Say>> = {
  member: (entry) => `${who(entry)} ${statusSays[String(entry.now)] ?? String(entry.now)}`,
  written: (entry) => `${entry.what === "delete" ? "deletes" : "writes"} ${entry.key ?? ""} as ${entry.dot ?? "?"}`,
  "hint-stored": (entry) => `keeps a hint for ${who(entry)}`,
  "hint-delivered": (entry) => `its hint has gone home to ${who(entry)}`,
  "siblings-created": (entry) => `holds ${count(entry, "sibling")} now: writes that have not seen each other`,
  expired: (entry) => `${count(entry, "key")} expired`,
  "let-go": (entry) => `lets go of ${count(entry, "key")} that others own`,
  reaped: (entry) => `forgets ${count(entry, "tombstone")}: everybody has seen them`,
  "read-repaired": (entry) => `a read found ${who(entry)} behind, and mended it`,
  "arc-incoming": (entry) => `is to own more of the ring, and copies it from ${count(entry, "node")}`,
  "arc-transferred": () => "has a part of the ring complete",
  reconciled: (entry) => `compared with ${who(entry)}: ${number(entry.received)} received, ${number(entry.sent)} sent`,
  "persist-failed": () => "its disk refused a write",
  "copies-full": () => "has no room for more copies",
  "capacity-lowered": (entry) => `lowers its capacity to ${number(entry.capacity)}`,
  "frame-dropped": (entry) => `drops a message of ${who(entry)} that it cannot use`,
  "epoch-begun": (entry) => `begins to count anew: ${epochSays[String(entry.reason)] ?? String(entry.reason)}`,
  linked: (entry) => `gets a link with ${who(entry)}`,
  act: (entry) => actWords(entry.step),
};

/** What an entry says after its node's name. */
export function sentenceOf(entry: LogEntry): string {
  return sentences[entry.kind]?.(entry) ?? entry.kind.replaceAll("-", " ");
}

/** The kinds by which the log is narrowed, as words. */
export function kindWords(kind: string): string {
  return kind === "act" ? "what you did" : kind.replaceAll("-", " ");
}

/** `{"cut":["Otter","Wren"]}` becomes "you: cut Otter, Wren". */
export function actWords(step: unknown): string {
  if (typeof step === "string") return `you: ${step.replaceAll("_", " ")}`;
  if (typeof step !== "object" || step === null) return "you did something";
  const [entry] = Object.entries(step);
  if (entry === undefined) return "you did something";
  return `you: ${entry[0].replaceAll("_", " ")} ${valueWords(entry[1])}`.trimEnd();
}

function valueWords(value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (Array.isArray(value)) {
    const nested = value.some((part) => Array.isArray(part));
    return value.map(valueWords).join(nested ? " | " : ", ");
  }
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([name, part]) => (name === "tab" ? `at ${valueWords(part)}` : `${name} ${valueWords(part)}`))
      .join(", ");
  }
  return "";
}

function who(entry: LogEntry): string {
  return entry.about ?? "somebody";
}

function number(value: unknown): string {
  return typeof value === "number" ? String(value) : "some";
}

function count(entry: LogEntry, what: string): string {
  return entry.count === 1 ? `1 ${what}` : `${number(entry.count)} ${what}s`;
}
