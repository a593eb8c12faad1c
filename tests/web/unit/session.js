import { Backlog } from "/web/client/backlog.js";
import { Session } from "/web/client/session.js";
import { check, equal } from "./check.js";

const CHUNK_BYTES = 3200; // 0.1 s

/** Longer than a server that is away is waited for where somebody waits for the end. */
const AWAY_MS = 1200;

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A chunk whose bytes say which one it is. */
const chunk = (number) => new Uint8Array(CHUNK_BYTES).fill(number);

/** Connections that a test opens, breaks and answers by hand. */
class World {
  lines = [];
  told = [];
  hasRoom = true;
  verdict = "retry";
  #end = () => {};
  ended = new Promise((resolve) => (this.#end = resolve));

  constructor(backlog = new Backlog()) {
    const tell = (name) => (value) => this.told.push([name, value]);
    this.session = new Session(
      { connect: async (onEvent, onEnd) => this.#line(onEvent, onEnd), language: "" },
      {
        onState: () => {},
        onText: tell("text"),
        onAnswer: ({ text, startS, endS }) => this.told.push(["answer", [text, startS, endS]]),
        onRestart: () => this.told.push(["restart"]),
        onLost: tell("lost"),
        onBreak: () => this.verdict,
        onEnd: (isComplete) => {
          this.told.push(["end", isComplete]);
          this.#end();
        },
      },
      backlog,
    );
  }

  #line(onEvent, onEnd) {
    const world = this;
    const line = {
      sent: [],
      get hasRoom() {
        return world.hasRoom;
      },
      send: (message) => line.sent.push(shown(JSON.parse(message))),
      abandon: () => line.end(),
      end: () => {
        line.end = () => {};
        onEnd({ code: 1006, wasOpen: true, error: null });
      },
      tell: onEvent,
    };
    this.lines.push(line);
    return line;
  }

  /** The latest connection, once the session has it. */
  async line() {
    await Promise.resolve();
    await Promise.resolve();
    return this.lines.at(-1);
  }

  async opened() {
    const line = await this.line();
    line.tell({ kind: "created" });
    return line;
  }
}

/** A message in short: the number of a chunk, "flush" or "end". */
function shown({ type, audio }) {
  return audio ? atob(audio).charCodeAt(0) : type.replace("input_audio.", "");
}

const done = (text) => ({ kind: "done", text, segments: [] });

export async function test_audio_and_flushes_keep_their_order() {
  const world = new World();
  world.session.feed(chunk(1));
  world.session.flush(null);
  world.session.feed(chunk(2));
  const line = await world.opened();
  world.session.feed(chunk(3));
  world.session.flush(null);
  world.session.finish(false);
  equal(line.sent, [1, "flush", 2, 3, "flush", "end"]);
  world.session.stop();
}

export async function test_a_flush_of_nothing_new_is_not_sent() {
  const world = new World();
  const line = await world.opened();
  world.session.flush(null);
  world.session.feed(chunk(1));
  world.session.flush(null);
  world.session.flush(null);
  line.tell(done("one"));
  world.session.flush(null);
  equal(line.sent, [1, "flush"]);
  world.session.stop();
}

export async function test_answers_know_their_place() {
  const world = new World();
  const line = await world.opened();
  world.session.feed(chunk(1));
  world.session.flush(null);
  world.session.feed(chunk(2));
  world.session.flush(null);
  line.tell(done("one"));
  line.tell(done("two"));
  equal(world.told, [
    ["answer", ["one", 0, 0.1]],
    ["answer", ["two", 0.1, 0.2]],
  ]);
  world.session.stop();
}

export async function test_a_broken_connection_is_made_good() {
  const world = new World();
  const first = await world.opened();
  for (const number of [1, 2]) world.session.feed(chunk(number));
  world.session.flush(null);
  first.tell(done("settled"));
  for (const number of [3, 4]) world.session.feed(chunk(number));
  world.session.flush(null);
  first.end();
  world.session.feed(chunk(5));
  world.session.reconnect();
  const second = await world.opened();
  equal(second.sent, [3, 4, "flush", 5]);
  second.tell({ kind: "segment", segment: { text: "x", startS: 0, endS: 0.5 } });
  equal(world.told.at(-1), ["text", { kind: "segment", segment: { text: "x", startS: 0.2, endS: 0.7 } }]);
  second.tell(done("again"));
  equal(world.told.at(-1), ["answer", ["again", 0.2, 0.4]]);
  world.session.stop();
}

export async function test_a_done_that_nobody_asked_for_settles_nothing_but_is_not_lost() {
  const world = new World();
  const first = await world.opened();
  world.session.feed(chunk(1));
  first.tell(done("one"));
  equal(world.told, []);
  world.session.feed(chunk(2));
  world.session.flush(null);
  first.tell(done("two"));
  equal(world.told, [["answer", ["one two", 0, 0.2]]]);
  world.session.feed(chunk(3));
  first.tell(done("three"));
  first.end(); // as when a server goes away
  world.session.reconnect();
  const second = await world.opened();
  world.session.finish(false);
  equal(second.sent, [3, "end"]);
  second.tell(done("three"));
  equal(world.told.slice(1), [["restart"], ["answer", ["three", 0.2, 0.3]], ["end", true]]);
}

export async function test_the_end_comes_with_the_last_answer() {
  const world = new World();
  const line = await world.opened();
  world.session.feed(chunk(1));
  world.session.finish(false);
  world.session.feed(chunk(2));
  equal(line.sent, [1, "end"]);
  line.tell(done("one"));
  equal(world.told, [
    ["answer", ["one", 0, 0.1]],
    ["end", true],
  ]);
}

export async function test_an_end_while_the_server_is_away_waits_for_it() {
  const world = new World();
  const first = await world.opened();
  world.session.feed(chunk(1));
  first.end();
  world.session.finish(false);
  world.session.reconnect();
  const second = await world.opened();
  equal(second.sent, [1, "end"]);
  second.tell(done("one"));
  equal(world.told, [["restart"], ["answer", ["one", 0, 0.1]], ["end", true]]);
}

export async function test_an_end_that_somebody_waits_for_is_not_held_up_by_a_server_that_is_away() {
  const world = new World();
  const line = await world.opened();
  world.session.feed(chunk(1));
  line.end();
  world.session.finish(true);
  const second = await world.line();
  check(second !== line, "it is tried once more, at once");
  second.end();
  await Promise.race([world.ended, delay(4 * AWAY_MS)]);
  equal(world.told, [["restart"], ["restart"], ["end", false]]);
}

export async function test_an_end_that_somebody_waits_for_goes_on_where_the_server_is_back() {
  const world = new World();
  const first = await world.opened();
  world.session.feed(chunk(1));
  world.session.finish(true);
  first.end();
  world.session.reconnect();
  const second = await world.opened();
  await delay(AWAY_MS);
  equal(second.sent, [1, "end"]);
  second.tell(done("one"));
  equal(world.told, [["restart"], ["answer", ["one", 0, 0.1]], ["end", true]]);
}

export async function test_a_stop_says_that_something_is_missing() {
  const world = new World();
  await world.opened();
  world.session.feed(chunk(1));
  world.session.stop();
  equal(world.told, [["end", false]]);
}

export async function test_a_refusal_ends_it() {
  const world = new World();
  world.verdict = "stop";
  const line = await world.line();
  line.end();
  equal(world.told.at(-1), ["end", true]);
  equal(world.lines.length, 1);
}

export async function test_a_full_socket_is_waited_for() {
  const world = new World();
  const line = await world.opened();
  world.hasRoom = false;
  world.session.feed(chunk(1));
  equal(line.sent, []);
  world.hasRoom = true;
  world.session.feed(chunk(2));
  equal(line.sent, [1, 2]);
  world.session.stop();
}

export async function test_audio_beyond_the_bound_is_counted_and_the_rest_sent() {
  const world = new World(new Backlog(3 * CHUNK_BYTES));
  for (const number of [1, 2, 3, 4, 5]) world.session.feed(chunk(number));
  equal(world.told, [
    ["lost", 0.1],
    ["lost", 0.1],
  ]);
  const line = await world.opened();
  equal(line.sent, [3, 4, 5]);
  world.session.flush(null);
  line.tell(done("rest"));
  equal(world.told.at(-1), ["answer", ["rest", 0.2, 0.5]]);
  world.session.stop();
}

export async function test_long_speech_is_settled_on_the_way() {
  const world = new World();
  const line = await world.opened();
  for (let number = 0; number < 301; number++) world.session.feed(chunk(1));
  equal(line.sent.indexOf("flush"), 300);
  check(line.sent.filter((message) => message === "flush").length === 1, "one flush in 30 s");
  world.session.stop();
}
