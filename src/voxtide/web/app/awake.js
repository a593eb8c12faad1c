/** The screen stays on while the page listens: a phone that locks itself takes the microphone away. */

export class Awake {
  /** @type {Promise<WakeLockSentinel | null> | null} */
  #lock = null;

  /** @param {boolean} isWanted */
  async keep(isWanted) {
    if (isWanted) {
      this.#lock ??= this.#request();
    } else {
      const lock = this.#lock;
      this.#lock = null;
      await (await lock)?.release();
    }
  }

  async #request() {
    try {
      const lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => (this.#lock = null)); // the browser does so whenever the page is hidden
      return lock;
    } catch {
      return null; // a browser without it, a page that is hidden, an empty battery
    }
  }
}
