import { Archive, MAX_CHARS, MAX_SESSIONS, surplusOf } from "/web/store/archive.js";
import { openDatabase } from "/web/store/database.js";
import { Keeper } from "/web/store/keeper.js";
import { matchIn, titleOf } from "/web/text/search.js";
import { equal } from "./check.js";

const record = (id, changedMs, numChars = 10) => ({ id, changedMs, numChars, title: id, isClosed: false });
const segment = (text, startS = 0, endS = 1) => ({ text, startS, endS });

/** An archive of its own. */
async function inDatabase(name, run) {
  const database = await openDatabase(name);
  try {
    await run(new Archive(database), database);
  } finally {
    database.close();
    indexedDB.deleteDatabase(name);
    sessionStorage.clear();
  }
}

export function test_the_oldest_sessions_beyond_the_limits_go() {
  const many = Array.from({ length: MAX_SESSIONS + 2 }, (_, n) => record(`s${n}`, n));
  equal(surplusOf(many, "s0"), ["s2", "s1"]);
  equal(surplusOf([record("old", 1), record("long", 2, MAX_CHARS), record("new", 3)], "new"), ["long", "old"]);
  equal(surplusOf([record("only", 1, 2 * MAX_CHARS)], "only"), []);
}

export async function test_a_full_browser_loses_its_oldest_sessions_first() {
  const rooms = new Map();
  const full = () => new DOMException("", "QuotaExceededError");
  const database = {
    records: async () => [...rooms.values()],
    put: async (added) => {
      if (!rooms.has(added.id) && rooms.size === 4) throw full();
      rooms.set(added.id, added);
    },
    delete: async (ids) => ids.forEach((id) => rooms.delete(id)),
  };
  const archive = new Archive(database);
  for (const n of [1, 2, 3, 4, 5]) await archive.save(record(`s${n}`, n), []);
  equal([...rooms.keys()], ["s3", "s4", "s5"]);
}

export async function test_sessions_are_listed_and_searched() {
  await inDatabase("test.search", async (archive) => {
    await archive.save(record("first", 1), [segment("Ever tried."), segment("Ever failed.")]);
    await archive.save(record("second", 2), [segment("No matter.")]);
    equal((await archive.list()).map(({ id }) => id), ["second", "first"]);
    const found = await Array.fromAsync(archive.search("TRIED. ever"));
    equal(found.map(({ record: { id }, match }) => [id, match.before, match.found]), [["first", "Ever ", "tried. Ever"]]);
    const { isFree, deleted } = await archive.deleteFree("first");
    equal([isFree, deleted.segments.length, await archive.deleteFree("first")], [true, 2, { isFree: true, deleted: null }]);
    equal(await archive.segments("first"), []);
  });
}

export async function test_text_is_stored_at_most_twice_a_second_and_at_once_when_asked() {
  await inDatabase("test.keeper", async (archive) => {
    let segments = [];
    const keeper = new Keeper(archive, () => ({ segments, audioS: 3, model: "", language: "en" }));
    equal(await keeper.restore(), null);
    const stored = async () => (await archive.segments(keeper.id)).map(({ text }) => text);
    segments = [segment("One.")];
    keeper.noteChange();
    equal(await stored(), ["One."]);
    segments = [segment("One."), segment("Two.")];
    keeper.noteChange();
    equal(await stored(), ["One."]);
    keeper.save(); // as when the page is closed
    equal(await stored(), ["One.", "Two."]);
    segments = [];
    await keeper.save();
    equal(await archive.list(), []);
    segments = [segment("Three.")];
    keeper.save();
    segments = []; // before the text is stored
    await keeper.save();
    equal(await archive.list(), []);
  });
}

export async function test_a_failed_write_is_reported() {
  const failing = { list: async () => [], save: () => Promise.reject(new Error("disk")) };
  const keeper = new Keeper(failing, () => ({ segments: [segment("One.")], audioS: 1, model: "", language: "" }));
  const failures = [];
  keeper.onFailure = ({ message }) => failures.push(message);
  equal([await keeper.save(), failures], [false, ["disk"]]);
}

export function test_matches_ignore_case_and_white_space() {
  equal(matchIn("Ever tried. Ever failed.", " ever "), { numMatches: 2, before: "", found: "Ever", after: " tried. Ever failed." });
  equal(matchIn("a+b", "A+B").found, "a+b");
  equal([matchIn("text", "  "), matchIn("text", "other")], [null, null]);
  const { before, after } = matchIn(`${"a".repeat(80)} x ${"b".repeat(80)}`, "x");
  equal([before.length, after.length], [51, 51]);
}

export function test_titles_are_the_first_words() {
  equal(titleOf("Ever tried."), "Ever tried.");
  equal(titleOf("word ".repeat(40)), `${"word ".repeat(11)}word…`);
}
