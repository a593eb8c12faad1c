/**
 * Audio capture. In: a microphone, or a file that the browser can play. Out: 80 ms chunks of 16 kHz PCM with their
 * levels, in real time.
 */

/** @typedef {{pcm: Uint8Array, levels: number[]}} Chunk */

/** A source cannot be opened, or failed. `kind` selects the remedy. */
export class CaptureError extends Error {
  /** @param {"insecure" | "denied" | "missing" | "busy" | "silent" | "unloaded" | "gone" | "unreadable"} kind */
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

export class Capture {
  #context;
  #node;
  #release;
  /** @type {(value?: unknown) => void} */ #isDrained = () => {};

  /** @type {(chunk: Chunk) => void} */
  onChunk = () => {};

  /**
   * The source ended.
   * @type {(error: CaptureError | null) => void}
   */
  onEnd = () => {};

  /** What is captured, for messages. */
  name = "the microphone";

  /** Length of a file in seconds; null for a microphone. */
  /** @type {number | null} */
  lengthS = null;

  /**
   * @param {AudioContext} context
   * @param {() => void} release
   */
  constructor(context, release) {
    this.#context = context;
    this.#release = release;
    this.#node = new AudioWorkletNode(context, "voxtide-capture");
    this.#node.port.onmessage = ({ data }) => (data ? this.onChunk(data) : this.#isDrained());
    this.#node.connect(context.destination); // outputs silence, but only connected nodes run
  }

  get node() {
    return this.#node;
  }

  /** @param {boolean} isPaused Whether to discard input. */
  pause(isPaused) {
    this.#node.port.postMessage(isPaused ? "pause" : "resume");
  }

  /** Resume after the system suspended the page's audio: a call, a locked screen. */
  async resume() {
    if (this.#context.state !== "running") await this.#context.resume().catch(() => {}); // retried the next time
  }

  /** Stop capturing. Resolves after the last chunk. */
  async finish() {
    this.onEnd = () => {};
    if (this.#context.state === "running") {
      const drained = new Promise((resolve) => (this.#isDrained = resolve));
      this.#node.port.postMessage("finish");
      await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 500))]);
    }
    this.#release();
    if (this.#context.state !== "closed") await this.#context.close();
  }
}

/**
 * @param {string} deviceId "" for the default.
 * @returns {Promise<Capture>}
 */
export async function openMicrophone(deviceId) {
  if (!navigator.mediaDevices) throw new CaptureError("insecure");
  const stream = await navigator.mediaDevices
    .getUserMedia({
      audio: {
        channelCount: 1,
        // Telephony processing degrades recognition. Gain control helps quiet microphones.
        echoCancellation: false,
        noiseSuppression: false,
        autoGainControl: true,
        ...(deviceId && { deviceId: { exact: deviceId } }),
      },
    })
    .catch((error) => {
      throw microphoneError(error);
    });
  const [track] = stream.getAudioTracks();
  const context = await openContext().catch((error) => {
    track.stop();
    throw error;
  });
  const capture = new Capture(context, () => track.stop());
  track.onended = () => capture.onEnd(new CaptureError("gone"));
  context.createMediaStreamSource(stream).connect(capture.node);
  return capture;
}

/**
 * A file, played aloud while it is captured.
 * @param {File} file
 * @returns {Promise<Capture>}
 */
export async function openFile(file) {
  const address = URL.createObjectURL(file);
  const player = new Audio(address);
  const context = await openContext().catch((error) => {
    URL.revokeObjectURL(address);
    throw error;
  });
  const capture = new Capture(context, () => {
    player.onerror = player.onplay = player.onpause = player.onended = null;
    player.pause();
    player.removeAttribute("src");
    URL.revokeObjectURL(address);
  });
  capture.name = file.name;
  const source = context.createMediaElementSource(player);
  source.connect(capture.node);
  source.connect(context.destination);
  player.onplay = () => capture.pause(false); // media keys
  player.onpause = () => capture.pause(true);
  player.onended = () => capture.onEnd(null);
  try {
    await player.play();
  } catch {
    await capture.finish();
    throw new CaptureError("unreadable");
  }
  player.onerror = () => capture.onEnd(new CaptureError("unreadable"));
  capture.lengthS = Number.isFinite(player.duration) ? player.duration : null;
  return capture;
}

async function openContext() {
  const context = await new Promise((resolve) => resolve(new AudioContext({ latencyHint: "interactive" }))).catch(
    failing("silent"),
  );
  await context.audioWorklet.addModule(new URL("capture_worklet.js", import.meta.url)).catch(failing("unloaded"));
  await context.resume().catch(failing("silent"));
  return context;
}

/** @param {CaptureError["kind"]} kind */
function failing(kind) {
  return () => {
    throw new CaptureError(kind);
  };
}

/** @param {DOMException} error */
function microphoneError(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return new CaptureError("denied");
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return new CaptureError("missing");
  return new CaptureError("busy");
}
