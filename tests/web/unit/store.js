import { Archive, MAX_CHARS, MAX_FREED_CHARS, MAX_SESSIONS, surplusOf } from "/web/store/archive.js";
import { openDatabase } from "/web/store/database.js";
import { Keeper } from "/web/store/keeper.js";
import { matchIn, titleOf } from "/web/text/search.js";
import { check, equal } from "./check.js";

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

/** A database with room for a number of sessions, in memory. */
class SmallDatabase {
  stored = new Map();
  puts = 0;

  constructor(room) {
    this.room = room;
  }

  records = async () => [...this.stored.values()];
  delete = async (ids) => ids.forEach((id) => this.stored.delete(id));
  put = async (added) => {
    this.puts++;
    await null;
    if (!this.stored.has(added.id) && this.stored.size >= this.room) throw new DOMException("", "QuotaExceededError");
    this.stored.set(added.id, added);
  };
}

export async function test_a_full_browser_loses_its_oldest_sessions_one_at_a_time() {
  const database = new SmallDatabase(4);
  const archive = new Archive(database);
  const lost = [];
  archive.onDeleted = ({ id }) => lost.push(id);
  for (const n of [1, 2, 3, 4, 5]) await archive.save(record(`s${n}`, n), []);
  equal([[...database.stored.keys()], lost], [["s2", "s3", "s4", "s5"], ["s1"]]);
  await Promise.all([6, 7].map((n) => archive.save(record(`s${n}`, n), []))); // each deletes what it needs
  equal([[...database.stored.keys()], lost], [["s4", "s5", "s6", "s7"], ["s1", "s2", "s3"]]);
}

export async function test_a_retry_in_a_full_browser_writes_the_latest_text() {
  const database = new SmallDatabase(2);
  const archive = new Archive(database);
  for (const n of [1, 2]) await archive.save(record(`s${n}`, n), []);
  const first = archive.save(record("text", 3, 10), []);
  await Promise.all([first, archive.save(record("text", 4, 20), [])]);
  equal([[...database.stored.keys()], database.stored.get("text").numChars], [["s2", "text"], 20]);
  const pending = archive.save(record("other", 5), []);
  await archive.delete("other"); // the retry must not bring it back
  await pending;
  check(!database.stored.has("other"), "deleted");
}

export async function test_deletions_that_make_no_room_end() {
  const database = new SmallDatabase(9);
  const archive = new Archive(database);
  for (const n of [1, 2, 3, 4, 5]) await archive.save(record(`s${n}`, n, MAX_FREED_CHARS), []);
  database.room = 0; // as on a full disk
  const save = () => archive.save(record("text", 9, 100), []).then(() => "saved", ({ name }) => name);
  equal([await save(), await save(), database.stored.size], ["QuotaExceededError", "QuotaExceededError", 3]);
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

export async function test_all_free_sessions_are_deleted_and_the_others_are_counted() {
  await inDatabase("test.delete-all", async (archive, database) => {
    for (const id of ["own", "free", "stuck", "last"]) await archive.save(record(id, 1), [segment(`${id}.`)]);
    const broken = new Archive({
      read: (id) => database.read(id),
      delete: (ids) => (ids.includes("stuck") ? Promise.reject(new Error("disk")) : database.delete(ids)),
    });
    const { deleted, numOpen, numFailed } = await broken.deleteAllFree(["own", "free", "stuck", "gone", "last"], "own");
    const texts = deleted.map(({ record: { id }, segments }) => [id, segments[0].text]);
    equal(texts, [["free", "free."], ["last", "last."]]);
    equal([numOpen, numFailed], [1, 1]);
    equal((await archive.list()).map(({ id }) => id).sort(), ["own", "stuck"]);
    for (const { record: kept, segments } of deleted) await archive.save(kept, segments); // as an undo does
    equal((await archive.segments("last")).map(({ text }) => text), ["last."]);
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
