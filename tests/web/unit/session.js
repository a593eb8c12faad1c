import { Backlog } from "/web/client/backlog.js";
import { Session } from "/web/client/session.js";
import { check, equal } from "./check.js";

const CHUNK_BYTES = 3200; // 0.1 s

/** Longer than the timeout of a user's stop while the server is unreachable. */
const USER_STOP_MS = 1200;

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A chunk whose bytes are its number. */
const chunk = (number) => new Uint8Array(CHUNK_BYTES).fill(number);

/** A session with connections that a test opens, answers and closes. */
class World {
  connections = [];
  events = [];
  canSend = true;
  verdict = "retry";
  #end = () => {};
  ended = new Promise((resolve) => (this.#end = resolve));

  constructor(backlog = new Backlog()) {
    const record = (name) => (value) => this.events.push([name, value]);
    this.session = new Session(
      { connect: async (onEvent, onClose) => this.#connect(onEvent, onClose), language: "", vocabulary: [] },
      {
        onState: () => {},
        onText: record("text"),
        onAnswer: ({ text, startS, endS }) => this.events.push(["answer", [text, startS, endS]]),
        onReplay: () => this.events.push(["replay"]),
        onLost: record("lost"),
        onDisconnect: () => this.verdict,
        onEnd: (isComplete) => {
          this.events.push(["end", isComplete]);
          this.#end();
        },
      },
      backlog,
    );
  }

  #connect(onEvent, onClose) {
    const world = this;
    const connection = {
      sent: [],
      get canSend() {
        return world.canSend;
      },
      send: (message) => connection.sent.push(summary(JSON.parse(message))),
      abort: () => connection.close(),
      close: () => {
        connection.close = () => {};
        onClose({ code: 1006, wasOpen: true, error: null });
      },
      emit: onEvent,
    };
    this.connections.push(connection);
    return connection;
  }

  /** The latest connection, once the session has it. */
  async connection() {
    await Promise.resolve();
    await Promise.resolve();
    return this.connections.at(-1);
  }

  async opened() {
    const connection = await this.connection();
    connection.emit({ kind: "created" });
    return connection;
  }
}

/** Summary of a message: the number of a chunk, "flush" or "end". */
function summary({ type, audio }) {
  return audio ? atob(audio).charCodeAt(0) : type.replace("input_audio.", "");
}

const done = (text) => ({ kind: "done", text, segments: [] });

export async function test_audio_and_flushes_keep_their_order() {
  const world = new World();
  world.session.feed(chunk(1));
  world.session.flush(null);
  world.session.feed(chunk(2));
  const connection = await world.opened();
  world.session.feed(chunk(3));
  world.session.flush(null);
  world.session.finish(false);
  equal(connection.sent, [1, "flush", 2, 3, "flush", "end"]);
  world.session.stop();
}

export async function test_a_flush_of_nothing_new_is_not_sent() {
  const world = new World();
  const connection = await world.opened();
  world.session.flush(null);
  world.session.feed(chunk(1));
  world.session.flush(null);
  world.session.flush(null);
  connection.emit(done("one"));
  world.session.flush(null);
  equal(connection.sent, [1, "flush"]);
  world.session.stop();
}

export async function test_answers_have_their_position() {
  const world = new World();
  const connection = await world.opened();
  world.session.feed(chunk(1));
  world.session.flush(null);
  world.session.feed(chunk(2));
  world.session.flush(null);
  connection.emit(done("one"));
  connection.emit(done("two"));
  equal(world.events, [
    ["answer", ["one", 0, 0.1]],
    ["answer", ["two", 0.1, 0.2]],
  ]);
  world.session.stop();
}

export async function test_unacknowledged_audio_is_replayed() {
  const world = new World();
  const first = await world.opened();
  for (const number of [1, 2]) world.session.feed(chunk(number));
  world.session.flush(null);
  first.emit(done("final"));
  for (const number of [3, 4]) world.session.feed(chunk(number));
  world.session.flush(null);
  first.close();
  world.session.feed(chunk(5));
  world.session.reconnect();
  const second = await world.opened();
  equal(second.sent, [3, 4, "flush", 5]);
  second.emit({ kind: "segment", segment: { text: "x", startS: 0, endS: 0.5 } });
  equal(world.events.at(-1), ["text", { kind: "segment", segment: { text: "x", startS: 0.2, endS: 0.7 } }]);
  second.emit({ kind: "delta", text: "x", endS: 0.25 });
  equal(world.events.at(-1), ["text", { kind: "delta", text: "x", endS: 0.45 }]);
  second.emit({ kind: "interim", text: "x", endS: null });
  equal(world.events.at(-1), ["text", { kind: "interim", text: "x", endS: null }]);
  second.emit(done("again"));
  equal(world.events.at(-1), ["answer", ["again", 0.2, 0.4]]);
  world.session.stop();
}

export async function test_an_unsolicited_done_acknowledges_nothing_but_is_kept() {
  const world = new World();
  const first = await world.opened();
  world.session.feed(chunk(1));
  first.emit(done("one"));
  equal(world.events, []);
  world.session.feed(chunk(2));
  world.session.flush(null);
  first.emit(done("two"));
  equal(world.events, [["answer", ["one two", 0, 0.2]]]);
  world.session.feed(chunk(3));
  first.emit(done("three"));
  first.close(); // as when a server shuts down
  world.session.reconnect();
  const second = await world.opened();
  world.session.finish(false);
  equal(second.sent, [3, "end"]);
  second.emit(done("three"));
  equal(world.events.slice(1), [["replay"], ["answer", ["three", 0.2, 0.3]], ["end", true]]);
}

export async function test_the_session_ends_with_the_last_answer() {
  const world = new World();
  const connection = await world.opened();
  world.session.feed(chunk(1));
  world.session.finish(false);
  world.session.feed(chunk(2));
  equal(connection.sent, [1, "end"]);
  connection.emit(done("one"));
  equal(world.events, [
    ["answer", ["one", 0, 0.1]],
    ["end", true],
  ]);
}

export async function test_an_end_without_an_answer_has_a_timeout() {
  const world = new World();
  const connection = await world.opened();
  world.session.feed(chunk(1));
  const { setTimeout } = globalThis;
  const timeouts = [];
  globalThis.setTimeout = (run, ms) => timeouts.push([run, ms]);
  world.session.finish(true);
  globalThis.setTimeout = setTimeout;
  equal(timeouts.map(([, ms]) => ms), [20_000]);
  equal([connection.sent, world.events], [[1, "end"], []]);
  timeouts[0][0]();
  equal(world.events, [["end", false]]);
}

export async function test_an_end_waits_for_an_unreachable_server() {
  const world = new World();
  const first = await world.opened();
  world.session.feed(chunk(1));
  first.close();
  world.session.finish(false);
  world.session.reconnect();
  const second = await world.opened();
  equal(second.sent, [1, "end"]);
  second.emit(done("one"));
  equal(world.events, [["replay"], ["answer", ["one", 0, 0.1]], ["end", true]]);
}

export async function test_a_user_stop_does_not_wait_for_an_unreachable_server() {
  const world = new World();
  const connection = await world.opened();
  world.session.feed(chunk(1));
  connection.close();
  world.session.finish(true);
  const second = await world.connection();
  check(second !== connection, "it reconnects at once");
  second.close();
  await Promise.race([world.ended, delay(4 * USER_STOP_MS)]);
  equal(world.events, [["replay"], ["replay"], ["end", false]]);
}

export async function test_a_user_stop_completes_if_the_server_is_back() {
  const world = new World();
  const first = await world.opened();
  world.session.feed(chunk(1));
  world.session.finish(true);
  first.close();
  world.session.reconnect();
  const second = await world.opened();
  await delay(USER_STOP_MS);
  equal(second.sent, [1, "end"]);
  second.emit(done("one"));
  equal(world.events, [["replay"], ["answer", ["one", 0, 0.1]], ["end", true]]);
}

export async function test_a_stop_reports_missing_text() {
  const world = new World();
  await world.opened();
  world.session.feed(chunk(1));
  world.session.stop();
  equal(world.events, [["end", false]]);
}

export async function test_a_refusal_ends_the_session() {
  const world = new World();
  world.verdict = "stop";
  const connection = await world.connection();
  connection.close();
  equal(world.events.at(-1), ["end", true]);
  equal(world.connections.length, 1);
}

export async function test_sending_waits_for_a_full_socket() {
  const world = new World();
  const connection = await world.opened();
  world.canSend = false;
  world.session.feed(chunk(1));
  equal(connection.sent, []);
  world.canSend = true;
  world.session.feed(chunk(2));
  equal(connection.sent, [1, 2]);
  world.session.stop();
}

export async function test_dropped_audio_is_counted_and_the_rest_sent() {
  const world = new World(new Backlog(3 * CHUNK_BYTES));
  for (const number of [1, 2, 3, 4, 5]) world.session.feed(chunk(number));
  equal(world.events, [
    ["lost", 0.1],
    ["lost", 0.1],
  ]);
  const connection = await world.opened();
  equal(connection.sent, [3, 4, 5]);
  world.session.flush(null);
  connection.emit(done("rest"));
  equal(world.events.at(-1), ["answer", ["rest", 0.2, 0.5]]);
  world.session.stop();
}

export async function test_long_speech_is_flushed_periodically() {
  const world = new World();
  const connection = await world.opened();
  for (let number = 0; number < 301; number++) world.session.feed(chunk(1));
  equal(connection.sent.indexOf("flush"), 300);
  check(connection.sent.filter((message) => message === "flush").length === 1, "one flush in 30 s");
  world.session.stop();
}
